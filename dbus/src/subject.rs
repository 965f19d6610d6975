//! What a question to polkit is about.

use std::{collections::HashMap, fmt};

use zbus::Variant;

use crate::{SubjectPid, SubjectUid};

/// When a process started, in clock ticks after boot: field 22 of `/proc/PID/stat`. With the pid it names one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StartTime(pub u64);

impl fmt::Display for StartTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One process as polkit names it. All three parts are always given: a bare pid is a race (CVE-2013-4288), and polkitd
/// compares the uid with the real one (CVE-2018-1116).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its pid in polkitd's pid namespace.
    pub pid: SubjectPid,
    /// Its start time.
    pub start_time: StartTime,
    /// Its real uid, or what is claimed to be it.
    pub uid: SubjectUid,
}

/// A subject of polkit. Bus names are left out: an agent can stand in for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A process.
    Process(Process),
    /// A logind session, by its id.
    Session(String),
}

/// A subject as the bus carries it: `(sa{sv})`.
pub(crate) type WireSubject<'a> = (&'static str, HashMap<&'static str, Variant<'a>>);

impl Subject {
    /// polkit reads the uid as `int32`; sent as `uint32` it is ignored without a word (polkitsubject.c).
    pub(crate) fn to_wire(&self) -> WireSubject<'_> {
        match self {
            Self::Process(process) => (
                "unix-process",
                HashMap::from([
                    ("pid", Variant::U32(process.pid.get())),
                    ("start-time", Variant::U64(process.start_time.0)),
                    ("uid", Variant::I32(process.uid.get().cast_signed())),
                ]),
            ),
            Self::Session(id) => ("unix-session", HashMap::from([("session-id", Variant::from(id.as_str()))])),
        }
    }
}
