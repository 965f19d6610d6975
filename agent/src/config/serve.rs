//! `[[serve]]`: the units, users and sessions that the agent serves.

use std::path::PathBuf;

use polkit_agent_rules::{
    facts::{Fact, ProcessState},
    rule::Named,
    unit_pattern::UnitPattern,
};
use polkit_config::{
    names::Names,
    report::{Location, Problem, Report},
    table::{Spanned, Table},
};

use super::settings::registrations;
use crate::base::cgroup;

/// The keys that select what is served.
const FORMS: [&str; 6] = ["unit", "user", "pid_file", "session_user", "session", "exec"];

/// One `[[serve]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// What the entry serves.
    pub target: ServeTarget,
    /// The most registrations of this entry. Entries without it share the rest evenly.
    pub max: Option<usize>,
    /// The most new registrations in a second, after the first scan. Without it only a polkitd that leaks descriptors sets a limit.
    pub new_per_second: Option<u32>,
    /// `way = "hook"`: the agent registers nothing, and a policy rule runs the hook.
    pub by_hook: bool,
}

/// What an entry serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServeTarget {
    /// Every process of a unit of the system manager, or of all units of a pattern.
    Unit(UnitPattern),
    /// Every process of a user outside sessions.
    User(Named),
    /// The process of a pid file.
    PidFile(PathBuf),
    /// Every logind session of a user. The agent runs outside these sessions.
    SessionUser(Named),
    /// The logind session that the agent runs in.
    OwnSession,
    /// Programs that these users start by `polkit-service-agent exec`.
    Exec(Vec<ExecPrincipal>),
}

/// A user or group that may use `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExecPrincipal {
    /// A user. Never root: polkit allows root everything.
    User(Named),
    /// The members of a group in the user database.
    Group(Named),
}

impl Serve {
    /// Whether the agent registers single processes for this entry.
    #[must_use]
    pub fn registers_processes(&self) -> bool {
        !self.by_hook && !matches!(self.target, ServeTarget::SessionUser(_) | ServeTarget::OwnSession)
    }

    /// Whether this entry serves a process. Unknown if that depends on an unknown cgroup. An entry with `way = "hook"` for a user also
    /// serves the user's processes in sessions: the hook registers nothing, so it does not conflict with the agent of a session.
    #[must_use]
    pub fn covers(&self, state: &ProcessState) -> Fact<bool> {
        match &self.target {
            ServeTarget::User(user) if self.by_hook => Fact::Known(state.uid.get() == user.id),
            target => target.covers(state),
        }
    }
}

impl ServeTarget {
    /// Whether an entry that registers serves a process. Unknown if that depends on an unknown cgroup. Entries that do not select single
    /// processes cover none.
    #[must_use]
    pub fn covers(&self, state: &ProcessState) -> Fact<bool> {
        Fact::Known(match (self, &state.cgroup) {
            (Self::Unit(pattern), Fact::Known(path)) => cgroup::unit(path).is_some_and(|unit| pattern.covers(unit)),
            (Self::User(user), Fact::Known(path)) => state.uid.get() == user.id && cgroup::owner(path).is_none(),
            (Self::User(_) | Self::Unit(_), Fact::Unknown) => return Fact::Unknown,
            (Self::PidFile(_) | Self::SessionUser(_) | Self::OwnSession | Self::Exec(_), _) => false,
        })
    }
}

impl std::fmt::Display for ServeTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unit(pattern) => pattern.fmt(f),
            Self::User(user) => write!(f, "user {}", user.name),
            Self::PidFile(path) => path.display().fmt(f),
            Self::SessionUser(user) => write!(f, "session_user {}", user.name),
            Self::OwnSession => f.write_str("session own"),
            Self::Exec(_) => f.write_str("exec"),
        }
    }
}

/// An entry and its position.
pub(super) struct Entry {
    pub(super) serve: Serve,
    at: Location,
}

pub(super) fn read(mut table: Table, report: &mut Report) -> Option<Entry> {
    let at = table.at().clone();
    // Counted before they are read, because reading removes a key.
    let named = FORMS.into_iter().filter(|key| table.has(key)).count();
    let unit = table.string("unit", report).and_then(|unit| checked_unit(unit, report));
    let user = table.string("user", report).and_then(|name| served_user(&name, report));
    let pid_file = table.path("pid_file", report);
    let session_user = table.string("session_user", report).and_then(|name| served_user(&name, report));
    let session = table.string("session", report).and_then(|word| own(&word, report));
    let exec = table.strings("exec", report);
    let max = table.integer("max", report);
    let pace = table.integer("new_per_second", report);
    let way = table.string("way", report);
    table.finish(report);

    if named != 1 {
        let problem = Problem::error(
            at,
            "[[serve]] names one of `unit`, `user`, `pid_file`, `session_user`, `session` and `exec`",
        );
        report.push(problem.help("`unit = \"apache2.service\"` serves every process of that unit"));
        return None;
    }
    let exec = || exec.map(|who| ServeTarget::Exec(who.into_iter().filter_map(|name| who_may(name, report)).collect()));
    // A wrong key has an error of its own already.
    let target = unit
        .map(|unit| ServeTarget::Unit(unit.value))
        .or(user.map(ServeTarget::User))
        .or(pid_file.map(|path| ServeTarget::PidFile(path.value)))
        .or(session_user.map(ServeTarget::SessionUser))
        .or(session)
        .or_else(exec)?;
    let max = match max {
        Some(max) => Some(registrations(&max, report)?),
        None => None,
    };
    let new_per_second = match pace {
        Some(pace) => Some(per_second(&pace, report)?),
        None => None,
    };
    let by_hook = match way {
        Some(way) => hook(&way, &target, report)?,
        None => false,
    };
    Some(Entry { serve: Serve { target, max, new_per_second, by_hook }, at })
}

fn own(word: &Spanned<String>, report: &mut Report) -> Option<ServeTarget> {
    if word.value == "own" {
        return Some(ServeTarget::OwnSession);
    }
    let problem = Problem::error(word.at.clone(), format!("unknown session `{}`", word.value));
    report.push(problem.help(
        "`\"own\"` is the session that the agent runs in; `session_user = \"NAME\"` serves all sessions of a user",
    ));
    None
}

/// Refuses entries that need root. Without root, polkitd accepts registrations for the agent's own session only, and believes no yes.
pub(super) fn refuse_what_needs_root(entries: &[Entry], report: &mut Report) {
    for entry in entries.iter().filter(|entry| entry.serve.target != ServeTarget::OwnSession) {
        let message = format!("`{}` cannot be served without root", entry.serve.target);
        let help = "an agent without root serves `session = \"own\"` only; the system's agent serves the rest";
        report.push(Problem::error(entry.at.clone(), message).help(help));
    }
}

fn hook(way: &Spanned<String>, target: &ServeTarget, report: &mut Report) -> Option<bool> {
    if way.value != "hook" {
        let problem = Problem::error(way.at.clone(), format!("unknown way `{}`", way.value));
        report.push(problem.help("write `\"hook\"`, or leave `way` out to register processes"));
        return None;
    }
    if !matches!(target, ServeTarget::Unit(_) | ServeTarget::User(_)) {
        report.push(Problem::error(way.at.clone(), "`way = \"hook\"` needs `unit` or `user`"));
        return None;
    }
    Some(true)
}

fn per_second(pace: &Spanned<i64>, report: &mut Report) -> Option<u32> {
    let number = u32::try_from(pace.value).ok().filter(|number| (1..=1000).contains(number));
    if number.is_none() {
        report.push(Problem::error(pace.at.clone(), format!("`{}` is not from 1 to 1000", pace.value)));
    }
    number
}

pub(super) fn warn_of_duplicates(entries: &[Entry], report: &mut Report) {
    for (position, entry) in entries.iter().enumerate() {
        let first = entries
            .iter()
            .take(position)
            .find(|earlier| earlier.serve.target == entry.serve.target && earlier.serve.by_hook == entry.serve.by_hook);
        if let Some(first) = first {
            let message = format!("`{}` is served already at {}", entry.serve.target, report.place(&first.at));
            report.push(Problem::warning(entry.at.clone(), message));
        }
    }
}

/// The unit of a `[[serve]]` or a `[[rule]]`.
pub(super) fn checked_unit(unit: Spanned<String>, report: &mut Report) -> Option<Spanned<UnitPattern>> {
    let pattern = UnitPattern::new(&unit.value);
    if pattern.is_none() {
        let problem = Problem::error(unit.at.clone(), format!("`{}` cannot be a unit that runs", unit.value));
        report.push(
            problem.help("write the full name, such as `apache2.service`, or a pattern, such as `app@*.service`"),
        );
    }
    pattern.map(|value| Spanned { value, at: unit.at })
}

fn who_may(name: Spanned<String>, report: &mut Report) -> Option<ExecPrincipal> {
    match name.value.strip_prefix('@') {
        Some(group) => {
            let group = Spanned { value: group.to_owned(), at: name.at };
            named_group(&group, Missing::Skipped("this group"), report).map(ExecPrincipal::Group)
        }
        None => served_user(&name, report).map(ExecPrincipal::User),
    }
}

fn served_user(name: &Spanned<String>, report: &mut Report) -> Option<Named> {
    let user = named_user(name, Missing::Skipped("this entry"), report)?;
    if user.id == 0 {
        report.push(Problem::error(name.at.clone(), "root needs no agent: polkit allows root everything"));
        return None;
    }
    Some(user)
}

/// What a user or group means that does not exist now.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missing {
    /// The configuration has an error.
    Error,
    /// What names it has no effect, and is skipped with a warning: it would never match.
    Skipped(&'static str),
}

/// Looks up a user.
pub(super) fn named_user(name: &Spanned<String>, missing: Missing, report: &mut Report) -> Option<Named> {
    match Names::Host.user(&name.value) {
        Ok(Some(user)) => Some(Named { name: name.value.clone(), id: user.uid }),
        Ok(None) => unknown("user", name, "getent passwd", missing, report),
        Err(error) => failed("user", name, &error.to_string(), report),
    }
}

/// Looks up a group.
pub(super) fn named_group(name: &Spanned<String>, missing: Missing, report: &mut Report) -> Option<Named> {
    match Names::Host.group(&name.value) {
        Ok(Some(group)) => Some(Named { name: name.value.clone(), id: group.gid }),
        Ok(None) => unknown("group", name, "getent group", missing, report),
        Err(error) => failed("group", name, &error.to_string(), report),
    }
}

fn unknown(kind: &str, name: &Spanned<String>, list: &str, missing: Missing, report: &mut Report) -> Option<Named> {
    let message = format!("there is no {kind} `{}` on this host", name.value);
    report.push(match missing {
        Missing::Error => Problem::error(name.at.clone(), message).help(format!("`{list}` lists the names")),
        Missing::Skipped(what) => Problem::warning(name.at.clone(), format!("{message}: {what} is skipped"))
            .help(format!("`{list}` lists the names; when the {kind} exists, reload the agent")),
    });
    None
}

fn failed(kind: &str, name: &Spanned<String>, error: &str, report: &mut Report) -> Option<Named> {
    let message = format!("the {kind} `{}` could not be looked up: {error}", name.value);
    report.push(Problem::error(name.at.clone(), message).temporary());
    None
}

#[cfg(test)]
mod tests {
    use polkit_types::SubjectUid;

    use super::*;

    #[test]
    fn an_entry_for_a_user_registers_no_process_of_a_session_and_an_unknown_cgroup_is_unknown() {
        let user = ServeTarget::User(Named { name: "alice".into(), id: 1000 });
        let state = |uid, cgroup: Fact<String>| ProcessState {
            uid: SubjectUid::new(uid).unwrap(),
            cgroup,
            program: Fact::Unknown,
        };
        let session = Fact::Known("/user.slice/user-1000.slice/session-3.scope".to_owned());
        let service = Fact::Known("/system.slice/job.service".to_owned());
        assert_eq!(user.covers(&state(1000, service.clone())), Fact::Known(true));
        assert_eq!(user.covers(&state(1001, service)), Fact::Known(false));
        assert_eq!(user.covers(&state(1000, session.clone())), Fact::Known(false));
        assert_eq!(user.covers(&state(1000, Fact::Unknown)), Fact::Unknown);
        // The hook registers nothing, so it serves sessions, too.
        let by_hook = Serve { target: user, max: None, new_per_second: None, by_hook: true };
        assert_eq!(by_hook.covers(&state(1000, session)), Fact::Known(true));
    }
}
