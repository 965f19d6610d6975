//! The subject: a user, a process, or the processes of a unit.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use polkit_config::bounded::kernel_text;
use polkit_config::cgroup;
use polkit_config::escape::escape;
use polkit_config::names::{Names, User};

use super::Examination;
use super::accounts::{groups, named, user};
use super::client;
use super::process::{managed, service};
use super::run::run;
use crate::check::suggest_name::similar;
use crate::doctor::facts::{Client, Facts, Process, Subject};
use crate::failure::Failure;
use crate::implicit_authorization::Session;
use crate::passwords::{Password, Passwords};
use crate::tree::Tree;

const SYSTEMCTL: Duration = Duration::from_secs(2);
/// The mount points of the unified hierarchy.
const CGROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// The users of web servers.
const WEB_SERVERS: [&str; 5] = ["www-data", "apache", "http", "wwwrun", "nginx"];
/// The number of processes of a unit that are read.
const PROCESSES_MAX: usize = 4096;

/// Finds the subject; `None` if none was requested and none can be guessed.
///
/// # Errors
/// [`Failure::Unreachable`] if the requested user, unit or process does not exist.
pub(super) fn find(
    examination: &Examination,
    names: &Names,
    tree: &Tree,
    facts: &mut Facts,
) -> Result<Option<Subject>, Failure> {
    let mut subject = if let Some(pid) = examination.pid {
        let missing = || Failure::Unreachable(format!("there is no process {pid}, or it is unreadable"));
        Some(of_process(pid, names, format!("process {pid}")).ok_or_else(missing)?)
    } else if let Some(unit) = &examination.unit {
        Some(of_unit(unit, examination.user.as_deref(), names, facts)?)
    } else if let Some(name) = &examination.user {
        let by_name = names.user(name).map_err(|error| Failure::Unreachable(error.to_string()))?;
        let by_uid = || name.parse().ok().map(|uid| user(names, uid));
        let found = by_name.or_else(by_uid);
        Some(of_user(&found.ok_or_else(|| no_user(name, tree))?, names, "as requested"))
    } else if facts.reported.is_some() {
        guess(names, facts)
    } else if examination.action.is_some() && !facts.is_root {
        caller(names)
    } else {
        None
    };
    if let Some(subject) = &mut subject {
        subject.password = match Passwords::of(tree).of_user(&subject.user) {
            Password::None => Some(false),
            Password::Usable => Some(true),
            Password::Unknown(_) => None,
        };
        let settings = subject.unit.as_deref().map(unit_settings).unwrap_or_default();
        let accounts = tree.read_text("etc/passwd").unwrap_or_default();
        let has_account = accounts.lines().any(|line| line.split(':').next() == Some(subject.user.as_str()));
        subject.is_dynamic = settings.is_dynamic && !has_account;
        (subject.unit_user, subject.unit_type) = (settings.user, settings.kind);
        subject.no_new_privileges = settings.no_new_privileges;
        if let Some(process) = &mut subject.process {
            match client::of_process(process.pid, subject.uid) {
                Some(client) => process.client = client,
                None => facts
                    .unseen
                    .push(format!("the environment of process {}: the read did not end in time", process.pid)),
            }
            if !process.namespaces.is_empty() {
                let which = process.namespaces.join(", ");
                facts.unseen.push(format!(
                    "the view of process {}: it is in other namespaces than this program ({which})",
                    process.pid
                ));
            }
        }
    }
    Ok(subject)
}

fn no_user(name: &str, tree: &Tree) -> Failure {
    let text = tree.read_text("etc/passwd").unwrap_or_default();
    let meant = meant(name, text.lines().filter_map(|line| line.split(':').next()));
    Failure::Unreachable(format!("there is no user `{}`{meant}", escape(name)))
}

fn no_unit(unit: &str) -> Failure {
    let argv = ["systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "--type=service"];
    let text = run(&argv, SYSTEMCTL).map(|(_, text)| text).unwrap_or_default();
    let meant = meant(unit, text.lines().filter_map(|line| line.split_whitespace().next()));
    Failure::Unreachable(format!("there is no unit `{}` with processes{meant}", escape(unit)))
}

/// Returns the question after a message about a mistyped name; empty if no name is similar.
fn meant<'a>(mistyped: &str, names: impl Iterator<Item = &'a str>) -> String {
    similar(mistyped, names).map_or_else(String::new, |name| format!(": did you mean `{}`?", escape(name)))
}

fn of_user(found: &User, names: &Names, by: &str) -> Subject {
    Subject {
        user: found.name.clone(),
        uid: found.uid,
        groups: groups(names, found),
        by: by.to_owned(),
        ..Subject::default()
    }
}

/// Guesses the subject of an error text.
fn guess(names: &Names, facts: &mut Facts) -> Option<Subject> {
    let recognized = facts.reported.as_ref().and_then(|reported| reported.recognized.clone());
    if let Some(recognized) = recognized {
        if let Some(uid) = recognized.uid {
            return Some(of_user(&user(names, uid), names, "the text names this uid"));
        }
        if let Some(name) = &recognized.user {
            let found = names.user(name).ok().flatten();
            if found.is_none() {
                facts.unseen.push(format!("the subject: the text names the user {name}, who does not exist here"));
            }
            return found.map(|found| of_user(&found, names, "the text names this user"));
        }
    }
    if facts.reported.as_ref().is_some_and(|reported| reported.web) {
        let found = WEB_SERVERS.iter().find_map(|name| names.user(name).ok().flatten())?;
        return Some(of_user(&found, names, "the user of the web server, because the text is from a web server"));
    }
    if facts.is_root { None } else { caller(names) }
}

fn caller(names: &Names) -> Option<Subject> {
    of_process(std::process::id(), names, "the caller".to_owned())
}

fn of_process(pid: u32, names: &Names, by: String) -> Option<Subject> {
    let status = kernel_text(format!("/proc/{pid}/status")).ok()?;
    let numbers = |key: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let uid = numbers("Uid:").first().copied()?;
    // The effective group first.
    let mut gids: Vec<u32> = numbers("Gid:").get(1).copied().into_iter().collect();
    gids.extend(numbers("Groups:"));
    let text = kernel_text(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let managed = managed(&text);
    let found = user(names, uid);
    let process = Process {
        pid,
        groups: named(names, &gids),
        session: session(managed),
        exe: fs::read_link(format!("/proc/{pid}/exe")).ok().map(|exe| exe.to_string_lossy().into_owned()),
        namespaces: namespaces(pid),
        client: Client::default(),
    };
    let unit = service(managed).map(str::to_owned);
    Some(Subject { process: Some(process), unit, ..of_user(&found, names, &by) })
}

/// Whether systemd gives a unit a user that exists only while the unit runs.
#[must_use]
pub fn is_dynamic(unit: &str) -> bool {
    unit_settings(unit).is_dynamic
}

/// Returns the namespaces of a process that differ from those of this process and change its view.
fn namespaces(pid: u32) -> Vec<String> {
    let of = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    let differ = |kind: &&str| {
        let (theirs, ours) = (of(&pid.to_string(), kind), of("self", kind));
        theirs.is_some() && ours.is_some() && theirs != ours
    };
    // Mount namespaces are usual for services; these namespaces indicate a container.
    ["pid", "net", "user"].into_iter().filter(|kind| differ(kind)).map(str::to_owned).collect()
}

/// Returns the session state of a cgroup, from logind's files.
fn session(managed: &str) -> Session {
    let Some(id) = cgroup::session(managed) else { return Session::None };
    session_of(&kernel_text(format!("/run/systemd/sessions/{id}")).unwrap_or_default())
}

/// Returns the state of a session from logind's file about it.
fn session_of(text: &str) -> Session {
    let has = |line: &str| text.lines().any(|known| known == line);
    match () {
        () if text.is_empty() => Session::None,
        () if !text.lines().any(|line| line.starts_with("SEAT=")) => Session::Remote,
        () if has("ACTIVE=1") => Session::Active,
        () => Session::Inactive,
    }
}

/// Returns the name of a unit; a name without a suffix is that of a service.
fn unit_name(unit: &str) -> Result<String, Failure> {
    let unit = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    if unit.contains('/') || unit.starts_with('-') {
        return Err(Failure::Usage(format!("`{}` is not a unit name", escape(&unit))));
    }
    Ok(unit)
}

/// Returns the process of a unit that the refusal is most likely about, and names the other users of the processes. Requests of root
/// are never refused, so other users come first, then the user with most processes.
fn most_likely(processes: Vec<Subject>) -> Option<Subject> {
    let mut by_uid: BTreeMap<u32, Vec<Subject>> = BTreeMap::new();
    for subject in processes {
        by_uid.entry(subject.uid).or_default().push(subject);
    }
    let users: Vec<String> = by_uid.values().filter_map(|found| Some(found.first()?.user.clone())).collect();
    let (_, found) = by_uid.into_iter().max_by_key(|(uid, found)| (*uid != 0, found.len()))?;
    let subject = found.into_iter().next()?;
    let others = users.into_iter().filter(|user| *user != subject.user).collect();
    Some(Subject { others, ..subject })
}

/// Finds the subject of a unit: a process of the user if one is named, or else the most likely process.
fn of_unit(unit: &str, user: Option<&str>, names: &Names, facts: &mut Facts) -> Result<Subject, Failure> {
    let unit = unit_name(unit)?;
    let shown = run(&["systemctl", "show", "--property=LoadState,ControlGroup,User", "--", &unit], SYSTEMCTL);
    let text = shown.filter(|(done, _)| *done).map(|(_, text)| text).unwrap_or_default();
    let value = |key: &str| property(&text, key);
    let cgroup = value("ControlGroup=").map_or_else(|| format!("/system.slice/{unit}"), str::to_owned);
    let by = format!("a process of {}", escape(&unit));
    let processes = pids(&cgroup).into_iter().filter_map(|pid| of_process(pid, names, by.clone()));
    let is_of = |subject: &Subject| user.is_none_or(|user| subject.user == user);
    if let Some(subject) = most_likely(processes.filter(is_of).collect()) {
        return Ok(Subject { unit: Some(unit), ..subject });
    }
    if value("LoadState=") == Some("not-found") || text.is_empty() {
        return Err(no_unit(&unit));
    }
    let name = user.or(value("User=")).unwrap_or("root");
    let found = names.user(name).map_err(|error| Failure::Unreachable(error.to_string()))?;
    let found = found.ok_or_else(|| Failure::Unreachable(format!("there is no user `{}`", escape(name))))?;
    facts.unseen.push(format!("the processes of {}: there are none now", escape(&unit)));
    Ok(Subject { unit: Some(unit.clone()), ..of_user(&found, names, &format!("the user of {}", escape(&unit))) })
}

/// The settings of a unit that fixes depend on.
#[derive(Default)]
struct UnitSettings {
    user: Option<String>,
    kind: Option<String>,
    is_dynamic: bool,
    no_new_privileges: Option<bool>,
}

fn unit_settings(unit: &str) -> UnitSettings {
    let properties = "--property=Id,LoadState,User,Type,DynamicUser,NoNewPrivileges";
    let shown = run(&["systemctl", "show", properties, "--", unit], SYSTEMCTL);
    shown.filter(|(done, _)| *done).map(|(_, text)| UnitSettings::read(&text)).unwrap_or_default()
}

/// Returns whether a unit has `NoNewPrivileges=yes`, as polkit reads it from systemd; `None` if systemd has no such unit.
#[must_use]
pub fn no_new_privileges(unit: &str) -> Option<bool> {
    unit_settings(unit).no_new_privileges
}

impl UnitSettings {
    /// Reads the output of `systemctl show`.
    fn read(text: &str) -> Self {
        Self {
            user: property(text, "User=").map(str::to_owned),
            kind: property(text, "Type=").map(str::to_owned),
            is_dynamic: property(text, "DynamicUser=") == Some("yes"),
            no_new_privileges: no_new_privileges_of(text),
        }
    }
}

/// polkit asks systemd only about services; for other units it takes no.
fn no_new_privileges_of(text: &str) -> Option<bool> {
    match (property(text, "LoadState="), property(text, "Id="), property(text, "NoNewPrivileges=")) {
        (None | Some("not-found"), ..) => None,
        (_, Some(unit), _) if !unit.ends_with(".service") => Some(false),
        (_, _, value) => value.map(|value| value == "yes"),
    }
}

/// Returns a property that is set in the output of `systemctl show`. `key` ends with the equals sign.
fn property<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)).filter(|value| !value.is_empty())
}

fn pids(cgroup: &str) -> Vec<u32> {
    pids_below(&CGROUPS, cgroup)
}

/// Returns the processes of a cgroup below the first of these directories that has it.
fn pids_below(tops: &[&str], cgroup: &str) -> Vec<u32> {
    if cgroup.split('/').any(|part| part == "..") {
        return Vec::new();
    }
    let text = tops.iter().find_map(|top| kernel_text(format!("{top}{cgroup}/cgroup.procs")).ok());
    let text = text.unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).take(PROCESSES_MAX).collect()
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
