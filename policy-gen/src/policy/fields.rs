//! The common keys of policy tables: names, actions, details and results.

use polkit_config::names::check_name;
use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::Detail;
use crate::implicit_authorization::{BySession, ImplicitAuthorization};

/// Limit of the values of a detail. Duktape allows 65,535 constants in one function and drops rules files with more.
const VALUES_MAX: usize = 10_000;

pub(super) fn check_names(what: &str, names: &[Spanned<String>], report: &mut Report) {
    for name in names {
        if let Err(reason) = check_name(&name.value) {
            let message = format!("invalid {what} name `{}`: it {reason}", name.value);
            report.push(
                Problem::error(name.at.clone(), message).help(format!("use the {what} name that `getent` shows")),
            );
        }
    }
}

pub(super) fn patterns(actions: Vec<Spanned<String>>, report: &mut Report) -> Vec<Spanned<ActionPattern>> {
    let read = actions.into_iter().filter_map(|action| match ActionPattern::new(&action.value) {
        Ok(value) => Some(Spanned { value, at: action.at }),
        Err(reason) => {
            let message = format!("`{}` is neither an action id nor an action pattern", action.value);
            let help = format!("{reason}; examples: `org.libvirt.unix.manage`, `org.libvirt.*`");
            report.push(Problem::error(action.at, message).help(help));
            None
        }
    });
    read.collect()
}

pub(super) fn check_actions(actions: &[Spanned<String>], report: &mut Report) {
    for action in actions {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if action.value.is_empty() || !action.value.chars().all(fits) {
            let problem = Problem::error(action.at.clone(), format!("`{}` is not an action id", action.value));
            report.push(problem.help("use the exact id that `pkaction` lists, for example `org.libvirt.unix.manage`"));
        }
    }
}

pub(super) fn details(table: &mut Table, report: &mut Report) -> Vec<Detail> {
    if !table.has("details") {
        return Vec::new();
    }
    let lists = table.table("details", report).map(|table| table.lists_by_key(report)).unwrap_or_default();
    let details = lists.into_iter().map(|(key, values)| {
        check_details(std::slice::from_ref(&key), report);
        check_values(&key, &values, report);
        let glob = |value: Spanned<String>| Spanned { value: Glob::new(&value.value), at: value.at };
        Detail { key, values: values.into_iter().map(glob).collect() }
    });
    details.collect()
}

pub(super) fn check_details(keys: &[Spanned<String>], report: &mut Report) {
    for key in keys {
        // For Duktape a character beyond U+FFFF in a rules file differs from the same character in a detail.
        let fits = |c: char| !c.is_control() && u32::from(c) <= 0xffff;
        if key.value.is_empty() || !key.value.chars().all(fits) {
            let problem = Problem::error(key.at.clone(), format!("`{}` is not a valid detail key", key.value));
            report.push(
                problem.help("use a key that the mechanism passes to polkit, for example `details = [\"program\"]`"),
            );
        }
    }
}

pub(super) fn check_values(key: &Spanned<String>, values: &[Spanned<String>], report: &mut Report) {
    if values.len() > VALUES_MAX {
        let message = format!("`{}` has {} values; the limit is {VALUES_MAX}", key.value, values.len());
        report.push(Problem::error(key.at.clone(), message).help("use a pattern, or split the grant"));
    }
    for value in values.iter().filter(|value| value.value.chars().any(|character| u32::from(character) > 0xffff)) {
        let message = format!("a rule can never match the value `{}`", value.value);
        let help =
            "for Duktape a character beyond U+FFFF differs from the same character in a rules file (polkit 122 to 128)";
        report.push(Problem::error(value.at.clone(), message).help(help));
    }
}

/// Reads `result`, and returns its location.
pub(super) fn results(table: &mut Table, report: &mut Report) -> Option<(BySession<ImplicitAuthorization>, Location)> {
    if !table.holds_table("result") {
        let word = table.required_string("result", report)?;
        return answer(&word, report).map(|answer| (BySession::always(answer), word.at));
    }
    let mut table = table.table("result", report)?;
    let at = table.at().clone();
    let mut one = |key| table.required_string(key, report).and_then(|word| answer(&word, report));
    let (any, inactive, active) = (one("any"), one("inactive"), one("active"));
    table.finish(report);
    Some((BySession { any: any?, inactive: inactive?, active: active? }, at))
}

fn answer(word: &Spanned<String>, report: &mut Report) -> Option<ImplicitAuthorization> {
    let found = ImplicitAuthorization::parse(&word.value);
    if found.is_none() {
        let problem = Problem::error(word.at.clone(), format!("`{}` is not a result of polkit", word.value));
        report.push(
            problem
                .help(format!("use one of {}", ImplicitAuthorization::ALL.map(ImplicitAuthorization::text).join(", "))),
        );
    }
    found
}

/// Refuses kept results with details: polkit keeps an authorization for the action with any details, so one for a single unit would
/// count for all.
pub(super) fn check_kept(
    details: &[Detail],
    results: BySession<ImplicitAuthorization>,
    at: Location,
    report: &mut Report,
) {
    if !details.is_empty() && results.all().into_iter().any(ImplicitAuthorization::is_kept) {
        let message = "polkit keeps this authorization for the action with any details, so it would also cover other units, domains or programs";
        report.push(Problem::error(at, message).help("with `details`, use the result without `_keep`"));
    }
}
