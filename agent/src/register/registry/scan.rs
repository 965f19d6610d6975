//! A scan for processes to serve. Runs on a thread of its own, because its duration depends on the number of processes.

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

/// The input of a scan.
pub(super) struct Scan {
    pub(super) config: Arc<Config>,
    pub(super) cgroups: Cgroups,
    pub(super) cgroup_root: String,
    /// The processes that are in the registry, or that could not be registered lately.
    pub(super) known: HashSet<SubjectPid>,
    /// The number of further processes that each target can have. The scan pins no more than that.
    pub(super) free: HashMap<ServeTarget, usize>,
    pub(super) uids: UidCache,
}

/// The result of a scan.
pub(super) struct ScanResult {
    pub(super) config: Arc<Config>,
    /// The processes of each target.
    pub(super) members: Members,
    /// The processes of each target that are not known, limited to the free slots.
    pub(super) candidates: HashMap<ServeTarget, Vec<PinnedProcess>>,
    pub(super) uids: UidCache,
    /// The duration of the scan.
    pub(super) duration: Duration,
    /// The processor time of the scan.
    pub(super) cost: Duration,
}

impl Scan {
    /// Runs the scan. Reads only facts that no process can delay, and pins at most as many processes as there are free slots.
    pub(super) fn run(self) -> ScanResult {
        let (began, cost) = (Instant::now(), processor_time());
        let Self { config, cgroups, cgroup_root, known, free, mut uids } = self;
        let inspect = |pid: SubjectPid| {
            let process = PinnedProcess::open(pid).ok()?;
            let state = process.state(&cgroup_root).ok()?;
            Some((process, state))
        };
        let served: HashSet<u32> = users_of(&config).collect();
        if !served.is_empty() {
            for pid in uids.due(&cgroups.processes_outside_user_slices(), &known, Instant::now()) {
                let uid = inspect(pid).filter(|(_, state)| is_outside_sessions(state)).map(|(_, state)| state.uid);
                uids.insert(pid, uid, Instant::now());
            }
        }
        let mut members = Members::new();
        let mut candidates = HashMap::new();
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            let pids = match &serve.target {
                ServeTarget::Unit(pattern) => cgroups.processes_of(pattern),
                ServeTarget::User(user) => uids.processes_of(user.id),
                ServeTarget::PidFile(_)
                | ServeTarget::SessionUser(_)
                | ServeTarget::OwnSession
                | ServeTarget::Exec(_) => continue,
            };
            let new = pids.iter().filter(|pid| !known.contains(pid));
            // The process can have ended since the pid was read, and its pid can belong to a process of another target.
            let inspected =
                new.filter_map(|pid| inspect(*pid)).filter(|(_, state)| serve.covers(state) == Fact::Known(true));
            let at_most = free.get(&serve.target).copied().unwrap_or_default();
            candidates.insert(serve.target.clone(), inspected.map(|(process, _)| process).take(at_most).collect());
            members.insert(serve.target.clone(), pids.into_iter().collect());
        }
        let cost = processor_time().saturating_sub(cost);
        ScanResult { config, members, candidates, uids, duration: began.elapsed(), cost }
    }
}

fn is_outside_sessions(state: &ProcessState) -> bool {
    matches!(&state.cgroup, Fact::Known(path) if cgroup::owner(path).is_none())
}

fn processor_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or_default())
}

/// The age up to which each scan reads the uid of a process: a service starts as root and may change its user later.
const RECENT: Duration = Duration::from_secs(5);
/// The number of older processes whose uid each scan reads again, those read longest ago first.
const RECHECKED: usize = 64;
/// The number of recent and registered processes whose uid each scan reads.
const RECENT_AT_MOST: usize = 1024;

/// The uids of processes, as read by earlier scans. Avoids reading thousands of processes at each scan, because few change their user.
#[derive(Debug, Default)]
pub(super) struct UidCache {
    known: HashMap<SubjectPid, CachedUid>,
}

#[derive(Debug, Clone, Copy)]
struct CachedUid {
    since: Instant,
    checked: Option<Instant>,
    uid: Option<SubjectUid>,
}

impl UidCache {
    /// The processes of `existing` whose uid must be read now: recent ones, registered ones, and some of the others in turn. Forgets all
    /// processes that do not exist any more.
    fn due(&mut self, existing: &[SubjectPid], registered: &HashSet<SubjectPid>, now: Instant) -> Vec<SubjectPid> {
        let pids: HashSet<SubjectPid> = existing.iter().copied().collect();
        self.known.retain(|pid, _| pids.contains(pid));
        for pid in existing {
            self.known.entry(*pid).or_insert(CachedUid { since: now, checked: None, uid: None });
        }
        let is_first = |(pid, known): &(&SubjectPid, &CachedUid)| {
            now.duration_since(known.since) < RECENT || registered.contains(pid)
        };
        let (mut first, mut others): (Vec<_>, Vec<_>) = self.known.iter().partition(is_first);
        first.sort_by_key(|(_, known)| known.checked);
        others.sort_by_key(|(_, known)| known.checked);
        first.iter().take(RECENT_AT_MOST).chain(others.iter().take(RECHECKED)).map(|(pid, _)| **pid).collect()
    }

    /// Stores the uid of a process.
    fn insert(&mut self, pid: SubjectPid, uid: Option<SubjectUid>, now: Instant) {
        if let Some(known) = self.known.get_mut(&pid) {
            (known.uid, known.checked) = (uid, Some(now));
        }
    }

    fn processes_of(&self, uid: u32) -> Vec<SubjectPid> {
        let has_uid = |known: &CachedUid| known.uid.is_some_and(|of| of.get() == uid);
        self.known.iter().filter(|(_, known)| has_uid(known)).map(|(pid, _)| *pid).collect()
    }
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::rule::Named;

    use super::*;
    use crate::config::Serve;

    fn pid(number: u32) -> SubjectPid {
        SubjectPid::new(number).unwrap()
    }

    #[test]
    fn a_scan_pins_only_processes_that_are_not_known() {
        let top = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (own, new) = (pid(std::process::id()), pid(child.id()));
        std::fs::write(top.path().join("cgroup.procs"), format!("{own}\n{new}\n")).unwrap();
        let target = ServeTarget::User(Named { name: "own".into(), id: rustix::process::getuid().as_raw() });
        let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let scan = Scan {
            config: Arc::new(Config::of(vec![Serve::of(target.clone())], Vec::new())),
            cgroups: Cgroups::of_folder(top.path()),
            // This test is at the root, so outside every session.
            cgroup_root: cgroup::unified(&text).unwrap().trim_end_matches('/').to_owned(),
            known: [own].into(),
            free: [(target.clone(), 8)].into(),
            uids: UidCache::default(),
        };
        let result = scan.run();
        child.kill().unwrap();
        child.wait().unwrap();
        let candidates = result.candidates.get(&target).unwrap().iter().map(|process| process.process.pid);
        assert_eq!(candidates.collect::<Vec<_>>(), [new]);
        assert_eq!(result.members.get(&target), Some(&[own, new].into()));
    }

    #[test]
    fn new_processes_are_due_at_once_and_old_processes_in_turn() {
        let (mut uids, now, none) = (UidCache::default(), Instant::now(), HashSet::new());
        let existing: Vec<_> = (1..=200).map(pid).collect();
        let due = uids.due(&existing, &none, now);
        assert_eq!(due.len(), 200);
        for pid in due {
            uids.insert(pid, SubjectUid::new(33).ok(), now);
        }
        assert_eq!(uids.processes_of(33).len(), 200);
        let mut checked = HashSet::new();
        for turn in 1..=4 {
            let now = now + RECENT + Duration::from_millis(turn);
            for pid in uids.due(&existing, &none, now) {
                uids.insert(pid, SubjectUid::new(34).ok(), now);
                checked.insert(pid);
            }
        }
        assert_eq!(checked.len(), 200, "each process was due once");
        assert!(uids.processes_of(33).is_empty());
    }

    #[test]
    fn registered_processes_are_always_due_and_ended_processes_are_forgotten() {
        let (mut uids, now) = (UidCache::default(), Instant::now());
        let existing: Vec<_> = (1..=1000).map(pid).collect();
        for pid in uids.due(&existing, &HashSet::new(), now) {
            uids.insert(pid, None, now);
        }
        let registered: HashSet<_> = (900..=910).map(pid).collect();
        for _ in 0..3 {
            let due = uids.due(&existing, &registered, now + RECENT);
            assert!(registered.iter().all(|pid| due.contains(pid)));
            assert_eq!(due.len(), registered.len() + RECHECKED);
        }
        assert_eq!(uids.due(&[pid(7)], &registered, now + RECENT), [pid(7)]);
        assert_eq!(uids.known.len(), 1);
    }
}
