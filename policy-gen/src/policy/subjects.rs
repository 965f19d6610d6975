//! The subjects of a table: users, groups and netgroups, every user, or the processes of a unit.

use polkit_config::pattern::Glob;
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::check_names;
use crate::implicit_authorization::Session;

/// The subjects of a grant. A grant applies to a subject that one of the names covers, and that fulfils all conditions.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// Whether the grant is for every user. Then there are no names.
    pub everybody: bool,
    /// User names.
    pub users: Vec<Spanned<String>>,
    /// Group names.
    pub groups: Vec<Spanned<String>>,
    /// Netgroup names.
    pub netgroups: Vec<Spanned<String>>,
    /// The units of the system manager, with `*` for any characters; any unit, and none, if empty.
    pub units: Vec<Spanned<Glob>>,
    /// Whether the unit must have `NoNewPrivileges=yes`.
    pub no_new_privileges: bool,
    /// The sessions.
    pub session: SessionScope,
}

/// The sessions of the subjects of a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionScope {
    /// Every session, and no session.
    #[default]
    Any,
    /// A session at a seat of this host.
    Local,
    /// No session: services and cron jobs.
    None,
}

impl SessionScope {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Any, Self::Local, Self::None];

    /// Returns the text in policy files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Local => "local",
            Self::None => "none",
        }
    }

    /// Whether a session is one of these.
    #[must_use]
    pub fn covers(self, session: Session) -> bool {
        match self {
            Self::Any => true,
            Self::Local => session.is_local(),
            Self::None => session == Session::None,
        }
    }
}

impl Subjects {
    /// The subjects that have one of these names, without conditions.
    #[must_use]
    pub fn named(users: Vec<Spanned<String>>, groups: Vec<Spanned<String>>) -> Self {
        Self { users, groups, ..Self::default() }
    }

    /// Whether the names alone decide.
    #[must_use]
    pub fn has_no_conditions(&self) -> bool {
        self.units.is_empty() && !self.no_new_privileges && self.session == SessionScope::Any
    }

    /// Returns all names of users, groups and netgroups.
    pub fn names(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.users.iter().chain(&self.groups).chain(&self.netgroups)
    }
}

/// Reads the keys of the subjects of a table. At least one of them is required.
pub(super) fn subjects(table: &mut Table, title: &str, report: &mut Report) -> Subjects {
    let has_names = ["users", "groups", "netgroups"].map(|key| table.has(key)).contains(&true);
    let has_unit = table.has("unit");
    let mut names = |key| table.strings(key, report).unwrap_or_default();
    let (users, groups, netgroups) = (names("users"), names("groups"), names("netgroups"));
    let units = names("unit");
    let everybody = truth(table, "everybody", report);
    let no_new_privileges = truth(table, "no_new_privileges", report);
    if !has_names && !has_unit && everybody.is_none() {
        let problem = Problem::error(
            table.at().clone(),
            format!("{title} has no users, groups, netgroups or unit, and is not for everybody"),
        );
        report.push(problem.help(
            "add `users = [\"…\"]`, `groups = [\"…\"]`, `netgroups = [\"…\"]`, `unit = \"….service\"` or `everybody = true`",
        ));
    }
    if let Some(at) = everybody.as_ref().filter(|_| has_names) {
        let problem = Problem::error(at.clone(), "`everybody` includes the users, groups and netgroups of this table");
        report.push(problem.help("remove `everybody`, or remove the names"));
    }
    if let Some(at) = no_new_privileges.as_ref().filter(|_| !has_unit) {
        let problem =
            Problem::error(at.clone(), "`no_new_privileges` is a setting of the unit, and there is no `unit`");
        report.push(problem.help("add `unit = \"….service\"`, or remove the key"));
    }
    every_user(&users, &groups, report);
    check_names("user", &users, report);
    check_names("group", &groups, report);
    check_names("netgroup", &netgroups, report);
    check_units(&units, has_names, report);
    let units = units.into_iter().map(|unit| Spanned { value: Glob::new(&unit.value), at: unit.at }).collect();
    Subjects {
        // A unit without names means every user of the unit.
        everybody: !has_names && (everybody.is_some() || has_unit),
        users,
        groups,
        netgroups,
        units,
        no_new_privileges: no_new_privileges.is_some(),
        session: SessionScope::Any,
    }
}

/// Reads a key whose only value is `true`. Returns its location.
fn truth(table: &mut Table, key: &'static str, report: &mut Report) -> Option<Location> {
    let value = table.bool(key, report)?;
    if !value.value {
        let problem = Problem::error(value.at.clone(), format!("the only value of `{key}` is true"));
        report.push(problem.help("remove the key"));
    }
    Some(value.at)
}

/// Refuses `*` as a name: another key means every user.
fn every_user(users: &[Spanned<String>], groups: &[Spanned<String>], report: &mut Report) {
    for name in users.iter().chain(groups).filter(|name| matches!(name.value.as_str(), "*" | "ALL" | "everybody")) {
        let problem = Problem::error(name.at.clone(), format!("`{}` does not mean every user", name.value));
        report.push(problem.help(
            "name a group that the users are in; for really every user, also services and guests, write `everybody = true` \
             instead of names",
        ));
    }
}

/// Checks the names of units whose processes can be subjects: services and scopes.
fn check_units(units: &[Spanned<String>], has_names: bool, report: &mut Report) {
    for unit in units {
        let fits = |c: char| c.is_ascii_alphanumeric() || "@:_.\\-*".contains(c);
        let stem = unit.value.strip_suffix(".service").or_else(|| unit.value.strip_suffix(".scope"));
        if stem.is_none_or(str::is_empty) || !unit.value.chars().all(fits) {
            let message = format!("`{}` is neither the name nor a pattern of a service or a scope", unit.value);
            let help = "processes run in services and scopes: `panel.service`, `app@*.service`";
            report.push(Problem::error(unit.at.clone(), message).help(help));
        } else if stem.is_some_and(|stem| stem.chars().all(|c| c == '*')) && !has_names {
            let message = format!("`{}` without users is for every process of every such unit", unit.value);
            let help = "name the unit, or add `users`";
            report.push(Problem::warning(unit.at.clone(), message).help(help));
        }
    }
}
