//! Looking at everything, on a thread of its own: how long that takes depends on how many processes users make.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::facts::{Fact, ProcessState};
use polkit_types::{SubjectPid, SubjectUid};
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::members::{Members, users_of};
use crate::{
    base::{cgroup, cgroups::Cgroups},
    config::{Config, ServeTarget},
    kernel::subject::process::PinnedProcess,
};

/// What a look at everything needs to know.
pub(super) struct Look {
    pub(super) config: Arc<Config>,
    pub(super) cgroups: Cgroups,
    pub(super) cgroup_root: String,
    /// Processes that are registered, or known to fail.
    pub(super) known: HashSet<SubjectPid>,
    /// How many more processes each entry may have. No more are opened.
    pub(super) room: HashMap<ServeTarget, usize>,
    pub(super) users: Users,
}

/// What a look at everything found.
pub(super) struct Found {
    pub(super) config: Arc<Config>,
    /// The processes of each entry.
    pub(super) members: Members,
    /// Those of them that are not known, as many as there is room for.
    pub(super) candidates: HashMap<ServeTarget, Vec<PinnedProcess>>,
    pub(super) users: Users,
    /// From the beginning to the end.
    pub(super) took: Duration,
    /// Processor time of the thread.
    pub(super) cost: Duration,
}

impl Look {
    /// Looks. Reads what no process can make slow, and opens as many processes as there is room for.
    pub(super) fn run(self) -> Found {
        let (began, cost) = (Instant::now(), processor_time());
        let Self { config, cgroups, cgroup_root, known, room, mut users } = self;
        let seen = |pid: SubjectPid| {
            let held = PinnedProcess::open(pid).ok()?;
            let seen = held.state(&cgroup_root).ok()?;
            Some((held, seen))
        };
        let uids: HashSet<u32> = users_of(&config).collect();
        if !uids.is_empty() {
            for pid in users.due(&cgroups.processes_outside_user_slices(), &known, Instant::now()) {
                let uid = seen(pid).filter(|(_, state)| is_in_no_session(state)).map(|(_, state)| state.uid);
                users.saw(pid, uid, Instant::now());
            }
        }
        let mut members = Members::new();
        let mut candidates = HashMap::new();
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            let pids = match &serve.target {
                ServeTarget::Unit(pattern) => cgroups.processes_of(pattern),
                ServeTarget::User(user) => users.of(user.id),
                ServeTarget::PidFile(_)
                | ServeTarget::SessionUser(_)
                | ServeTarget::OwnSession
                | ServeTarget::Exec(_) => continue,
            };
            let fresh = pids.iter().filter(|pid| !known.contains(pid));
            // A process that ended in between is none, and one that has its pid now may be another entry's.
            let held = fresh.filter_map(|pid| seen(*pid)).filter(|(_, state)| serve.covers(state) == Fact::Known(true));
            let most = room.get(&serve.target).copied().unwrap_or_default();
            candidates.insert(serve.target.clone(), held.map(|(held, _)| held).take(most).collect());
            members.insert(serve.target.clone(), pids.into_iter().collect());
        }
        let cost = processor_time().saturating_sub(cost);
        Found { config, members, candidates, users, took: began.elapsed(), cost }
    }
}

fn is_in_no_session(seen: &ProcessState) -> bool {
    matches!(&seen.cgroup, Fact::Known(path) if cgroup::owner(path).is_none())
}

fn processor_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}

/// A process that was seen first lately may still become another user's: a service is root's at first.
const YOUNG: Duration = Duration::from_secs(5);
/// How many other processes one look looks at again, those that were looked at longest ago.
const AGAIN: usize = 64;
/// How many are looked at in all at one time.
const MOST: usize = 1024;

/// Which uid each process has, as far as it was looked at: of thousands of processes few change their user.
#[derive(Debug, Default)]
pub(super) struct Users {
    known: HashMap<SubjectPid, Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    since: Instant,
    looked: Option<Instant>,
    uid: Option<SubjectUid>,
}

impl Users {
    /// Which of the processes that there are now to look at: new and young ones, registered ones, and some of the others in turn.
    fn due(&mut self, there: &[SubjectPid], registered: &HashSet<SubjectPid>, now: Instant) -> Vec<SubjectPid> {
        let pids: HashSet<SubjectPid> = there.iter().copied().collect();
        self.known.retain(|pid, _| pids.contains(pid));
        for pid in there {
            self.known.entry(*pid).or_insert(Known { since: now, looked: None, uid: None });
        }
        let is_soon =
            |(pid, known): &(&SubjectPid, &Known)| now.duration_since(known.since) < YOUNG || registered.contains(pid);
        let (mut soon, mut others): (Vec<_>, Vec<_>) = self.known.iter().partition(is_soon);
        soon.sort_by_key(|(_, known)| known.looked);
        others.sort_by_key(|(_, known)| known.looked);
        soon.iter().take(MOST).chain(others.iter().take(AGAIN)).map(|(pid, _)| **pid).collect()
    }

    /// Takes note of what was seen of a process.
    fn saw(&mut self, pid: SubjectPid, uid: Option<SubjectUid>, now: Instant) {
        if let Some(known) = self.known.get_mut(&pid) {
            (known.uid, known.looked) = (uid, Some(now));
        }
    }

    fn of(&self, uid: u32) -> Vec<SubjectPid> {
        let of = |known: &Known| known.uid.is_some_and(|of| of.get() == uid);
        self.known.iter().filter(|(_, known)| of(known)).map(|(pid, _)| *pid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: u32) -> SubjectPid {
        SubjectPid::new(number).unwrap()
    }

    #[test]
    fn new_processes_are_due_at_once_and_old_ones_in_turn() {
        let (mut users, now, none) = (Users::default(), Instant::now(), HashSet::new());
        let there: Vec<_> = (1..=200).map(pid).collect();
        let due = users.due(&there, &none, now);
        assert_eq!(due.len(), 200);
        for pid in due {
            users.saw(pid, SubjectUid::new(33).ok(), now);
        }
        assert_eq!(users.of(33).len(), 200);
        let mut looked = HashSet::new();
        for turn in 1..=4 {
            let now = now + YOUNG + Duration::from_millis(turn);
            for pid in users.due(&there, &none, now) {
                users.saw(pid, SubjectUid::new(34).ok(), now);
                looked.insert(pid);
            }
        }
        assert_eq!(looked.len(), 200, "all had their turn");
        assert!(users.of(33).is_empty());
    }

    #[test]
    fn what_is_registered_is_looked_at_each_time_and_what_ended_is_forgotten() {
        let (mut users, now) = (Users::default(), Instant::now());
        let there: Vec<_> = (1..=1000).map(pid).collect();
        for pid in users.due(&there, &HashSet::new(), now) {
            users.saw(pid, None, now);
        }
        let registered: HashSet<_> = (900..=910).map(pid).collect();
        for _ in 0..3 {
            let due = users.due(&there, &registered, now + YOUNG);
            assert!(registered.iter().all(|pid| due.contains(pid)));
            assert_eq!(due.len(), registered.len() + AGAIN);
        }
        assert_eq!(users.due(&[pid(7)], &registered, now + YOUNG), [pid(7)]);
        assert_eq!(users.known.len(), 1);
    }
}
