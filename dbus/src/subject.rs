//! What a question to polkit is about.

use std::collections::HashMap;

use zbus::Variant;

use crate::Process;

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
