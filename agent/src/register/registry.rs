//! What is registered: kept as the host's processes and the configuration want it.

mod entry;
mod members;
mod quota;
mod scan;
mod scanning;
mod sessions;
mod state;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{Authority, AuthorityError, BackendVersion};
use polkit_types::SubjectPid;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use self::{
    entry::{Asker, Entry, Stage, Step},
    scan::{Found, Users},
    scanning::PidFiles,
    sessions::Sessions,
};
use crate::{
    base::cgroups::Cgroups,
    config::{Serve, ServeTarget},
    kernel::{answer::context::Context, subject::process::PinnedProcess},
    register::{
        fork_watcher::Events,
        leak_budget::{LeakBudget, RateLimit},
        pool::ConnectionPool,
        registration::Registered,
        warn_once::WarnOnce,
    },
};

/// How long a process is left alone after it could not be registered.
const RETRY: Duration = Duration::from_secs(5);

/// All registrations.
pub struct Registry {
    context: Arc<Context>,
    cgroups: Cgroups,
    entries: HashMap<SubjectPid, Entry>,
    /// Those among them that wait for a connection, in the order in which they came.
    waiting: VecDeque<SubjectPid>,
    steps: JoinSet<Step>,
    pool: ConnectionPool,
    retry: HashMap<SubjectPid, Instant>,
    sessions: Sessions,
    warnings: WarnOnce,
    /// The bus has no room: nothing is tried before this moment.
    full_until: Option<Instant>,
    events: Events,
    next_scan: Instant,
    /// A look at everything that runs, and whether the next one is to follow at once.
    looking: Option<JoinHandle<Found>>,
    again: bool,
    /// Whether everything was looked at since polkitd is there.
    has_looked: bool,
    users: Users,
    /// The pid files that are being read.
    reading: Option<JoinHandle<PidFiles>>,
    /// What registering costs the polkitd of the moment.
    costs: Option<Costs>,
    rate_limits: HashMap<ServeTarget, RateLimit>,
    /// Processes that there was no room for when everything was looked at last, and how long that took.
    over: HashMap<ServeTarget, usize>,
    /// When each entry came into force, in Unix seconds; with whether it is by the hook.
    since: HashMap<(ServeTarget, bool), u64>,
    last_scan: Duration,
}

struct Costs {
    version: BackendVersion,
    leak_budget: LeakBudget,
    /// To see when polkitd has taken note of something; only where it leaks.
    sync: Option<Authority>,
}

impl Registry {
    /// Nothing registered yet.
    #[must_use]
    pub fn new(context: Arc<Context>, cgroups: Cgroups, events: Events) -> Self {
        Self {
            context,
            cgroups,
            entries: HashMap::new(),
            waiting: VecDeque::new(),
            steps: JoinSet::new(),
            pool: ConnectionPool::default(),
            retry: HashMap::new(),
            sessions: Sessions::default(),
            warnings: WarnOnce::default(),
            full_until: None,
            events,
            next_scan: Instant::now(),
            looking: None,
            again: false,
            has_looked: false,
            users: Users::default(),
            reading: None,
            costs: None,
            rate_limits: HashMap::new(),
            over: HashMap::new(),
            since: HashMap::new(),
            last_scan: Duration::ZERO,
        }
    }

    /// Another polkitd is there: it has lost nothing yet, and knows of no registration.
    pub fn on_polkitd_changed(&mut self, version: &BackendVersion, open_files: u64, authority: Authority) {
        let sync = version.leaks_reaped_subjects().then_some(authority);
        self.costs = Some(Costs { version: version.clone(), leak_budget: LeakBudget::new(version, open_files), sync });
        self.rate_limits.clear();
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
        self.full_until.is_some() || (self.has_looked && self.entries.values().all(Entry::is_living))
    }

    /// Waits for the next thing to happen, and takes note of it. Can be dropped and called again without losing one.
    pub async fn next(&mut self) {
        tokio::select! {
            spare = self.pool.next() => match spare {
                Ok(()) => self.join_waiting(),
                Err(error) => self.stop_for_a_while(&error),
            },
            Some(step) = self.steps.join_next() => match step {
                Ok(Step::Joined(held, registered, asker)) => self.joined(&held, *registered, asker),
                Ok(Step::Ended(held, may_have_leaked)) => self.ended(&held, may_have_leaked),
                // Given up.
                Err(_) => {}
            },
            found = end_of(&mut self.looking) => {
                self.looking = None;
                match found {
                    Ok(found) => self.found(found),
                    Err(error) => tracing::error!("a look at everything did not end: {error}"),
                }
            }
            files = end_of(&mut self.reading) => {
                self.reading = None;
                // Read again at the next look.
                self.take_pid_files(files.unwrap_or_default());
            }
        }
    }

    fn joined(
        &mut self,
        held: &Arc<PinnedProcess>,
        registered: Result<Registered, AuthorityError>,
        asker: Option<Asker>,
    ) {
        let pid = held.process.pid;
        let sync = self.costs.as_ref().and_then(|costs| costs.sync.clone());
        let Some(entry) = self.entries.get_mut(&pid).filter(|entry| entry.is_of(held)) else { return };
        let told = match registered {
            Ok(registered) => {
                entry.live(registered, sync, &mut self.steps);
                Ok(())
            }
            Err(error) => {
                let target = entry.target.clone();
                self.entries.remove(&pid);
                self.retry.insert(pid, Instant::now() + RETRY);
                self.tell(&target, pid, &error);
                Err(error.to_string())
            }
        };
        if let Some(asker) = asker {
            // Whoever asked may have gone.
            let _ = asker.send(told);
        }
    }

    fn ended(&mut self, held: &Arc<PinnedProcess>, may_have_leaked: bool) {
        let pid = held.process.pid;
        if !self.entries.get(&pid).is_some_and(|entry| entry.is_of(held)) {
            return;
        }
        if let (Some(entry), Some(costs), true) = (self.entries.remove(&pid), &mut self.costs, may_have_leaked) {
            costs.leak_budget.count(&entry.target);
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
        self.warnings.clear();
        // What they find is of no use any more.
        (self.looking, self.reading, self.has_looked) = (None, None, false);
    }

    /// Has the next [`Registry::scan`] look at everything: events were lost, or the configuration is another one.
    pub fn scan_soon(&mut self) {
        self.next_scan = Instant::now();
        self.again = self.looking.is_some();
    }

    /// Looks at one process that the kernel has told of.
    pub fn look_at(&mut self, pid: u32) {
        let Ok(pid) = SubjectPid::new(pid) else { return };
        if self.entries.contains_key(&pid) || self.full_until.is_some() {
            return;
        }
        // One that ended in between is none.
        let Ok(held) = PinnedProcess::open(pid) else { return };
        let config = Arc::clone(&self.context.config.borrow());
        let Some(serve) = config.serve.iter().find(|serve| !serve.by_hook && self.covers(serve, &held)) else { return };
        self.events.watch([pid.get()]);
        self.add_within(serve, &config, held);
    }

    fn add(&mut self, target: ServeTarget, held: PinnedProcess, asker: Option<Asker>) {
        let pid = held.process.pid;
        self.entries.insert(pid, Entry { target, held: Arc::new(held), stage: Stage::Waiting(asker) });
        self.waiting.push_back(pid);
        self.join_waiting();
    }

    /// Registers those who wait, as far as there are connections, and has more of these made.
    fn join_waiting(&mut self) {
        while let Some(pid) = self.waiting.front() {
            let entry = self.entries.get_mut(pid).filter(|entry| matches!(entry.stage, Stage::Waiting(_)));
            if let Some(entry) = entry {
                let Some(connection) = self.pool.take() else { break };
                entry.join(&self.context, connection, &mut self.steps);
            }
            self.waiting.pop_front();
        }
        let config = self.context.config.borrow();
        if self.full_until.is_none() && config.serve.iter().any(Serve::registers_processes) {
            self.pool.fill();
        }
    }

    /// The bus has no room, or polkitd takes nothing: those who wait lose their places, and are found again later.
    fn stop_for_a_while(&mut self, error: &AuthorityError) {
        self.full_until = Some(Instant::now() + RETRY);
        self.pool.close_all();
        while let Some(pid) = self.waiting.pop_front() {
            // One that was given up meanwhile may be registered anew.
            if !self.entries.get(&pid).is_some_and(|entry| matches!(entry.stage, Stage::Waiting(_))) {
                continue;
            }
            if let Some(Entry { stage: Stage::Waiting(Some(asker)), .. }) = self.entries.remove(&pid) {
                // Whoever asked may have gone.
                let _ = asker.send(Err(error.to_string()));
            }
        }
        self.warnings.warn(&match error {
            AuthorityError::BusLimit(_) => format!("not all processes are served: {error}; lower max_registrations"),
            _ => format!("polkitd does not take registrations at the moment: {error}"),
        });
    }

    fn tell(&mut self, target: &ServeTarget, pid: SubjectPid, error: &AuthorityError) {
        match error {
            // It ended while it was being registered: nothing is left to serve.
            AuthorityError::NoSuchSubject => {}
            // A polkitd that does not answer would be waited for once for each process.
            AuthorityError::BusLimit(_) | AuthorityError::Bus(_) => self.stop_for_a_while(error),
            AuthorityError::AlreadyRegistered => {
                self.warnings.warn(&format!(
                    "{target}: pid {pid} has another agent, which was there first (polkit does not say whose); it is served once that one \
                     is gone"
                ));
            }
            other => self.warnings.warn(&format!("{target}: pid {pid} could not be registered: {other}")),
        }
    }
}

/// Waits for the end of a task; for ever where there is none. Cancel-safe.
async fn end_of<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}
