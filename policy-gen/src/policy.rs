//! The policy: which users may perform which actions, in order.

mod allow;
pub mod command;
mod fields;
mod libvirt;
pub mod permissions;
mod read;
mod subjects;
mod systemd;

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::Location;
use polkit_config::table::Spanned;

pub use command::Command;
pub use libvirt::{Libvirt, Mode, Others, Role, RoleKind};
pub use read::{Draft, read};
pub use subjects::{SessionScope, Subjects};
pub use systemd::ACTION as SYSTEMD_ACTION;

use crate::implicit_authorization::{BySession, ImplicitAuthorization, Session};
use crate::mechanisms::Set;

/// A policy from one or several files.
#[derive(Debug, Default)]
pub struct Policy {
    /// All `[[grant]]`, `[[systemd]]`, `[[allow]]` and `[[command]]` tables in file order, then all `[[agent]]` tables. The first grant that matches the subject,
    /// the action and its details decides, like the first rule with a result in polkit.
    pub grants: Vec<Grant>,
    /// All `[[hook]]` tables. They come before all grants, and no two have the same action.
    pub hooks: Vec<Hook>,
    /// All `[[command]]` tables. The grants of their starts are in `grants`.
    pub commands: Vec<Command>,
    /// All `[[member]]` tables.
    pub members: Vec<Member>,
    /// The `[libvirt]` table with its roles. Its users and groups are also a grant, after all `[[grant]]` tables.
    pub libvirt: Option<Libvirt>,
}

/// A grant: the results of some users for some actions.
#[derive(Debug)]
pub struct Grant {
    /// The kind of table.
    pub kind: GrantKind,
    /// The `name`, or a label with the number of the table.
    pub label: String,
    /// The named set of an `[[allow]]` table.
    pub set: Option<&'static Set>,
    /// Action ids and patterns.
    pub actions: Vec<Spanned<ActionPattern>>,
    /// The subjects.
    pub subjects: Subjects,
    /// The required details. All must match; without any, details are ignored.
    pub details: Vec<Detail>,
    /// The results.
    pub results: BySession<ImplicitAuthorization>,
    /// The location of the header.
    pub at: Location,
}

/// A required detail: it must be present and match one of the values.
#[derive(Debug)]
pub struct Detail {
    /// The key.
    pub key: Spanned<String>,
    /// Exact values, or patterns with `*`.
    pub values: Vec<Spanned<Glob>>,
}

/// A request to evaluate against a policy.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'a> {
    /// The action id.
    pub action: &'a str,
    /// The user name of the subject.
    pub user: &'a str,
    /// The names of the user's groups.
    pub groups: &'a BTreeSet<String>,
    /// The names of the user's netgroups.
    pub netgroups: &'a BTreeSet<String>,
    /// The details.
    pub details: &'a BTreeMap<String, String>,
    /// The unit of the subject, if polkit knows it.
    pub unit: Option<&'a str>,
    /// Whether that unit has `NoNewPrivileges=yes`.
    pub no_new_privileges: bool,
    /// The session.
    pub session: Session,
}

/// The kind of a grant, which selects its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// `[[grant]]`, `[[systemd]]`, `[[allow]]` and `[[command]]`
    Grant,
    /// `[[agent]]`: always [`ImplicitAuthorization::AuthSelf`], and only for users.
    Agent,
}

/// A hook: actions about which polkit asks polkit-service-agent.
#[derive(Debug)]
pub struct Hook {
    /// A label with the number of the table.
    pub label: String,
    /// Exact action ids.
    pub actions: Vec<Spanned<String>>,
    /// The result if the agent replies neither yes nor no.
    pub on_failure: OnFailure,
    /// Further detail keys for the agent, besides the known details of an action.
    pub details: Vec<Spanned<String>>,
    /// The location of the header.
    pub at: Location,
}

/// The result of a `[[hook]]` without a yes or no from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// polkit's other rules decide.
    Nothing,
    /// The request is refused. polkit cannot distinguish a stopped agent from an agent without a matching rule, so the agent must
    /// allow every user of the action, including desktop users and administrators.
    No,
}

/// A group membership.
#[derive(Debug)]
pub struct Member {
    /// The user name.
    pub user: Spanned<String>,
    /// The group name.
    pub group: Spanned<String>,
}

impl Detail {
    /// Whether these details match.
    #[must_use]
    pub fn covers(&self, details: &BTreeMap<String, String>) -> bool {
        let value = details.get(&self.key.value);
        value.is_some_and(|value| self.values.iter().any(|known| known.value.covers(value)))
    }
}

impl Grant {
    /// Whether a user may get the action without an administrator.
    #[must_use]
    pub fn gives(&self) -> bool {
        let gives = |answer| {
            matches!(
                answer,
                ImplicitAuthorization::Yes | ImplicitAuthorization::AuthSelf | ImplicitAuthorization::AuthSelfKeep
            )
        };
        self.results.all().into_iter().any(gives)
    }

    /// Whether the grant applies to this request.
    #[must_use]
    pub fn covers(&self, request: &PolicyRequest<'_>) -> bool {
        self.actions.iter().any(|known| known.value.covers(request.action))
            && self.subjects.cover(request)
            && self.details.iter().all(|detail| detail.covers(request.details))
    }

    /// Whether the names of the subject and the action decide alone.
    #[must_use]
    pub fn has_no_conditions(&self) -> bool {
        self.details.is_empty() && self.subjects.has_no_conditions()
    }
}

impl Subjects {
    /// Whether the subject of a request is one of these.
    #[must_use]
    pub fn cover(&self, request: &PolicyRequest<'_>) -> bool {
        let has = |names: &[Spanned<String>], of: &BTreeSet<String>| names.iter().any(|name| of.contains(&name.value));
        let named = self.everybody
            || self.users.iter().any(|known| known.value == request.user)
            || has(&self.groups, request.groups)
            || has(&self.netgroups, request.netgroups);
        let in_unit = self.units.is_empty()
            || request.unit.is_some_and(|unit| self.units.iter().any(|known| known.value.covers(unit)));
        named
            && in_unit
            && (!self.no_new_privileges || request.no_new_privileges)
            && self.session.covers(request.session)
    }
}

impl OnFailure {
    const ALL: [Self; 2] = [Self::Nothing, Self::No];

    /// Returns the text in policy files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::No => "no",
        }
    }
}

impl Policy {
    /// Returns the `[[hook]]` of this action.
    #[must_use]
    pub fn hook(&self, action: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.actions.iter().any(|known| known.value == action))
    }

    /// Returns the results of the first grant that applies; `None` leaves the request to other rules.
    #[must_use]
    pub fn results(&self, request: &PolicyRequest<'_>) -> Option<BySession<ImplicitAuthorization>> {
        self.grants.iter().find(|grant| grant.covers(request)).map(|grant| grant.results)
    }
}
