//! The facts of a request: what is known of the subject, of the action and of the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use polkit_types::SubjectUid;

use crate::schedule::Moment;

/// A fact, or the lack of it. A fact that could not be read is unknown. It never has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fact<T> {
    /// The fact was read.
    Known(T),
    /// The fact could not be read, or does not exist for this kind of request.
    #[default]
    Unknown,
}

impl<T> Fact<T> {
    /// Evaluates a condition on the fact.
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

/// Whether a condition holds. The order is the order of a conjunction: the least part is the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// The condition does not hold.
    False,
    /// A fact that the condition needs is unknown.
    Unknown,
    /// The condition holds.
    True,
}

/// Device and inode of a file. `exe` compares these, because a mount in a namespace of the process's own can make
/// `/proc/PID/exe` show any path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}

impl FileId {
    /// Takes the id from the metadata of a file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The version of a file's content. An approval is bound to it, because a file can be rewritten and keep its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// In bytes.
    pub size: u64,
    /// The last change of the content, in seconds and nanoseconds. The owner of the file can set this time.
    pub modified: (i64, u64),
    /// The last change of content or inode, in seconds and nanoseconds. Only the kernel sets this time.
    pub changed: (i64, u64),
}

/// The login uid of a process (`/proc/PID/loginuid`): the user who logged in. It stays the same through sudo and su.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoginUid(u32);

impl LoginUid {
    /// Reads the text of `/proc/PID/loginuid`. A process that came from no login, such as a service, has none.
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
    /// No session: a service, cron, or a user without a session.
    None,
    /// A session of logind.
    Of {
        /// logind's class: `user`, `greeter`, `background`, …
        class: String,
        /// The seat, if the session has one. polkit calls such a session local.
        seat: Option<String>,
        /// The session is in the foreground of its seat. Never true without a seat, although logind calls such a session active.
        active: bool,
        /// The user logged in from another host.
        remote: bool,
    },
}

/// The uid of an approver, as the bus reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApproverUid(u32);

impl ApproverUid {
    /// Takes the uid from the bus.
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

/// A person who approved a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approver {
    /// The uid, on which the bus and the kernel agree.
    pub uid: ApproverUid,
    /// The login uid of the approver.
    pub login: Option<LoginUid>,
}

/// The state of a process at one moment, read without a wait. If two states are equal, the process has the same user, is in the
/// same cgroup, and runs a program of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessState {
    /// The real uid.
    pub uid: SubjectUid,
    /// The path in the unified hierarchy, below the root of the system manager.
    pub cgroup: Fact<String>,
    /// The text of the link `exe`. A mount namespace can make any program show any path. So this text tells that the program
    /// changed. It never tells which program it is.
    pub program: Fact<Vec<u8>>,
}

/// Text about a subject, for people. All of it is escaped. No decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectInfo {
    /// The name of the real uid.
    pub user: Option<String>,
    /// The unit.
    pub unit: Option<String>,
    /// The path of the program, if root alone controls it.
    pub exe: Option<String>,
    /// The path of the program, if the process can have chosen it.
    pub exe_claimed: Option<String>,
    /// The command line, as the process shows it.
    pub command_line: Option<String>,
}

/// Everything that is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The requested action.
    pub action: String,
    /// The real uid of the subject.
    pub uid: SubjectUid,
    /// The unit of the system manager; `None` inside if the process is in no unit.
    pub unit: Fact<Option<String>>,
    /// The gids of the subject's user in the user database. polkit's own rules see the same groups.
    pub groups: Fact<BTreeSet<u32>>,
    /// The program.
    pub exe: Fact<FileId>,
    /// The version of the program's file.
    pub content: Fact<Content>,
    /// The login uid of the subject. `None` for a service, and where the kernel does not tell.
    pub login: Option<LoginUid>,
    /// The files that rules name in `exe`, as they are on disk now.
    pub named_files: BTreeMap<PathBuf, Fact<FileId>>,
    /// The logind session of the subject.
    pub session: Fact<Session>,
    /// The id of the session that the agent is registered for, if it is registered for a session.
    pub served_session: Option<String>,
    /// The agent is registered for a session, and the subject does not belong to the user of that session.
    pub other_user: bool,
    /// The details of the action: `unit`, `verb`, `domain_name`, … Only hook requests carry them: polkitd does not pass them to
    /// agents.
    pub details: Fact<BTreeMap<String, String>>,
    /// polkitd vouches for the subject: the only identity that it offers is the subject's own real uid.
    pub vouched_for: bool,
    /// The unit of the subject is delegated: any process of the unit's user can move into it (AttachProcessesToUnit, systemd 252
    /// to 262). False where there is no unit.
    pub delegated: Fact<bool>,
    /// All processes of the subject's user are in the subject's unit. Read only where a rule needs it.
    pub exclusive_user: Fact<bool>,
    /// The time. Unknown where the time zone of the host cannot be read.
    pub moment: Fact<Moment>,
}

#[cfg(test)]
mod tests;
