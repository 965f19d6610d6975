//! The processes that each `[[serve]]` entry covers.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use polkit_agent_rules::{
    facts::{Fact, ProcessState},
    verdict::Reason,
};
use polkit_types::SubjectPid;

use super::{Registry, entry::Stage};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::subject::process::PinnedProcess,
};

/// The pids of the processes of each target.
pub(super) type Members = HashMap<ServeTarget, HashSet<SubjectPid>>;

impl Registry {
    /// Whether a `[[serve]]` entry covers a process.
    pub(super) fn covers(&self, serve: &Serve, process: &PinnedProcess) -> bool {
        process.state(&self.context.cgroup_root).is_ok_and(|state| serve.covers(&state) == Fact::Known(true))
    }

    /// Drops the registrations of processes that left their unit, and of targets that left the configuration. Keeps the registration of
    /// a process that ended: its task ends by itself and reports whether polkitd may have leaked. Keeps the registration of a process
    /// that cannot be read, because an agent without free descriptors finds no process at all.
    pub(super) fn drop_unserved(&mut self, config: &Config, members: &Members) {
        let context = Arc::clone(&self.context);
        self.entries.retain(|pid, entry| {
            let ends_by_itself = !matches!(entry.stage, Stage::Waiting(_)) && !entry.process.is_alive();
            let is_served = match &entry.target {
                ServeTarget::Unit(_) | ServeTarget::User(_) => members.get(&entry.target).is_some_and(|pids| {
                    pids.contains(pid) || !has_left(&entry.target, &entry.process.state(&context.cgroup_root))
                }),
                ServeTarget::PidFile(_)
                | ServeTarget::SessionUser(_)
                | ServeTarget::OwnSession
                | ServeTarget::Exec(_) => config.serve.iter().any(|serve| serve.target == entry.target),
            };
            if !is_served && !ends_by_itself {
                entry.abort();
            }
            is_served || ends_by_itself
        });
    }
}

/// Whether the target is known not to cover the process any more.
fn has_left(target: &ServeTarget, state: &Result<ProcessState, Reason>) -> bool {
    match state {
        Ok(state) => target.covers(state) == Fact::Known(false),
        Err(reason) => *reason == Reason::Gone,
    }
}

/// The uids of the `[[serve]]` entries for users.
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

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{rule::Named, unit_pattern::UnitPattern};
    use polkit_types::SubjectUid;

    use super::*;

    fn unit() -> ServeTarget {
        ServeTarget::Unit(UnitPattern::new("a.service").unwrap())
    }

    fn user() -> ServeTarget {
        ServeTarget::User(Named { name: "www-data".into(), id: 33 })
    }

    fn state(uid: u32, cgroup: Fact<&str>) -> Result<ProcessState, Reason> {
        let cgroup = match cgroup {
            Fact::Known(path) => Fact::Known(path.to_owned()),
            Fact::Unknown => Fact::Unknown,
        };
        Ok(ProcessState { uid: SubjectUid::new(uid).unwrap(), cgroup, program: Fact::Unknown })
    }

    #[test]
    fn only_a_process_that_is_known_to_be_elsewhere_has_left() {
        let (inside, outside) = ("/system.slice/a.service", "/system.slice/b.service");
        assert!(!has_left(&unit(), &state(33, Fact::Known(inside))));
        assert!(has_left(&unit(), &state(33, Fact::Known(outside))));
        assert!(!has_left(&user(), &state(33, Fact::Known(outside))));
        assert!(has_left(&user(), &state(34, Fact::Known(outside))));
        for target in [unit(), user()] {
            assert!(!has_left(&target, &state(33, Fact::Unknown)), "{target}");
            assert!(has_left(&target, &Err(Reason::Gone)), "{target}");
            assert!(!has_left(&target, &Err(Reason::Unreadable)), "{target}");
        }
    }

    #[test]
    fn the_users_to_watch_are_those_whose_processes_are_registered() {
        let by_hook = Serve { by_hook: true, ..Serve::of(ServeTarget::User(Named { name: "b".into(), id: 34 })) };
        let config = Config::of(vec![Serve::of(unit()), Serve::of(user()), by_hook], Vec::new());
        assert_eq!(users_of(&config).collect::<Vec<_>>(), [33]);
    }
}
