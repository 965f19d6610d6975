//! `[[serve]]`: whom the agent stands in for.

use std::path::PathBuf;

use polkit_config::{
    names::Names,
    report::{Location, Problem, Report},
    table::{Spanned, Table},
};

use super::settings::registrations;
use crate::{cgroup::is_unit_name, rule::Named};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Whom.
    pub what: What,
    /// The most registrations of this entry; without it the entries share evenly.
    pub max: Option<usize>,
}

/// Whom an entry serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// Every process of a unit of the system manager.
    Unit(String),
    /// The process whose pid a file holds.
    PidFile(PathBuf),
    /// Whoever of these runs `polkit-service-agent exec`.
    Exec(Vec<Who>),
}

/// Who may ask for a registration by `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// A user. Never root: polkit asks nobody about root.
    User(Named),
    /// The members of a group, by the user database.
    Group(Named),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unit(name) => f.write_str(name),
            Self::PidFile(path) => path.display().fmt(f),
            Self::Exec(_) => f.write_str("exec"),
        }
    }
}

/// An entry and where it stands.
pub(super) struct Entry {
    pub(super) serve: Serve,
    at: Location,
}

pub(super) fn read(mut table: Table, report: &mut Report) -> Option<Entry> {
    let at = table.at().clone();
    // Counted before they are read: what is read is taken out.
    let named = ["unit", "pid_file", "exec"].into_iter().filter(|key| table.has(key)).count();
    let unit = table.string("unit", report).and_then(|unit| checked_unit(unit, report));
    let pid_file = table.path("pid_file", report);
    let exec = table.strings("exec", report);
    let max = table.integer("max", report);
    table.finish(report);

    let what = match (unit, pid_file, exec) {
        (Some(unit), None, None) => What::Unit(unit.value),
        (None, Some(path), None) => What::PidFile(path.value),
        (None, None, Some(who)) => What::Exec(who.into_iter().filter_map(|name| who_may(name, report)).collect()),
        _ => {
            // A form that was there and wrong has its own error already.
            if named != 1 {
                let problem = Problem::error(at, "[[serve]] names one of `unit`, `pid_file` and `exec`");
                report.push(problem.help("`unit = \"apache2.service\"` serves every process of that unit"));
            }
            return None;
        }
    };
    let max = match max {
        Some(max) => Some(registrations(&max, report)?),
        None => None,
    };
    Some(Entry { serve: Serve { what, max }, at })
}

pub(super) fn warn_of_doubles(entries: &[Entry], report: &mut Report) {
    for (position, entry) in entries.iter().enumerate() {
        let first = entries.iter().take(position).find(|earlier| earlier.serve.what == entry.serve.what);
        if let Some(first) = first {
            let message = format!("`{}` is served already at {}", entry.serve.what, report.place(&first.at));
            report.push(Problem::warning(entry.at.clone(), message));
        }
    }
}

/// A unit as `[[serve]]` and `[[rule]]` name it.
pub(super) fn checked_unit(unit: Spanned<String>, report: &mut Report) -> Option<Spanned<String>> {
    if is_unit_name(&unit.value) {
        return Some(unit);
    }
    let problem = Problem::error(unit.at, format!("`{}` cannot be a unit that runs", unit.value));
    report.push(problem.help("the full name, such as `apache2.service` or `app@1.service`"));
    None
}

fn who_may(name: Spanned<String>, report: &mut Report) -> Option<Who> {
    match name.value.strip_prefix('@') {
        Some(group) => named_group(&Spanned { value: group.to_owned(), at: name.at }, report).map(Who::Group),
        None => match named_user(&name, report) {
            Some(user) if user.id == 0 => {
                report.push(Problem::error(name.at, "root needs no agent: polkit asks nobody about root"));
                None
            }
            user => user.map(Who::User),
        },
    }
}

/// Looks a user up.
pub(super) fn named_user(name: &Spanned<String>, report: &mut Report) -> Option<Named> {
    match Names::Host.user(&name.value) {
        Ok(Some(user)) => Some(Named { name: name.value.clone(), id: user.uid }),
        Ok(None) => unknown("user", name, "getent passwd", report),
        Err(error) => failed("user", name, &error.to_string(), report),
    }
}

/// Looks a group up.
pub(super) fn named_group(name: &Spanned<String>, report: &mut Report) -> Option<Named> {
    match Names::Host.group(&name.value) {
        Ok(Some(group)) => Some(Named { name: name.value.clone(), id: group.gid }),
        Ok(None) => unknown("group", name, "getent group", report),
        Err(error) => failed("group", name, &error.to_string(), report),
    }
}

fn unknown(kind: &str, name: &Spanned<String>, list: &str, report: &mut Report) -> Option<Named> {
    let problem = Problem::error(name.at.clone(), format!("there is no {kind} `{}` on this host", name.value));
    report.push(problem.help(format!("`{list}` lists those that there are")));
    None
}

fn failed(kind: &str, name: &Spanned<String>, error: &str, report: &mut Report) -> Option<Named> {
    report
        .push(Problem::error(name.at.clone(), format!("the {kind} `{}` could not be looked up: {error}", name.value)));
    None
}
