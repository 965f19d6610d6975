//! What was found out about the host and about the one who was refused. Nothing here looks for itself.

mod libvirt;

use super::error::Reported;
use crate::libvirt::MANAGE;
use crate::target::{Target, Version};
use crate::verdict::{Outcome, PassedOver, Verdict};
use crate::word::{Session, Word};

pub use libvirt::{Daemon, Libvirt, Socket, UnitState};

/// Everything that a diagnosis is made of.
#[derive(Debug, Default)]
pub struct Facts {
    /// Whether we look as root.
    pub is_root: bool,
    /// Whether systemd runs this host.
    pub has_systemd: bool,
    /// Whether we are in a container, and what says so.
    pub container: Option<String>,
    /// Why the system bus cannot be reached, if it cannot.
    pub no_bus: Option<String>,
    /// polkitd.
    pub polkitd: Polkitd,
    /// What its version reads.
    pub target: Option<Target>,
    /// Files where polkit's files lie that it does not read, or not to the end.
    pub passed_over: Vec<PassedOver>,
    /// Those of them that name the action, or hold a file that does.
    pub passed_about: Vec<String>,
    /// Files that look like policy, under names or in places that nothing reads.
    pub strays: Vec<Stray>,
    /// Who was refused.
    pub subject: Option<Subject>,
    /// What polkit decides for the subject.
    pub answer: Option<Answer>,
    /// The error that was pasted.
    pub reported: Option<Reported>,
    /// Advice in the pasted text that is not to be followed.
    pub bad_advice: Vec<String>,
    /// libvirt.
    pub libvirt: Libvirt,
    /// Everybody may do these: the action, who was asked about, file and line.
    pub open_to_all: Vec<OpenTo>,
    /// Shipped policy files that were edited, and their packages.
    pub edited: Vec<(String, String)>,
    /// How /proc hides processes from polkitd: the mount option, and polkitd's gid.
    pub hidepid: Option<Hidepid>,
    /// Lines of the journal and the audit log in which SELinux or AppArmor denied something to libvirt or polkit.
    pub mac: Vec<String>,
    /// What failed lately, by service.
    pub lately: Vec<Lately>,
    /// The agent.
    pub agent: Agent,
    /// What could not be seen.
    pub unseen: Vec<String>,
}

/// polkitd, as the bus has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Polkitd {
    /// Not asked: there is no bus.
    #[default]
    Unknown,
    /// It answers.
    Answers {
        /// Its version, as it calls itself.
        version: String,
        /// Its pid, where the bus tells.
        pid: Option<u32>,
        /// Its uid.
        uid: Option<u32>,
    },
    /// It has its name, or is being started, and does not answer.
    Silent,
    /// Nobody has its name, and the bus cannot start it.
    Absent {
        /// What the bus said.
        why: String,
        /// Whether its program is there.
        installed: bool,
        /// Its unit: `masked`, `failed`, `inactive`, …
        unit: Option<String>,
    },
}

/// A file that looks like policy and that nothing reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Where it is.
    pub path: String,
    /// Where it would be read; `None` where it is not known.
    pub belongs: Option<String>,
    /// Why it is not read.
    pub why: String,
    /// Whether it names the action that is asked about.
    pub about_action: bool,
    /// Whether what it says may be as good as root.
    pub root_equivalent: bool,
}

/// Who is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user's name, or the number of a uid without one.
    pub user: String,
    /// The uid.
    pub uid: u32,
    /// The groups that the user database gives it: what polkit goes by.
    pub groups: Vec<String>,
    /// A process of it, if one was examined.
    pub process: Option<Process>,
    /// The unit that was named, or that the process is in.
    pub unit: Option<String>,
    /// `User=` of that unit, if it is set: systemd starts the unit's processes as this user.
    pub unit_user: Option<String>,
    /// How we came to this user, for a sentence.
    pub by: String,
    /// Other users that the unit's processes have.
    pub others: Vec<String>,
    /// Whether the user could type a password (`None`: not known).
    pub password: Option<bool>,
}

/// A process of the subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// The groups that it has itself: what the kernel goes by.
    pub groups: Vec<String>,
    /// Its session, as its cgroup says.
    pub session: Session,
    /// Its program.
    pub exe: Option<String>,
    /// Namespaces that are not those of ours: `mnt`, `pid`, …
    pub namespaces: Vec<String>,
    /// Where its clients of libvirt connect.
    pub client: Client,
}

/// What a client of libvirt finds if it names no connection itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The process whose environment it is.
    pub pid: u32,
    /// The connection, if one is preset.
    pub preset: Option<Preset>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_directory: Option<String>,
}

/// A connection that is taken where none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preset {
    /// Its URI.
    pub uri: String,
    /// What sets it, for a sentence.
    pub by: String,
}

/// What polkit makes of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The action.
    pub action: String,
    /// The session for which it was asked.
    pub session: Session,
    /// What the files say.
    pub verdict: Verdict,
    /// What polkitd itself says, where it could be asked.
    pub real: Option<Real>,
    /// Groups that would make it a yes, and what says so.
    pub groups: Vec<GroupRemedy>,
    /// Sessions in which it would be a yes, and what says so.
    pub sessions: Vec<(Session, Option<String>)>,
    /// Files that name the action, are read, and did not decide.
    pub naming: Vec<String>,
    /// Whether a rule of ours would come before what decides.
    pub grant_comes_first: bool,
    /// What would be needed to grant a static rule through `install`, if that is not possible.
    pub no_grant: Option<String>,
    /// The files that the evaluator was not able to take into account, or else why there is no verdict.
    pub depends_on: Vec<String>,
}

/// polkitd's own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Real {
    /// Yes.
    Yes,
    /// Somebody must authenticate.
    Challenge,
    /// No.
    No,
    /// The action is not registered.
    Unregistered,
    /// It did not answer.
    Silent,
    /// It could not find the process.
    NoSuchProcess,
}

/// A group that would make the answer a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRemedy {
    /// Its name.
    pub group: String,
    /// What says so, as `FILE:LINE`.
    pub place: Option<String>,
    /// Whether the group exists.
    pub exists: bool,
    /// A group of a like name that the user is in.
    pub look_alike: Option<String>,
}

/// Something that a stranger may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTo {
    /// The action.
    pub action: String,
    /// Who: `everybody`, or the members of a group.
    pub who: String,
    /// What says so.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<usize>,
    /// Whether a .policy file says so.
    pub implicit: bool,
}

/// /proc hides other users' processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidepid {
    /// The option, as mounted.
    pub option: String,
    /// The gid that polkitd has, if it is known.
    pub gid: Option<u32>,
}

/// A service that failed lately for want of authorization, and still would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lately {
    /// The unit.
    pub unit: String,
    /// The user.
    pub user: String,
    /// The action.
    pub action: String,
    /// The line.
    pub line: String,
    /// What polkit decides now.
    pub verdict: String,
}

/// polkit-service-agent, by its own word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Whether it is installed, with its unit.
    pub installed: bool,
    /// Whether it answered.
    pub running: bool,
    /// What it would answer the subject, where that could be asked.
    pub verdict: Option<String>,
    /// Whether the subject's process or unit is among those that it serves.
    pub serves: bool,
}

impl Answer {
    /// The word of the verdict.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        match self.verdict.outcome {
            Outcome::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is a yes: by polkitd's own word, where there is one.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.real.map_or(self.word() == Some(Word::Yes), |real| real == Real::Yes)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.real.is_none() && self.verdict.outcome == Outcome::Depends
    }
}

impl Facts {
    /// polkit's version.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.target.map(|target| target.version)
    }

    /// Whether what is asked about is the management of libvirt.
    #[must_use]
    pub fn is_about_manage(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.action == MANAGE)
    }

    /// The daemon to which clients of `qemu:///system` connect.
    #[must_use]
    pub fn daemon(&self) -> Option<&Daemon> {
        let named = |name: &str| self.libvirt.daemons.iter().find(|daemon| daemon.name == name);
        let listens = |daemon: &&Daemon| daemon.sockets.iter().any(|socket| socket.listened);
        named("virtqemud").filter(listens).or(named("libvirtd")).or(named("virtqemud")).or(self.libvirt.daemons.first())
    }
}
