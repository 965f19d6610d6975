//! When the registry scans, and how it applies the result of a scan.

use std::{
    collections::HashSet,
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;

use super::{
    Registry,
    members::users_of,
    quota::{SCAN_WITHOUT_EVENTS, quota_of},
    scan::{Scan, ScanResult},
};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::{answer::context::Context, subject::process::PinnedProcess},
    register::pid_file,
};

/// The interval of scans with process events. The kernel does not report every change, for example a move to another cgroup.
const SCAN_WITH_EVENTS: Duration = Duration::from_secs(2);
/// The pause after a scan, as a multiple of its processor time. So scans use less than a twentieth of a processor, with any number of
/// processes.
const PAUSE_FACTOR: u32 = 24;

/// The process of each pid file, or the error.
pub(super) type PidFiles = Vec<(ServeTarget, io::Result<PinnedProcess>)>;

impl Registry {
    /// Starts a scan if one is due. [`Registry::next`] applies its result.
    pub fn scan(&mut self) {
        let now = Instant::now();
        if now < self.next_scan || self.scanning.is_some() {
            return;
        }
        let config = Arc::clone(&self.context.config.borrow());
        self.retry.retain(|_, until| *until > now);
        self.paused_until = self.paused_until.filter(|until| *until > now);
        let free = config.max_registrations.saturating_sub(self.slots_used());
        let free_of = |serve: &Serve| quota_of(serve, &config).saturating_sub(self.count(&serve.target)).min(free);
        let scan = Scan {
            cgroups: self.cgroups.clone(),
            cgroup_root: self.context.cgroup_root.clone(),
            known: self.entries.keys().chain(self.retry.keys()).copied().collect(),
            free: config.serve.iter().map(|serve| (serve.target.clone(), free_of(serve))).collect(),
            uids: std::mem::take(&mut self.uids),
            config: Arc::clone(&config),
        };
        self.scanning = Some(spawn_blocking(move || scan.run()));
        if self.reading.is_none() {
            self.reading = read_pid_files(&self.context, &config).map(tokio::spawn);
        }
    }

    /// Registers the processes that must be served, and drops the registrations of processes that are not served any more.
    pub(super) fn apply_scan(&mut self, result: ScanResult) {
        let ScanResult { config, members, mut candidates, uids, duration, cost } = result;
        (self.uids, self.last_scan) = (uids, duration);
        let interval = if self.events.is_active() { SCAN_WITH_EVENTS } else { SCAN_WITHOUT_EVENTS };
        self.next_scan = Instant::now() + interval.max(cost * PAUSE_FACTOR);
        let is_current = Arc::ptr_eq(&config, &self.context.config.borrow());
        if std::mem::take(&mut self.scan_again) || !is_current {
            self.next_scan = Instant::now();
        }
        if !is_current {
            return;
        }
        self.events.watch_only(members.values().flatten().map(|pid| pid.get()), users_of(&config));
        self.drop_unserved(&config, &members);
        if !config.serve.iter().any(Serve::registers_processes) {
            self.pool.close_all();
        }
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            for process in candidates.remove(&serve.target).unwrap_or_default() {
                // The fork watcher can have reported the process during the scan.
                let is_known = self.entries.contains_key(&process.process.pid);
                if !is_known && !self.add_within_quota(serve, &config, process) {
                    break;
                }
            }
            if let Some(limit) = self.rate_limit_of(serve) {
                limit.enforce();
            }
            let count = members.get(&serve.target).map_or(0, HashSet::len);
            let quota = quota_of(serve, &config);
            if count > quota {
                self.report_over_limit(&serve.target, quota);
            }
            self.over_limit.insert(serve.target.clone(), count.saturating_sub(quota));
        }
        self.has_scanned = true;
        self.register_waiting();
    }

    /// Registers the processes of pid files.
    pub(super) fn apply_pid_files(&mut self, files: PidFiles) {
        let config = Arc::clone(&self.context.config.borrow());
        for (target, process) in files {
            let Some(serve) = config.serve.iter().find(|serve| serve.target == target && !serve.by_hook) else {
                continue;
            };
            match process {
                Ok(process) if self.entries.contains_key(&process.process.pid) => {}
                Ok(process) if self.retry.contains_key(&process.process.pid) => {}
                Ok(process) => drop(self.add_within_quota(serve, &config, process)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let help = match error.kind() {
                        io::ErrorKind::PermissionDenied => {
                            "; the file must be a regular file that only root or the user of the process can write, in such a folder"
                        }
                        io::ErrorKind::InvalidData => "; the file must contain one pid",
                        _ => "",
                    };
                    self.warnings.warn(&format!("{target}: cannot serve the process of this file: {error}{help}"));
                }
            }
        }
    }
}

/// Reads the pid files of the configuration, in child processes: a user's file system can block. `None` if there are no pid files.
fn read_pid_files(context: &Arc<Context>, config: &Config) -> Option<impl Future<Output = PidFiles> + Send + use<>> {
    let targets = config.serve.iter().filter(|serve| !serve.by_hook && matches!(serve.target, ServeTarget::PidFile(_)));
    let targets: Vec<ServeTarget> = targets.map(|serve| serve.target.clone()).collect();
    let context = Arc::clone(context);
    (!targets.is_empty()).then_some(async move {
        let mut files = PidFiles::new();
        for target in targets {
            let ServeTarget::PidFile(path) = &target else { continue };
            let process = pid_file::read_in_child(&context.readers, path).await.and_then(|file| file.pin());
            files.push((target, process));
        }
        files
    })
}
