//! Hook requests about subjects that no `[[serve]]` entry covers. The agent makes no decision about them, so there is no record.
//! The log names them: a user who is not served must not be able to reach the agent without a trace.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polkit_types::{SubjectPid, SubjectUid};

/// The number of requests of one uid in one minute that the log names. Further requests are counted.
const ONE_BY_ONE: u64 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// The number of uids that are counted at the same time. A user can have thousands of uids, by user namespaces.
const MOST: usize = 1024;

/// The counts of the whole agent.
#[derive(Debug, Default)]
pub struct UnservedLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    minutes: HashMap<SubjectUid, Minute>,
    count: u64,
}

#[derive(Debug)]
struct Minute {
    began: Instant,
    requests: u64,
}

impl UnservedLog {
    /// Counts a request. The log names it, unless the uid had too many requests in this minute.
    pub fn note(&self, pid: SubjectPid, uid: SubjectUid, action: &str, now: Instant) {
        let line = self.state().line(pid, uid, action, now);
        line.into_iter().for_each(|line| tracing::info!("{line}"));
    }

    /// The number of requests since the start of the agent.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// A panic elsewhere leaves the counts intact: each change is one call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, pid: SubjectPid, uid: SubjectUid, action: &str, now: Instant) -> Option<String> {
        self.count = self.count.saturating_add(1);
        if self.minutes.len() >= MOST {
            self.minutes.retain(|_, minute| now.duration_since(minute.began) < MINUTE);
        }
        if self.minutes.len() >= MOST && !self.minutes.contains_key(&uid) {
            return None;
        }
        let minute = self.minutes.entry(uid).or_insert(Minute { began: now, requests: 0 });
        let mut unnamed = 0;
        if now.duration_since(minute.began) >= MINUTE {
            unnamed = minute.requests.saturating_sub(ONE_BY_ONE);
            *minute = Minute { began: now, requests: 0 };
        }
        minute.requests = minute.requests.saturating_add(1);
        if minute.requests > ONE_BY_ONE {
            return None;
        }
        let before = if unnamed > 0 { format!(" ({unnamed} more requests of this uid before)") } else { String::new() };
        Some(format!(
            "hook: {action} for process {pid} of uid {uid}: no [[serve]] entry names it; polkit's other rules decide{before}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(state: &mut State, uid: u32, now: Instant) -> Option<String> {
        state.line(SubjectPid::new(7).unwrap(), SubjectUid::new(uid).unwrap(), "org.example.x", now)
    }

    #[test]
    fn the_log_names_each_request_until_one_uid_has_too_many() {
        let (mut state, now) = (State::default(), Instant::now());
        let named = (0..100).filter_map(|_| line(&mut state, 1001, now)).count();
        assert_eq!(named as u64, ONE_BY_ONE);
        assert!(line(&mut state, 1002, now).is_some(), "another uid has lines of its own");
        let later = line(&mut state, 1001, now + MINUTE).unwrap();
        assert!(later.contains("(70 more requests of this uid before)"), "{later}");
        assert_eq!(state.count, 102);
    }

    #[test]
    fn the_number_of_counted_uids_is_bounded() {
        let (mut state, now) = (State::default(), Instant::now());
        for uid in 0..100_000 {
            let _ = line(&mut state, uid, now);
        }
        assert!(state.minutes.len() <= MOST);
        assert!(line(&mut state, 200_000, now + MINUTE).is_some());
    }

    #[test]
    fn a_full_minute_of_counts_makes_place_for_other_uids_when_it_is_over() {
        let (mut state, now) = (State::default(), Instant::now());
        let most = u32::try_from(MOST).unwrap();
        for uid in 0..most - 1 {
            assert!(line(&mut state, uid, now).is_some(), "{uid}");
        }
        let later = now + MINUTE / 2;
        assert!(line(&mut state, most, later).is_some(), "the last place");
        assert!(line(&mut state, most + 1, later).is_none(), "no place");
        assert!(line(&mut state, 0, later).is_some(), "a uid that has a place");
        assert!(line(&mut state, most + 1, now + MINUTE).is_some());
        assert_eq!(state.minutes.len(), 2, "the uids of the last half minute");
        assert_eq!(state.count, u64::from(most) + 3);
    }
}
