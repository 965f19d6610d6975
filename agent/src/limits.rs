//! What registering may cost polkitd. Pure.
//!
//! polkitd 124 to 127 keeps a registration for ever whose process was reaped before the agent's connection went, with the
//! descriptors of it, and dies when it has none left (polkitbackendinteractiveauthority.c; mended after 127).

use std::time::{Duration, Instant};

use polkit_dbus::BackendVersion;

/// New registrations of an entry in a second, once it was filled for the first time, with a polkitd that leaks.
const NEW_PER_SECOND: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// Descriptors that polkitd has lost by registrations of ours, as far as can be known: never too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaks {
    /// Descriptors that one registration costs when it leaks.
    each: u64,
    /// How many descriptors polkitd may have.
    limit: u64,
    /// Registrations that may have leaked.
    counted: u64,
}

/// What leaks mean for registering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strain {
    /// Nothing.
    None,
    /// A quarter of polkitd's descriptors may be lost: worth a warning.
    Quarter,
    /// Half of them: no further registration until polkitd is another one.
    Half,
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
        Self { each, limit, counted: 0 }
    }

    /// A registration ended whose process was reaped by then.
    pub fn count(&mut self) {
        self.counted = self.counted.saturating_add(u64::from(self.each > 0));
    }

    /// Registrations that may have leaked.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// What that means.
    #[must_use]
    pub fn strain(&self) -> Strain {
        let lost = self.counted.saturating_mul(self.each);
        if lost >= self.limit / 2 && lost > 0 {
            Strain::Half
        } else if lost >= self.limit / 4 && lost > 0 {
            Strain::Quarter
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

    fn leaks(of: &str, counted: u64) -> Leaks {
        Leaks { counted, ..Leaks::new(&version(of), 1024) }
    }

    #[test]
    fn a_version_that_does_not_leak_counts_nothing() {
        for of in ["0.105", "122", "128"] {
            let mut leaks = Leaks::new(&version(of), 1024);
            leaks.count();
            assert_eq!((leaks.counted(), leaks.strain()), (0, Strain::None), "{of}");
        }
    }

    #[test]
    fn a_quarter_warns_and_half_stops() {
        assert_eq!(leaks("126", 255).strain(), Strain::None);
        assert_eq!(leaks("126", 256).strain(), Strain::Quarter);
        assert_eq!(leaks("126", 511).strain(), Strain::Quarter);
        assert_eq!(leaks("126", 512).strain(), Strain::Half);
        assert_eq!(leaks("127", 256).strain(), Strain::Half);
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
