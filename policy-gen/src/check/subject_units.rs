//! Checks that polkit can know the unit of the subject, where a grant has the key `unit`.

use std::collections::BTreeSet;

use polkit_config::pattern::ActionPattern;
use polkit_config::report::{Location, Problem, Report};

use crate::mechanisms::{Mechanism, class, table};
use crate::policy::{Grant, Policy};
use crate::target::{UNITS, Version, installed, numbers};
use crate::tree::Tree;

/// The packages of the system bus, each with the first version that tells polkit the pidfd of a client.
const BUSES: [(&str, &[u64]); 3] = [("dbus-broker", &[34]), ("dbus-daemon", &[1, 15, 8]), ("dbus", &[1, 15, 8])];
/// The list of packages.
const STATUS: &str = "var/lib/dpkg/status";

/// Refuses `unit` where it can never match: in an old polkit, on an old bus, and for mechanisms that pass a process by its pid. Warns of
/// patterns of actions that cover such a mechanism, and notes actions of unknown mechanisms.
pub(super) fn subject_units(policy: &Policy, version: Version, tree: Option<&Tree>, report: &mut Report) {
    let mut bus = None;
    for grant in &policy.grants {
        let Some(unit) = grant.subjects.units.first() else { continue };
        if version < UNITS {
            let message = format!("polkit {version} does not know the unit of a subject, so `unit` can never match");
            let problem = Problem::error(unit.at.clone(), message);
            report.push(problem.help(format!("`unit` needs polkit {UNITS} or later; {}", instead(version))));
            continue;
        }
        let old = bus.get_or_insert_with(|| tree.and_then(old_bus));
        for action in &grant.actions {
            of_action(grant, &action.value, &unit.at, old.as_deref(), report);
        }
    }
}

/// Whether polkit knows the unit of a client of this mechanism, on the host of the tree.
#[must_use]
pub fn is_known(mechanism: &Mechanism, version: Version, tree: &Tree) -> bool {
    version >= UNITS && !mechanism.is_by_process() && !(class::asks_by_bus_name(mechanism) && old_bus(tree).is_some())
}

/// What allows an action to one unit where `unit` cannot.
fn instead(version: Version) -> &'static str {
    if version < Version::RULES {
        "use [[agent]] here, and [[serve]] and [[rule]] with this unit in agent.toml(5)"
    } else {
        "use a [[hook]] for the action here, and [[serve]] and [[rule]] with this unit in agent.toml(5)"
    }
}

fn of_action(grant: &Grant, action: &ActionPattern, at: &Location, old_bus: Option<&str>, report: &mut Report) {
    let known: Vec<(&Mechanism, bool)> = mechanisms(action);
    let names = |by_process: bool| -> BTreeSet<&str> {
        let chosen = known.iter().filter(|(mechanism, _)| mechanism.is_by_process() == by_process);
        chosen.map(|(mechanism, _)| mechanism.name.as_str()).collect()
    };
    let by_process = names(true);
    let is_whole = known.iter().any(|(mechanism, whole)| *whole && mechanism.is_by_process());
    if is_whole {
        let name = by_process.iter().copied().collect::<Vec<_>>().join(", ");
        let what = known.first().map_or_else(String::new, |(mechanism, _)| class::subject(mechanism));
        let message = format!("`unit` can never match {action}: {name} passes {what}");
        report.push(Problem::error(at.clone(), message).help(instead(UNITS)));
    } else if !by_process.is_empty() {
        let name = by_process.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!(
            "`unit` can never match the actions of {name} among {action}: for these polkit does not know the unit"
        );
        let help = format!("name the actions that are meant; for those of {name} {}", instead(UNITS));
        report.push(Problem::warning(at.clone(), message).help(help));
    } else if known.is_empty() {
        let message = format!("it is not known whether the mechanism of {action} tells polkit the unit of the client");
        let help = format!(
            "`{}` has no effect if the mechanism passes a process by its pid: polkit-mechanisms(7)",
            grant.label
        );
        report.push(Problem::note(at.clone(), message).help(help));
    } else if let Some(bus) = old_bus
        && known.iter().all(|(mechanism, _)| class::asks_by_bus_name(mechanism))
    {
        let why = format!("{bus} does not tell polkit the pidfd of a client");
        let help = format!("use dbus-daemon 1.15.8 or dbus-broker 34 or later; or {}", instead(UNITS));
        let problem = if known.iter().all(|(mechanism, _)| class::asks_only_by_bus_name(mechanism)) {
            Problem::error(at.clone(), format!("`unit` can never match {action} here: {why}"))
        } else {
            Problem::warning(at.clone(), format!("`unit` matches {action} here only for clients by Varlink: {why}"))
        };
        report.push(problem.help(help));
    }
}

/// Returns the mechanisms with actions that a pattern covers, and whether all that the pattern covers is of the mechanism.
fn mechanisms(action: &ActionPattern) -> Vec<(&'static Mechanism, bool)> {
    if action.is_exact() {
        return table::of_action(action.as_str()).into_iter().map(|mechanism| (mechanism, true)).collect();
    }
    let related = |mechanism: &'static Mechanism| {
        let own: Vec<ActionPattern> =
            mechanism.actions.iter().filter_map(|own| ActionPattern::new(own.as_str()).ok()).collect();
        let overlaps = own.iter().any(|own| own.overlaps(action));
        overlaps.then(|| (mechanism, own.iter().any(|own| own.includes(action))))
    };
    table::all().filter_map(related).collect()
}

/// Whether this version of a bus tells polkit the pidfd of a client (`ProcessFD` of GetConnectionCredentials), on Linux 6.5 or later;
/// `None` if the package is no bus, or the version is not known.
#[must_use]
pub fn tells_pidfd(package: &str, version: &str) -> Option<bool> {
    let (_, first) = BUSES.iter().find(|(name, _)| *name == package)?;
    let here = numbers(version);
    (!here.is_empty()).then(|| here.as_slice() >= *first)
}

/// Returns the installed bus with its version, if all installed buses are too old.
fn old_bus(tree: &Tree) -> Option<String> {
    let status = tree.read_text(STATUS).unwrap_or_default();
    let found = BUSES.iter().filter_map(|(package, _)| {
        let version = installed(&status, package)?;
        Some((format!("{package} {version}"), tells_pidfd(package, &version) == Some(false)))
    });
    let found: Vec<(String, bool)> = found.collect();
    if found.iter().all(|(_, is_old)| *is_old) { found.into_iter().map(|(name, _)| name).next() } else { None }
}

#[cfg(test)]
#[path = "subject_units_tests.rs"]
mod tests;
