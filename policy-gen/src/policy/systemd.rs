//! The table `[[systemd]]`: a grant of systemd's manage-units, restricted by details.

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::{check_kept, results};
use super::subjects::subjects;
use super::{Detail, Grant, GrantKind};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};

/// The action that starts, stops and changes units, with the details unit and verb (systemd 237 to 262). It has no details for
/// operations on all units, and up to 252 for transient units (systemd-run); 257 reports these as the start of a unit.
pub const ACTION: &str = "org.freedesktop.systemd1.manage-units";

/// The known verbs of systemd.
const VERBS: [&str; 14] = [
    "start",
    "stop",
    "reload",
    "restart",
    "try-restart",
    "reload-or-restart",
    "reload-or-try-restart",
    "kill",
    "reset-failed",
    "set-property",
    "freeze",
    "thaw",
    "clean",
    "ref",
];

/// The suffixes of unit names.
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".timer",
    ".target",
    ".mount",
    ".automount",
    ".path",
    ".slice",
    ".scope",
    ".swap",
    ".device",
];

/// Reads a `[[systemd]]` table.
pub(super) fn read(mut table: Table, number: usize, report: &mut Report) -> Option<Grant> {
    let at = table.at().clone();
    let name = table.string("name", report);
    let units = table.required_strings("units", report);
    let verbs = table.strings("verbs", report);
    let subjects = subjects(&mut table, "[[systemd]]", report);
    let results = if table.has("result") {
        results(&mut table, report)
    } else {
        Some((BySession::always(ImplicitAuthorization::Yes), at.clone()))
    };
    table.finish(report);
    let units = units?;
    check_units(&units, report);
    check_verbs(verbs.as_deref().unwrap_or_default(), report);
    let detail = |key: &str, values: Vec<Spanned<String>>| Detail {
        key: Spanned { value: key.to_owned(), at: at.clone() },
        values: values.into_iter().map(|value| Spanned { value: Glob::new(&value.value), at: value.at }).collect(),
    };
    let details: Vec<Detail> = [("unit", Some(units)), ("verb", verbs)]
        .into_iter()
        .filter_map(|(key, values)| Some(detail(key, values?)))
        .collect();
    let label = name.map_or_else(|| format!("systemd {number}"), |name| name.value);
    let (results, result_at) = results?;
    check_kept(&details, results, result_at, report);
    let actions = vec![Spanned { value: ActionPattern::new(ACTION).ok()?, at: at.clone() }];
    Some(Grant { kind: GrantKind::Grant, label, set: None, actions, subjects, details, results, at })
}

pub(super) fn check_units(units: &[Spanned<String>], report: &mut Report) {
    for unit in units {
        let fits = |c: char| c.is_ascii_alphanumeric() || "@:_.\\-*".contains(c);
        let stem = KINDS.iter().find_map(|kind| unit.value.strip_suffix(kind));
        if stem.is_none_or(str::is_empty) || !unit.value.chars().all(fits) {
            let message = format!("`{}` is neither a unit name nor a unit pattern", unit.value);
            let help = "use the full name that `systemctl show -p Id` shows: `nginx.service`, `app@*.service`";
            report.push(Problem::error(unit.at.clone(), message).help(help));
        }
    }
}

pub(super) fn check_verbs(verbs: &[Spanned<String>], report: &mut Report) {
    for verb in verbs {
        if !verb.value.contains('*') && !VERBS.contains(&verb.value.as_str()) {
            let message = format!("`{}` is not a known verb of systemd", verb.value);
            report.push(Problem::warning(verb.at.clone(), message).help(format!("use one of {}", VERBS.join(", "))));
        }
    }
}
