//! Whom the entries are about, at this moment.

use std::collections::HashMap;

use polkit_dbus::SubjectPid;

use super::{Registry, entry::Stage};
use crate::{
    cgroup,
    config::{Config, Serve, What},
    discover::{pid_file, processes_of_user},
    facts::Fact,
    process::Held,
};

/// The processes of each entry.
pub(super) type Members = HashMap<What, Vec<SubjectPid>>;

impl Registry {
    /// Whether an entry is about a process.
    pub(super) fn covers(&self, serve: &Serve, held: &Held) -> bool {
        let Ok(seen) = held.look(&self.road.cgroup_root) else { return false };
        match (&serve.what, &seen.cgroup) {
            (What::Unit(pattern), Fact::Known(path)) => cgroup::unit(path).is_some_and(|unit| pattern.covers(unit)),
            (What::User(user), Fact::Known(path)) => seen.uid.get() == user.id && cgroup::owner(path).is_none(),
            (What::User(_) | What::Unit(_), Fact::Unknown)
            | (What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_), _) => false,
        }
    }

    /// The processes of each unit and user that is to be served, read once for a scan.
    pub(super) fn members(&self, config: &Config) -> Members {
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

    /// Processes of an entry that are not registered and not known to fail.
    pub(super) fn candidates(&mut self, serve: &Serve, members: &Members) -> Vec<Held> {
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
    pub(super) fn give_up_strangers(&mut self, config: &Config, members: &Members) {
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
}

/// Users that are served as such.
pub(super) fn users_of(config: &Config) -> impl Iterator<Item = u32> {
    config.serve.iter().filter_map(|serve| match &serve.what {
        What::User(user) if !serve.by_hook => Some(user.id),
        What::User(_) | What::Unit(_) | What::PidFile(_) | What::SessionUser(_) | What::OwnSession | What::Exec(_) => {
            None
        }
    })
}
