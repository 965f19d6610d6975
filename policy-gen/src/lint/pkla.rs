//! Mistakes in pkla files. Nobody else tells of them: polkitd throws the helper's warnings away.

use std::ops::Range;

use polkit_config::report::Source;

use super::codes::{self, Code};
use super::{File, Finding, line_span};
use crate::target::{Target, Version};
use crate::verdict::keyfile::{self, Group};
use crate::verdict::pkla::{Entry, parse};
use crate::word::{PerSession, Word};

const KEYS: [&str; 6] = ["Identity", "Action", "ResultAny", "ResultInactive", "ResultActive", "ReturnValue"];

/// Looks through one file.
#[must_use]
pub fn lint(file: &File, target: Target) -> Vec<Finding> {
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
            let message = format!("[{}] is there twice, and is one entry", group.name);
            findings.push(Finding::at(&codes::PG033, line_span(source, line), message));
        }
        for (key, (_, line)) in &group.keys {
            let key = String::from_utf8_lossy(key);
            if !KEYS.contains(&&*key) && !key.contains('[') {
                findings.push(Finding::at(&codes::PG036, line_span(source, *line), format!("nothing reads `{key}`")));
            }
        }
    }
    for entry in &entries {
        let Some(group) = groups.iter().find(|group| group.name == entry.name) else { continue };
        identities(source, group, entry, target, &mut findings);
        if entry.results.any.is_none() {
            let message = format!("[{}] has no ResultAny", entry.name);
            findings.push(Finding::at(&codes::PG035, line_span(source, entry.line), message));
        }
    }
    overridden(source, &entries, &mut findings);
    findings
}

/// What to do about a line that is not understood, where it is a usual mistake.
fn remedy(source: &Source, line: usize) -> Option<&'static str> {
    let text = |line: usize| source.text().lines().nth(line.checked_sub(1)?).map(str::trim);
    if text(line)?.starts_with([';', '/']) {
        return Some("begin a comment with `#`");
    }
    let before = text(line.checked_sub(1)?)?;
    (before.contains('=') && before.ends_with(';')).then_some("put the whole list on one line")
}

/// The bytes of a key's line, or of the entry's header.
fn key_span(source: &Source, group: &Group, key: &str) -> Range<usize> {
    line_span(source, group.keys.get(key.as_bytes()).map_or(group.line, |(_, line)| *line))
}

fn identities(source: &Source, group: &Group, entry: &Entry, target: Target, findings: &mut Vec<Finding>) {
    let span = key_span(source, group, "Identity");
    let mut find = |code: &'static Code, message: String| findings.push(Finding::at(code, span.clone(), message));
    for identity in &entry.identities {
        let everybody = matches!(identity.as_str(), "*" | "unix-user:*" | "unix-*" | "unix-*:*");
        let gives = [entry.results.any, entry.results.inactive, entry.results.active].into_iter().flatten();
        if everybody && gives.into_iter().any(|word| word != Word::No) {
            find(&codes::PG034, format!("`{identity}` is everybody"));
        }
        if let Some(why) = nobody(identity, target) {
            find(&codes::PG032, format!("`{identity}` {why}"));
        }
    }
    if entry.actions.iter().any(|action| action.trim() != action) {
        let message = "a blank stands at the end of an action, and is part of it".to_owned();
        findings.push(Finding::at(&codes::PG032, key_span(source, group, "Action"), message));
    }
}

/// Why nobody is meant by an identity.
fn nobody(identity: &str, target: Target) -> Option<&'static str> {
    if identity == "default" {
        return (target.version < Version::RULES)
            .then_some("means nothing to polkit 0.105: only polkit-pkla-compat knows it");
    }
    if identity.trim() != identity {
        return Some("has a blank at an end, which no name has");
    }
    let kinds = ["unix-user:", "unix-group:", "unix-netgroup:"];
    let name = kinds.iter().find_map(|kind| identity.strip_prefix(kind));
    let Some(name) = name else {
        return (!identity.starts_with("unix-") && !identity.starts_with('*'))
            .then_some("does not begin with unix-user:, unix-group: or unix-netgroup:");
    };
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("is a number: entries are compared by name");
    }
    if name.contains(['"', '\'', ',', '[', ']', '#', ' ']) {
        return Some("has a sign in it that no name has, and that means nothing else here");
    }
    None
}

/// Of the entries that name the same identities and actions, the last takes away what it does not set itself.
fn overridden(source: &Source, entries: &[Entry], findings: &mut Vec<Finding>) {
    for (number, earlier) in entries.iter().enumerate() {
        let same = |later: &&Entry| later.identities == earlier.identities && later.actions == earlier.actions;
        let Some(later) = entries.iter().skip(number + 1).find(same) else { continue };
        let PerSession { any, inactive, active } = earlier.results;
        let gone = |was: Option<Word>, now: Option<Word>| was.is_some() && now.is_none();
        if gone(any, later.results.any) || gone(inactive, later.results.inactive) || gone(active, later.results.active)
        {
            let message =
                format!("[{}] in line {} has the same Identity and Action, and fewer results", later.name, later.line);
            findings.push(Finding::at(&codes::PG037, line_span(source, earlier.line), message));
        }
    }
}
