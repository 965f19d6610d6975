//! Edits libvirtd.conf and similar files in place, one key at a time. Each edit can be undone.
//!
//! The syntax is that of src/util/virconf.c: `key = 1`, `key = "text"`, `key = [ "a", "b" ]` over several lines, and `#` comments. An
//! edited line is recognized by its text, so manual changes of other lines are kept.

mod read;

use std::ops::Range;

use read::{entries, only};
use serde::{Deserialize, Serialize};

/// The comment at the end of each written line.
const MARK: &str = "# set by polkit-policy-gen";
/// The prefix of each line that was commented out.
const ASIDE: &str = "# set aside by polkit-policy-gen: ";

/// A configuration value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `"text"`, `'text'` or `"""text"""`.
    Text(String),
    /// An integer, as written.
    Number(String),
    /// `[ … ]`
    List(Vec<Value>),
}

/// The desired state of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredValue {
    /// This value.
    Set(Value),
    /// Not set, or set to this default value.
    Default(Value),
    /// Not set.
    Unset,
}

/// A key with its desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: &'static str,
    /// The desired state.
    pub want: DesiredValue,
    /// The reason why a manual setting cannot stay, as the continuation of "line N: `KEY` was set by hand: ". A key with a reason
    /// must not be set by hand even to the same value, because `remove` would not make it safe.
    pub why: &'static str,
}

/// A configuration file and the desired state of some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The path relative to the root.
    pub path: String,
    /// The keys.
    pub keys: Vec<Key>,
}

/// An edited key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// The name.
    pub key: String,
    /// The old lines, byte for byte.
    pub was: Option<String>,
    /// The new lines.
    pub now: String,
}

impl KeyRecord {
    /// Whether its lines set only this key.
    #[must_use]
    pub fn is_of_its_key(&self) -> bool {
        let only = |text: &str| entries(text).is_ok_and(|found| found.iter().all(|entry| entry.name == self.key));
        only(&self.now) && self.was.as_deref().is_none_or(only)
    }
}

/// An edited text and the conflicts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EditResult {
    /// The new text, if the conflicts are ignored.
    pub text: String,
    /// The edited keys.
    pub ours: Vec<KeyRecord>,
    /// The conflicts with manual changes, one sentence each.
    pub clashes: Vec<String>,
}

/// Returns the value of a key.
///
/// # Errors
/// libvirt could not parse the text, or the key is set twice.
pub fn value(text: &str, key: &str) -> Result<Option<Value>, String> {
    Ok(only(&entries(text)?, key)?.map(|entry| entry.value.clone()))
}

/// Undoes edits by their records. An edit without traces in the text counts as undone.
///
/// # Errors
/// libvirt could not parse the text.
pub fn undo(text: &str, records: &[KeyRecord]) -> Result<EditResult, String> {
    let mut edited = EditResult { text: text.to_owned(), ..EditResult::default() };
    let mut keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        // After an interrupted installation a key has two records: the old and the new one.
        let of_key = || records.iter().filter(|record| record.key == key);
        if let Some((span, record)) = of_key().find_map(|record| Some((find(&edited.text, &record.now)?, record))) {
            edited.text.replace_range(span, record.was.as_deref().unwrap_or(""));
            continue;
        }
        let found = entries(&edited.text)?;
        let there = only(&found, key)?;
        let text = there.and_then(|entry| edited.text.get(entry.span.clone()));
        if of_key().any(|record| record.was.as_deref() == text) {
            continue;
        }
        let Some(first) = of_key().next() else { continue };
        edited.clashes.push(match there {
            Some(entry) => format!("line {}: `{key}` was changed by hand since it was installed", entry.line),
            None => format!("the line of `{key}` was removed by hand since it was installed"),
        });
        let (was, end) = (first.was.clone().unwrap_or_default(), edited.text.len());
        let span = there.map_or(end..end, |entry| entry.span.clone());
        edited.text.replace_range(span, &was);
    }
    Ok(edited)
}

/// Applies the desired state of the keys. `known` has the records of edits that were undone in this text; replacing their old lines is
/// no conflict again.
///
/// # Errors
/// libvirt could not parse the text, or a key is set twice.
pub fn apply(text: &str, keys: &[Key], known: &[KeyRecord]) -> Result<EditResult, String> {
    let mut edited = EditResult { text: text.to_owned(), ..EditResult::default() };
    for key in keys {
        let found = entries(&edited.text)?;
        let Some(entry) = only(&found, key.name)? else {
            if let DesiredValue::Set(value) = &key.want {
                let now = line(key.name, value);
                let at = place(&edited.text, key.name);
                edited.text.insert_str(at, &now);
                edited.ours.push(KeyRecord { key: key.name.to_owned(), was: None, now });
            }
            continue;
        };
        let was = edited.text.get(entry.span.clone()).unwrap_or_default().to_owned();
        let fits = match &key.want {
            DesiredValue::Set(value) => entry.value == *value && key.why.is_empty(),
            DesiredValue::Default(value) => entry.value == *value,
            DesiredValue::Unset => false,
        };
        if fits {
            continue;
        }
        let agreed = known.iter().any(|record| record.key == key.name && record.was.as_deref() == Some(&was));
        if !agreed {
            let why = if key.why.is_empty() { "it is not what the policy's mode needs" } else { key.why };
            edited.clashes.push(format!("line {}: `{}` was set by hand: {why}", entry.line, key.name));
        }
        let mut now = match &key.want {
            DesiredValue::Set(value) => line(key.name, value),
            DesiredValue::Default(_) | DesiredValue::Unset => {
                was.split_inclusive('\n').map(|line| format!("{ASIDE}{line}")).collect()
            }
        };
        if !was.ends_with('\n') {
            now.truncate(now.trim_end_matches('\n').len());
        }
        let span = entry.span.clone();
        edited.text.replace_range(span, &now);
        edited.ours.push(KeyRecord { key: key.name.to_owned(), was: Some(was), now });
    }
    Ok(edited)
}

fn line(key: &str, value: &Value) -> String {
    format!("{key} = {} {MARK}\n", spelled(value))
}

fn spelled(value: &Value) -> String {
    match value {
        // Groups, modes and drivers contain no `"`, for which virconf.c has no escape sequence.
        Value::Text(text) => format!("\"{text}\""),
        Value::Number(digits) => digits.clone(),
        Value::List(items) => format!("[ {} ]", items.iter().map(spelled).collect::<Vec<_>>().join(", ")),
    }
}

/// Returns the place of these whole lines in `text`.
fn find(text: &str, lines: &str) -> Option<Range<usize>> {
    text.match_indices(lines).map(|(at, found)| at..at + found.len()).find(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        let after = text.get(span.end..).unwrap_or_default();
        let whole = lines.ends_with('\n') || after.is_empty() || after.starts_with('\n');
        (before.is_empty() || before.ends_with('\n')) && whole
    })
}

/// Returns the place for a new line of a key: after the commented sample of the key, otherwise the end.
fn place(text: &str, key: &str) -> usize {
    let mut at = 0;
    let mut sample = None;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let shows = line.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix(key));
        if shows.is_some_and(|rest| rest.trim_start().starts_with('=')) && line.ends_with('\n') {
            sample = Some(at);
        }
    }
    if let Some(sample) = sample {
        return sample;
    }
    // A last line without a line break must remain the last one.
    if text.ends_with('\n') { text.len() } else { 0 }
}

#[cfg(test)]
#[path = "conf_tests.rs"]
mod tests;
