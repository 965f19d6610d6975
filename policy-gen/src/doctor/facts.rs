//! Facts about the host and the subject. This module only defines the types.

mod libvirt;
#[cfg(test)]
pub mod model;
mod near;

use std::collections::BTreeMap;

use super::bus_policy::Denial;
use super::error::ReportedError;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::libvirt::MANAGE;
use crate::mechanisms::Mechanism;
use crate::target::{Target, Version};
use crate::verdict::{Outcome, SkippedFile, Verdict};

pub use libvirt::{Daemon, Libvirt, Socket, UnitState};
pub use near::{NearCondition, NearMiss};

/// All facts for a diagnosis.
#[derive(Debug, Default)]
pub struct Facts {
    /// Whether this process runs as root.
    pub is_root: bool,
    /// Whether systemd is the init system.
    pub has_systemd: bool,
    /// The evidence that this is a container.
    pub container: Option<String>,
    /// The reason why the system bus is unreachable.
    pub no_bus: Option<String>,
    /// polkitd.
    pub polkitd: Polkitd,
    /// The version of polkit and the formats that it reads.
    pub target: Option<Target>,
    /// The refusal of the subject's calls to the mechanism by the policy of the bus.
    pub bus_denial: Option<Denial>,
    /// Groups that policy of the administrator names and that do not exist, each with the place.
    pub missing_groups: Vec<(String, String)>,
    /// Files in polkit's directories that polkit does not read, or not to the end.
    pub skipped: Vec<SkippedFile>,
    /// Those of these files that name the action, or directories with such a file.
    pub skipped_about: Vec<String>,
    /// Files that look like policy, with names or in places that nothing reads.
    pub strays: Vec<Stray>,
    /// The subject.
    pub subject: Option<Subject>,
    /// The decision for the subject.
    pub answer: Option<Decision>,
    /// The error in the given text, or in the journal of the unit.
    pub reported: Option<ReportedError>,
    /// The journal that has the error; `None` if it is in the given text.
    pub reported_in: Option<String>,
    /// Whether a text was given that has no known error.
    pub is_text_unknown: bool,
    /// The examined action.
    pub action: Option<String>,
    /// Registered actions with a similar id, if the action is not registered.
    pub meant_actions: Vec<String>,
    /// The details of the request.
    pub details: BTreeMap<String, String>,
    /// The mechanism of the action, if the table has it.
    pub mechanism: Option<&'static Mechanism>,
    /// Whether polkit knows the unit of a client of this mechanism.
    pub knows_unit: bool,
    /// The implicit authorization of the action for the subject's session, if the action is registered.
    pub implicit: Option<ImplicitAuthorization>,
    /// The sign that the subject uses libvirt, for a sentence, if the request is about libvirt for this reason.
    pub sign_of_libvirt: Option<String>,
    /// Whether the request is about libvirt. Otherwise, the facts about libvirt are empty.
    pub about_libvirt: bool,
    /// Harmful advice in the given text.
    pub bad_advice: Vec<String>,
    /// libvirt.
    pub libvirt: Libvirt,
    /// Actions that every user may perform.
    pub open_to_all: Vec<OpenAction>,
    /// Edited .policy files of packages, with their packages.
    pub edited: Vec<(String, String)>,
    /// The mount option that hides processes from polkitd.
    pub hidepid: Option<Hidepid>,
    /// Denials of SELinux or AppArmor for libvirt or polkit, from the journal and the audit log.
    pub mac: Vec<String>,
    /// Whether SELinux enforces its policy: polkitd may then not connect to the agent.
    pub has_selinux: bool,
    /// Services that were refused recently.
    pub recent_refusals: Vec<RecentRefusal>,
    /// Refusals of libvirt's daemons in the last hour: the number, and the time of the last one in microseconds since 1970.
    pub refusals_of_libvirt: (usize, u64),
    /// The agent.
    pub agent: Agent,
    /// Facts that could not be determined.
    pub unseen: Vec<String>,
}

/// The state of polkitd.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Polkitd {
    /// Unknown, because there is no bus.
    #[default]
    Unknown,
    /// polkitd answers.
    Answers {
        /// The version.
        version: String,
        /// The pid, if the bus knows it.
        pid: Option<u32>,
        /// The uid.
        uid: Option<u32>,
    },
    /// polkitd owns its bus name, or is being started, but does not answer.
    Silent,
    /// The bus name has no owner, and the bus cannot start polkitd.
    Absent {
        /// The error of the bus.
        why: String,
        /// Whether the program is installed.
        installed: bool,
        /// The state of the unit: `masked`, `failed`, `inactive`, …
        unit: Option<String>,
    },
}

/// A file that looks like policy but is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The path.
    pub path: String,
    /// The path at which it would be read, if known.
    pub belongs: Option<String>,
    /// The reason why it is not read.
    pub why: String,
    /// Whether the only reason is its name.
    pub misnamed: bool,
    /// Whether it names the action.
    pub about_action: bool,
    /// Whether it may grant root-equivalent access.
    pub root_equivalent: bool,
}

/// The subject of the examination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user name, or the uid of a user without a name.
    pub user: String,
    /// The uid.
    pub uid: u32,
    /// The groups of the user in the user database, which polkit uses.
    pub groups: Vec<String>,
    /// The examined process.
    pub process: Option<Process>,
    /// The requested unit, or the unit of the process.
    pub unit: Option<String>,
    /// `User=` of that unit, if set: systemd starts the processes of the unit as this user.
    pub unit_user: Option<String>,
    /// `Type=` of that unit.
    pub unit_type: Option<String>,
    /// Whether that unit has `NoNewPrivileges=yes` (`None`: unknown).
    pub no_new_privileges: Option<bool>,
    /// The reason why this user was chosen, for a sentence.
    pub by: String,
    /// Other users of the unit's processes.
    pub others: Vec<String>,
    /// Whether the user has a usable password (`None`: unknown).
    pub password: Option<bool>,
    /// Whether the user exists only while the unit runs (`DynamicUser=`).
    pub is_dynamic: bool,
}

/// A process of the subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The pid.
    pub pid: u32,
    /// The groups of the process, which the kernel uses.
    pub groups: Vec<String>,
    /// The session, from the cgroup.
    pub session: Session,
    /// The program.
    pub exe: Option<String>,
    /// Namespaces that differ from those of this process: `mnt`, `pid`, …
    pub namespaces: Vec<String>,
    /// The preset connection for libvirt clients.
    pub client: Client,
}

/// The preset connection of libvirt clients that name no connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The process with this environment.
    pub pid: u32,
    /// The preset connection, if any.
    pub preset: Option<Preset>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_directory: Option<String>,
}

/// A preset connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preset {
    /// The URI.
    pub uri: String,
    /// The origin, for a sentence.
    pub by: String,
}

/// The decision about the subject and the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The action.
    pub action: String,
    /// The session state.
    pub session: Session,
    /// The verdict from the files.
    pub verdict: Verdict,
    /// The decision of polkitd, if it could be asked.
    pub real: Option<RunningResult>,
    /// Groups whose members would be allowed.
    pub groups: Vec<GroupRemedy>,
    /// Sessions in which the subject would be allowed, with the deciding place.
    pub sessions: Vec<(Session, Option<String>)>,
    /// Rules and pkla entries that would allow the request but for one condition.
    pub near: Vec<NearMiss>,
    /// Rules files that name the action and did not decide.
    pub naming: Vec<String>,
    /// Whether a generated rule would come before the deciding rule.
    pub grant_comes_first: bool,
    /// The reason why `install` cannot add a static rule, if it cannot.
    pub no_grant: Option<String>,
    /// Unknown facts on which the verdict depends.
    pub depends_on: Vec<String>,
}

/// The decision of polkitd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningResult {
    /// Yes.
    Yes,
    /// Authentication is required.
    Challenge,
    /// No.
    No,
    /// The action is not registered.
    Unregistered,
    /// polkitd did not answer.
    Silent,
    /// polkitd could not find the process.
    NoSuchProcess,
}

/// A group whose members would be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRemedy {
    /// The name.
    pub group: String,
    /// The deciding place, as `FILE:LINE`.
    pub place: Option<String>,
    /// Whether the group exists.
    pub exists: bool,
    /// A group of the user with the same purpose.
    pub similar_name: Option<String>,
}

/// A root-equivalent action that ordinary users may perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAction {
    /// The action.
    pub action: String,
    /// The users: every user, or the members of a group.
    pub who: String,
    /// The deciding file.
    pub file: Option<String>,
    /// The deciding line.
    pub line: Option<usize>,
    /// Whether the implicit authorization decides.
    pub implicit: bool,
}

/// A /proc that hides other users' processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidepid {
    /// The mount option.
    pub option: String,
    /// The gid of polkitd, if known.
    pub gid: Option<u32>,
}

/// A service that was refused recently, and would be refused again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRefusal {
    /// The unit.
    pub unit: String,
    /// The user.
    pub user: String,
    /// The action.
    pub action: String,
    /// The log line.
    pub line: String,
    /// The current decision.
    pub verdict: String,
}

/// The state of polkit-service-agent, from its own status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Whether program and unit are installed.
    pub installed: bool,
    /// Whether its unit starts with the system.
    pub enabled: bool,
    /// Whether the agent answers.
    pub running: bool,
    /// The agent's verdict about the subject.
    pub verdict: Option<String>,
    /// Rules of the agent that would allow the request but for these keys: the id of the rule, and the keys.
    pub near: Vec<(String, Vec<String>)>,
    /// Whether the agent serves the subject's unit.
    pub serves: bool,
    /// Whether it serves the unit by the hook.
    pub by_hook: bool,
    /// Whether the configuration on disk is newer than the one in force.
    pub is_outdated: bool,
    /// The first error of the agent's configuration.
    pub broken: Option<String>,
}

impl Decision {
    /// Returns the result of the verdict.
    #[must_use]
    pub fn result(&self) -> Option<ImplicitAuthorization> {
        match self.verdict.outcome {
            Outcome::Result(result) => Some(result),
            _ => None,
        }
    }

    /// Whether the subject is allowed: by polkitd's decision if known, otherwise by the verdict.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.real.map_or(self.result() == Some(ImplicitAuthorization::Yes), |real| real == RunningResult::Yes)
    }

    /// Whether the decision is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.real.is_none() && self.verdict.outcome == Outcome::Depends
    }
}

impl Facts {
    /// Returns the version of polkit.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.target.map(|target| target.version)
    }

    /// Whether the caller lacks the rights to examine the host: without root only a yes of polkitd is certain.
    #[must_use]
    pub fn lacks_rights(&self) -> bool {
        !self.is_root && !self.answer.as_ref().is_some_and(Decision::is_yes)
    }

    /// Returns the unit of the subject, if polkit knows it.
    #[must_use]
    pub fn known_unit(&self) -> Option<&str> {
        self.subject.as_ref().filter(|_| self.knows_unit)?.unit.as_deref()
    }

    /// Returns whether the unit of the subject has `NoNewPrivileges=yes`, if polkit knows the unit.
    #[must_use]
    pub fn no_new_privileges(&self) -> Option<bool> {
        self.known_unit().and(self.subject.as_ref()?.no_new_privileges)
    }

    /// Whether the action is the management of libvirt.
    #[must_use]
    pub fn is_about_manage(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.action == MANAGE)
    }

    /// Returns the daemon that serves `qemu:///system`.
    #[must_use]
    pub fn daemon(&self) -> Option<&Daemon> {
        let named = |name: &str| self.libvirt.daemons.iter().find(|daemon| daemon.name == name);
        let listens = |daemon: &&Daemon| daemon.sockets.iter().any(|socket| socket.listened);
        named("virtqemud").filter(listens).or(named("libvirtd")).or(named("virtqemud")).or(self.libvirt.daemons.first())
    }
}

#[cfg(test)]
mod tests;
