//! What is registered: kept as the host's processes and the configuration want it.

mod entry;
mod sessions;
mod state;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{Authority, AuthorityError, BackendVersion, SubjectPid};
use tokio::task::JoinSet;

use self::{
    entry::{Asker, Entry, Stage, Step},
    sessions::Sessions,
};
use crate::{
    cgroup,
    config::{Config, Serve, What},
    discover::{Cgroups, pid_file, processes_of_user},
    facts::Fact,
    follow::Events,
    limits::{Leaks, Pace, Strain},
    process::Held,
    registration::Registered,
    road::Road,
    said::Said,
    spares::Spares,
};

/// How often everything is looked at: where the kernel says what happens, for the little that it does not say; where it
/// does not, for everything.
const SCAN_WITH_EVENTS: Duration = Duration::from_secs(2);
const SCAN_WITHOUT: Duration = Duration::from_millis(100);
/// How long a process is left alone after it could not be registered.
const RETRY: Duration = Duration::from_secs(5);
/// The registrations that one user may have by `exec`.
const EXEC_PER_USER: usize = 16;

/// All registrations.
pub struct Registry {
    road: Arc<Road>,
    cgroups: Cgroups,
    entries: HashMap<SubjectPid, Entry>,
    /// Those among them that wait for a connection, in the order in which they came.
    waiting: VecDeque<SubjectPid>,
    steps: JoinSet<Step>,
    spares: Spares,
    retry: HashMap<SubjectPid, Instant>,
    sessions: Sessions,
    said: Said,
    /// The bus has no room: nothing is tried before this moment.
    full_until: Option<Instant>,
    events: Events,
    next_scan: Instant,
    /// What registering costs the polkitd of the moment.
    costs: Option<Costs>,
    paces: HashMap<What, Pace>,
    /// Processes that there was no room for when everything was looked at last, and how long that took.
    over: HashMap<What, usize>,
    /// When each entry came into force, in Unix seconds; with whether it is by the hook.
    since: HashMap<(What, bool), u64>,
    last_scan: Duration,
}

struct Costs {
    version: BackendVersion,
    leaks: Leaks,
    /// To see when polkitd has taken note of something; only where it leaks.
    sync: Option<Authority>,
}

/// The processes of each entry.
type Members = HashMap<What, Vec<SubjectPid>>;

impl Registry {
    /// Nothing registered yet.
    #[must_use]
    pub fn new(road: Arc<Road>, cgroups: Cgroups, events: Events) -> Self {
        Self {
            road,
            cgroups,
            entries: HashMap::new(),
            waiting: VecDeque::new(),
            steps: JoinSet::new(),
            spares: Spares::default(),
            retry: HashMap::new(),
            sessions: Sessions::default(),
            said: Said::default(),
            full_until: None,
            events,
            next_scan: Instant::now(),
            costs: None,
            paces: HashMap::new(),
            over: HashMap::new(),
            since: HashMap::new(),
            last_scan: Duration::ZERO,
        }
    }

    /// Another polkitd is there: it has lost nothing yet, and knows of no registration.
    pub fn polkitd_is(&mut self, version: &BackendVersion, open_files: u64, authority: Authority) {
        let sync = version.leaks_reaped_subjects().then_some(authority);
        self.costs = Some(Costs { version: version.clone(), leaks: Leaks::new(version, open_files), sync });
        self.paces.clear();
        self.scan_soon();
    }

    /// How many registrations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_living()).count() + self.sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everybody who has a place is registered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.full_until.is_some() || self.entries.values().all(Entry::is_living)
    }

    /// Waits for the next thing to happen, and takes note of it. Can be dropped and called again without losing one.
    pub async fn next(&mut self) {
        tokio::select! {
            spare = self.spares.next() => match spare {
                Ok(()) => self.join_waiting(),
                Err(error) => self.stop_for_a_while(&error),
            },
            Some(step) = self.steps.join_next() => match step {
                Ok(Step::Joined(held, registered, asker)) => self.joined(&held, *registered, asker),
                Ok(Step::Ended(held, may_have_leaked)) => self.ended(&held, may_have_leaked),
                // Given up.
                Err(_) => {}
            },
        }
    }

    fn joined(&mut self, held: &Arc<Held>, registered: Result<Registered, AuthorityError>, asker: Option<Asker>) {
        let pid = held.process.pid;
        let sync = self.costs.as_ref().and_then(|costs| costs.sync.clone());
        let Some(entry) = self.entries.get_mut(&pid).filter(|entry| entry.is_of(held)) else { return };
        let told = match registered {
            Ok(registered) => {
                entry.live(registered, sync, &mut self.steps);
                Ok(())
            }
            Err(error) => {
                let what = entry.what.clone();
                self.entries.remove(&pid);
                self.retry.insert(pid, Instant::now() + RETRY);
                self.tell(&what, pid, &error);
                Err(error.to_string())
            }
        };
        if let Some(asker) = asker {
            // Whoever asked may have gone.
            let _ = asker.send(told);
        }
    }

    fn ended(&mut self, held: &Arc<Held>, may_have_leaked: bool) {
        let pid = held.process.pid;
        if !self.entries.get(&pid).is_some_and(|entry| entry.is_of(held)) {
            return;
        }
        if let (Some(entry), Some(costs), true) = (self.entries.remove(&pid), &mut self.costs, may_have_leaked) {
            costs.leaks.count(&entry.what);
        }
    }

    /// Gives all registrations up: polkitd is gone or another one, or the agent ends.
    pub fn clear(&mut self) {
        for (_, entry) in self.entries.drain() {
            entry.give_up();
        }
        self.waiting.clear();
        self.sessions.clear();
        self.costs = None;
        self.retry.clear();
        self.said.clear();
    }

    /// Has the next [`Registry::scan`] look at everything: events were lost, or the configuration is another one.
    pub fn scan_soon(&mut self) {
        self.next_scan = Instant::now();
    }

    /// Looks at one process that the kernel has told of.
    pub fn look_at(&mut self, pid: u32) {
        let Ok(pid) = SubjectPid::new(pid) else { return };
        if self.entries.contains_key(&pid) || self.full_until.is_some() {
            return;
        }
        // One that ended in between is none.
        let Ok(held) = Held::open(pid) else { return };
        let config = Arc::clone(&self.road.config.borrow());
        let Some(serve) = config.serve.iter().find(|serve| !serve.by_hook && self.covers(serve, &held)) else { return };
        self.events.watch([pid.get()]);
        self.add_within(serve, &config, held);
    }

    /// Registers whoever is to be served and is not, and gives up who is not to be served any more, if it is time to.
    pub fn scan(&mut self) {
        let now = Instant::now();
        if now < self.next_scan {
            return;
        }
        self.next_scan = now + if self.events.are_had() { SCAN_WITH_EVENTS } else { SCAN_WITHOUT };
        let config = Arc::clone(&self.road.config.borrow());
        self.retry.retain(|_, until| *until > now);
        self.full_until = self.full_until.filter(|until| *until > now);
        let members = self.members(&config);
        self.last_scan = now.elapsed();
        self.events.watch_only(members.values().flatten().map(|pid| pid.get()), users_of(&config));
        self.give_up_strangers(&config, &members);
        if !config.serve.iter().any(Serve::registers_processes) {
            self.spares.give_back();
        }
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            for held in self.candidates(serve, &members) {
                if !self.add_within(serve, &config, held) {
                    break;
                }
            }
            if let Some(pace) = self.pace_of(serve) {
                pace.filled();
            }
            let there = members.get(&serve.what).map_or(0, Vec::len);
            self.over.insert(serve.what.clone(), there.saturating_sub(share_of(serve, &config)));
        }
        self.join_waiting();
    }

    /// Gives a process a place if the entry has one, and says whether it had.
    fn add_within(&mut self, serve: &Serve, config: &Config, held: Held) -> bool {
        if self.full_until.is_some() {
            return false;
        }
        let share = share_of(serve, config);
        if self.count(&serve.what) >= share || self.places() >= config.max_registrations {
            self.say_over(&serve.what, share);
            return false;
        }
        if self.is_spent(&serve.what, config) {
            return false;
        }
        if !self.pace_of(serve).is_none_or(|pace| pace.take(Instant::now())) {
            self.next_scan = self.next_scan.min(Instant::now() + SCAN_WITHOUT);
            return false;
        }
        self.add(serve.what.clone(), held, None);
        true
    }

    fn strain(&self, what: &What, config: &Config) -> Strain {
        let entries = config.serve.iter().filter(|serve| !serve.by_hook).count();
        self.costs.as_ref().map_or(Strain::Spent, |costs| costs.leaks.strain(what, entries))
    }

    /// Whether polkitd may have lost so much by this entry that nothing more of it is registered, which is said.
    fn is_spent(&mut self, what: &What, config: &Config) -> bool {
        let strain = self.strain(what, config);
        let Some(costs) = &self.costs else { return true };
        let version = &costs.version;
        let then = match strain {
            Strain::None => return false,
            Strain::Half => "may have lost half of the descriptors that this entry may cost it",
            Strain::Spent => {
                "may have lost as many descriptors as this entry may cost it. None is registered any more \
                              until polkit restarts"
            }
        };
        self.said.once(&format!(
            "{what}: its processes end too fast for registrations: polkitd {version} {then}. \
             Serve it by the hook instead (way = \"hook\", and [[hook]] of polkit-policy-gen)"
        ));
        strain == Strain::Spent
    }

    fn pace_of(&mut self, serve: &Serve) -> Option<&mut Pace> {
        let version = &self.costs.as_ref()?.version;
        let pace = || Pace::new(serve.new_per_second, version, Instant::now());
        Some(self.paces.entry(serve.what.clone()).or_insert_with(pace))
    }

    /// Whether an entry is about a process.
    fn covers(&self, serve: &Serve, held: &Held) -> bool {
        let Ok(seen) = held.look(&self.road.cgroup_root) else { return false };
        match (&serve.what, &seen.cgroup) {
            (What::Unit(pattern), Fact::Known(path)) => cgroup::unit(path).is_some_and(|unit| pattern.covers(unit)),
            (What::User(user), Fact::Known(path)) => seen.uid.get() == user.id && cgroup::owner(path).is_none(),
            (What::User(_) | What::Unit(_), Fact::Unknown)
            | (What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_), _) => false,
        }
    }

    /// The processes of each unit and user that is to be served, read once for a scan.
    fn members(&self, config: &Config) -> Members {
        let mut members = Members::new();
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            let pids = match &serve.what {
                What::Unit(pattern) => self.cgroups.processes_of(pattern),
                What::User(user) => processes_of_user(user.id, &self.road.cgroup_root),
                What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_) => continue,
            };
            members.insert(serve.what.clone(), pids);
        }
        members
    }

    /// Registers the process behind an `exec`, and tells whoever asked what came of it.
    pub fn add_exec(&mut self, held: Held, asker: Asker) {
        match self.place_for_exec(&held) {
            Ok(Some(what)) => self.add(what, held, Some(asker)),
            // Whoever asked may have gone.
            Ok(None) => drop(asker.send(Ok(()))),
            Err(why) => drop(asker.send(Err(why))),
        }
    }

    /// What an `exec` of this process is registered as; `None` where it is registered already.
    fn place_for_exec(&self, held: &Held) -> Result<Option<What>, String> {
        let config = Arc::clone(&self.road.config.borrow());
        let entry = config.serve.iter().find(|serve| matches!(serve.what, What::Exec(_)));
        let Some(serve) = entry else { return Err("no [[serve]] entry has `exec`".into()) };
        let of_user = self
            .entries
            .values()
            .filter(|entry| matches!(entry.what, What::Exec(_)) && entry.held.process.uid == held.process.uid);
        if of_user.count() >= EXEC_PER_USER {
            return Err(format!("this user has {EXEC_PER_USER} registrations by exec already"));
        }
        match self.entries.get(&held.process.pid) {
            Some(entry) if entry.is_living() => return Ok(None),
            Some(_) => return Err("this process is being registered at this moment: try again".into()),
            None => {}
        }
        let full = self.places() >= config.max_registrations || self.full_until.is_some();
        if full
            || self.count(&serve.what) >= share_of(serve, &config)
            || self.strain(&serve.what, &config) == Strain::Spent
        {
            return Err("no registration is left for exec".into());
        }
        Ok(Some(serve.what.clone()))
    }

    fn add(&mut self, what: What, held: Held, asker: Option<Asker>) {
        let pid = held.process.pid;
        self.entries.insert(pid, Entry { what, held: Arc::new(held), stage: Stage::Waiting(asker) });
        self.waiting.push_back(pid);
        self.join_waiting();
    }

    /// Registers those who wait, as far as there are connections, and has more of these made.
    fn join_waiting(&mut self) {
        while let Some(pid) = self.waiting.front() {
            let entry = self.entries.get_mut(pid).filter(|entry| matches!(entry.stage, Stage::Waiting(_)));
            if let Some(entry) = entry {
                let Some(connection) = self.spares.take() else { break };
                entry.join(&self.road, connection, &mut self.steps);
            }
            self.waiting.pop_front();
        }
        let config = self.road.config.borrow();
        if self.full_until.is_none() && config.serve.iter().any(Serve::registers_processes) {
            self.spares.fill();
        }
    }

    /// The bus has no room, or polkitd takes nothing: those who wait lose their places, and are found again later.
    fn stop_for_a_while(&mut self, error: &AuthorityError) {
        self.full_until = Some(Instant::now() + RETRY);
        self.spares.give_back();
        while let Some(pid) = self.waiting.pop_front() {
            let Some(entry) = self.entries.remove(&pid) else { continue };
            if let Stage::Waiting(Some(asker)) = entry.stage {
                // Whoever asked may have gone.
                let _ = asker.send(Err(error.to_string()));
            }
        }
        self.said.once(&match error {
            AuthorityError::BusLimit(_) => format!("not all processes are served: {error}; lower max_registrations"),
            _ => format!("polkitd does not take registrations at the moment: {error}"),
        });
    }

    /// Processes of an entry that are not registered and not known to fail.
    fn candidates(&mut self, serve: &Serve, members: &Members) -> Vec<Held> {
        let fresh = |pid: &SubjectPid| !self.entries.contains_key(pid) && !self.retry.contains_key(pid);
        match &serve.what {
            What::Unit(_) | What::User(_) => {
                let pids = members.get(&serve.what).into_iter().flatten().filter(|pid| fresh(pid));
                // A process that ended in between is none.
                pids.filter_map(|pid| Held::open(*pid).ok()).collect()
            }
            What::PidFile(path) => match pid_file(path) {
                Ok(held) if fresh(&held.process.pid) => vec![held],
                Ok(_) => Vec::new(),
                Err(error) => {
                    if error.kind() != std::io::ErrorKind::NotFound {
                        self.said.once(&format!("{}: not served: {error}", path.display()));
                    }
                    Vec::new()
                }
            },
            // Sessions are looked for elsewhere.
            What::SessionUser(_) | What::OwnSession | What::Exec(_) => Vec::new(),
        }
    }

    /// A process that left its unit, or an entry that left the configuration, is not served any more. The registration of one
    /// that ended is left to end by itself: whether polkitd lost anything by it is known then.
    fn give_up_strangers(&mut self, config: &Config, members: &Members) {
        self.entries.retain(|pid, entry| {
            let ends_by_itself = !matches!(entry.stage, Stage::Waiting(_)) && !entry.held.is_alive();
            let wanted = match &entry.what {
                What::Unit(_) | What::User(_) => members.get(&entry.what).is_some_and(|pids| pids.contains(pid)),
                What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_) => {
                    config.serve.iter().any(|serve| serve.what == entry.what)
                }
            };
            if !wanted && !ends_by_itself {
                entry.give_up();
            }
            wanted || ends_by_itself
        });
    }

    /// Places that are taken, with those of processes that are about to be registered.
    fn places(&self) -> usize {
        self.entries.len() + self.sessions.len()
    }

    fn count(&self, what: &What) -> usize {
        self.entries.values().filter(|entry| entry.what == *what).count() + self.sessions.count(what)
    }

    fn tell(&mut self, what: &What, pid: SubjectPid, error: &AuthorityError) {
        match error {
            // It ended while it was being registered: nothing is left to serve.
            AuthorityError::NoSuchSubject => {}
            // A polkitd that does not answer would be waited for once for each process.
            AuthorityError::BusLimit(_) | AuthorityError::Bus(_) => self.stop_for_a_while(error),
            AuthorityError::AlreadyRegistered => {
                self.said.once(&format!("{what}: pid {pid} has another agent, which was there first: {error}"));
            }
            other => self.said.once(&format!("{what}: pid {pid} could not be registered: {other}")),
        }
    }

    fn say_over(&mut self, what: &What, share: usize) {
        self.said.once(&format!(
            "{what}: more than {share} processes; those above are not served, and polkit will say that they have no agent. \
             Serve it by the hook, which has no such limit (way = \"hook\", and [[hook]] of polkit-policy-gen), or raise `max`"
        ));
    }
}

/// Users that are served as such.
fn users_of(config: &Config) -> impl Iterator<Item = u32> {
    config.serve.iter().filter_map(|serve| match &serve.what {
        What::User(user) if !serve.by_hook => Some(user.id),
        What::User(_) | What::Unit(_) | What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_) => {
            None
        }
    })
}

/// What an entry may register: its own `max`, or an even part of what the others leave.
fn share_of(serve: &Serve, config: &Config) -> usize {
    if let Some(max) = serve.max {
        return max;
    }
    let registering = || config.serve.iter().filter(|entry| !entry.by_hook);
    let fixed: usize = registering().filter_map(|entry| entry.max).sum();
    let sharing = registering().filter(|entry| entry.max.is_none()).count().max(1);
    (config.max_registrations.saturating_sub(fixed) / sharing).max(1)
}
