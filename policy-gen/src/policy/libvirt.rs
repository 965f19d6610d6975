//! `[libvirt]` and `[[libvirt_role]]` as TOML.

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::check_names;
use super::{Grant, Kind};
use crate::libvirt::MANAGE;
use crate::libvirt::daemons::Daemon;
use crate::word::{PerSession, Word};

/// `[libvirt]`, with every `[[libvirt_role]]`.
#[derive(Debug)]
pub struct Libvirt {
    /// The one way by which people are let in.
    pub mode: Mode,
    /// Who is let in as a whole, with `polkit` and `socket`.
    pub groups: Vec<Spanned<String>>,
    /// The same by name, with `polkit`.
    pub users: Vec<Spanned<String>>,
    /// The daemons that it is about; none means all that are there.
    pub daemons: Vec<Spanned<String>>,
    /// What becomes of those who are in no role, with `acl`.
    pub others: Others,
    /// The roles, in the order of the files.
    pub roles: Vec<Role>,
    /// Its header in the file.
    pub at: Location,
}

/// How people get to libvirt. They are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Everybody may look (`virsh -r`): this is so anyway, and nothing is written.
    ReadOnly,
    /// polkit lets groups and users manage libvirt; they are as good as root.
    Polkit,
    /// polkit lets them connect, and libvirt asks it about each object and call.
    Acl,
    /// The socket belongs to a group, and whoever can open it is as good as root.
    Socket,
}

impl Mode {
    const ALL: [Self; 4] = [Self::ReadOnly, Self::Polkit, Self::Acl, Self::Socket];

    /// The word for it in policy files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Polkit => "polkit",
            Self::Acl => "acl",
            Self::Socket => "socket",
        }
    }
}

/// What people who are in no role get of libvirt's access control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// What libvirt's own defaults say: to see every object and read its definition, no more.
    Defaults,
    /// Nothing.
    Nothing,
}

/// What somebody gets over some domains, networks and pools.
#[derive(Debug)]
pub struct Role {
    /// Which one.
    pub kind: RoleKind,
    /// Its place in the order.
    pub label: String,
    /// Groups by name.
    pub groups: Vec<Spanned<String>>,
    /// Users by name.
    pub users: Vec<Spanned<String>>,
    /// Names of domains; `*` stands for any letters.
    pub domains: Vec<Spanned<Glob>>,
    /// Names of networks, likewise.
    pub networks: Vec<Spanned<Glob>>,
    /// Names of storage pools, likewise.
    pub pools: Vec<Spanned<Glob>>,
    /// Its header in the file.
    pub at: Location,
}

/// The roles; each has what the one before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum RoleKind {
    /// Sees that they are there, their state and definition.
    Viewer,
    /// Sits at their screen and console.
    Console,
    /// Starts, stops, pauses and resets them.
    Operator,
    /// Changes, makes and deletes them: root-equivalent.
    Admin,
}

impl RoleKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Console, Self::Operator, Self::Admin];

    /// The word for it in policy files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Console => "console",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Libvirt {
    /// Whether the policy is about this daemon.
    #[must_use]
    pub fn has_daemon(&self, name: &str) -> bool {
        self.daemons.is_empty() || self.daemons.iter().any(|daemon| daemon.value == name)
    }

    /// The group that the socket shall belong to; reading has seen to it that there is one.
    #[must_use]
    pub fn socket_group(&self) -> &str {
        self.groups.first().map_or("root", |group| group.value.as_str())
    }

    /// The right to connect, of all whom it lets in by polkit.
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
            kind: Kind::Grant,
            label: label.to_owned(),
            actions: vec![manage],
            users,
            groups,
            netgroups: Vec::new(),
            details: Vec::new(),
            results: PerSession::always(Word::Yes),
            at: self.at.clone(),
        })
    }
}

/// Reads a `[libvirt]`.
pub fn libvirt(mut table: Table, report: &mut Report) -> Option<Libvirt> {
    let at = table.at().clone();
    let mode = table.required_string("mode", report);
    let groups = table.strings("groups", report).unwrap_or_default();
    let users = table.strings("users", report).unwrap_or_default();
    let daemons = table.strings("daemons", report).unwrap_or_default();
    let others = table.string("others", report);
    table.finish(report);
    let mode = mode.and_then(|word| one_of(&word, "a way to libvirt", Mode::ALL, Mode::word, report))?;
    check_names("user", &users, report);
    check_names("group", &groups, report);
    for daemon in daemons.iter().filter(|daemon| Daemon::named(&daemon.value).is_none()) {
        let problem = Problem::error(daemon.at.clone(), format!("`{}` is not a daemon of libvirt's", daemon.value));
        report.push(problem.help("as its service is called: `libvirtd`, `virtqemud`, `virtnetworkd`"));
    }
    let others = match &others {
        None => Others::Defaults,
        Some(word) if mode != Mode::Acl => {
            let problem = Problem::error(word.at.clone(), "`others` is about access control");
            report.push(problem.help("leave it out, or set `mode = \"acl\"`"));
            Others::Defaults
        }
        Some(word) => {
            let spelled = |others| if others == Others::Nothing { "nothing" } else { "defaults" };
            one_of(word, "what others get", [Others::Defaults, Others::Nothing], spelled, report)?
        }
    };
    let libvirt = Libvirt { mode, groups, users, daemons, others, roles: Vec::new(), at };
    check_people(&libvirt, report);
    Some(libvirt)
}

/// Whom each mode can let in.
fn check_people(libvirt: &Libvirt, report: &mut Report) {
    let Libvirt { mode, groups, users, at, .. } = libvirt;
    let mut problem =
        |at: &Location, message: &str, help: &str| report.push(Problem::error(at.clone(), message).help(help));
    match mode {
        Mode::Polkit if groups.is_empty() && users.is_empty() => {
            problem(at, "[libvirt] lets nobody in", "add `groups = [\"…\"]` or `users = [\"…\"]`");
        }
        Mode::ReadOnly | Mode::Acl => {
            if let Some(first) = groups.iter().chain(users).next() {
                let help = if *mode == Mode::Acl {
                    "name them in a [[libvirt_role]]"
                } else {
                    "everybody may look: leave it out"
                };
                problem(&first.at, &format!("mode `{}` names nobody here", mode.word()), help);
            }
        }
        Mode::Socket => {
            if let Some(user) = users.first() {
                problem(&user.at, "a socket belongs to a group", "put the user into it with a [[member]]");
            }
            match groups.as_slice() {
                [_] => {}
                [] => problem(at, "mode `socket` needs the group of the socket", "add `groups = \"libvirt\"`"),
                [_, second, ..] => problem(&second.at, "a socket belongs to one group", "leave the others out"),
            }
            // What a systemd unit and virconf.c take as they are.
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if let Some(group) = groups.iter().find(|group| !group.value.chars().all(plain)) {
                problem(&group.at, "this name cannot stand in a socket unit", "letters, digits, `_`, `-` and `.` only");
            }
        }
        Mode::Polkit => {}
    }
}

/// Reads a `[[libvirt_role]]`.
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
        let problem = Problem::error(at.clone(), "[[libvirt_role]] names nobody");
        report.push(problem.help("add `groups = [\"…\"]` or `users = [\"…\"]`"));
    }
    let kind = kind.and_then(|word| one_of(&word, "a role", RoleKind::ALL, RoleKind::word, report));
    check_names("user", &users, report);
    check_names("group", &groups, report);
    let (kind, domains) = (kind?, domains?);
    let label = format!("{} {number}", kind.word());
    Some(Role { kind, label, groups, users, domains, networks, pools, at })
}

fn globs(names: Vec<Spanned<String>>, report: &mut Report) -> Vec<Spanned<Glob>> {
    for pattern in &names {
        // Beyond U+FFFF a letter in a rules file is another one to Duktape than the same in a detail.
        let fits = |c: char| !c.is_control() && c != '/' && u32::from(c) <= 0xffff;
        if pattern.value.is_empty() || !pattern.value.chars().all(fits) {
            let message = format!("nothing of libvirt's can be called `{}`", pattern.value);
            report
                .push(Problem::error(pattern.at.clone(), message).help("a name, in which `*` stands for any letters"));
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
        report.push(problem.help(format!("one of {}", all.map(spelled).join(", "))));
    }
    found
}

#[cfg(test)]
#[path = "libvirt_tests.rs"]
mod tests;
