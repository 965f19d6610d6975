//! The text of a policy file for the grants of a trace.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{Grant, LeftOut};
use crate::check::root::way_to_root;
use crate::emit::quote::{comment, toml};
use crate::mechanisms::table;
use crate::policy::SYSTEMD_ACTION;

/// The keys of the details that a `[[systemd]]` table has.
const UNIT_AND_VERB: [&str; 2] = ["unit", "verb"];
/// The key of the path of a program that runs as root.
const PROGRAM: &str = "program";

/// Returns the policy file. `head` is the comment at its start, and `cases` are commands that test it, each with what it should print.
#[must_use]
pub fn file(head: &[String], grants: &[Grant], left_out: &[LeftOut], cases: &[(String, String)]) -> String {
    let mut text: String = head.iter().map(|line| format!("# {}\n", comment(line))).collect();
    for (number, grant) in grants.iter().enumerate() {
        text.push('\n');
        if let Some(why) = root_equivalent(grant) {
            text.push_str(&format!("# Root-equivalent: {}\n", comment(&why)));
        }
        text.push_str(&table_of(grant, &name(grant, number, grants)));
    }
    if !left_out.is_empty() {
        text.push_str("\n# Refused as well, and not granted here:\n");
    }
    for left_out in left_out {
        text.push_str(&left_out_lines(left_out));
    }
    if !cases.is_empty() {
        text.push_str("\n# Test cases, each with what it should print:\n");
    }
    for (command, expected) in cases {
        text.push_str(&format!("# {}    # {}\n", comment(command), comment(expected)));
    }
    text
}

fn left_out_lines(left_out: &LeftOut) -> String {
    let request = &left_out.request;
    let details: String = request.details.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    let unit = request.subject.unit.as_deref().map_or_else(String::new, |unit| format!(" in {unit}"));
    let asked = format!("{}{details} by {}{unit}", request.action, request.subject.user);
    let instead =
        left_out.instead.as_ref().map_or_else(String::new, |command| format!("#   instead: {}\n", comment(command)));
    format!("# - {}\n#   because {}\n{instead}", comment(&asked), comment(&left_out.why))
}

/// A name for messages: the mechanism and the subject. Grants with the same name get a number.
fn name(grant: &Grant, number: usize, grants: &[Grant]) -> String {
    let own = base_name(grant);
    let before = grants.iter().take(number).filter(|other| base_name(other) == own).count();
    if before == 0 { own } else { format!("{own} ({})", before + 1) }
}

fn base_name(grant: &Grant) -> String {
    let first = grant.actions.first().map_or("", String::as_str);
    let mechanism = table::of_action(first).map_or(first, |mechanism| mechanism.name.as_str());
    let subject = grant.unit.as_ref().or(grant.user.as_ref()).map_or("", String::as_str);
    format!("trace: {mechanism} for {subject}")
}

/// Why a grant is equivalent to root access, or which program it runs as another user.
fn root_equivalent(grant: &Grant) -> Option<String> {
    let is_of_unit = |action: &String| action == SYSTEMD_ACTION && grant.details.contains_key("unit");
    if let Some(programs) = grant.details.get(PROGRAM) {
        let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
        return Some(format!("unless {} is harmless with every input", programs.join(", ")));
    }
    let of_action = |action: &String| way_to_root(action).map(str::to_owned).or_else(|| of_set(action));
    grant.actions.iter().filter(|action| !is_of_unit(action)).find_map(of_action)
}

/// Why an action is root-equivalent, by a named set that has it and is root-equivalent.
fn of_set(action: &str) -> Option<String> {
    let with_action: Vec<_> =
        table::sets().map(|(_, set)| set).filter(|set| set.actions.iter().any(|own| own == action)).collect();
    // An action that is also in a harmless set is not what makes the other set root-equivalent.
    let all = with_action.iter().all(|set| set.root_equivalent.is_some());
    with_action.first().filter(|_| all).and_then(|set| set.root_equivalent.clone())
}

fn table_of(grant: &Grant, name: &str) -> String {
    let list = |values: &BTreeSet<String>| values.iter().map(|value| toml(value)).collect::<Vec<_>>().join(", ");
    let mut subject = grant.user.as_ref().map_or_else(String::new, |user| format!("users = [{}]\n", toml(user)));
    if let Some(unit) = &grant.unit {
        subject.push_str(&format!("unit = {}\n", toml(unit)));
    }
    if let Some((units, verbs)) = units_and_verbs(grant) {
        return format!(
            "[[systemd]]\nname = {}\nunits = [{}]\nverbs = [{}]\n{subject}",
            toml(name),
            list(units),
            list(verbs)
        );
    }
    let details: Vec<String> =
        grant.details.iter().map(|(key, values)| format!("{} = [{}]", toml(key), list(values))).collect();
    let details = if details.is_empty() { String::new() } else { format!("details = {{ {} }}\n", details.join(", ")) };
    format!(
        "[[grant]]\nname = {}\nactions = [{}]\n{subject}{details}result = \"yes\"\n",
        toml(name),
        list(&grant.actions)
    )
}

/// Returns units and verbs if a `[[systemd]]` table can have this grant.
fn units_and_verbs(grant: &Grant) -> Option<(&BTreeSet<String>, &BTreeSet<String>)> {
    let is_systemd = grant.actions.len() == 1 && grant.actions.contains(SYSTEMD_ACTION);
    let keys: Vec<&str> = grant.details.keys().map(String::as_str).collect();
    if !is_systemd || keys != UNIT_AND_VERB {
        return None;
    }
    Some((grant.details.get("unit")?, grant.details.get("verb")?))
}

/// The details of a request by which a grant is tested: each detail once with another value.
#[must_use]
pub fn other_details(details: &BTreeMap<String, String>) -> Vec<BTreeMap<String, String>> {
    let with = |key: &String| {
        let mut other = details.clone();
        other.insert(key.clone(), "another-value".to_owned());
        other
    };
    details.keys().map(with).collect()
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
