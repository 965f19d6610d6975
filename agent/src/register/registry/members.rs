//! The processes that the entries serve at this moment.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
};

use polkit_dbus::SubjectPid;

use super::{Registry, entry::Stage};
use crate::{
    config::{Config, Serve, What},
    subject::process::Held,
};

/// The processes of each entry.
pub(super) type Members = HashMap<What, HashSet<SubjectPid>>;

impl Registry {
    /// Whether an entry serves a process.
    pub(super) fn covers(&self, serve: &Serve, held: &Held) -> bool {
        held.look(&self.road.cgroup_root).is_ok_and(|seen| serve.covers(&seen) == Some(true))
    }

    /// A process that left its unit, or an entry that left the configuration, is not served any more. The registration of one
    /// that ended is left to end by itself: whether polkitd lost anything by it is known then. Where there are no descriptors
    /// nobody is found anywhere, which is no sign of having left.
    pub(super) fn give_up_strangers(&mut self, config: &Config, members: &Members) {
        let road = Arc::clone(&self.road);
        self.entries.retain(|pid, entry| {
            let ends_by_itself = !matches!(entry.stage, Stage::Waiting(_)) && !entry.held.is_alive();
            let wanted = match &entry.what {
                What::Unit(_) | What::User(_) => members
                    .get(&entry.what)
                    .is_some_and(|pids| pids.contains(pid) || !has_left(&entry.what, &entry.held, &road.cgroup_root)),
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

/// Whether a process is known not to be an entry's any more.
fn has_left(what: &What, held: &Held, cgroup_root: &str) -> bool {
    match held.look(cgroup_root) {
        Ok(seen) => what.covers(&seen) == Some(false),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
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
