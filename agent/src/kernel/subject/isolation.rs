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
    has_none(uid, cgroups.processes_outside(unit)?.into_iter().map(uids_of))
}

/// Whether none of these processes has the uid. A process that has ended has none.
fn has_none(uid: SubjectUid, processes: impl Iterator<Item = io::Result<[u32; 4]>>) -> io::Result<bool> {
    for uids in processes {
        match uids {
            Ok(uids) if uids.contains(&uid.get()) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use polkit_agent_rules::{
        model,
        rule::{Answer, Rule},
    };

    use super::*;

    const UNIT: &str = "/system.slice/a.service";

    /// Cgroups with the unit of this test, and with these processes in another unit.
    fn cgroups(top: &Path, others: &str) -> Cgroups {
        for (unit, pids) in [("a.service", ""), ("b.service", others)] {
            let folder = top.join("system.slice").join(unit);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("cgroup.procs"), pids).unwrap();
        }
        Cgroups::of_folder(top)
    }

    fn own_uid() -> SubjectUid {
        SubjectUid::new(rustix::process::getuid().as_raw()).unwrap()
    }

    fn isolation(cgroups: &Cgroups, cgroup: Fact<String>, rule: Rule) -> Isolation {
        let state = ProcessState { uid: own_uid(), cgroup, program: Fact::Unknown };
        Isolation::read(cgroups, &state, &Requirements::of(&[rule]))
    }

    #[test]
    fn a_user_with_a_process_outside_the_unit_is_not_exclusive() {
        let top = tempfile::tempdir().unwrap();
        let own = format!("{}\n", std::process::id());
        assert!(!is_exclusive(&cgroups(top.path(), &own), own_uid(), UNIT).unwrap());
        let another = SubjectUid::new(own_uid().get() + 4242).unwrap();
        assert!(is_exclusive(&cgroups(top.path(), &own), another, UNIT).unwrap());
        assert!(
            is_exclusive(&cgroups(top.path(), &format!("{}\n", i32::MAX)), own_uid(), UNIT).unwrap(),
            "it has ended"
        );
        assert!(is_exclusive(&cgroups(top.path(), ""), own_uid(), UNIT).unwrap());
    }

    #[test]
    fn a_process_whose_uids_cannot_be_read_makes_the_result_unknown() {
        let of = |processes: &[Result<[u32; 4], io::ErrorKind>]| {
            let uid = SubjectUid::new(33).unwrap();
            let read = processes.iter().map(|uids| uids.map_err(io::Error::from));
            has_none(uid, read).map_err(|error| error.kind())
        };
        let other = Ok([34; 4]);
        assert_eq!(of(&[other, Err(io::ErrorKind::NotFound), other]), Ok(true), "a process that has ended");
        assert_eq!(of(&[other, Err(io::ErrorKind::PermissionDenied)]), Err(io::ErrorKind::PermissionDenied));
        for position in 0..4 {
            let mut uids = [34; 4];
            uids[position] = 33;
            assert_eq!(of(&[other, Ok(uids)]), Ok(false), "{position}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let top = tempfile::tempdir().unwrap();
        let cgroups = cgroups(top.path(), "");
        let own_user = Rule { own_user: true, ..model::rule(Answer::Allow) };
        let unknown = Isolation { delegated: Fact::Unknown, exclusive_user: Fact::Unknown };
        assert_eq!(isolation(&cgroups, Fact::Unknown, own_user.clone()), unknown);
        let missing = isolation(&cgroups, Fact::Known("/system.slice/missing.service".into()), own_user.clone());
        assert_eq!(missing.delegated, Fact::Unknown);
        let here = isolation(&cgroups, Fact::Known(UNIT.into()), own_user.clone());
        let delegated = rustix::process::geteuid().as_raw() != 0;
        assert_eq!(here, Isolation { delegated: Fact::Known(delegated), exclusive_user: Fact::Known(true) });
        let outside = isolation(&cgroups, Fact::Known("/".into()), own_user);
        assert_eq!(outside, Isolation { delegated: Fact::Known(false), exclusive_user: Fact::Unknown });
        let unasked = isolation(&cgroups, Fact::Known(UNIT.into()), model::rule(Answer::Allow));
        assert_eq!(unasked.exclusive_user, Fact::Unknown);
    }
}
