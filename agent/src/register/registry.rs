//! The registry: keeps the registrations in line with the processes of the host and the configuration.

mod entry;
mod failures;
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
    entry::{RegistryEntry, ReplySender, Stage, Step},
    scan::{ScanResult, UidCache},
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

/// The time between a failed registration and the next attempt.
const RETRY: Duration = Duration::from_secs(5);

/// All registrations.
pub struct Registry {
    context: Arc<Context>,
    cgroups: Cgroups,
    entries: HashMap<SubjectPid, RegistryEntry>,
    /// The entries that wait for a connection, oldest first.
    waiting: VecDeque<SubjectPid>,
    steps: JoinSet<Step>,
    pool: ConnectionPool,
    /// The processes that could not be registered, with the time of the next attempt.
    retry: HashMap<SubjectPid, Instant>,
    sessions: Sessions,
    warnings: WarnOnce,
    /// The agent registers nothing until then: the bus has no free connection, or polkitd does not respond.
    paused_until: Option<Instant>,
    events: Events,
    next_scan: Instant,
    /// The running scan.
    scanning: Option<JoinHandle<ScanResult>>,
    /// Whether a new scan must follow the running scan at once.
    scan_again: bool,
    /// Whether a scan ended since polkitd appeared.
    has_scanned: bool,
    uids: UidCache,
    /// The running read of pid files.
    reading: Option<JoinHandle<PidFiles>>,
    backend: Option<Backend>,
    rate_limits: HashMap<ServeTarget, RateLimit>,
    /// The number of processes that the last scan found beyond the quota, by target.
    over_limit: HashMap<ServeTarget, usize>,
    /// When each entry came into force, in Unix seconds. The flag tells whether the hook serves it.
    since: HashMap<(ServeTarget, bool), u64>,
    /// The duration of the last scan.
    last_scan: Duration,
}

/// The polkitd that runs now.
struct Backend {
    version: BackendVersion,
    leak_budget: LeakBudget,
    /// For waiting until polkitd saw a connection close. Only for a polkitd that leaks.
    sync: Option<Authority>,
}

impl Registry {
    /// A registry without registrations.
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
            paused_until: None,
            events,
            next_scan: Instant::now(),
            scanning: None,
            scan_again: false,
            has_scanned: false,
            uids: UidCache::default(),
            reading: None,
            backend: None,
            rate_limits: HashMap::new(),
            over_limit: HashMap::new(),
            since: HashMap::new(),
            last_scan: Duration::ZERO,
        }
    }

    /// Handles a new polkitd. It knows no registration, and has leaked nothing. `open_files` is its soft limit of open files.
    pub fn on_polkitd_changed(&mut self, version: &BackendVersion, open_files: u64, authority: Authority) {
        let sync = version.leaks_reaped_subjects().then_some(authority);
        let leak_budget = LeakBudget::new(version, open_files);
        self.backend = Some(Backend { version: version.clone(), leak_budget, sync });
        self.rate_limits.clear();
        self.scan_soon();
    }

    /// The number of registrations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_registered()).count() + self.sessions.len()
    }

    /// Whether there are no registrations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a scan ended and all its processes with a slot are registered, or registering is paused.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.paused_until.is_some() || (self.has_scanned && self.entries.values().all(RegistryEntry::is_registered))
    }

    /// Waits for the next result of a task of the registry, and applies it. Cancel-safe.
    pub async fn next(&mut self) {
        tokio::select! {
            connection = self.pool.next() => match connection {
                Ok(()) => self.register_waiting(),
                Err(error) => self.pause(&error),
            },
            Some(step) = self.steps.join_next() => match step {
                Ok(Step::Registered(process, registered, reply)) => self.on_registered(&process, *registered, reply),
                Ok(Step::Ended(process, may_have_leaked)) => self.on_ended(&process, may_have_leaked),
                // The task was aborted.
                Err(_) => {}
            },
            result = result_of(&mut self.scanning) => {
                self.scanning = None;
                match result {
                    Ok(result) => self.apply_scan(result),
                    Err(error) => tracing::error!("cannot scan for processes: {error}; the agent scans again"),
                }
            }
            files = result_of(&mut self.reading) => {
                self.reading = None;
                // After an error the next scan reads the files again.
                self.apply_pid_files(files.unwrap_or_default());
            }
        }
    }

    fn on_registered(
        &mut self,
        process: &Arc<PinnedProcess>,
        registered: Result<Registered, AuthorityError>,
        reply: Option<ReplySender>,
    ) {
        let pid = process.process.pid;
        let sync = self.backend.as_ref().and_then(|backend| backend.sync.clone());
        let Some(entry) = self.entries.get_mut(&pid).filter(|entry| entry.is_for(process)) else { return };
        let result = match registered {
            Ok(registered) => {
                entry.start_answering(registered, sync, &mut self.steps);
                Ok(())
            }
            Err(error) => {
                let target = entry.target.clone();
                self.entries.remove(&pid);
                self.retry.insert(pid, Instant::now() + RETRY);
                self.report_failure(&target, pid, &error);
                Err(error.to_string())
            }
        };
        if let Some(reply) = reply {
            // Fails if `exec` ended.
            let _ = reply.send(result);
        }
    }

    fn on_ended(&mut self, process: &Arc<PinnedProcess>, may_have_leaked: bool) {
        let pid = process.process.pid;
        if !self.entries.get(&pid).is_some_and(|entry| entry.is_for(process)) {
            return;
        }
        if let (Some(entry), Some(backend), true) = (self.entries.remove(&pid), &mut self.backend, may_have_leaked) {
            backend.leak_budget.count(&entry.target);
        }
    }

    /// Drops all registrations, because polkitd disappeared or was replaced, or because the agent ends.
    pub fn clear(&mut self) {
        for (_, entry) in self.entries.drain() {
            entry.abort();
        }
        self.waiting.clear();
        self.sessions.clear();
        self.backend = None;
        self.retry.clear();
        self.warnings.clear();
        // The results of running tasks are not needed.
        (self.scanning, self.reading, self.has_scanned) = (None, None, false);
    }

    /// Makes the next call of [`Registry::scan`] scan, because events were lost or the configuration changed.
    pub fn scan_soon(&mut self) {
        self.next_scan = Instant::now();
        self.scan_again = self.scanning.is_some();
    }

    /// Registers a process that the fork watcher reported, if a `[[serve]]` entry covers it.
    pub fn inspect(&mut self, pid: u32) {
        let Ok(pid) = SubjectPid::new(pid) else { return };
        if self.entries.contains_key(&pid) || self.paused_until.is_some() {
            return;
        }
        // Fails if the process ended.
        let Ok(process) = PinnedProcess::open(pid) else { return };
        let config = Arc::clone(&self.context.config.borrow());
        let covering = config.serve.iter().find(|serve| !serve.by_hook && self.covers(serve, &process));
        let Some(serve) = covering else { return };
        self.events.watch([pid.get()]);
        self.add_within_quota(serve, &config, process);
    }

    fn add(&mut self, target: ServeTarget, process: PinnedProcess, reply: Option<ReplySender>) {
        let pid = process.process.pid;
        let entry = RegistryEntry { target, process: Arc::new(process), stage: Stage::Waiting(reply) };
        self.entries.insert(pid, entry);
        self.waiting.push_back(pid);
        self.register_waiting();
    }

    /// Registers the waiting entries while there are connections, and opens further connections.
    fn register_waiting(&mut self) {
        while let Some(pid) = self.waiting.front() {
            let entry = self.entries.get_mut(pid).filter(|entry| matches!(entry.stage, Stage::Waiting(_)));
            if let Some(entry) = entry {
                let Some(connection) = self.pool.take() else { break };
                entry.start_registering(&self.context, connection, &mut self.steps);
            }
            self.waiting.pop_front();
        }
        let config = self.context.config.borrow();
        if self.paused_until.is_none() && config.serve.iter().any(Serve::registers_processes) {
            self.pool.fill();
        }
    }
}

/// Waits for the result of a task. Pends forever without a task. Cancel-safe.
async fn result_of<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
