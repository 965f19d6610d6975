//! The table `[[allow]]`: a grant of a named set of actions.

use polkit_config::near::nearest;
use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::{check_kept, check_values, results};
use super::subjects::{SessionScope, Subjects, subjects};
use super::systemd::{ACTION as SYSTEMD_ACTION, check_units, check_verbs};
use super::{Detail, Grant, GrantKind};
use crate::implicit_authorization::BySession;
use crate::mechanisms::set::{Parameter, Set};
use crate::mechanisms::table::{set, sets};

/// A parameter with its values.
type Given = (&'static Parameter, Vec<Spanned<String>>);

/// Reads an `[[allow]]` table as grants: one for each group of actions that carry the same details.
pub(super) fn read(mut table: Table, number: usize, report: &mut Report) -> Vec<Grant> {
    let at = table.at().clone();
    let name = table.string("name", report);
    let what = table.required_string("what", report);
    let subjects = subjects(&mut table, "[[allow]]", report);
    let session = session(&mut table, report);
    let set = what.as_ref().and_then(|what| found(what, report));
    let result = if table.has("result") {
        results(&mut table, report)
    } else {
        set.map(|set| (BySession::always(set.result), at.clone()))
    };
    let (given, actions) = match set {
        Some(set) => (parameters(set, &mut table, report), actions(set, &mut table, report)),
        None => (Vec::new(), Vec::new()),
    };
    if set.is_some() || what.is_none() {
        table.finish(report);
    }
    let (Some(set), Some(what), Some((results, result_at))) = (set, what, result) else { return Vec::new() };
    let has_values = given.iter().any(|(parameter, _)| parameter.default.is_empty());
    if set.needs_parameter && !has_values {
        let keys = set.parameters.iter().filter(|parameter| parameter.default.is_empty());
        let keys: Vec<String> = keys.map(|parameter| format!("`{}`", parameter.key)).collect();
        let problem = Problem::error(at.clone(), format!("`{}` needs {}", set.name, keys.join(" or ")));
        let meanings = set.parameters.iter().map(|parameter| format!("`{}`: {}", parameter.key, parameter.meaning));
        report.push(problem.help(meanings.collect::<Vec<_>>().join("; ")));
    }
    let label = match name {
        Some(name) => format!("{} ({})", name.value, set.name),
        None => format!("allow {number} ({})", set.name),
    };
    let subjects = Subjects { session: session.unwrap_or_default(), ..subjects };
    let mut grants: Vec<Grant> = Vec::new();
    for (keys, ids) in grouped(&given, &actions) {
        let details = details(set, &given, &keys, &what);
        check_kept(&details, results, result_at.clone(), report);
        let pattern = |id: &&'static str| Some(Spanned { value: ActionPattern::new(id).ok()?, at: what.at.clone() });
        grants.push(Grant {
            kind: GrantKind::Grant,
            label: label.clone(),
            set: Some(set),
            actions: ids.iter().filter_map(pattern).collect(),
            subjects: subjects.clone(),
            details,
            results,
            at: at.clone(),
        });
    }
    grants
}

/// Finds a set. Reports a name that does not exist.
fn found(what: &Spanned<String>, report: &mut Report) -> Option<&'static Set> {
    let known = set(&what.value);
    if known.is_none() {
        let names = || sets().map(|(_, set)| set.name.as_str());
        let near = nearest(&what.value, names(), |known| 2.max(known.len() / 3));
        let mut all: Vec<&str> = names().collect();
        all.sort_unstable();
        let help = match near {
            Some(near) => format!("did you mean `{near}`? `polkit-policy-gen sets` lists all"),
            None => format!("use one of {}", all.join(", ")),
        };
        report.push(Problem::error(what.at.clone(), format!("there is no set `{}`", what.value)).help(help));
    }
    known
}

fn session(table: &mut Table, report: &mut Report) -> Option<SessionScope> {
    let word = table.string("session", report)?;
    let found = SessionScope::ALL.into_iter().find(|scope| scope.text() == word.value);
    if found.is_none() {
        let message = format!("`{}` is not a value of `session`", word.value);
        let help = "use `any`, `local` for sessions at a seat, or `none` for services and cron";
        report.push(Problem::error(word.at, message).help(help));
    }
    found
}

/// Reads the parameters of a set, with the default values of those that are not given.
fn parameters(set: &'static Set, table: &mut Table, report: &mut Report) -> Vec<Given> {
    let mut given = Vec::new();
    for parameter in &set.parameters {
        let values = table.strings(&parameter.key, report);
        if let Some(values) = &values {
            let key = Spanned { value: parameter.key.clone(), at: table.at().clone() };
            check_values(&key, values, report);
            let is_of_systemd = set.actions.iter().any(|action| action == SYSTEMD_ACTION);
            match parameter.detail.as_str() {
                "unit" if is_of_systemd => check_units(values, report),
                "verb" if is_of_systemd => check_verbs(values, report),
                _ => {}
            }
        }
        let default = || {
            let value = |value: &String| Spanned { value: value.clone(), at: table.at().clone() };
            parameter.default.iter().map(value).collect::<Vec<_>>()
        };
        let values = values.unwrap_or_else(default);
        if !values.is_empty() {
            given.push((parameter, values));
        }
    }
    given
}

/// Returns the actions of a set, with those of the options that are true.
fn actions(set: &'static Set, table: &mut Table, report: &mut Report) -> Vec<&'static str> {
    let mut actions: Vec<&'static str> = set.actions.iter().map(String::as_str).collect();
    for option in &set.options {
        if table.bool(&option.key, report).is_some_and(|chosen| chosen.value) {
            actions.extend(option.actions.iter().map(String::as_str));
        }
    }
    actions
}

/// Groups the actions by the parameters whose details they carry: places in `given`, and ids.
fn grouped(given: &[Given], actions: &[&'static str]) -> Vec<(Vec<usize>, Vec<&'static str>)> {
    let mut groups: Vec<(Vec<usize>, Vec<&'static str>)> = Vec::new();
    for action in actions {
        let is_of = |parameter: &Parameter| {
            parameter.actions.is_empty() || parameter.actions.iter().any(|known| known == action)
        };
        let keys: Vec<usize> =
            given.iter().enumerate().filter(|(_, (parameter, _))| is_of(parameter)).map(|(place, _)| place).collect();
        match groups.iter_mut().find(|(known, _)| *known == keys) {
            Some((_, ids)) => ids.push(action),
            None => groups.push((keys, vec![action])),
        }
    }
    groups
}

fn details(set: &Set, given: &[Given], keys: &[usize], what: &Spanned<String>) -> Vec<Detail> {
    let at = &what.at;
    let fixed = set.details.iter().map(|(key, values)| Detail {
        key: Spanned { value: key.clone(), at: at.clone() },
        values: values.iter().map(|value| Spanned { value: Glob::new(value), at: at.clone() }).collect(),
    });
    let of_parameters =
        given.iter().enumerate().filter(|(place, _)| keys.contains(place)).map(|(_, (parameter, values))| Detail {
            key: Spanned { value: parameter.detail.clone(), at: at.clone() },
            values: values
                .iter()
                .map(|value| Spanned { value: Glob::new(&value.value), at: value.at.clone() })
                .collect(),
        });
    fixed.chain(of_parameters).collect()
}

#[cfg(test)]
#[path = "allow_tests.rs"]
mod tests;
