//! One rule per grant, as an administrator would write it by hand. For few grants, because polkitd runs one rule after the other.
//!
//! The results are those of the tables of [`tables`](super::tables). A rule cannot throw, because an exception would deny every action
//! of the host: it uses only what polkit itself defines.

use std::collections::BTreeSet;

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::table::Spanned;

use super::NAME;
use super::action_pattern::{beginning, expression};
use super::quote::{comment, javascript};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::policy::{Grant, SessionScope, Subjects};

/// The largest number of grants in this form.
const GRANTS: usize = 32;
/// The largest number of actions, names and values in this form.
const TERMS: usize = 160;
/// The longest condition in one line.
const WIDTH: usize = 100;

/// Compares a detail or a unit with a pattern, which is given as the texts between its stars.
const MATCHES: &str = r#"
    function matches(value, parts) {
        if (typeof value !== "string") {
            return false;
        }
        var last = parts.length - 1;
        var at = parts[0].length;
        var end = value.length - parts[last].length;
        if (at > end || value.slice(0, at) !== parts[0] || value.slice(end) !== parts[last]) {
            return false;
        }
        for (var i = 1; i < last; i += 1) {
            at = value.indexOf(parts[i], at);
            if (at === -1 || at + parts[i].length > end) {
                return false;
            }
            at += parts[i].length;
        }
        return true;
    }
"#;

/// Whether the grants are few enough for this form.
pub(super) fn suits(grants: &[&Grant]) -> bool {
    let terms = |grant: &&Grant| {
        let values: usize = grant.details.iter().map(|detail| detail.values.len()).sum();
        grant.actions.len() + grant.subjects.names().count() + grant.subjects.units.len() + values
    };
    grants.len() <= GRANTS && grants.iter().map(terms).sum::<usize>() <= TERMS
}

/// Generates the rules, in the order of the grants. The same grants give the same bytes.
pub(super) fn emit(grants: &[&Grant]) -> String {
    let of_details = |grant: &&Grant| grant.details.iter().any(|detail| !patterns(&detail.values).is_empty());
    let needs_function = grants.iter().any(|grant| of_details(grant) || !patterns(&grant.subjects.units).is_empty());
    if needs_function {
        let rules: String = grants.iter().map(|grant| rule(grant, "    ")).collect();
        format!("(function () {{{MATCHES}{rules}}}());\n")
    } else {
        grants.iter().map(|grant| rule(grant, "")).collect()
    }
}

fn rule(grant: &Grant, indent: &str) -> String {
    let mut conditions = vec![one_of(actions(&grant.actions))];
    conditions.extend(subjects(&grant.subjects));
    for detail in &grant.details {
        let value = format!("action.lookup({})", javascript(&detail.key.value));
        conditions.push(one_of(values(&value, &detail.values)));
    }
    let mut condition = conditions.join(" && ");
    if condition.len() > WIDTH {
        condition = conditions.join(&format!(" &&\n{indent}            "));
    }
    let returned = result(grant.results);
    format!(
        "\n{indent}// {NAME}{}\n{indent}polkit.addRule(function (action, subject) {{\n{indent}    if ({condition}) {{\n\
         {indent}        return {returned};\n{indent}    }}\n{indent}}});\n",
        comment(&grant.label)
    )
}

/// Joins alternatives. Each of them binds more tightly than `||`.
fn one_of(alternatives: Vec<String>) -> String {
    match alternatives.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(" || ")),
    }
}

/// `value === "a"`, or `["a", "b"].indexOf(value) !== -1`.
fn is_one(value: &str, texts: BTreeSet<&str>) -> Option<String> {
    let texts: Vec<String> = texts.into_iter().map(javascript).collect();
    match texts.as_slice() {
        [] => None,
        [one] => Some(format!("{value} === {one}")),
        several => Some(format!("[{}].indexOf({value}) !== -1", several.join(", "))),
    }
}

fn actions(actions: &[Spanned<ActionPattern>]) -> Vec<String> {
    let (exact, patterns): (Vec<_>, Vec<_>) =
        actions.iter().map(|action| &action.value).partition(|action| action.is_exact());
    let pattern = |pattern: &&ActionPattern| {
        let (text, begins) = (pattern.as_str(), beginning(pattern));
        if text.strip_suffix('*') == Some(begins) {
            format!("action.id.indexOf({}) === 0", javascript(begins))
        } else {
            format!("{}.test(action.id)", expression(text))
        }
    };
    let exact = is_one("action.id", exact.into_iter().map(ActionPattern::as_str).collect());
    exact.into_iter().chain(patterns.iter().map(pattern)).collect()
}

/// The conditions on the subject; all must hold.
fn subjects(subjects: &Subjects) -> Vec<String> {
    let calls = |function: &'static str, names| {
        sorted(names).into_iter().map(move |name| format!("subject.{function}({})", javascript(name)))
    };
    let user = is_one("subject.user", sorted(&subjects.users));
    let names = user.into_iter().chain(calls("isInGroup", &subjects.groups));
    let names: Vec<String> = names.chain(calls("isInNetGroup", &subjects.netgroups)).collect();
    let mut conditions = Vec::new();
    if !subjects.everybody {
        conditions.push(one_of(names));
    }
    if !subjects.units.is_empty() {
        conditions.push(one_of(values("subject.system_unit", &subjects.units)));
    }
    if subjects.no_new_privileges {
        conditions.push("subject.no_new_privileges === true".to_owned());
    }
    match subjects.session {
        SessionScope::Any => {}
        SessionScope::Local => conditions.push("subject.local".to_owned()),
        SessionScope::None => conditions.push("!subject.session".to_owned()),
    }
    conditions
}

fn sorted(names: &[Spanned<String>]) -> BTreeSet<&str> {
    names.iter().map(|name| name.value.as_str()).collect()
}

/// Compares `value` with exact texts and patterns.
fn values(value: &str, known: &[Spanned<Glob>]) -> Vec<String> {
    let exact = known.iter().map(|known| &known.value).filter(|known| known.is_exact());
    let exact = is_one(value, exact.map(Glob::as_str).collect());
    let pattern = |pattern: &str| {
        let parts: Vec<String> = pattern.split('*').map(javascript).collect();
        format!("matches({value}, [{}])", parts.join(", "))
    };
    exact.into_iter().chain(patterns(known).into_iter().map(pattern)).collect()
}

fn patterns(known: &[Spanned<Glob>]) -> BTreeSet<&str> {
    known.iter().map(|known| &known.value).filter(|known| !known.is_exact()).map(Glob::as_str).collect()
}

/// The result by the state of the session. `subject.active` also holds in a session without a seat, so it counts only with `local`.
fn result(results: BySession<ImplicitAuthorization>) -> String {
    let [any, inactive, active] = results.all().map(|result| javascript(result.text()));
    if inactive != active && inactive != any {
        format!("!subject.local ? {any} : subject.active ? {active} : {inactive}")
    } else if active == any {
        any
    } else if active == inactive {
        format!("subject.local ? {active} : {any}")
    } else {
        format!("subject.local && subject.active ? {active} : {any}")
    }
}
