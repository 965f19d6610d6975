//! What registering may cost polkitd. Pure.
//!
//! polkitd 124 to 127 keeps a registration for ever whose process was reaped before the agent's connection went, with the
//! descriptors of it, and dies when it has none left (polkitbackendinteractiveauthority.c; mended after 127).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use polkit_dbus::BackendVersion;

use crate::config::ServeTarget;

/// New registrations of an entry in a second, once it was filled for the first time, with a polkitd that leaks.
const NEW_PER_SECOND: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// Descriptors that polkitd has lost by registrations of ours, as far as can be known: never too few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaks {
    /// Descriptors that one registration costs when it leaks.
    each: u64,
    /// How many descriptors polkitd may have.
    limit: u64,
    /// Registrations that may have leaked, by the entry that they belonged to.
    counted: HashMap<ServeTarget, u64>,
}

/// What the leaks of an entry mean for its registering. Half of polkitd's descriptors may be lost in all; the entries that
/// register share them evenly, so that one whose processes come and go leaves the others theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strain {
    /// Nothing.
    None,
    /// Half of its share may be lost: worth a warning.
    Half,
    /// All of it: no further registration until polkitd is another one.
    Spent,
}

impl Leaks {
    /// None yet. `limit` is polkitd's soft limit of open files.
    #[must_use]
    pub fn new(version: &BackendVersion, limit: u64) -> Self {
        let each = match version.major() {
            124..=126 => 1,
            127 => 2,
            _ => 0,
        };
        Self { each, limit, counted: HashMap::new() }
    }

    /// A registration of this entry ended whose process was reaped by then.
    pub fn count(&mut self, target: &ServeTarget) {
        if self.each > 0 {
            let counted = self.counted.entry(target.clone()).or_default();
            *counted = counted.saturating_add(1);
        }
    }

    /// Registrations of an entry that may have leaked.
    #[must_use]
    pub fn of(&self, target: &ServeTarget) -> u64 {
        self.counted.get(target).copied().unwrap_or_default()
    }

    /// Registrations that may have leaked.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.counted.values().sum()
    }

    /// What that means for an entry, one of so many that register. Entries that left the configuration have taken of the
    /// common half for good.
    #[must_use]
    pub fn strain(&self, target: &ServeTarget, entries: usize) -> Strain {
        let lost = |registrations: u64| registrations.saturating_mul(self.each);
        let half = self.limit / 2;
        let share = half / u64::try_from(entries.max(1)).unwrap_or(u64::MAX);
        let (own, all) = (lost(self.of(target)), lost(self.all()));
        if all > 0 && (own >= share || all >= half) {
            Strain::Spent
        } else if own > 0 && own >= share / 2 {
            Strain::Half
        } else {
            Strain::None
        }
    }
}

/// How fast an entry may have new processes registered.
#[derive(Debug, Clone)]
pub struct Pace {
    per_second: Option<u32>,
    filled: bool,
    began: Instant,
    taken: u32,
}

impl Pace {
    /// `configured` is `new_per_second` of the entry; without it only a polkitd that leaks sets a pace.
    #[must_use]
    pub fn new(configured: Option<u32>, version: &BackendVersion, now: Instant) -> Self {
        let default = version.leaks_reaped_subjects().then_some(NEW_PER_SECOND);
        Self { per_second: configured.or(default), filled: false, began: now, taken: 0 }
    }

    /// The processes that existed at first are registered: from now on the pace counts.
    pub fn filled(&mut self) {
        self.filled = true;
    }

    /// Takes a place, if there is one in this second.
    pub fn take(&mut self, now: Instant) -> bool {
        let Some(per_second) = self.per_second.filter(|_| self.filled) else { return true };
        if now.duration_since(self.began) >= SECOND {
            (self.began, self.taken) = (now, 0);
        }
        let free = self.taken < per_second;
        self.taken += u32::from(free);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> BackendVersion {
        BackendVersion::new(text)
    }

    fn entry(name: &str) -> ServeTarget {
        ServeTarget::PidFile(name.into())
    }

    fn strain(of: &str, counted: u64, entries: usize) -> Strain {
        let mut leaks = Leaks::new(&version(of), 1024);
        (0..counted).for_each(|_| leaks.count(&entry("a")));
        leaks.strain(&entry("a"), entries)
    }

    #[test]
    fn a_version_that_does_not_leak_counts_nothing() {
        for of in ["0.105", "122", "128"] {
            let mut leaks = Leaks::new(&version(of), 1024);
            leaks.count(&entry("a"));
            assert_eq!((leaks.all(), leaks.strain(&entry("a"), 1)), (0, Strain::None), "{of}");
        }
    }

    #[test]
    fn one_entry_alone_may_cost_polkitd_half_of_its_descriptors() {
        assert_eq!(strain("126", 255, 1), Strain::None);
        assert_eq!(strain("126", 256, 1), Strain::Half);
        assert_eq!(strain("126", 511, 1), Strain::Half);
        assert_eq!(strain("126", 512, 1), Strain::Spent);
        assert_eq!(strain("127", 256, 1), Strain::Spent);
    }

    #[test]
    fn an_entry_that_has_spent_its_share_leaves_the_others_theirs() {
        assert_eq!(strain("126", 127, 4), Strain::Half);
        let mut leaks = Leaks::new(&version("126"), 1024);
        (0..128).for_each(|_| leaks.count(&entry("a")));
        assert_eq!(leaks.strain(&entry("a"), 4), Strain::Spent);
        assert_eq!(leaks.strain(&entry("b"), 4), Strain::None);
        assert_eq!((leaks.of(&entry("a")), leaks.of(&entry("b")), leaks.all()), (128, 0, 128));
    }

    #[test]
    fn entries_of_an_earlier_configuration_count_as_well() {
        let mut leaks = Leaks::new(&version("126"), 1024);
        (0..512).for_each(|number| leaks.count(&entry(&number.to_string())));
        assert_eq!(leaks.strain(&entry("new"), 4), Strain::Spent);
    }

    #[test]
    fn the_first_fill_is_free_and_then_five_a_second_are() {
        let now = Instant::now();
        let mut pace = Pace::new(None, &version("126"), now);
        assert!((0..100).all(|_| pace.take(now)));
        pace.filled();
        assert_eq!((0..100).filter(|_| pace.take(now)).count(), 5);
        assert_eq!((0..100).filter(|_| pace.take(now + SECOND)).count(), 5);
    }

    #[test]
    fn without_leaks_there_is_no_pace_unless_one_is_configured() {
        let now = Instant::now();
        let taken = |mut pace: Pace| {
            pace.filled();
            (0..100).filter(|_| pace.take(now)).count()
        };
        assert_eq!(taken(Pace::new(None, &version("128"), now)), 100);
        assert_eq!(taken(Pace::new(Some(7), &version("128"), now)), 7);
        assert_eq!(taken(Pace::new(Some(50), &version("126"), now)), 50);
    }
}
