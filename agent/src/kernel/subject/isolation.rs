//! Whether other processes of the subject's user can be in the subject's unit. One of the files with effects: it reads cgroups.

use std::io;

use polkit_agent_rules::{
    facts::{Fact, ProcessState},
    requirements::Requirements,
};
use polkit_types::SubjectUid;

use crate::base::{
    cgroup,
    cgroups::{Cgroups, uids_of},
};

/// What keeps other processes of a user out of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// See [`polkit_agent_rules::facts::Facts::delegated`].
    pub delegated: Fact<bool>,
    /// See [`polkit_agent_rules::facts::Facts::exclusive_user`].
    pub exclusive_user: Fact<bool>,
}

impl Isolation {
    /// Reads the cgroup of the unit and, if a rule needs it, all other processes. The time grows with the number of processes.
    #[must_use]
    pub fn read(cgroups: &Cgroups, state: &ProcessState, requirements: &Requirements) -> Self {
        let Fact::Known(path) = &state.cgroup else { return Self::default() };
        let Some(unit) = cgroup::unit_path(path) else {
            return Self { delegated: Fact::Known(false), exclusive_user: Fact::Unknown };
        };
        let exclusive_user =
            if requirements.exclusive_user { is_exclusive(cgroups, state.uid, unit).into() } else { Fact::Unknown };
        Self { delegated: cgroups.is_delegated(unit).into(), exclusive_user }
    }
}

/// Whether no process of a user is outside the cgroup of a unit: in a session, in another unit or in none.
///
/// # Errors
/// Processes cannot be read, or there are more cgroups than one walk visits.
pub fn is_exclusive(cgroups: &Cgroups, uid: SubjectUid, unit: &str) -> io::Result<bool> {
    for pid in cgroups.processes_outside(unit)? {
        match uids_of(pid) {
            Ok(uids) if uids.contains(&uid.get()) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
