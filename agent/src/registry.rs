//! What is registered: kept as the host's processes and the configuration want it.

mod sessions;
mod state;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{Authority, AuthorityError, BackendVersion, SubjectPid, connect};
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    cgroup,
    config::{Config, Serve, What},
    discover::{Cgroups, pid_file, processes_of_user},
    facts::Fact,
    follow::Events,
    limits::{Leaks, Pace, Strain},
    process::Held,
    registration::register,
    road::Road,
    said::Said,
};

use sessions::Sessions;

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
    registered: HashMap<SubjectPid, Entry>,
    lives: JoinSet<(SubjectPid, bool)>,
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

struct Entry {
    what: What,
    held: Arc<Held>,
    life: AbortHandle,
}

impl Registry {
    /// Nothing registered yet.
    #[must_use]
    pub fn new(road: Arc<Road>, cgroups: Cgroups, events: Events) -> Self {
        Self {
            road,
            cgroups,
            registered: HashMap::new(),
            lives: JoinSet::new(),
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
        self.registered.len() + self.sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next registration to end. Ready at once when none is left would spin, so it waits then, too.
    pub async fn ended(&mut self) {
        match self.lives.join_next().await {
            Some(Ok((pid, may_have_leaked))) => {
                self.registered.remove(&pid);
                if may_have_leaked && let Some(costs) = &mut self.costs {
                    costs.leaks.count();
                }
            }
            // Aborted by `forget`, which has removed it.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    /// Gives all registrations up: polkitd is gone or another one, or the agent ends.
    pub fn clear(&mut self) {
        for (_, entry) in self.registered.drain() {
            entry.life.abort();
        }
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
    pub async fn look_at(&mut self, pid: u32) {
        let Ok(pid) = SubjectPid::new(pid) else { return };
        if self.registered.contains_key(&pid) || self.full_until.is_some() {
            return;
        }
        // One that ended in between is none.
        let Ok(held) = Held::open(pid) else { return };
        let config = Arc::clone(&self.road.config.borrow());
        let Some(serve) = config.serve.iter().find(|serve| !serve.by_hook && self.covers(serve, &held)) else { return };
        self.events.watch([pid.get()]);
        self.add_within(serve, &config, held).await;
    }

    /// Registers whoever is to be served and is not, and gives up who is not to be served any more, if it is time to.
    pub async fn scan(&mut self) {
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
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            for held in self.candidates(serve, &members) {
                if !self.add_within(serve, &config, held).await {
                    break;
                }
            }
            if let Some(pace) = self.pace_of(serve) {
                pace.filled();
            }
            let there = members.get(&serve.what).map_or(0, Vec::len);
            self.over.insert(serve.what.clone(), there.saturating_sub(share_of(serve, &config)));
        }
    }

    /// Registers a process if the entry has room, and says whether it had.
    async fn add_within(&mut self, serve: &Serve, config: &Config, held: Held) -> bool {
        if self.full_until.is_some() {
            return false;
        }
        let share = share_of(serve, config);
        if self.count(&serve.what) >= share || self.len() >= config.max_registrations {
            self.say_over(&serve.what, share);
            return false;
        }
        if self.is_strained() {
            return false;
        }
        if !self.pace_of(serve).is_none_or(|pace| pace.take(Instant::now())) {
            self.next_scan = self.next_scan.min(Instant::now() + SCAN_WITHOUT);
            return false;
        }
        // An error has been told; the process is tried again later.
        let _ = self.add(serve.what.clone(), held).await;
        true
    }

    /// Whether polkitd may have lost so much that nothing more is registered.
    fn is_strained(&mut self) -> bool {
        let Some(costs) = &self.costs else { return true };
        let (strain, version) = (costs.leaks.strain(), &costs.version);
        if strain == Strain::None {
            return false;
        }
        let what =
            if strain == Strain::Half { "half: nothing more is registered until polkit restarts" } else { "a quarter" };
        self.said.once(&format!(
            "polkitd {version} loses descriptors when served processes end, and may have lost {what}. \
             Serve short-lived processes by the hook instead (way = \"hook\", and [[hook]] of polkit-policy-gen)"
        ));
        strain == Strain::Half
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

    /// Registers the process behind an `exec`.
    ///
    /// # Errors
    /// Why not, for whoever asked.
    pub async fn add_exec(&mut self, held: Held) -> Result<(), String> {
        let config = Arc::clone(&self.road.config.borrow());
        let entry = config.serve.iter().find(|serve| matches!(serve.what, What::Exec(_)));
        let Some(serve) = entry else { return Err("no [[serve]] entry has `exec`".into()) };
        let of_user = self
            .registered
            .values()
            .filter(|entry| matches!(entry.what, What::Exec(_)) && entry.held.process.uid == held.process.uid);
        if of_user.count() >= EXEC_PER_USER {
            return Err(format!("this user has {EXEC_PER_USER} registrations by exec already"));
        }
        if self.registered.contains_key(&held.process.pid) {
            return Ok(());
        }
        let full = self.len() >= config.max_registrations || self.full_until.is_some();
        if full || self.count(&serve.what) >= share_of(serve, &config) || self.is_strained() {
            return Err("no registration is left for exec".into());
        }
        self.add(serve.what.clone(), held).await.map_err(|error| error.to_string())
    }

    async fn add(&mut self, what: What, held: Held) -> Result<(), AuthorityError> {
        let pid = held.process.pid;
        let held = Arc::new(held);
        match self.try_add(&held).await {
            Ok(life) => {
                self.registered.insert(pid, Entry { what, held, life });
                Ok(())
            }
            Err(error) => {
                self.retry.insert(pid, Instant::now() + RETRY);
                self.tell(&what, pid, &error);
                Err(error)
            }
        }
    }

    /// A further connection is opened first and closed after: registering stops while there is room for others of root.
    async fn try_add(&mut self, held: &Arc<Held>) -> Result<AbortHandle, AuthorityError> {
        let room = connect().await?;
        let registered = register(&self.road, Arc::clone(held)).await?;
        drop(room);
        let pid = held.process.pid;
        let sync = self.costs.as_ref().and_then(|costs| costs.sync.clone());
        Ok(self.lives.spawn(async move { (pid, registered.live(sync).await) }))
    }

    /// Processes of an entry that are not registered and not known to fail.
    fn candidates(&mut self, serve: &Serve, members: &Members) -> Vec<Held> {
        let fresh = |pid: &SubjectPid| !self.registered.contains_key(pid) && !self.retry.contains_key(pid);
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

    /// A process that left its unit, or an entry that left the configuration, is not served any more.
    fn give_up_strangers(&mut self, config: &Config, members: &Members) {
        self.registered.retain(|pid, entry| {
            let keep = match &entry.what {
                What::Unit(_) | What::User(_) => members.get(&entry.what).is_some_and(|pids| pids.contains(pid)),
                What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_) => {
                    config.serve.iter().any(|serve| serve.what == entry.what)
                }
            };
            if !keep {
                entry.life.abort();
            }
            keep
        });
    }

    fn count(&self, what: &What) -> usize {
        self.registered.values().filter(|entry| entry.what == *what).count() + self.sessions.count(what)
    }

    fn tell(&mut self, what: &What, pid: SubjectPid, error: &AuthorityError) {
        match error {
            // It ended while it was being registered: nothing is left to serve.
            AuthorityError::NoSuchSubject => {}
            AuthorityError::BusLimit(_) => {
                self.full_until = Some(Instant::now() + RETRY);
                self.said.once(&format!("{what}: not all processes are served: {error}; lower max_registrations"));
            }
            // A polkitd that does not answer would be waited for once for each process.
            AuthorityError::Bus(_) => {
                self.full_until = Some(Instant::now() + RETRY);
                self.said.once(&format!("{what}: polkitd does not take registrations at the moment: {error}"));
            }
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
        _ => None,
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
