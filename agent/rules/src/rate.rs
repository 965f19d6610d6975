//! `at_most`: how often a rule may grant to one user, and how often it has.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    str::FromStr,
    time::{Duration, Instant},
};

use polkit_dbus::SubjectUid;

use crate::rules::{requirements::Needs, rule::AtMost};

/// The most that can be counted: each grant of the length of time is remembered.
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

/// What was granted lately, by rule and uid. A restart forgets it, a reload does not. By the clock that nobody sets.
#[derive(Debug, Default)]
pub struct Spent(HashMap<(String, SubjectUid), VecDeque<Instant>>);

impl Spent {
    /// The ids of the rules that have granted to that user as often as they may.
    #[must_use]
    pub fn rules(&self, needs: &Needs, uid: SubjectUid, now: Instant) -> BTreeSet<String> {
        let is_spent = |(id, at_most): &&(String, AtMost)| {
            let grants = self.0.get(&(id.clone(), uid));
            let lately = grants.map_or(0, |grants| {
                grants.iter().rev().take_while(|then| now.duration_since(**then) < at_most.per).count()
            });
            lately >= at_most.times as usize
        };
        needs.limited.iter().filter(is_spent).map(|(id, _)| id.clone()).collect()
    }

    /// Counts a grant of the rule of that id, where the rule has a limit.
    pub fn count(&mut self, needs: &Needs, id: &str, uid: SubjectUid, now: Instant) {
        if !needs.limited.iter().any(|(limited, _)| limited == id) {
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
mod tests {
    use super::*;
    use crate::rules::{
        facts::Facts,
        rule::{Answer, Rule},
        verdict::{Reason, decide, tests as model},
    };

    fn limited(text: &str) -> [Rule; 1] {
        [Rule { at_most: Some(text.parse().unwrap()), ..model::rule(Answer::Allow) }]
    }

    fn asked(spent: &mut Spent, rules: &[Rule], uid: u32, now: Instant) -> (Answer, Reason) {
        let uid = SubjectUid::new(uid).unwrap();
        let needs = Needs::of(rules);
        let verdict = decide(rules, &Facts { uid, spent: spent.rules(&needs, uid, now), ..model::facts() });
        if verdict.answer() == Answer::Allow {
            spent.count(&needs, verdict.rule().unwrap(), uid, now);
        }
        (verdict.answer(), verdict.reason())
    }

    #[test]
    fn a_spent_limit_refuses_until_the_length_of_time_is_over() {
        let (mut spent, rules, start) = (Spent::default(), limited("2/min"), Instant::now());
        let mut at = |seconds| asked(&mut spent, &rules, 33, start + Duration::from_secs(seconds));
        assert_eq!(at(0), (Answer::Allow, Reason::Rule));
        assert_eq!(at(30), (Answer::Allow, Reason::Rule));
        assert_eq!(at(59), (Answer::Deny, Reason::Limit));
        assert_eq!(at(60), (Answer::Allow, Reason::Rule), "the first is a minute ago");
        assert_eq!(at(61), (Answer::Deny, Reason::Limit), "the second is not");
    }

    #[test]
    fn refusals_are_not_counted_and_users_do_not_share() {
        let (mut spent, now) = (Spent::default(), Instant::now());
        let rules = [Rule { user: None, at_most: Some("1/day".parse().unwrap()), ..model::rule(Answer::Allow) }];
        assert_eq!(asked(&mut spent, &rules, 33, now).0, Answer::Allow);
        assert_eq!(asked(&mut spent, &rules, 34, now).0, Answer::Allow);
        for uid in [33, 34, 33] {
            assert_eq!(asked(&mut spent, &rules, uid, now), (Answer::Deny, Reason::Limit));
        }
        assert_eq!(asked(&mut spent, &rules, 33, now + DAY).0, Answer::Allow);
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["", "30", "/min", "0/min", "-1/min", "30/minute", "10001/s", "1.5/s"] {
            assert!(text.parse::<AtMost>().is_err(), "{text}");
        }
    }
}
