//! The counts.

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Faults.
    pub faults: usize,
    /// Checks that ended, and what they ended with.
    pub checks: usize,
    /// Yes.
    pub yes: usize,
    /// Refused: that of processes which no rule allows, and what a fault cost.
    pub refused: usize,
    /// There was no agent.
    pub no_agent: usize,
    /// polkitd or the bus was away.
    pub errors: usize,
    /// Clients that waited longer than libvirt would, 30 s, but for stalls of polkitd.
    pub hung: usize,
    /// A yes for a process that no rule allows.
    pub wrong: usize,
    /// A yes without exactly one decision on record between its question and it.
    pub unmatched: usize,
    /// Decisions that allow, on record.
    pub allowed: usize,
    /// Processes that still had a registration when the agent had been stopped.
    pub stale: usize,
    /// From the moment when the service was up again to the last process's first yes: the longest, in ms.
    pub slowest: u64,
    /// Faults after which that took longer than a second, but for stalls of polkitd.
    pub late: usize,
    /// Faults after which polkitd stalled by itself (facts of polkit 122), by its own log.
    pub stalled: usize,
}

impl Seen {
    /// Whether nothing was seen that must not be, however slow the machine is.
    #[must_use]
    pub fn is_right(&self) -> bool {
        (self.hung, self.wrong, self.unmatched, self.stale) == (0, 0, 0, 0) && self.yes > 0
    }
}
