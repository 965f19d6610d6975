//! The policy: what is granted, to whom, in which order.

mod fields;
mod libvirt;
pub mod permissions;
mod read;
mod systemd;

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::Location;
use polkit_config::table::Spanned;

pub use libvirt::{Libvirt, Mode, Others, Role, RoleKind};
pub use read::read;
pub use systemd::ACTION as SYSTEMD_ACTION;

use crate::word::{PerSession, Word};

/// A whole policy, of one file or several.
#[derive(Debug, Default)]
pub struct Policy {
    /// Every `[[grant]]` and `[[systemd]]` in the order of the files, then every `[[agent]]`: the first that names the
    /// subject, the action and its details decides, as the first rule that answers does in polkit.
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
    /// Action ids and patterns of such.
    pub actions: Vec<Spanned<ActionPattern>>,
    /// Users by name.
    pub users: Vec<Spanned<String>>,
    /// Groups by name.
    pub groups: Vec<Spanned<String>>,
    /// Netgroups by name.
    pub netgroups: Vec<Spanned<String>>,
    /// What the action's details must be, all of them. Without any it is the same whatever they are.
    pub details: Vec<Detail>,
    /// What polkit answers.
    pub results: PerSession<Word>,
    /// Its header in the file.
    pub at: Location,
}

/// What one detail of an action must be: there, and covered by one of the values.
#[derive(Debug)]
pub struct Detail {
    /// The key that the mechanism passes to polkit.
    pub key: Spanned<String>,
    /// Exact, or with `*` for any characters.
    pub values: Vec<Spanned<Glob>>,
}

/// What is asked of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The action's id.
    pub action: &'a str,
    /// The subject's user by name.
    pub user: &'a str,
    /// The names of the user's groups.
    pub groups: &'a BTreeSet<String>,
    /// The names of the user's netgroups.
    pub netgroups: &'a BTreeSet<String>,
    /// What the mechanism says of the action.
    pub details: &'a BTreeMap<String, String>,
}

/// Which file a grant belongs into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[[grant]]` and `[[systemd]]`
    Grant,
    /// `[[agent]]`: always [`Word::AuthSelf`], to users only.
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

impl Detail {
    /// Whether these details have it.
    #[must_use]
    pub fn covers(&self, details: &BTreeMap<String, String>) -> bool {
        let value = details.get(&self.key.value);
        value.is_some_and(|value| self.values.iter().any(|known| known.value.covers(value)))
    }
}

impl Grant {
    /// Whether somebody gets the action without an administrator.
    #[must_use]
    pub fn gives(&self) -> bool {
        let gives = |answer| matches!(answer, Word::Yes | Word::AuthSelf | Word::AuthSelfKeep);
        self.results.all().into_iter().any(gives)
    }

    /// Whether it answers this question.
    #[must_use]
    pub fn covers(&self, question: &Question<'_>) -> bool {
        let named =
            |names: &[Spanned<String>], of: &BTreeSet<String>| names.iter().any(|name| of.contains(&name.value));
        self.actions.iter().any(|known| known.value.covers(question.action))
            && (self.users.iter().any(|known| known.value == question.user)
                || named(&self.groups, question.groups)
                || named(&self.netgroups, question.netgroups))
            && self.details.iter().all(|detail| detail.covers(question.details))
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

    /// What the policy says: the results of the first grant that answers. `None` leaves the question to other rules.
    #[must_use]
    pub fn results(&self, question: &Question<'_>) -> Option<PerSession<Word>> {
        self.grants.iter().find(|grant| grant.covers(question)).map(|grant| grant.results)
    }
}
