//! Reads that did not return: their number, and the keys whose reads rest. Pure: time is given.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long the reads of a key rest after a read that did not return. It is twenty times the limit of one read: so a process delays
/// polkitd, which waits for the hook, for a twentieth of the time at most.
const REST: Duration = Duration::from_secs(10);

/// The reads that did not return.
#[derive(Debug)]
pub(super) struct Unfinished {
    resting: HashMap<String, Instant>,
    count: u64,
    last: Option<String>,
}

impl Unfinished {
    pub(super) fn new() -> Self {
        Self { resting: HashMap::new(), count: 0, last: None }
    }

    /// Whether the reads of this key rest.
    pub(super) fn rests(&mut self, key: &str, now: Instant) -> bool {
        self.resting.retain(|_, until| *until > now);
        self.resting.contains_key(key)
    }

    /// Counts a read that did not return. Returns the warning for the log.
    pub(super) fn count(&mut self, key: String, what: &str, now: Instant) -> String {
        self.count = self.count.saturating_add(1);
        let warning = format!(
            "reading {what} did not return: its facts are unknown, and for {} s the agent reads no more for {key} \
             ({} such reads since the start of the agent)",
            REST.as_secs(),
            self.count
        );
        self.last = Some(what.to_owned());
        self.resting.insert(key, now + REST);
        warning
    }

    /// The number of such reads, and what the last one read.
    pub(super) fn so_far(&self) -> (u64, Option<String>) {
        (self.count, self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_does_not_return_stops_reads_of_its_key_only() {
        let (mut unfinished, now) = (Unfinished::new(), Instant::now());
        assert!(!unfinished.rests("hook requests of uid 33", now));
        let warning = unfinished.count("hook requests of uid 33".into(), "process 7 of uid 33", now);
        assert!(warning.contains("process 7 of uid 33") && warning.contains("(1 such"), "{warning}");
        assert!(unfinished.rests("hook requests of uid 33", now) && !unfinished.rests("hook requests of uid 34", now));
        assert!(!unfinished.rests("hook requests of uid 33", now + REST));
        assert_eq!(unfinished.so_far(), (1, Some("process 7 of uid 33".into())));
    }
}
