//! What is known when a decision is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use polkit_dbus::SubjectUid;

use crate::when::Moment;

/// A fact, or the lack of it. What could not be read is unknown, never a default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It could not be read, or does not exist for this way of asking.
    #[default]
    Unknown,
}

impl<T> Fact<T> {
    /// The fact's truth under a condition.
    pub fn is(&self, condition: impl FnOnce(&T) -> bool) -> Truth {
        match self {
            Self::Known(value) if condition(value) => Truth::True,
            Self::Known(_) => Truth::False,
            Self::Unknown => Truth::Unknown,
        }
    }
}

impl<T, E> From<Result<T, E>> for Fact<T> {
    fn from(read: Result<T, E>) -> Self {
        read.map_or(Self::Unknown, Self::Known)
    }
}

/// Whether a condition holds. The order is that of the conjunction: the least of all parts is the whole's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It is known not to hold.
    False,
    /// It cannot be said.
    Unknown,
    /// It is known to hold.
    True,
}

/// Device and inode of a file: what `exe` compares, since the path that `/proc/PID/exe` shows can be made to read as any
/// other by a mount in a namespace of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

/// The session that polkit would count a process to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// None: a service, cron, a process whose user has no session at hand.
    None,
    /// One of logind's.
    Of {
        /// logind's class: `user`, `greeter`, `background`, …
        class: String,
        /// In the foreground of its seat.
        active: bool,
    },
}

/// The uid of somebody who approved a question, as the bus knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApproverUid(u32);

impl ApproverUid {
    /// As the bus says.
    #[must_use]
    pub fn new(uid: u32) -> Self {
        Self(uid)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

/// Everything that a decision may rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The action asked for.
    pub action: String,
    /// The real uid of the subject.
    pub uid: SubjectUid,
    /// The unit of the system manager, `None` inside where the process is in none.
    pub unit: Fact<Option<String>>,
    /// The gids that the user database gives the subject's user: what polkit's own rules see for libvirt's questions.
    pub groups: Fact<BTreeSet<u32>>,
    /// The program.
    pub exe: Fact<FileId>,
    /// The files that rules name in `exe`, as they are on disk now.
    pub named_files: BTreeMap<PathBuf, Fact<FileId>>,
    /// The logind session.
    pub session: Fact<Session>,
    /// What the mechanism said of the action: `unit`, `verb`, `domain_name`, … Only the hook is told; polkitd does not pass it
    /// on to agents.
    pub details: Fact<BTreeMap<String, String>>,
    /// The one identity offered is the subject's own real uid: polkitd asks about the process that really is there.
    pub bound: bool,
    /// The subject's unit is delegated: any process of the unit's user can have itself put into it (AttachProcessesToUnit,
    /// systemd 252 to 262). False where there is no unit.
    pub delegated: Fact<bool>,
    /// No process of the subject's user is outside of the subject's unit. Read only where a rule needs it.
    pub alone: Fact<bool>,
    /// The agent stands in for a session that the subject is in, and the subject is not of that session's user.
    pub foreign: bool,
    /// The time, unknown where the host's time zone cannot be read.
    pub moment: Fact<Moment>,
    /// The rules that have granted to this uid as often as their `at_most` says.
    pub spent: BTreeSet<String>,
    /// The rules that somebody approved this very question for, and who did.
    pub approved: BTreeMap<String, ApproverUid>,
    /// No further question of this uid may wait for a person.
    pub queue_full: bool,
}
