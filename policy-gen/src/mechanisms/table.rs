//! The entries of the table: those that are compiled in, and those that the host adds.

use std::sync::{LazyLock, OnceLock};

use polkit_config::report::{Problem, Report, Source};

use super::entry::Mechanism;
use super::read;
use super::set::Set;

macro_rules! files {
    ($($name:literal)*) => {
        /// The files that are compiled in: their names, and their texts.
        const FILES: &[(&str, &str)] =
            &[$((concat!($name, ".toml"), include_str!(concat!("../../mechanisms/", $name, ".toml")))),*];
    };
}

files! {
    "access-control" "accountsservice" "blueman" "bolt" "colord" "firewalld" "flatpak" "fwupd" "home1" "hostname1" "import1"
    "libvirt" "locale1" "login1" "machine1" "message-bus" "modemmanager" "network1" "networkmanager" "no-new-privileges"
    "packagekit" "pcscd" "pkexec" "portable1" "resolve1" "rtkit" "sasl" "snapd" "sudo" "systemd" "timedate1" "udisks2"
}

/// The entries that are compiled in. A test reads every file and every expression.
static COMPILED: LazyLock<Vec<Mechanism>> = LazyLock::new(|| {
    let mut report = Report::new();
    let read = sources().filter_map(|source| read::parse(&source, &mut report));
    read.map(|entry| entry.mechanism).collect()
});

/// The entries that the host adds. A command sets them before it uses the table.
static ADDED: OnceLock<Vec<Mechanism>> = OnceLock::new();

/// Returns the files that are compiled in.
pub fn sources() -> impl Iterator<Item = Source> {
    FILES.iter().map(|(name, text)| Source::new(*name, *text))
}

/// Returns the entries that are compiled in.
#[must_use]
pub fn compiled() -> &'static [Mechanism] {
    &COMPILED
}

/// Returns the entries that the host adds.
#[must_use]
pub fn added() -> &'static [Mechanism] {
    ADDED.get().map_or(&[], Vec::as_slice)
}

/// Adds entries for the rest of the program. A second call has no effect: a command works on one tree.
pub fn add(mechanisms: Vec<Mechanism>) {
    let _ = ADDED.set(mechanisms);
}

/// Reads files that extend the table, with all their problems. A file with an error is left out, and so is a name that the table
/// has already.
pub fn read_all(sources: &[Source], report: &mut Report) -> Vec<Mechanism> {
    let mut entries: Vec<read::Entry> = Vec::new();
    for source in sources {
        let Some(entry) = read::read(source, report) else { continue };
        let name = &entry.mechanism.name;
        let other = entries.iter().find(|other| other.mechanism.name == *name).map(|other| report.place(&other.at));
        let is_compiled = compiled().iter().any(|other| other.name == *name);
        let known =
            || compiled().iter().chain(entries.iter().map(|entry| &entry.mechanism)).flat_map(|other| &other.sets);
        if let Some(set) = entry.mechanism.sets.iter().find(|set| known().any(|other| other.name == set.name)) {
            let problem = Problem::error(entry.at, format!("there is already a set `{}`", set.name));
            report.push(problem.help("use another name for the set: one that begins with the name of the mechanism"));
            continue;
        }
        match other.or_else(|| is_compiled.then(|| "the table that is compiled in".to_owned())) {
            Some(place) => {
                let problem = Problem::error(entry.at, format!("`{name}` is also the name of an entry of {place}"));
                report.push(problem.help("use another name, or remove one of the two files"));
            }
            None => entries.push(entry),
        }
    }
    entries.into_iter().map(|entry| entry.mechanism).collect()
}

/// Returns all entries. Those of the host come first, so that they decide about an action that both have.
pub fn all() -> impl Iterator<Item = &'static Mechanism> {
    added().iter().chain(compiled())
}

/// Returns the mechanism of an action.
#[must_use]
pub fn of_action(action: &str) -> Option<&'static Mechanism> {
    all().find(|mechanism| mechanism.has_action(action))
}

/// Returns the keys of the details that the mechanism of an action passes, or `None` if they are not known.
#[must_use]
pub fn details(action: &str) -> Option<Vec<&'static str>> {
    keys(of_action(action)?, action)
}

/// Returns what [`details`] returns without the entries of the host: generated files do not depend on the host.
#[must_use]
pub fn compiled_details(action: &str) -> Vec<&'static str> {
    let mechanism = compiled().iter().find(|mechanism| mechanism.has_action(action));
    mechanism.and_then(|mechanism| keys(mechanism, action)).unwrap_or_default()
}

fn keys(mechanism: &'static Mechanism, action: &str) -> Option<Vec<&'static str>> {
    Some(mechanism.details_of(action)?.iter().map(|(key, _)| key.as_str()).collect())
}

/// Whether the mechanism of an action passes a process, for which polkit has no `system_unit`.
#[must_use]
pub fn is_by_process(action: &str) -> bool {
    of_action(action).is_some_and(Mechanism::is_by_process)
}

/// Returns the mechanism of an action that asks about root as about other users, and since which version.
#[must_use]
pub fn checks_root(action: &str) -> Option<(&'static Mechanism, &'static str)> {
    let mechanism = of_action(action)?;
    Some((mechanism, mechanism.checks_root_since(action)?))
}

/// Returns all named sets, each with its mechanism.
pub fn sets() -> impl Iterator<Item = (&'static Mechanism, &'static Set)> {
    all().flat_map(|mechanism| mechanism.sets.iter().map(move |set| (mechanism, set)))
}

/// Returns a named set.
#[must_use]
pub fn set(name: &str) -> Option<&'static Set> {
    sets().map(|(_, set)| set).find(|set| set.name == name)
}
