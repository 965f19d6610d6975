//! The tables `[libvirt]` and `[[libvirt_role]]`.

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::check_names;
use super::{Grant, GrantKind, Subjects};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::libvirt::MANAGE;
use crate::libvirt::daemons::Daemon;

/// The `[libvirt]` table with all `[[libvirt_role]]` tables.
#[derive(Debug)]
pub struct Libvirt {
    /// The kind of access. There is only one.
    pub mode: Mode,
    /// The groups with full access, with `polkit` and `socket`.
    pub groups: Vec<Spanned<String>>,
    /// The users with full access, with `polkit`.
    pub users: Vec<Spanned<String>>,
    /// The affected daemons; all installed daemons if empty.
    pub daemons: Vec<Spanned<String>>,
    /// The permissions of users without a role, with `acl`.
    pub others: Others,
    /// The roles, in the order of the files.
    pub roles: Vec<Role>,
    /// The location of the header.
    pub at: Location,
}

/// The kind of access to libvirt. Kinds are never combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Read-only connections (`virsh -r`), which every user may open. Writes nothing.
    ReadOnly,
    /// polkit allows groups and users to manage libvirt, which is root-equivalent.
    Polkit,
    /// polkit allows the connection, and libvirt asks polkit about each object and call.
    Acl,
    /// A group owns the socket, and its members have root-equivalent access.
    Socket,
}

impl Mode {
    const ALL: [Self; 4] = [Self::ReadOnly, Self::Polkit, Self::Acl, Self::Socket];

    /// Returns the text in policy files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Polkit => "polkit",
            Self::Acl => "acl",
            Self::Socket => "socket",
        }
    }
}

/// The permissions of users without a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// libvirt's defaults: see every object and read its definition.
    Defaults,
    /// No permissions.
    Nothing,
}

/// A role: permissions over some domains, networks and pools.
#[derive(Debug)]
pub struct Role {
    /// The kind.
    pub kind: RoleKind,
    /// A label with the number of the table.
    pub label: String,
    /// Group names.
    pub groups: Vec<Spanned<String>>,
    /// User names.
    pub users: Vec<Spanned<String>>,
    /// Domain names with `*` for any characters.
    pub domains: Vec<Spanned<Glob>>,
    /// Network names with `*`.
    pub networks: Vec<Spanned<Glob>>,
    /// Storage pool names with `*`.
    pub pools: Vec<Spanned<Glob>>,
    /// The location of the header.
    pub at: Location,
}

/// The kinds of roles. Each includes the permissions of the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum RoleKind {
    /// Sees domains, their state and definition.
    Viewer,
    /// Uses their screen and console.
    Console,
    /// Starts, stops, pauses and resets domains.
    Operator,
    /// Changes, creates and deletes domains: root-equivalent.
    Admin,
}

impl RoleKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Console, Self::Operator, Self::Admin];

    /// Returns the text in policy files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Console => "console",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Libvirt {
    /// Whether the policy affects this daemon.
    #[must_use]
    pub fn has_daemon(&self, name: &str) -> bool {
        self.daemons.is_empty() || self.daemons.iter().any(|daemon| daemon.value == name)
    }

    /// Returns the group of the socket. The reader ensures that there is one.
    #[must_use]
    pub fn socket_group(&self) -> &str {
        self.groups.first().map_or("root", |group| group.value.as_str())
    }

    /// Returns the grant of the connection, for all users and groups that polkit allows.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let (label, users, groups) = match self.mode {
            Mode::ReadOnly | Mode::Socket => return None,
            Mode::Polkit => ("libvirt", self.users.clone(), self.groups.clone()),
            Mode::Acl => (
                "libvirt roles",
                self.roles.iter().flat_map(|role| role.users.clone()).collect(),
                self.roles.iter().flat_map(|role| role.groups.clone()).collect(),
            ),
        };
        let manage = Spanned { value: ActionPattern::new(MANAGE).ok()?, at: self.at.clone() };
        Some(Grant {
            kind: GrantKind::Grant,
            label: label.to_owned(),
            set: None,
            actions: vec![manage],
            subjects: Subjects::named(users, groups),
            details: Vec::new(),
            results: BySession::always(ImplicitAuthorization::Yes),
            at: self.at.clone(),
        })
    }
}

/// Reads a `[libvirt]` table.
pub fn libvirt(mut table: Table, report: &mut Report) -> Option<Libvirt> {
    let at = table.at().clone();
    let mode = table.required_string("mode", report);
    let groups = table.strings("groups", report).unwrap_or_default();
    let users = table.strings("users", report).unwrap_or_default();
    let daemons = table.strings("daemons", report).unwrap_or_default();
    let others = table.string("others", report);
    table.finish(report);
    let mode = mode.and_then(|word| one_of(&word, "a mode of [libvirt]", Mode::ALL, Mode::text, report))?;
    check_names("user", &users, report);
    check_names("group", &groups, report);
    for daemon in daemons.iter().filter(|daemon| Daemon::named(&daemon.value).is_none()) {
        let problem = Problem::error(daemon.at.clone(), format!("`{}` is not a libvirt daemon", daemon.value));
        report.push(problem.help("use the name of its service: `libvirtd`, `virtqemud`, `virtnetworkd`"));
    }
    let others = match &others {
        None => Others::Defaults,
        Some(word) if mode != Mode::Acl => {
            let problem = Problem::error(word.at.clone(), "`others` is valid only with mode `acl`");
            report.push(problem.help("remove it, or set `mode = \"acl\"`"));
            Others::Defaults
        }
        Some(word) => {
            let spelled = |others| if others == Others::Nothing { "nothing" } else { "defaults" };
            one_of(word, "a value of `others`", [Others::Defaults, Others::Nothing], spelled, report)?
        }
    };
    let libvirt = Libvirt { mode, groups, users, daemons, others, roles: Vec::new(), at };
    check_people(&libvirt, report);
    Some(libvirt)
}

/// Checks the users and groups that a mode accepts.
fn check_people(libvirt: &Libvirt, report: &mut Report) {
    let Libvirt { mode, groups, users, at, .. } = libvirt;
    let mut problem =
        |at: &Location, message: &str, help: &str| report.push(Problem::error(at.clone(), message).help(help));
    match mode {
        Mode::Polkit if groups.is_empty() && users.is_empty() => {
            problem(at, "[libvirt] has no groups or users", "add `groups = [\"…\"]` or `users = [\"…\"]`");
        }
        Mode::ReadOnly | Mode::Acl => {
            if let Some(first) = groups.iter().chain(users).next() {
                let help = if *mode == Mode::Acl {
                    "move them to a [[libvirt_role]]"
                } else {
                    "every user may open read-only connections: remove it"
                };
                problem(&first.at, &format!("mode `{}` takes no users or groups here", mode.text()), help);
            }
        }
        Mode::Socket => {
            if let Some(user) = users.first() {
                problem(&user.at, "a socket belongs to a group", "add the user to the group with a [[member]]");
            }
            match groups.as_slice() {
                [_] => {}
                [] => problem(at, "mode `socket` needs the group of the socket", "add `groups = \"libvirt\"`"),
                [_, second, ..] => problem(&second.at, "a socket belongs to one group", "keep only one"),
            }
            // Characters that neither a systemd unit nor virconf.c interprets.
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if let Some(group) = groups.iter().find(|group| !group.value.chars().all(plain)) {
                problem(
                    &group.at,
                    "this name is not valid in a socket unit",
                    "use only letters, digits, `_`, `-` and `.`",
                );
            }
        }
        Mode::Polkit => {}
    }
}

/// Reads a `[[libvirt_role]]` table.
pub fn role(mut table: Table, number: usize, report: &mut Report) -> Option<Role> {
    let at = table.at().clone();
    let kind = table.required_string("role", report);
    let (has_users, has_groups) = (table.has("users"), table.has("groups"));
    let groups = table.strings("groups", report).unwrap_or_default();
    let users = table.strings("users", report).unwrap_or_default();
    let domains = table.required_strings("domains", report).map(|names| globs(names, report));
    let networks = globs(table.strings("networks", report).unwrap_or_default(), report);
    let pools = globs(table.strings("pools", report).unwrap_or_default(), report);
    table.finish(report);
    if !has_users && !has_groups {
        let problem = Problem::error(at.clone(), "[[libvirt_role]] has no groups or users");
        report.push(problem.help("add `groups = [\"…\"]` or `users = [\"…\"]`"));
    }
    let kind = kind.and_then(|word| one_of(&word, "a role", RoleKind::ALL, RoleKind::text, report));
    check_names("user", &users, report);
    check_names("group", &groups, report);
    let (kind, domains) = (kind?, domains?);
    let label = format!("{} {number}", kind.text());
    Some(Role { kind, label, groups, users, domains, networks, pools, at })
}

fn globs(names: Vec<Spanned<String>>, report: &mut Report) -> Vec<Spanned<Glob>> {
    for pattern in &names {
        // For Duktape a character beyond U+FFFF in a rules file differs from the same character in a detail.
        let fits = |c: char| !c.is_control() && c != '/' && u32::from(c) <= 0xffff;
        if pattern.value.is_empty() || !pattern.value.chars().all(fits) {
            let message = format!("`{}` is not a valid name of a libvirt object", pattern.value);
            report.push(
                Problem::error(pattern.at.clone(), message).help("use a name, in which `*` matches any characters"),
            );
        }
    }
    names.into_iter().map(|name| Spanned { value: Glob::new(&name.value), at: name.at }).collect()
}

fn one_of<T: Copy, const N: usize>(
    word: &Spanned<String>,
    what: &str,
    all: [T; N],
    spelled: impl Fn(T) -> &'static str,
    report: &mut Report,
) -> Option<T> {
    let found = all.into_iter().find(|known| spelled(*known) == word.value);
    if found.is_none() {
        let problem = Problem::error(word.at.clone(), format!("`{}` is not {what}", word.value));
        report.push(problem.help(format!("use one of {}", all.map(spelled).join(", "))));
    }
    found
}

#[cfg(test)]
#[path = "libvirt_tests.rs"]
mod tests;
