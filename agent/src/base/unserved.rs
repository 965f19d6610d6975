//! Subjects of hook requests that no entry names. The agent says nothing about them and makes no decision, so there is no record;
//! its log names them, since a user who is not served must not be able to ask the agent without a trace.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polkit_dbus::{SubjectPid, SubjectUid};

use crate::base::log;

/// Requests of one uid that are named one by one in a minute; the others are counted.
const ONE_BY_ONE: u64 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// Uids whose requests are counted at the same time. A user can have thousands of uids, by user namespaces.
const MOST: usize = 1024;

/// One for the whole agent.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<State>);

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

impl Strangers {
    /// Takes note of a request, and names it in the log unless its uid had too many in this minute.
    pub fn note(&self, pid: SubjectPid, uid: SubjectUid, action: &str, now: Instant) {
        let line = self.state().line(pid, uid, action, now);
        line.into_iter().for_each(|line| log::notice(&line));
    }

    /// How many requests there were since the agent's start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// A panic elsewhere does not make it wrong: each change is whole.
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
    fn each_request_is_named_until_there_are_too_many_of_one_uid() {
        let (mut state, now) = (State::default(), Instant::now());
        let named = (0..100).filter_map(|_| line(&mut state, 1001, now)).count();
        assert_eq!(named as u64, ONE_BY_ONE);
        assert!(line(&mut state, 1002, now).is_some(), "another uid has lines of its own");
        let later = line(&mut state, 1001, now + MINUTE).unwrap();
        assert!(later.contains("(70 more requests of this uid before)"), "{later}");
        assert_eq!(state.count, 102);
    }

    #[test]
    fn uids_without_end_need_no_memory_without_end() {
        let (mut state, now) = (State::default(), Instant::now());
        for uid in 0..100_000 {
            let _ = line(&mut state, uid, now);
        }
        assert!(state.minutes.len() <= MOST);
        assert!(line(&mut state, 200_000, now + MINUTE).is_some());
    }
}
