//! What is registered: kept as the host's processes and the configuration want it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{AuthorityError, SubjectPid, connect};
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    config::{Config, Serve, What},
    discover::{Cgroups, pid_file},
    log,
    process::Held,
    registration::register,
    road::Road,
};

/// How long a process is left alone after it could not be registered.
const RETRY: Duration = Duration::from_secs(5);
/// How many warnings are remembered; some name a pid, so there is no end of them.
const SAID_AT_MOST: usize = 1000;
/// The registrations that one user may have by `exec`.
const EXEC_PER_USER: usize = 16;

/// All registrations.
pub struct Registry {
    road: Arc<Road>,
    cgroups: Cgroups,
    registered: HashMap<SubjectPid, Entry>,
    lives: JoinSet<SubjectPid>,
    retry: HashMap<SubjectPid, Instant>,
    /// What was warned of already, so that it is said once and not ten times a second.
    said: HashSet<String>,
    /// The bus has no room: nothing is tried before this moment.
    full_until: Option<Instant>,
}

struct Entry {
    what: What,
    held: Arc<Held>,
    life: AbortHandle,
}

impl Registry {
    /// Nothing registered yet.
    #[must_use]
    pub fn new(road: Arc<Road>, cgroups: Cgroups) -> Self {
        Self {
            road,
            cgroups,
            registered: HashMap::new(),
            lives: JoinSet::new(),
            retry: HashMap::new(),
            said: HashSet::new(),
            full_until: None,
        }
    }

    /// How many registrations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registered.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registered.is_empty()
    }

    /// Waits for the next registration to end. Ready at once when none is left would spin, so it waits then, too.
    pub async fn ended(&mut self) {
        match self.lives.join_next().await {
            Some(Ok(pid)) => drop(self.registered.remove(&pid)),
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
        self.retry.clear();
        self.said.clear();
    }

    /// Registers whoever is to be served and is not, and gives up who is not to be served any more.
    pub async fn scan(&mut self) {
        let config = Arc::clone(&self.road.config.borrow());
        let now = Instant::now();
        self.retry.retain(|_, until| *until > now);
        self.full_until = self.full_until.filter(|until| *until > now);
        let members = self.members(&config);
        self.give_up_strangers(&config, &members);
        for serve in &config.serve {
            let share = share_of(serve, &config);
            for held in self.candidates(serve, &members) {
                if self.full_until.is_some() {
                    return;
                }
                if self.count(&serve.what) >= share || self.registered.len() >= config.max_registrations {
                    self.say_over(&serve.what, share);
                    break;
                }
                // An error has been told; the process is tried again later.
                let _ = self.add(serve.what.clone(), held).await;
            }
        }
    }

    /// The processes of each unit that is to be served, read once for a scan.
    fn members(&self, config: &Config) -> HashMap<String, Vec<SubjectPid>> {
        let units = config.serve.iter().filter_map(|serve| match &serve.what {
            What::Unit(unit) => Some(unit.clone()),
            What::PidFile(_) | What::Exec(_) => None,
        });
        units.map(|unit| (unit.clone(), self.cgroups.processes_of(&unit))).collect()
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
        if self.count(&serve.what) >= share_of(serve, &config) {
            return Err("no registration is left for exec".into());
        }
        if self.registered.contains_key(&held.process.pid) {
            return Ok(());
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
        Ok(self.lives.spawn(async move {
            registered.live().await;
            pid
        }))
    }

    /// Processes of an entry that are not registered and not known to fail.
    fn candidates(&mut self, serve: &Serve, members: &HashMap<String, Vec<SubjectPid>>) -> Vec<Held> {
        let fresh = |pid: &SubjectPid| !self.registered.contains_key(pid) && !self.retry.contains_key(pid);
        match &serve.what {
            What::Unit(unit) => {
                let pids = members.get(unit).into_iter().flatten().filter(|pid| fresh(pid));
                // A process that ended in between is none.
                pids.filter_map(|pid| Held::open(*pid).ok()).collect()
            }
            What::PidFile(path) => match pid_file(path) {
                Ok(held) if fresh(&held.process.pid) => vec![held],
                Ok(_) => Vec::new(),
                Err(error) => {
                    if error.kind() != std::io::ErrorKind::NotFound {
                        self.say_once(&format!("{}: not served: {error}", path.display()));
                    }
                    Vec::new()
                }
            },
            What::Exec(_) => Vec::new(),
        }
    }

    /// A process that left its unit, or an entry that left the configuration, is not served any more.
    fn give_up_strangers(&mut self, config: &Config, members: &HashMap<String, Vec<SubjectPid>>) {
        self.registered.retain(|pid, entry| {
            let keep = match &entry.what {
                What::Unit(unit) => members.get(unit).is_some_and(|pids| pids.contains(pid)),
                What::PidFile(_) | What::Exec(_) => config.serve.iter().any(|serve| serve.what == entry.what),
            };
            if !keep {
                entry.life.abort();
            }
            keep
        });
    }

    fn count(&self, what: &What) -> usize {
        self.registered.values().filter(|entry| entry.what == *what).count()
    }

    fn tell(&mut self, what: &What, pid: SubjectPid, error: &AuthorityError) {
        match error {
            // It ended while it was being registered: nothing is left to serve.
            AuthorityError::NoSuchSubject => {}
            AuthorityError::BusLimit(_) => {
                self.full_until = Some(Instant::now() + RETRY);
                self.say_once(&format!("{what}: not all processes are served: {error}; lower max_registrations"));
            }
            AuthorityError::AlreadyRegistered => {
                self.say_once(&format!("{what}: pid {pid} has another agent, which was there first: {error}"));
            }
            other => self.say_once(&format!("{what}: pid {pid} could not be registered: {other}")),
        }
    }

    fn say_over(&mut self, what: &What, share: usize) {
        self.say_once(&format!(
            "{what}: more than {share} processes; those above are not served, and polkit will say that they have no agent. \
             Raise `max` or max_registrations, or give the service a static rule (polkit-policy-gen)"
        ));
    }

    fn say_once(&mut self, text: &str) {
        if self.said.len() >= SAID_AT_MOST {
            self.said.clear();
        }
        if self.said.insert(text.to_owned()) {
            log::warning(text);
        }
    }
}

/// What an entry may register: its own `max`, or an even part of what the others leave.
fn share_of(serve: &Serve, config: &Config) -> usize {
    if let Some(max) = serve.max {
        return max;
    }
    let fixed: usize = config.serve.iter().filter_map(|entry| entry.max).sum();
    let sharing = config.serve.iter().filter(|entry| entry.max.is_none()).count().max(1);
    (config.max_registrations.saturating_sub(fixed) / sharing).max(1)
}
