//! Subjects of polkit checks.

use std::collections::HashMap;

use zbus::Variant;

use crate::Process;

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
