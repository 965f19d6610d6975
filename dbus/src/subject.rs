//! Subjects of polkit checks.

use std::{collections::HashMap, fmt};

use zbus::Variant;

use crate::{SubjectPid, SubjectUid};

/// The start time of a process in clock ticks since boot: field 22 of `/proc/PID/stat`. Start time and pid together identify
/// a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StartTime(pub u64);

impl fmt::Display for StartTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process subject. All three parts are required: a pid alone is a race (CVE-2013-4288), and polkitd compares the uid with
/// the real uid (CVE-2018-1116).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// The pid in polkitd's pid namespace.
    pub pid: SubjectPid,
    /// The start time.
    pub start_time: StartTime,
    /// The real uid, or a claim of it.
    pub uid: SubjectUid,
}

/// A subject of polkit. Bus names are missing because no agent can register for them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A process.
    Process(Process),
    /// A logind session id.
    Session(String),
}

/// A subject on the bus: `(sa{sv})`.
pub(crate) type WireSubject<'a> = (&'static str, HashMap<&'static str, Variant<'a>>);

impl Subject {
    /// Encodes the uid as `int32`. polkit silently ignores a `uint32` (polkitsubject.c).
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
