//! The key `at_most` of a rule, and the counts of past grants.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    str::FromStr,
    time::{Duration, Instant},
};

use polkit_types::SubjectUid;

use crate::{requirements::Requirements, rule::AtMost};

/// The highest limit. The counter remembers each grant of the period.
const MOST: u32 = 10_000;
const DAY: Duration = Duration::from_secs(86_400);

impl FromStr for AtMost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a number from 1 to 10000 and one of /s, /min, /hour and /day, as in `\"30/min\"`";
        let (times, per) = text.split_once('/').ok_or(FORM)?;
        let times = times.parse().ok().filter(|times| (1..=MOST).contains(times)).ok_or(FORM)?;
        let per = match per {
            "s" => Duration::from_secs(1),
            "min" => Duration::from_secs(60),
            "hour" => Duration::from_secs(3600),
            "day" => DAY,
            _ => return Err(FORM),
        };
        Ok(Self { times, per })
    }
}

/// Past grants, by rule and uid, on the monotonic clock. A restart clears the counts, a reload does not.
#[derive(Debug, Default)]
pub struct RateCounter(HashMap<(String, SubjectUid), VecDeque<Instant>>);

impl RateCounter {
    /// The ids of the rules that have granted to this uid as often as they may.
    #[must_use]
    pub fn exhausted(&self, requirements: &Requirements, uid: SubjectUid, now: Instant) -> BTreeSet<String> {
        let is_exhausted = |(id, at_most): &&(String, AtMost)| {
            let grants = self.0.get(&(id.clone(), uid));
            let recent = grants.map_or(0, |grants| {
                grants.iter().rev().take_while(|then| now.duration_since(**then) < at_most.per).count()
            });
            recent >= at_most.times as usize
        };
        requirements.limited.iter().filter(is_exhausted).map(|(id, _)| id.clone()).collect()
    }

    /// Counts a grant of a rule, if the rule has a limit.
    pub fn count(&mut self, requirements: &Requirements, id: &str, uid: SubjectUid, now: Instant) {
        if !requirements.limited.iter().any(|(limited, _)| limited == id) {
            return;
        }
        self.0.retain(|_, grants| grants.back().is_some_and(|last| now.duration_since(*last) < DAY));
        let grants = self.0.entry((id.to_owned(), uid)).or_default();
        grants.push_back(now);
        if grants.len() > MOST as usize {
            grants.pop_front();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs a first moment")]
mod tests {
    use super::*;
    use crate::{
        facts::Facts,
        history::History,
        model,
        rule::{Answer, Rule},
        verdict::{Reason, decide},
    };

    fn limited(text: &str) -> [Rule; 1] {
        [Rule { at_most: Some(text.parse().unwrap()), ..model::rule(Answer::Allow) }]
    }

    fn request(counter: &mut RateCounter, rules: &[Rule], uid: u32, now: Instant) -> (Answer, Reason) {
        let uid = SubjectUid::new(uid).unwrap();
        let requirements = Requirements::of(rules);
        let history = History { rate_limited: counter.exhausted(&requirements, uid, now), ..History::default() };
        let verdict = decide(rules, &Facts { uid, ..model::facts() }, &history);
        if verdict.answer() == Answer::Allow {
            counter.count(&requirements, verdict.rule_id().unwrap(), uid, now);
        }
        (verdict.answer(), verdict.reason())
    }

    #[test]
    fn a_rule_at_its_limit_refuses_until_the_period_is_over() {
        let (mut counter, rules, start) = (RateCounter::default(), limited("2/min"), Instant::now());
        let mut at = |seconds| request(&mut counter, &rules, 33, start + Duration::from_secs(seconds));
        assert_eq!(at(0), (Answer::Allow, Reason::Rule));
        assert_eq!(at(30), (Answer::Allow, Reason::Rule));
        assert_eq!(at(59), (Answer::Deny, Reason::Limit));
        assert_eq!(at(60), (Answer::Allow, Reason::Rule), "the first is a minute ago");
        assert_eq!(at(61), (Answer::Deny, Reason::Limit), "the second is not");
    }

    #[test]
    fn refusals_are_not_counted_and_each_user_has_an_own_count() {
        let (mut counter, now) = (RateCounter::default(), Instant::now());
        let rules = [Rule { user: None, at_most: Some("1/day".parse().unwrap()), ..model::rule(Answer::Allow) }];
        assert_eq!(request(&mut counter, &rules, 33, now).0, Answer::Allow);
        assert_eq!(request(&mut counter, &rules, 34, now).0, Answer::Allow);
        for uid in [33, 34, 33] {
            assert_eq!(request(&mut counter, &rules, uid, now), (Answer::Deny, Reason::Limit));
        }
        assert_eq!(request(&mut counter, &rules, 33, now + DAY).0, Answer::Allow);
    }

    #[test]
    fn a_grant_counts_for_a_day_even_if_others_are_counted_meanwhile() {
        let (mut counter, start) = (RateCounter::default(), Instant::now());
        let rules = [Rule { user: None, at_most: Some("1/day".parse().unwrap()), ..model::rule(Answer::Allow) }];
        let mut at = |uid, hours: u64| request(&mut counter, &rules, uid, start + Duration::from_secs(hours * 3600));
        assert_eq!(at(33, 0).0, Answer::Allow);
        assert_eq!(at(34, 12).0, Answer::Allow);
        assert_eq!(at(35, 23).0, Answer::Allow);
        assert_eq!(at(33, 23), (Answer::Deny, Reason::Limit));
        assert_eq!([at(33, 24).0, at(34, 35).0, at(34, 36).0], [Answer::Allow, Answer::Deny, Answer::Allow]);
    }

    #[test]
    fn a_malformed_limit_is_refused() {
        for text in ["", "30", "/min", "0/min", "-1/min", "30/minute", "10001/s", "1.5/s"] {
            assert!(text.parse::<AtMost>().is_err(), "{text}");
        }
        let form = "write a number from 1 to 10000 and one of /s, /min, /hour and /day, as in `\"30/min\"`";
        assert_eq!(["30", "0/s", "3/week"].map(|text| text.parse::<AtMost>().unwrap_err()), [form; 3]);
    }

    #[test]
    fn each_period_has_its_length() {
        for (text, seconds) in [("3/s", 1), ("3/min", 60), ("3/hour", 3600), ("3/day", 86_400)] {
            let at_most: AtMost = text.parse().unwrap();
            assert_eq!((at_most.times, at_most.per), (3, Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn the_counter_forgets_what_is_older_than_a_day_and_more_than_it_needs() {
        let (mut counter, rules, start) = (RateCounter::default(), limited("10000/day"), Instant::now());
        let (requirements, uid) = (Requirements::of(&rules), SubjectUid::new(33).unwrap());
        for _ in 0..MOST + 5 {
            counter.count(&requirements, "r", uid, start);
        }
        assert_eq!(counter.0.values().map(VecDeque::len).collect::<Vec<_>>(), [MOST as usize]);
        assert_eq!(counter.exhausted(&requirements, uid, start).len(), 1);
        counter.count(&requirements, "r", SubjectUid::new(34).unwrap(), start + DAY);
        assert_eq!(counter.0.len(), 1, "the first user's grants are a day old");
    }
}
