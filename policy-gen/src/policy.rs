//! The policy: what is granted, to whom, in which order.

mod libvirt;
mod read;

use std::collections::BTreeSet;

use polkit_config::report::Location;
use polkit_config::table::Spanned;

pub use libvirt::{Libvirt, MANAGE, Mode, Others, Role, RoleKind};
pub use read::read;

/// A whole policy, of one file or several.
#[derive(Debug, Default)]
pub struct Policy {
    /// Every `[[grant]]` in the order of the files, then every `[[agent]]`: the first that names
    /// the subject and the action decides, as the first rule that answers does in polkit.
    pub grants: Vec<Grant>,
    /// Every `[[hook]]`. They come before all grants; no two name the same action.
    pub hooks: Vec<Hook>,
    /// Every `[[member]]`.
    pub members: Vec<Member>,
    /// `[libvirt]` with its roles; whom it lets in by polkit is among the grants, after every `[[grant]]`.
    pub libvirt: Option<Libvirt>,
}

/// What somebody gets for some actions.
#[derive(Debug)]
pub struct Grant {
    /// Whether it grants by itself or hands the question to the agent.
    pub kind: Kind,
    /// Its `name`, or its place in the order.
    pub label: String,
    /// Action ids, exact.
    pub actions: Vec<Spanned<String>>,
    /// Users by name.
    pub users: Vec<Spanned<String>>,
    /// Groups by name.
    pub groups: Vec<Spanned<String>>,
    /// What polkit answers.
    pub results: Results,
    /// Its header in the file.
    pub at: Location,
}

/// The table that a grant was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[[grant]]`
    Grant,
    /// `[[agent]]`: always [`Answer::AuthSelf`], to users only.
    Agent,
}

/// Actions that polkit asks polkit-service-agent about, through its hook.
#[derive(Debug)]
pub struct Hook {
    /// Its place in the order.
    pub label: String,
    /// Action ids, exact.
    pub actions: Vec<Spanned<String>>,
    /// What a check comes to where the agent says neither yes nor no.
    pub on_failure: OnFailure,
    /// Keys of details to pass to the agent, beside those that are known to belong to an action.
    pub details: Vec<Spanned<String>>,
    /// Its header in the file.
    pub at: Location,
}

/// What a check of a `[[hook]]` comes to without a yes or no of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// polkit goes on with its other rules: the hook only adds to what they grant.
    Nothing,
    /// It is refused. A daemon that has no rule for the subject and one that is dead say the same, nothing, so the agent
    /// must allow everybody who is to have the action, people at the desktop and administrators included.
    No,
}

/// A membership to be had.
#[derive(Debug)]
pub struct Member {
    /// The user's name.
    pub user: Spanned<String>,
    /// The group's name.
    pub group: Spanned<String>,
}

/// polkit's answer by the state of the subject's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Results {
    /// Without a local session: services, cron, ssh.
    pub any: Answer,
    /// In a local session that is in the background.
    pub inactive: Answer,
    /// In the local session at the seat.
    pub active: Answer,
}

/// One of polkit's six results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Refused.
    No,
    /// Allowed.
    Yes,
    /// The user authenticates as itself, each time.
    AuthSelf,
    /// The same, kept for some minutes.
    AuthSelfKeep,
    /// An administrator authenticates, each time.
    AuthAdmin,
    /// The same, kept for some minutes.
    AuthAdminKeep,
}

impl Answer {
    const ALL: [Self; 6] =
        [Self::Yes, Self::No, Self::AuthSelf, Self::AuthSelfKeep, Self::AuthAdmin, Self::AuthAdminKeep];

    /// The word for it, in policy files, in rules and in pkla.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::AuthSelf => "auth_self",
            Self::AuthSelfKeep => "auth_self_keep",
            Self::AuthAdmin => "auth_admin",
            Self::AuthAdminKeep => "auth_admin_keep",
        }
    }
}

impl Results {
    /// The same whatever the session.
    #[must_use]
    pub fn always(answer: Answer) -> Self {
        Self { any: answer, inactive: answer, active: answer }
    }
}

impl Grant {
    /// Whether it names this subject and action.
    #[must_use]
    pub fn covers(&self, action: &str, user: &str, groups: &BTreeSet<String>) -> bool {
        self.actions.iter().any(|known| known.value == action)
            && (self.users.iter().any(|known| known.value == user)
                || self.groups.iter().any(|known| groups.contains(&known.value)))
    }
}

impl OnFailure {
    const ALL: [Self; 2] = [Self::Nothing, Self::No];

    /// The word for it in policy files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::No => "no",
        }
    }
}

impl Policy {
    /// The `[[hook]]` that has this action.
    #[must_use]
    pub fn hook(&self, action: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.actions.iter().any(|known| known.value == action))
    }

    /// What the policy says about a subject: the results of the first grant that names it and the
    /// action. `None` leaves the question to other rules.
    #[must_use]
    pub fn results(&self, action: &str, user: &str, groups: &BTreeSet<String>) -> Option<Results> {
        self.grants.iter().find(|grant| grant.covers(action, user, groups)).map(|grant| grant.results)
    }
}
