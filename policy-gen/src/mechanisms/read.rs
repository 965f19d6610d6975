//! Reads an entry of the table from a file, with every problem of the file.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report, Source};
use polkit_config::table::{self, Spanned, Table};
use regex_lite::Regex;

use super::entry::{ActionDetails, Change, Interaction, Kind, Mechanism, Passed, SubjectKind, Text};
use super::set;

/// The groups of an expression that are not details.
const GROUPS: [&str; 5] = ["uid", "user", "device", "action", "name"];

/// An entry, and the place of its name.
#[derive(Debug)]
pub struct Entry {
    /// The entry.
    pub mechanism: Mechanism,
    /// The place of the name.
    pub at: Location,
}

/// Reads a file of the table. Returns nothing if it has an error.
pub fn read(source: &Source, report: &mut Report) -> Option<Entry> {
    let before = report.errors();
    let entry = parse(source, report)?;
    entry.mechanism.texts.iter().for_each(|text| check_text(text, &entry, report));
    (report.errors() == before).then_some(entry)
}

/// Reads a file without compiling its expressions.
pub(super) fn parse(source: &Source, report: &mut Report) -> Option<Entry> {
    let mut root = table::parse(source, report);
    let name = root.required_string("name", report);
    let packages = values(root.strings("packages", report));
    let is_other = !root.has("actions");
    let actions = patterns(root.strings("actions", report), report);
    let first = passed(&mut root, is_other, report);
    let details = root.tables("action", report).into_iter().filter_map(|table| action(table, report)).collect();
    let changes = root.tables("change", report).into_iter().filter_map(|table| change(table, report)).collect();
    let texts = root.tables("text", report).into_iter().filter_map(|table| text(table, is_other, report));
    let texts = texts.collect();
    let details: Vec<ActionDetails> = details;
    let keys = |action: &str| {
        let of = details.iter().find(|of| of.ids.iter().any(|id| id.covers(action)))?;
        Some(of.keys.iter().map(|(key, _)| key.clone()).collect())
    };
    let sets =
        root.tables("set", report).into_iter().filter_map(|table| set::read(table, &actions, &keys, report)).collect();
    let proof = values(root.strings("proof", report));
    root.finish(report);
    let (name, first) = (name?, first?);
    let mechanism = Mechanism { name: name.value, packages, actions, first, changes, details, texts, sets, proof };
    Some(Entry { mechanism, at: name.at })
}

fn values(list: Option<Vec<Spanned<String>>>) -> Vec<String> {
    list.unwrap_or_default().into_iter().map(|text| text.value).collect()
}

fn patterns(list: Option<Vec<Spanned<String>>>, report: &mut Report) -> Vec<Glob> {
    let read = list.unwrap_or_default().into_iter().filter_map(|text| {
        let is_ids = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte));
        // A pattern such as `org.freedesktop.login1.*-ignore-inhibit` is no pattern of a policy.
        if ActionPattern::new(&text.value).is_ok() || is_ids(&text.value) && text.value.contains('.') {
            return Some(Glob::new(&text.value));
        }
        let problem = Problem::error(text.at, format!("`{}` is neither an action id nor a pattern", text.value));
        report.push(problem.help("use ids in which `*` stands for any characters: `org.example.service.*`"));
        None
    });
    read.collect()
}

/// Reads a key that has one of some words.
fn word<T: Copy>(text: &Spanned<String>, key: &str, known: &[(&str, T)], report: &mut Report) -> Option<T> {
    let found = known.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let words: Vec<String> = known.iter().map(|(word, _)| format!("`{word}`")).collect();
        let problem = Problem::error(text.at.clone(), format!("`{}` is not a value of `{key}`", text.value));
        report.push(problem.help(format!("use {}", words.join(", "))));
    }
    found.map(|(_, value)| *value)
}

fn subjects(table: &mut Table, report: &mut Report) -> Option<Vec<SubjectKind>> {
    let known = SubjectKind::ALL.map(|kind| (kind.text(), kind));
    let list = table.strings("subject", report)?;
    list.iter().map(|text| word(text, "subject", &known, report)).collect()
}

fn interaction(table: &mut Table, report: &mut Report) -> Option<Interaction> {
    let text = table.string("interaction", report)?;
    word(&text, "interaction", &Interaction::ALL.map(|value| (value.text(), value)), report)
}

/// Reads `subject`, `interaction` and `checks_root`. A program that does not ask polkit has none of them.
fn passed(table: &mut Table, is_other: bool, report: &mut Report) -> Option<Passed> {
    if is_other {
        return Some(Passed { subjects: Vec::new(), interaction: Interaction::Never, checks_root: Vec::new() });
    }
    table.require("subject", "subject = \"bus-name\"", report);
    table.require("interaction", "interaction = \"caller\"", report);
    let (subjects, interaction) = (subjects(table, report), interaction(table, report));
    let checks_root = patterns(table.strings("checks_root", report), report);
    Some(Passed { subjects: subjects?, interaction: interaction?, checks_root })
}

fn action(mut table: Table, report: &mut Report) -> Option<ActionDetails> {
    let ids = table.required_strings("ids", report);
    let mut pairs = pairs(&mut table, report);
    let mut of_these = |key| {
        let listed = table.strings(key, report).unwrap_or_default();
        for missing in listed.iter().filter(|name| !pairs.iter().any(|(known, _)| *known == name.value)) {
            let problem =
                Problem::error(missing.at.clone(), format!("`{}` is not a detail of these actions", missing.value));
            report.push(problem.help("list the detail with its meaning in `[action.details]`, or remove it here"));
        }
        values(Some(listed))
    };
    let (identity, incidental) = (of_these("identity"), of_these("incidental"));
    table.finish(report);
    pairs.sort_by_key(|(_, meaning)| meaning.at.span.as_ref().map(|span| span.start));
    let keys = pairs.into_iter().map(|(key, meaning)| (key, meaning.value)).collect();
    Some(ActionDetails { ids: patterns(Some(ids?), report), keys, identity, incidental })
}

/// Reads the table `details`, which may be absent.
fn pairs(table: &mut Table, report: &mut Report) -> Vec<(String, Spanned<String>)> {
    let details = table.has("details").then(|| table.table("details", report)).flatten();
    details.map(|details| details.strings_by_key(report)).unwrap_or_default()
}

fn change(mut table: Table, report: &mut Report) -> Option<Change> {
    let (since, meaning) = (table.required_string("since", report), table.required_string("meaning", report));
    let (subjects, interaction) = (subjects(&mut table, report), interaction(&mut table, report));
    let checks_root = table.strings("checks_root", report).map(|list| patterns(Some(list), report));
    let details = values(table.strings("details", report));
    table.finish(report);
    let since = since?;
    let is_version = |(_, version): (&str, &str)| {
        version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    if !since.value.rsplit_once(' ').is_some_and(is_version) {
        let problem = Problem::error(since.at, format!("`{}` is not a program and a version", since.value));
        report.push(problem.help("write the version after the program: `since = \"systemd 257\"`"));
    }
    Some(Change { since: since.value, subjects, interaction, checks_root, details, meaning: meaning?.value })
}

fn text(mut table: Table, is_other: bool, report: &mut Report) -> Option<Text> {
    let (pattern, error) = (table.required_string("pattern", report), table.required_string("error", report));
    let mut string = |key| table.string(key, report).map(|text| text.value);
    let (action, hint, code) = (string("action"), string("hint"), string("code"));
    let also = values(table.strings("also", report));
    let details = pairs(&mut table, report);
    let at = table.at().clone();
    table.finish(report);
    let (pattern, error) = (pattern?, error?);
    let kind = word(&error, "error", &Kind::ALL.map(|kind| (kind.text(), kind)), report)?;
    if (kind == Kind::NotPolkit) != code.is_some() {
        let problem = Problem::error(at.clone(), "`code` is for texts with the error `not-polkit`, and only for these");
        report.push(problem.help("add `code = \"…\"` to such a text, and remove it from others"));
    }
    if kind == Kind::NotPolkit && hint.is_none() {
        let problem = Problem::error(at.clone(), "a text with the error `not-polkit` has no `hint`");
        report.push(problem.help("say what the cause is: `hint = \"…\"`"));
    }
    if is_other && kind != Kind::NotPolkit {
        let problem = Problem::error(error.at, "a file without `actions` is about a program that does not ask polkit");
        report.push(problem.help("add `actions = [\"…\"]`, or write `error = \"not-polkit\"`"));
    }
    let details: BTreeMap<String, String> = details.into_iter().map(|(key, value)| (key, value.value)).collect();
    let pattern_at = pattern.at;
    Some(Text {
        pattern: pattern.value,
        pattern_at,
        error: kind,
        action,
        details,
        also,
        hint,
        code,
        regex: OnceLock::new(),
    })
}

/// Checks the expression of a text, and the names of its groups.
fn check_text(text: &Text, entry: &Entry, report: &mut Report) {
    let regex = match Regex::new(&text.pattern) {
        Ok(regex) => regex,
        Err(error) => {
            let problem = Problem::error(text.pattern_at.clone(), format!("invalid regular expression: {error}"));
            report.push(problem.help("the syntax is that of the Rust crate regex-lite; put the expression in '''…'''"));
            return;
        }
    };
    let keys: Vec<&str> = entry.mechanism.details.iter().flat_map(|of| &of.keys).map(|(key, _)| key.as_str()).collect();
    for group in regex.capture_names().flatten().filter(|name| !GROUPS.contains(name) && !keys.contains(name)) {
        let problem = Problem::error(text.pattern_at.clone(), format!("the group `{group}` has no meaning"));
        report.push(problem.help(format!("known: {}, and the details of the mechanism", GROUPS.join(", "))));
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
