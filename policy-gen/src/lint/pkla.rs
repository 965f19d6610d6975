//! Finds mistakes in pkla files. polkit does not report them: polkitd discards the warnings of the helper.

use std::collections::BTreeMap;
use std::ops::Range;

use polkit_config::report::Source;

use super::codes::{self, Code};
use super::{File, Finding, line_span};
use crate::check::known_actions::KnownActions;
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::target::{Target, Version};
use crate::verdict::keyfile::{self, Group};
use crate::verdict::pkla::{Entry, parse};

const KEYS: [&str; 6] = ["Identity", "Action", "ResultAny", "ResultInactive", "ResultActive", "ReturnValue"];

/// Checks one file.
#[must_use]
pub fn lint(file: &File, target: Target, known: &KnownActions) -> Vec<Finding> {
    let source = &file.source;
    let groups = match keyfile::parse(&file.bytes) {
        Ok(groups) => groups,
        Err(broken) => {
            let found = Finding::at(&codes::PG030, line_span(source, broken.line), broken.why);
            return vec![Finding { help: remedy(source, broken.line).unwrap_or(found.help), ..found }];
        }
    };
    let (entries, dropped) = parse(&file.bytes);
    let mut findings: Vec<Finding> = dropped
        .iter()
        .map(|dropped| Finding::at(&codes::PG031, line_span(source, dropped.line), dropped.why.clone()))
        .collect();
    for group in &groups {
        if let Some(line) = group.merged_at {
            let message = format!("[{}] occurs twice and becomes one entry", group.name);
            findings.push(Finding::at(&codes::PG033, line_span(source, line), message));
        }
        for (key, (_, line)) in &group.keys {
            let key = String::from_utf8_lossy(key);
            if !KEYS.contains(&&*key) && !key.contains('[') {
                findings.push(Finding::at(&codes::PG036, line_span(source, *line), format!("unknown key `{key}`")));
            }
        }
    }
    let by_name: BTreeMap<&str, &Group> = groups.iter().rev().map(|group| (group.name.as_str(), group)).collect();
    for entry in &entries {
        let Some(group) = by_name.get(entry.name.as_str()) else { continue };
        identities(source, group, entry, target, &mut findings);
        actions(source, group, entry, known, &mut findings);
        if entry.results.any.is_none() {
            let message = format!("[{}] has no ResultAny", entry.name);
            findings.push(Finding::at(&codes::PG035, line_span(source, entry.line), message));
        }
    }
    overridden(source, &entries, &mut findings);
    findings
}

/// Returns the remedy for a malformed line with a common mistake.
fn remedy(source: &Source, line: usize) -> Option<&'static str> {
    let text = |line: usize| source.text().lines().nth(line.checked_sub(1)?).map(str::trim);
    if text(line)?.starts_with([';', '/']) {
        return Some("start comments with `#`");
    }
    let before = text(line.checked_sub(1)?)?;
    (before.contains('=') && before.ends_with(';')).then_some("put the whole list on one line")
}

/// Returns the bytes of a key's line, or of the entry's header.
fn key_span(source: &Source, group: &Group, key: &str) -> Range<usize> {
    line_span(source, group.keys.get(key.as_bytes()).map_or(group.line, |(_, line)| *line))
}

fn identities(source: &Source, group: &Group, entry: &Entry, target: Target, findings: &mut Vec<Finding>) {
    let span = key_span(source, group, "Identity");
    let mut find = |code: &'static Code, message: String| findings.push(Finding::at(code, span.clone(), message));
    for identity in &entry.identities {
        let every_user = matches!(identity.as_str(), "*" | "unix-user:*" | "unix-*" | "unix-*:*");
        // An administrator's password is not every user's, and users at the seat are not services.
        let gives = matches!(
            entry.results.any,
            Some(ImplicitAuthorization::Yes | ImplicitAuthorization::AuthSelf | ImplicitAuthorization::AuthSelfKeep)
        );
        if every_user && gives {
            find(&codes::PG034, format!("`{identity}` matches every user"));
        }
        if let Some(why) = matches_no_user(identity, target) {
            find(&codes::PG032, format!("`{identity}` {why}"));
        }
    }
    if entry.actions.iter().any(|action| action.trim() != action) {
        let message = "a blank at the end of an action is part of its id".to_owned();
        findings.push(Finding::at(&codes::PG032, key_span(source, group, "Action"), message));
    }
}

/// Finds actions that no .policy file defines, and grants of every action.
fn actions(source: &Source, group: &Group, entry: &Entry, known: &KnownActions, findings: &mut Vec<Finding>) {
    let span = key_span(source, group, "Action");
    let words: Vec<ImplicitAuthorization> =
        [entry.results.any, entry.results.inactive, entry.results.active].into_iter().flatten().collect();
    for action in &entry.actions {
        // `org.*` also matches the actions of packages that are installed later.
        let every_action = action.contains('*') && action.trim_matches(['*', '?', '.']).split('.').count() <= 1;
        if every_action && action.trim_matches(['*', '?', '.']).len() <= 3 {
            // Refusals and authentication for every action are policies of kiosks and directories.
            if !words.contains(&ImplicitAuthorization::Yes) {
                continue;
            }
            let message = format!("`{action}` grants every action to {}", entry.identities.join(", "));
            findings.push(Finding::at(&codes::PG038, span.clone(), message));
        } else if !action.contains(['*', '?', '[', ' ']) && known.is_unknown(action) {
            let (message, help) = known.describe(action);
            let message = help.map_or_else(|| message.clone(), |help| format!("{message}: {help}"));
            findings.push(Finding::at(&codes::PG068, span.clone(), message));
        }
    }
}

/// Returns the reason why an identity matches no user.
fn matches_no_user(identity: &str, target: Target) -> Option<&'static str> {
    if identity == "default" {
        return (target.version < Version::RULES)
            .then_some("has no meaning for polkit 0.105, only for polkit-pkla-compat");
    }
    if identity.trim() != identity {
        return Some("begins or ends with a blank, which names cannot");
    }
    let kinds = ["unix-user:", "unix-group:", "unix-netgroup:"];
    let name = kinds.iter().find_map(|kind| identity.strip_prefix(kind));
    let Some(name) = name else {
        return (!identity.starts_with("unix-") && !identity.starts_with('*'))
            .then_some("does not begin with unix-user:, unix-group: or unix-netgroup:");
    };
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("is a number, but entries are compared by name");
    }
    if name.contains(['"', '\'', ',', '[', ']', '#', ' ']) {
        return Some("contains a character that names cannot have and that has no special meaning");
    }
    None
}

/// Finds entries whose results a later entry with the same identities and actions removes.
fn overridden(source: &Source, entries: &[Entry], findings: &mut Vec<Finding>) {
    // From the end: for each pair of lists, the next entry with the same.
    let mut next: BTreeMap<(&[String], &[String]), &Entry> = BTreeMap::new();
    let mut pairs: Vec<(&Entry, &Entry)> = Vec::new();
    for entry in entries.iter().rev() {
        let later = next.insert((&entry.identities, &entry.actions), entry);
        pairs.extend(later.map(|later| (entry, later)));
    }
    for (earlier, later) in pairs.into_iter().rev() {
        let BySession { any, inactive, active } = earlier.results;
        let gone =
            |was: Option<ImplicitAuthorization>, now: Option<ImplicitAuthorization>| was.is_some() && now.is_none();
        if gone(any, later.results.any) || gone(inactive, later.results.inactive) || gone(active, later.results.active)
        {
            let message =
                format!("[{}] in line {} has the same Identity and Action but fewer results", later.name, later.line);
            findings.push(Finding::at(&codes::PG037, line_span(source, earlier.line), message));
        }
    }
}
