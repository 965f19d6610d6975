//! The processes that the entries serve at this moment.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use polkit_agent_rules::{facts::Fact, verdict::Reason};
use polkit_types::SubjectPid;

use super::{Registry, entry::Stage};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::subject::process::PinnedProcess,
};

/// The processes of each entry.
pub(super) type Members = HashMap<ServeTarget, HashSet<SubjectPid>>;

impl Registry {
    /// Whether an entry serves a process.
    pub(super) fn covers(&self, serve: &Serve, held: &PinnedProcess) -> bool {
        held.state(&self.context.cgroup_root).is_ok_and(|state| serve.covers(&state) == Fact::Known(true))
    }

    /// A process that left its unit, or an entry that left the configuration, is not served any more. The registration of one
    /// that ended is left to end by itself: whether polkitd lost anything by it is known then. Where there are no descriptors
    /// nobody is found anywhere, which is no sign of having left.
    pub(super) fn give_up_strangers(&mut self, config: &Config, members: &Members) {
        let context = Arc::clone(&self.context);
        self.entries.retain(|pid, entry| {
            let ends_by_itself = !matches!(entry.stage, Stage::Waiting(_)) && !entry.held.is_alive();
            let wanted = match &entry.target {
                ServeTarget::Unit(_) | ServeTarget::User(_) => members.get(&entry.target).is_some_and(|pids| {
                    pids.contains(pid) || !has_left(&entry.target, &entry.held, &context.cgroup_root)
                }),
                ServeTarget::PidFile(_)
                | ServeTarget::SessionUser(_)
                | ServeTarget::OwnSession
                | ServeTarget::Exec(_) => config.serve.iter().any(|serve| serve.target == entry.target),
            };
            if !wanted && !ends_by_itself {
                entry.give_up();
            }
            wanted || ends_by_itself
        });
    }
}

/// Whether a process is known not to be an entry's any more.
fn has_left(target: &ServeTarget, held: &PinnedProcess, cgroup_root: &str) -> bool {
    match held.state(cgroup_root) {
        Ok(state) => target.covers(&state) == Fact::Known(false),
        Err(reason) => reason == Reason::Gone,
    }
}

/// Users that are served as such.
pub(super) fn users_of(config: &Config) -> impl Iterator<Item = u32> {
    config.serve.iter().filter_map(|serve| match &serve.target {
        ServeTarget::User(user) if !serve.by_hook => Some(user.id),
        ServeTarget::User(_)
        | ServeTarget::Unit(_)
        | ServeTarget::PidFile(_)
        | ServeTarget::SessionUser(_)
        | ServeTarget::OwnSession
        | ServeTarget::Exec(_) => None,
    })
}
