//! Counts equal refusals that come too fast, so that one process cannot fill the journal. A grant is never counted here: it always
//! has a record of its own.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use polkit_types::SubjectUid;

/// The number of refusals of one uid in one second that get a record each.
const ONE_BY_ONE: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// The number of different refusals that are counted at the same time. A further one gets a record of its own.
const KINDS: usize = 1024;

/// The refusals of the last second. `E` is the record of the first of several equal refusals.
#[derive(Debug)]
pub struct Coalescer<E> {
    seconds: HashMap<SubjectUid, Second>,
    counted: HashMap<(SubjectUid, String), Repeated<E>>,
}

#[derive(Debug)]
struct Second {
    began: Instant,
    refusals: u32,
}

/// Equal refusals that share one record.
#[derive(Debug, PartialEq, Eq)]
pub struct Repeated<E> {
    /// The record of the first refusal.
    pub first: E,
    /// The number of refusals.
    pub times: u64,
}

impl<E> Default for Coalescer<E> {
    fn default() -> Self {
        Self { seconds: HashMap::new(), counted: HashMap::new() }
    }
}

impl<E: Clone> Coalescer<E> {
    /// Whether this refusal is counted and needs no record of its own. Refusals of the same uid and `kind` are equal.
    pub fn counts(&mut self, now: Instant, uid: SubjectUid, kind: String, entry: &E) -> bool {
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
        self.counted.insert(key, Repeated { first: entry.clone(), times: 1 });
        true
    }

    /// Removes and returns the counted refusals. To be called once a second.
    pub fn take(&mut self, now: Instant) -> Vec<Repeated<E>> {
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

    fn refuse(refusals: &mut Coalescer<()>, now: Instant, of: u32, kind: &str, times: u32) -> usize {
        let counted = (0..times).filter(|_| refusals.counts(now, uid(of), kind.into(), &()));
        counted.count()
    }

    #[test]
    fn ten_refusals_in_a_second_get_a_record_each_and_the_rest_share_one() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        assert_eq!(refuse(&mut refusals, now, 33, "a", 110), 100);
        let counted = refusals.take(now);
        assert_eq!(counted.iter().map(|counted| counted.times).collect::<Vec<_>>(), [100]);
        assert!(refusals.take(now).is_empty());
    }

    #[test]
    fn a_flood_of_one_user_does_not_affect_another_user() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        assert_eq!(refuse(&mut refusals, now, 33, "a", 1000), 990);
        assert_eq!(refuse(&mut refusals, now, 34, "a", 10), 0);
    }

    #[test]
    fn different_refusals_are_counted_separately() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        refuse(&mut refusals, now, 33, "a", 20);
        refuse(&mut refusals, now, 33, "b", 20);
        let mut times: Vec<u64> = refusals.take(now).into_iter().map(|counted| counted.times).collect();
        times.sort_unstable();
        assert_eq!(times, [10, 20]);
    }

    #[test]
    fn a_new_second_starts_with_single_records() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        assert_eq!(refuse(&mut refusals, now, 33, "a", 11), 1);
        assert_eq!(refuse(&mut refusals, now + SECOND, 33, "a", 10), 0);
    }

    #[test]
    fn a_second_is_forgotten_when_it_has_ended() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        refuse(&mut refusals, now, 33, "a", 1);
        refusals.take(now + SECOND.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(refusals.seconds.len(), 1);
        refusals.take(now + SECOND);
        assert!(refusals.seconds.is_empty());
    }

    #[test]
    fn a_refusal_that_has_no_place_to_be_counted_gets_a_record_of_its_own() {
        let (mut refusals, now) = (Coalescer::default(), Instant::now());
        refuse(&mut refusals, now, 33, "first", ONE_BY_ONE);
        for kind in 0..KINDS {
            assert_eq!(refuse(&mut refusals, now, 33, &kind.to_string(), 1), 1, "{kind}");
        }
        assert_eq!(refuse(&mut refusals, now, 33, "one more", 2), 0);
        assert_eq!(refuse(&mut refusals, now, 33, "0", 1), 1, "a kind that has a place");
        let times: u64 = refusals.take(now).iter().map(|counted| counted.times).sum();
        assert_eq!(times, 1025);
    }
}
