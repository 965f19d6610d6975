//! A process as polkit names it.

use std::fmt;

use crate::{SubjectPid, SubjectUid};

/// The start of a process, in clock ticks after boot: field 22 of `/proc/PID/stat`. Together with the pid it names exactly one
/// process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StartTime(pub u64);

impl fmt::Display for StartTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One process as polkit names it. All three parts are always given: a bare pid is a race (CVE-2013-4288), and polkitd
/// compares the uid with the real uid of the process (CVE-2018-1116).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// The pid, in the pid namespace of polkitd.
    pub pid: SubjectPid,
    /// The start time.
    pub start_time: StartTime,
    /// The real uid, or the uid that a caller claims.
    pub uid: SubjectUid,
}
