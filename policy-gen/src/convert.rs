//! Conversion of a tree of pkla files to one rules file with the same decisions.
//!
//! A line-by-line conversion is not possible. pkla works in rounds (`default`, each group of the user, the user). In each round
//! the last matching entry of a directory counts, even if it has no result. The rules file therefore contains the entries as a
//! table, and a function that performs the same rounds.

mod script;

use std::collections::BTreeMap;

use script::{AFTER, BEFORE};

use crate::emit::quote::{comment, javascript};
use crate::emit::tables::{Line, add, key};
use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::pkla::{Entry, Pkla, Reader, glob};

/// An entry that a rules file cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEntry {
    /// The file.
    pub file: String,
    /// The line of the entry, from 1.
    pub line: usize,
    /// The reason.
    pub why: String,
}

/// An entry and its place.
struct EntryPlace<'a> {
    directory: usize,
    file: &'a str,
    entry: &'a Entry,
}

/// Generates the rules file. The same tree gives the same bytes.
///
/// # Errors
/// All entries that cannot be converted.
pub fn emit(pkla: &Pkla, first_line: &str) -> Result<String, Vec<LostEntry>> {
    let mut placed = Vec::new();
    for (directory, store) in pkla.stores.iter().enumerate() {
        for file in &store.files {
            placed.extend(file.entries.iter().map(|entry| EntryPlace { directory, file: &file.path, entry }));
        }
    }
    let mut lost: Vec<LostEntry> = placed.iter().filter_map(unspeakable).collect();
    if pkla.reader == Reader::Native {
        lost.extend(unordered(&placed));
    }
    if !lost.is_empty() {
        return Err(lost);
    }
    let mut actions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, placed) in placed.iter().enumerate() {
        for action in &placed.entry.actions {
            let numbers = actions.entry(action).or_default();
            // An entry may list an action twice.
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
    let (patterns, exact): (Vec<_>, Vec<_>) = actions.iter().partition(|(action, _)| is_pattern(action));
    let mut out = format!("{first_line}{BEFORE}");
    add(&mut out, "addEntries", placed.iter().map(|placed| entry_line(placed, pkla.reader)));
    add(&mut out, "addActions", exact.into_iter().map(|(action, numbers)| action_line("action", action, numbers)));
    add(&mut out, "addPatterns", patterns.into_iter().map(|(action, numbers)| action_line("pattern", action, numbers)));
    out.push_str(AFTER);
    Ok(out)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn action_line(kind: &str, action: &str, numbers: &[usize]) -> Line {
    let list = numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    Line {
        weight: 1 + numbers.len(),
        text: format!("{{{kind}: {}, entries: [{list}]}}", javascript(action)),
        comment: None,
    }
}

fn entry_line(placed: &EntryPlace<'_>, reader: Reader) -> Line {
    let entry = placed.entry;
    let is_default = |spec: &&String| reader == Reader::Compat && *spec == "default";
    let netgroups = entry.identities.iter().filter_map(|spec| spec.strip_prefix("unix-netgroup:"));
    let netgroups: Vec<String> = netgroups.map(javascript).collect();
    let named = entry.identities.iter().filter(|spec| !is_default(spec) && !spec.starts_with("unix-netgroup:"));
    let (patterns, exact): (Vec<&String>, Vec<&String>) = named.partition(|spec| is_pattern(spec));
    let exact: std::collections::BTreeSet<&String> = exact.into_iter().collect();
    let exact: Vec<String> = exact.into_iter().map(|name| format!("{}: true", key(name))).collect();
    let patterns: Vec<String> = patterns.into_iter().map(|pattern| javascript(pattern)).collect();
    let word =
        |word: Option<ImplicitAuthorization>| word.map_or_else(|| "null".to_owned(), |word| javascript(word.text()));
    let results = &entry.results;
    let answers = [results.any, results.inactive, results.active].map(word).join(", ");
    let text = format!(
        "{{directory: {}, byDefault: {}, names: {{{}}}, patterns: [{}], netgroups: [{}], answers: [{answers}]}}",
        placed.directory,
        entry.identities.iter().any(|spec| is_default(&spec)),
        exact.join(", "),
        patterns.join(", "),
        netgroups.join(", ")
    );
    let weight = 4 + entry.identities.len();
    let origin = format!("{}:{} [{}]", placed.file, entry.line, entry.name);
    Line { weight, text, comment: Some(comment(&origin)) }
}

/// Finds names that a rules file and polkitd would represent differently.
fn unspeakable(placed: &EntryPlace<'_>) -> Option<LostEntry> {
    let entry = placed.entry;
    let odd = |text: &&String| text.chars().any(|c| c > '\u{ffff}' || c == char::REPLACEMENT_CHARACTER);
    let name = entry.identities.iter().chain(&entry.actions).find(odd)?;
    Some(LostEntry {
        file: placed.file.to_owned(),
        line: entry.line,
        why: format!("[{}] has a name that is not UTF-8, or has characters beyond U+FFFF: {name:?}", entry.name),
    })
}

/// Finds entries whose order 0.105 leaves to the file system: two entries in different files of a directory that may give
/// different results for one request.
fn unordered(placed: &[EntryPlace<'_>]) -> Vec<LostEntry> {
    let mut lost = Vec::new();
    for (number, one) in placed.iter().enumerate() {
        let same = || placed.iter().filter(|other| other.directory == one.directory);
        if same().all(|other| other.file == one.file) {
            continue;
        }
        let rival = placed
            .iter()
            .take(number)
            .find(|other| other.directory == one.directory && may_clash(other.entry, one.entry));
        if let Some(rival) = rival {
            lost.push(LostEntry {
                file: one.file.to_owned(),
                line: one.entry.line,
                why: format!(
                    "[{}] and [{}] in {}:{} may decide the same request, and polkit 0.105 reads the files of a directory in no certain \
                     order: put both into one file",
                    one.entry.name, rival.entry.name, rival.file, rival.entry.line
                ),
            });
        }
    }
    lost
}

fn may_clash(one: &Entry, other: &Entry) -> bool {
    let meet = |one: &[String], other: &[String]| one.iter().any(|a| other.iter().any(|b| may_meet(a, b)));
    one.results != other.results && meet(&one.actions, &other.actions) && meet(&one.identities, &other.identities)
}

/// Whether two patterns may cover one text. Assumes so for two patterns with wildcards. A user may be in any netgroup.
fn may_meet(one: &str, other: &str) -> bool {
    let of_user = |spec: &str| spec.starts_with("unix-netgroup:") || spec.starts_with("unix-user:");
    if one.starts_with("unix-netgroup:") || other.starts_with("unix-netgroup:") {
        return of_user(one) && of_user(other) || is_pattern(one) || is_pattern(other);
    }
    match (is_pattern(one), is_pattern(other)) {
        (false, false) => one == other,
        (true, false) => glob(one, other),
        (false, true) => glob(other, one),
        (true, true) => true,
    }
}

#[cfg(test)]
mod tests;
