//! Looking at everything, again and again: when, and what is made of what was found.

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
    quota::{SCAN_WITHOUT, share_of},
    scan::{Found, Look},
};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::{answer::context::Context, subject::process::PinnedProcess},
    register::pid_file,
};

/// How often everything is looked at where the kernel says what happens: for the little that it does not say.
const SCAN_WITH_EVENTS: Duration = Duration::from_secs(2);
/// A look at everything rests for so many times the processor time that it took: it costs less than a twentieth of a processor,
/// however many processes there are.
const LEISURE: u32 = 24;

/// The processes that pid files name, or why they name none.
pub(super) type PidFiles = Vec<(ServeTarget, io::Result<PinnedProcess>)>;

impl Registry {
    /// Begins to look at everything, if it is time to. What is found is taken by [`Registry::next`].
    pub fn scan(&mut self) {
        let now = Instant::now();
        if now < self.next_scan || self.looking.is_some() {
            return;
        }
        let config = Arc::clone(&self.context.config.borrow());
        self.retry.retain(|_, until| *until > now);
        self.full_until = self.full_until.filter(|until| *until > now);
        let free = config.max_registrations.saturating_sub(self.places());
        let room = |serve: &Serve| share_of(serve, &config).saturating_sub(self.count(&serve.target)).min(free);
        let look = Look {
            cgroups: self.cgroups.clone(),
            cgroup_root: self.context.cgroup_root.clone(),
            known: self.entries.keys().chain(self.retry.keys()).copied().collect(),
            room: config.serve.iter().map(|serve| (serve.target.clone(), room(serve))).collect(),
            users: std::mem::take(&mut self.users),
            config: Arc::clone(&config),
        };
        self.looking = Some(spawn_blocking(move || look.run()));
        if self.reading.is_none() {
            self.reading = pid_files(&self.context, &config).map(tokio::spawn);
        }
    }

    /// Registers what is to be served and is not, and gives up what is not to be served any more.
    pub(super) fn found(&mut self, found: Found) {
        let Found { config, members, mut candidates, users, took, cost } = found;
        (self.users, self.last_scan) = (users, took);
        let interval = if self.events.is_active() { SCAN_WITH_EVENTS } else { SCAN_WITHOUT };
        self.next_scan = Instant::now() + interval.max(cost * LEISURE);
        let is_of_now = Arc::ptr_eq(&config, &self.context.config.borrow());
        if std::mem::take(&mut self.again) || !is_of_now {
            self.next_scan = Instant::now();
        }
        if !is_of_now {
            return;
        }
        self.events.watch_only(members.values().flatten().map(|pid| pid.get()), users_of(&config));
        self.give_up_strangers(&config, &members);
        if !config.serve.iter().any(Serve::registers_processes) {
            self.pool.close_all();
        }
        for serve in config.serve.iter().filter(|serve| !serve.by_hook) {
            for held in candidates.remove(&serve.target).unwrap_or_default() {
                // Events may have told of it meanwhile.
                let is_known = self.entries.contains_key(&held.process.pid);
                if !is_known && !self.add_within(serve, &config, held) {
                    break;
                }
            }
            if let Some(limit) = self.rate_limit_of(serve) {
                limit.enforce();
            }
            let (there, share) = (members.get(&serve.target).map_or(0, HashSet::len), share_of(serve, &config));
            if there > share {
                self.say_over(&serve.target, share);
            }
            self.over.insert(serve.target.clone(), there.saturating_sub(share));
        }
        self.has_looked = true;
        self.join_waiting();
    }

    /// Registers the processes that pid files name.
    pub(super) fn take_pid_files(&mut self, files: PidFiles) {
        let config = Arc::clone(&self.context.config.borrow());
        for (target, held) in files {
            let Some(serve) = config.serve.iter().find(|serve| serve.target == target && !serve.by_hook) else {
                continue;
            };
            match held {
                Ok(held) if self.entries.contains_key(&held.process.pid) => {}
                Ok(held) if self.retry.contains_key(&held.process.pid) => {}
                Ok(held) => drop(self.add_within(serve, &config, held)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.warnings.warn(&format!("{target}: not served: {error}")),
            }
        }
    }
}

/// Reads the pid files that the configuration names, if there are any. Each may be on a file system of a user.
fn pid_files(context: &Arc<Context>, config: &Config) -> Option<impl Future<Output = PidFiles> + Send + use<>> {
    let named = config.serve.iter().filter(|serve| !serve.by_hook && matches!(serve.target, ServeTarget::PidFile(_)));
    let named: Vec<ServeTarget> = named.map(|serve| serve.target.clone()).collect();
    let context = Arc::clone(context);
    (!named.is_empty()).then_some(async move {
        let mut files = PidFiles::new();
        for target in named {
            let ServeTarget::PidFile(path) = &target else { continue };
            let held = pid_file::read_in_child(&context.readers, path).await.and_then(|file| file.pin());
            files.push((target, held));
        }
        files
    })
}
