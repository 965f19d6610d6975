//! What is known when a decision is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use polkit_dbus::SubjectUid;

use crate::rules::schedule::Moment;

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

impl FileId {
    /// That of a file's state.
    #[must_use]
    pub fn of(state: &Metadata) -> Self {
        Self { device: state.dev(), inode: state.ino() }
    }
}

/// The state of a file's content: what else an approval binds, since a file can be rewritten and stay the same inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// In bytes.
    pub size: u64,
    /// When the content was changed, in seconds and nanoseconds. The owner of the file can set it.
    pub modified: (i64, u64),
    /// When the file was changed in whatever way, in seconds and nanoseconds. The kernel alone sets it.
    pub changed: (i64, u64),
}

/// The user as whom somebody logged in, which stays with all of that login's processes, through sudo and su as well
/// (`/proc/PID/loginuid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoginUid(u32);

impl LoginUid {
    /// As `/proc` shows it: none for a process that came of no login, such as a service.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|uid| *uid != u32::MAX).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
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
        /// The seat, where it has one: polkit calls such a session local.
        seat: Option<String>,
        /// In the foreground of its seat. Never true without a seat, although logind calls such a session active.
        active: bool,
        /// Somebody logged in from another host.
        remote: bool,
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

/// Somebody who approved a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approver {
    /// The uid, on which the bus and the kernel agree.
    pub uid: ApproverUid,
    /// The user as whom that person logged in.
    pub login: Option<LoginUid>,
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
    /// The state of the program's file.
    pub content: Fact<Content>,
    /// The user as whom somebody logged in of whose login the subject came. None for a service, and where the kernel does not say.
    pub login: Option<LoginUid>,
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
    pub approved: BTreeMap<String, Approver>,
    /// No further question of this uid may wait for a person.
    pub queue_full: bool,
}
