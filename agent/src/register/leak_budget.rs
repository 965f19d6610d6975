//! How many descriptors registrations can cost polkitd. Pure.
//!
//! polkitd 124 to 127 never releases a registration if the process was reaped before the agent closed the connection. Each such
//! registration leaks one or two descriptors, and polkitd terminates when it has none left (polkitbackendinteractiveauthority.c; fixed
//! after 127).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use polkit_dbus::BackendVersion;

use crate::config::ServeTarget;

/// With a polkitd that leaks: the new registrations of an entry per second, after the first scan.
const NEW_PER_SECOND: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// The descriptors that polkitd leaked by registrations of the agent. An upper bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeakBudget {
    /// The descriptors that one registration leaks.
    per_registration: u64,
    /// polkitd's limit of open files.
    limit: u64,
    /// The registrations that may have leaked, by entry.
    leaked: HashMap<ServeTarget, u64>,
}

/// How much of its share an entry has used. All entries together can use half of polkitd's descriptors. The entries that register
/// have equal shares, so an entry with short-lived processes does not use the shares of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetUse {
    /// Less than half of the share.
    Low,
    /// At least half of the share: the agent warns.
    Half,
    /// The whole share: the agent registers nothing more for this entry until polkitd restarts.
    Exhausted,
}

impl LeakBudget {
    /// An unused budget. `limit` is polkitd's soft limit of open files.
    #[must_use]
    pub fn new(version: &BackendVersion, limit: u64) -> Self {
        let per_registration = match version.major() {
            124..=126 => 1,
            127 => 2,
            _ => 0,
        };
        Self { per_registration, limit, leaked: HashMap::new() }
    }

    /// Counts a registration of this entry that may have leaked: its process was reaped before polkitd saw the connection close.
    pub fn count(&mut self, target: &ServeTarget) {
        if self.per_registration > 0 {
            let leaked = self.leaked.entry(target.clone()).or_default();
            *leaked = leaked.saturating_add(1);
        }
    }

    /// The registrations of an entry that may have leaked.
    #[must_use]
    pub fn leaked_by(&self, target: &ServeTarget) -> u64 {
        self.leaked.get(target).copied().unwrap_or_default()
    }

    /// The registrations that may have leaked, of all entries.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.leaked.values().sum()
    }

    /// How much of its share an entry has used, if `entries` entries register. Leaks of entries that left the configuration count
    /// against the common half until polkitd restarts.
    #[must_use]
    pub fn used_by(&self, target: &ServeTarget, entries: usize) -> BudgetUse {
        let descriptors = |registrations: u64| registrations.saturating_mul(self.per_registration);
        let half = self.limit / 2;
        let share = half / u64::try_from(entries.max(1)).unwrap_or(u64::MAX);
        let (own, all) = (descriptors(self.leaked_by(target)), descriptors(self.total()));
        if all > 0 && (own >= share || all >= half) {
            BudgetUse::Exhausted
        } else if own > 0 && own >= share / 2 {
            BudgetUse::Half
        } else {
            BudgetUse::Low
        }
    }
}

/// The limit of new registrations per second, for one entry.
#[derive(Debug, Clone)]
pub struct RateLimit {
    per_second: Option<u32>,
    enforced: bool,
    began: Instant,
    taken: u32,
}

impl RateLimit {
    /// `configured` is `new_per_second` of the entry. Without it, the limit applies only with a polkitd that leaks.
    #[must_use]
    pub fn new(configured: Option<u32>, version: &BackendVersion, now: Instant) -> Self {
        let default = version.leaks_reaped_subjects().then_some(NEW_PER_SECOND);
        Self { per_second: configured.or(default), enforced: false, began: now, taken: 0 }
    }

    /// Enforces the limit from now on. Called after the first scan: the processes that already exist are not limited.
    pub fn enforce(&mut self) {
        self.enforced = true;
    }

    /// Counts one registration, and returns whether the limit of this second permits it.
    pub fn try_acquire(&mut self, now: Instant) -> bool {
        let Some(per_second) = self.per_second.filter(|_| self.enforced) else { return true };
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

    fn used(of: &str, counted: u64, entries: usize) -> BudgetUse {
        let mut budget = LeakBudget::new(&version(of), 1024);
        (0..counted).for_each(|_| budget.count(&entry("a")));
        budget.used_by(&entry("a"), entries)
    }

    #[test]
    fn a_version_that_does_not_leak_uses_no_budget() {
        for of in ["0.105", "122", "128"] {
            let mut budget = LeakBudget::new(&version(of), 1024);
            budget.count(&entry("a"));
            assert_eq!((budget.total(), budget.used_by(&entry("a"), 1)), (0, BudgetUse::Low), "{of}");
        }
    }

    #[test]
    fn a_single_entry_can_use_half_of_the_descriptors_of_polkitd() {
        assert_eq!(used("126", 255, 1), BudgetUse::Low);
        assert_eq!(used("126", 256, 1), BudgetUse::Half);
        assert_eq!(used("126", 511, 1), BudgetUse::Half);
        assert_eq!(used("126", 512, 1), BudgetUse::Exhausted);
        assert_eq!(used("127", 256, 1), BudgetUse::Exhausted);
    }

    #[test]
    fn an_entry_that_exhausts_its_share_does_not_use_the_shares_of_others() {
        assert_eq!(used("126", 127, 4), BudgetUse::Half);
        let mut budget = LeakBudget::new(&version("126"), 1024);
        (0..128).for_each(|_| budget.count(&entry("a")));
        assert_eq!(budget.used_by(&entry("a"), 4), BudgetUse::Exhausted);
        assert_eq!(budget.used_by(&entry("b"), 4), BudgetUse::Low);
        assert_eq!((budget.leaked_by(&entry("a")), budget.leaked_by(&entry("b")), budget.total()), (128, 0, 128));
    }

    #[test]
    fn leaks_of_removed_entries_count_against_the_common_half() {
        let mut budget = LeakBudget::new(&version("126"), 1024);
        (0..512).for_each(|number| budget.count(&entry(&number.to_string())));
        assert_eq!(budget.used_by(&entry("new"), 4), BudgetUse::Exhausted);
    }

    #[test]
    fn the_rate_is_five_per_second_after_the_first_scan() {
        let now = Instant::now();
        let mut limit = RateLimit::new(None, &version("126"), now);
        assert!((0..100).all(|_| limit.try_acquire(now)));
        limit.enforce();
        assert_eq!((0..100).filter(|_| limit.try_acquire(now)).count(), 5);
        assert_eq!((0..100).filter(|_| limit.try_acquire(now + SECOND)).count(), 5);
    }

    #[test]
    fn without_leaks_only_a_configured_rate_applies() {
        let now = Instant::now();
        let taken = |mut limit: RateLimit| {
            limit.enforce();
            (0..100).filter(|_| limit.try_acquire(now)).count()
        };
        assert_eq!(taken(RateLimit::new(None, &version("128"), now)), 100);
        assert_eq!(taken(RateLimit::new(Some(7), &version("128"), now)), 7);
        assert_eq!(taken(RateLimit::new(Some(50), &version("126"), now)), 50);
    }
}
