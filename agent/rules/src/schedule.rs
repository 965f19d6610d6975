//! The keys `between`, `days` and `until` of a rule, in the local time of the host.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};

/// The time of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The local time of the host.
    pub local: DateTime,
    /// The same moment, without a time zone.
    pub instant: Timestamp,
}

impl Moment {
    /// A moment, and its local time in a time zone.
    #[must_use]
    pub fn new(instant: Timestamp, zone: &TimeZone) -> Self {
        Self { local: zone.to_datetime(instant), instant }
    }
}

/// The times at which a rule applies. The default is always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// The hours of the day.
    pub between: Option<Between>,
    /// The days of the week. None means every day.
    pub days: Vec<Weekday>,
    /// The moment after which the rule does not apply.
    pub until: Option<Until>,
}

impl When {
    /// Whether the rule applies at all times.
    #[must_use]
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the rule applies at this moment.
    #[must_use]
    pub fn holds(&self, moment: &Moment) -> bool {
        let hours = self.between.is_none_or(|between| between.contains(moment.local.time()));
        hours && self.is_day(moment.local) && self.until.is_none_or(|until| !until.is_past(moment))
    }

    /// Hours after midnight belong to the day on which `between` began.
    fn is_day(&self, local: DateTime) -> bool {
        if self.days.is_empty() {
            return true;
        }
        let after_midnight = self.between.is_some_and(|between| between.is_after_midnight(local.time()));
        let weekday = local.date().weekday();
        self.days.contains(&if after_midnight { weekday.previous() } else { weekday })
    }
}

/// `"08:00-18:00"`: includes the first time and excludes the second. If the second time is earlier, the range passes midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    from: Time,
    to: Time,
}

impl Between {
    fn contains(self, time: Time) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }

    fn is_after_midnight(self, time: Time) -> bool {
        self.from > self.to && time < self.to
    }
}

impl FromStr for Between {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write two times of the day, as in `\"08:00-18:00\"`; `\"22:00-06:00\"` passes midnight";
        let (from, to) = text.split_once('-').ok_or(FORM)?;
        let (from, to) = (minute(from).ok_or(FORM)?, minute(to).ok_or(FORM)?);
        if from == to {
            return Err("the range is empty: both times are equal; leave the key out for the whole day");
        }
        Ok(Self { from, to })
    }
}

/// Reads `HH:MM`, and `24:00` for the end of the day.
fn minute(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<i8>().ok().filter(|_| two_digits(text));
    match (number(hour)?, number(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

/// `2027-01-31` (to the end of that day), or a date with a time, which is local unless it has an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The last day, in local time.
    Day(Date),
    /// A local time.
    Local(DateTime),
    /// A time with an offset.
    Instant(Timestamp),
}

impl Until {
    /// Whether the moment is after this end.
    #[must_use]
    pub fn is_past(self, moment: &Moment) -> bool {
        match self {
            Self::Day(last) => moment.local.date() > last,
            Self::Local(end) => moment.local >= end,
            Self::Instant(end) => moment.instant >= end,
        }
    }
}

impl FromStr for Until {
    type Err = &'static str;

    /// Reads a date of TOML.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = || text.len() == "2027-01-31".len();
        let parsed = match () {
            () if day() => text.parse().ok().map(Self::Day),
            () => text.parse().map(Self::Instant).or_else(|_| text.parse().map(Self::Local)).ok(),
        };
        parsed.ok_or("write a date, as in `2027-01-31`, or with a time, as in `2027-01-31T18:00:00`")
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Local(end) => end.fmt(f),
            Self::Instant(end) => end.fmt(f),
        }
    }
}

/// The words of `days`.
pub const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27 is a Friday.
    fn at(local: &str) -> Moment {
        Moment::new(format!("{local}+01:00").parse().unwrap(), &TimeZone::fixed(jiff::tz::offset(1)))
    }

    fn between(text: &str) -> When {
        When { between: Some(text.parse().unwrap()), ..When::default() }
    }

    #[test]
    fn hours_begin_with_the_first_minute_and_end_before_the_second() {
        let day = between("08:00-18:00");
        assert!(day.holds(&at("2026-11-27T08:00:00")) && day.holds(&at("2026-11-27T17:59:59")));
        assert!(!day.holds(&at("2026-11-27T07:59:59")) && !day.holds(&at("2026-11-27T18:00:00")));
        let evening = between("18:00-24:00");
        assert!(evening.holds(&at("2026-11-27T23:59:59")) && !evening.holds(&at("2026-11-28T00:00:00")));
    }

    #[test]
    fn hours_may_pass_midnight_and_belong_to_the_day_on_which_they_began() {
        let night = When { days: vec![Weekday::Friday], ..between("22:00-06:00") };
        assert!(night.holds(&at("2026-11-27T22:00:00")) && night.holds(&at("2026-11-28T05:59:59")));
        assert!(!night.holds(&at("2026-11-27T05:59:59")), "the night of Thursday");
        assert!(!night.holds(&at("2026-11-28T22:00:00")) && !night.holds(&at("2026-11-27T12:00:00")));
    }

    #[test]
    fn days_are_those_of_the_local_calendar() {
        let workdays = When { days: vec![Weekday::Friday], ..When::default() };
        assert!(workdays.holds(&at("2026-11-27T00:00:00")) && !workdays.holds(&at("2026-11-28T00:00:00")));
    }

    #[test]
    fn the_last_day_counts_whole_and_an_offset_is_kept() {
        let until = |text: &str| When { until: Some(text.parse().unwrap()), ..When::default() };
        let day = until("2026-11-27");
        assert!(day.holds(&at("2026-11-27T23:59:59")) && !day.holds(&at("2026-11-28T00:00:00")));
        let local = until("2026-11-27T18:00:00");
        assert!(local.holds(&at("2026-11-27T17:59:59")) && !local.holds(&at("2026-11-27T18:00:00")));
        let elsewhere = until("2026-11-27T18:00:00Z");
        assert!(elsewhere.holds(&at("2026-11-27T18:59:59")) && !elsewhere.holds(&at("2026-11-27T19:00:00")));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "8-18", "08:00", "08:00-08:00", "25:00-26:00", "24:01-06:00", "08:00-18:00-", "+8:00-18:00"] {
            assert!(text.parse::<Between>().is_err(), "{text}");
        }
        let form = "write two times of the day, as in `\"08:00-18:00\"`; `\"22:00-06:00\"` passes midnight";
        assert_eq!(["8-18", "08:00", "25:00-26:00"].map(|text| text.parse::<Between>()), [Err(form); 3]);
        assert!("10:00:00".parse::<Until>().is_err() && "2026-02-30".parse::<Until>().is_err());
    }

    #[test]
    fn an_end_is_shown_as_it_is_written() {
        for text in ["2026-11-27", "2026-11-27T18:00:00", "2026-11-27T18:00:00Z"] {
            assert_eq!(text.parse::<Until>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn midnight_belongs_to_the_new_day_unless_the_hours_pass_it() {
        let early = When { days: vec![Weekday::Friday], ..between("00:00-06:00") };
        assert!(early.holds(&at("2026-11-27T00:00:00")) && !early.holds(&at("2026-11-28T00:00:00")));
        let night = When { days: vec![Weekday::Friday], ..between("22:00-06:00") };
        assert!(!night.holds(&at("2026-11-28T06:00:00")), "the first minute after the hours");
    }
}
