//! Reads that did not end: how many there were, and for how long a key is not read any more. Pure: time is given.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// After a read that did not end, the reads of its key rest for so long: twenty times of what one read may take, so that a
/// process costs polkitd, which waits for the hook, a twentieth of its time at most.
const REST: Duration = Duration::from_secs(10);

/// Reads that did not end, in all and by key.
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

    /// Whether the reads of a key rest.
    pub(super) fn rests(&mut self, key: &str, now: Instant) -> bool {
        self.resting.retain(|_, until| *until > now);
        self.resting.contains_key(key)
    }

    /// Counts a read that did not end, and gives the warning for it.
    pub(super) fn count(&mut self, key: String, what: &str, now: Instant) -> String {
        self.count = self.count.saturating_add(1);
        let warning = format!(
            "reading {what} did not end: what it would have shown is unknown, and for {} s no more is read for {key} \
             ({} such reads since the agent's start)",
            REST.as_secs(),
            self.count
        );
        self.last = Some(what.to_owned());
        self.resting.insert(key, now + REST);
        warning
    }

    /// How many there were, and what the last one was.
    pub(super) fn so_far(&self) -> (u64, Option<String>) {
        (self.count, self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reads_of_a_key_rest_after_one_that_did_not_end_and_those_of_others_do_not() {
        let (mut unfinished, now) = (Unfinished::new(), Instant::now());
        assert!(!unfinished.rests("hook requests of uid 33", now));
        let warning = unfinished.count("hook requests of uid 33".into(), "process 7 of uid 33", now);
        assert!(warning.contains("process 7 of uid 33") && warning.contains("(1 such"), "{warning}");
        assert!(unfinished.rests("hook requests of uid 33", now) && !unfinished.rests("hook requests of uid 34", now));
        assert!(!unfinished.rests("hook requests of uid 33", now + REST));
        assert_eq!(unfinished.so_far(), (1, Some("process 7 of uid 33".into())));
    }
}
