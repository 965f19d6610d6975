//! Equal refusals that come too fast are counted, so that one process cannot fill the journal with them. A yes never is.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use polkit_dbus::SubjectUid;

use crate::audit::record::Entry;

/// Refusals of one uid that are recorded one by one in a second.
const ONE_BY_ONE: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// Different refusals that are counted at the same time; a further one is recorded by itself.
const KINDS: usize = 1024;

/// The refusals of the last second.
#[derive(Debug, Default)]
pub struct Flood {
    seconds: HashMap<SubjectUid, Second>,
    counted: HashMap<(SubjectUid, String), Counted>,
}

#[derive(Debug)]
struct Second {
    began: Instant,
    refusals: u32,
}

/// Refusals that have one record together.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    /// The first of them.
    pub first: Entry,
    /// How many there were.
    pub times: u64,
}

impl Flood {
    /// Whether this refusal is counted, and needs no record of its own. `kind` is what makes two refusals equal.
    pub fn counts(&mut self, now: Instant, uid: SubjectUid, kind: String, entry: &Entry) -> bool {
        let second = self.seconds.entry(uid).or_insert(Second { began: now, refusals: 0 });
        if now.duration_since(second.began) >= SECOND {
            *second = Second { began: now, refusals: 0 };
        }
        second.refusals = second.refusals.saturating_add(1);
        if second.refusals <= ONE_BY_ONE {
            return false;
        }
        let key = (uid, kind);
        if let Some(counted) = self.counted.get_mut(&key) {
            counted.times = counted.times.saturating_add(1);
            return true;
        }
        if self.counted.len() >= KINDS {
            return false;
        }
        self.counted.insert(key, Counted { first: entry.clone(), times: 1 });
        true
    }

    /// Takes what was counted, once a second.
    pub fn take(&mut self, now: Instant) -> Vec<Counted> {
        self.seconds.retain(|_, second| now.duration_since(second.began) < SECOND);
        self.counted.drain().map(|(_, counted)| counted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> SubjectUid {
        SubjectUid::new(number).unwrap()
    }

    fn refuse(flood: &mut Flood, now: Instant, of: u32, kind: &str, times: u32) -> usize {
        let counted = (0..times).filter(|_| flood.counts(now, uid(of), kind.into(), &Entry::default()));
        counted.count()
    }

    #[test]
    fn ten_in_a_second_have_a_record_each_and_the_rest_one_together() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        assert_eq!(refuse(&mut flood, now, 33, "a", 110), 100);
        let counted = flood.take(now);
        assert_eq!(counted.iter().map(|counted| counted.times).collect::<Vec<_>>(), [100]);
        assert!(flood.take(now).is_empty());
    }

    #[test]
    fn a_flood_of_one_user_costs_no_other_user_a_record() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        assert_eq!(refuse(&mut flood, now, 33, "a", 1000), 990);
        assert_eq!(refuse(&mut flood, now, 34, "a", 10), 0);
    }

    #[test]
    fn different_refusals_are_counted_apart() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        refuse(&mut flood, now, 33, "a", 20);
        refuse(&mut flood, now, 33, "b", 20);
        let mut times: Vec<u64> = flood.take(now).into_iter().map(|counted| counted.times).collect();
        times.sort_unstable();
        assert_eq!(times, [10, 20]);
    }

    #[test]
    fn the_next_second_starts_anew() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        assert_eq!(refuse(&mut flood, now, 33, "a", 11), 1);
        assert_eq!(refuse(&mut flood, now + SECOND, 33, "a", 10), 0);
    }
}
