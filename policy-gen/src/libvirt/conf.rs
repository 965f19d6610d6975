//! Editing libvirtd.conf and its like in place: one key at a time, and each can be taken back.
//!
//! The language is that of src/util/virconf.c: `key = 1`, `key = "text"`, `key = [ "a", "b" ]` over several lines, `#` to the
//! end of a line. What stands on a line of ours is known by its text, so that whatever a person changes in other lines stays.

mod read;

use std::ops::Range;

use read::{entries, only};
use serde::{Deserialize, Serialize};

/// What ends each line of ours.
const MARK: &str = "# set by polkit-policy-gen";
/// What begins each line that we set aside.
const ASIDE: &str = "# set aside by polkit-policy-gen: ";

/// A value as libvirt reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `"text"`, `'text'` or `"""text"""`.
    Text(String),
    /// A whole number, as it is written.
    Number(String),
    /// `[ … ]`
    List(Vec<Value>),
}

/// What a key shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// This value.
    Set(Value),
    /// Not set; or set to this, its default.
    Default(Value),
    /// Not set.
    Unset,
}

/// A key and what it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it shall be.
    pub want: Want,
    /// Why what a person wrote there cannot stay, to stand after "line N: `KEY` was set by hand: ". A key that has this is
    /// ours alone: it is refused even where it has the value already, since taking ours away would not make it safe.
    pub why: &'static str,
}

/// A configuration and what some of its keys shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Below the root.
    pub path: String,
    /// The keys.
    pub keys: Vec<Key>,
}

/// A key that we changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Its name.
    pub key: String,
    /// The lines that were there before us, byte for byte.
    pub was: Option<String>,
    /// What we wrote in their place.
    pub now: String,
}

impl KeyRecord {
    /// Whether its lines set nothing but its key.
    #[must_use]
    pub fn is_of_its_key(&self) -> bool {
        let only = |text: &str| entries(text).is_ok_and(|found| found.iter().all(|entry| entry.name == self.key));
        only(&self.now) && self.was.as_deref().is_none_or(only)
    }
}

/// A text after changes, and what stood against them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The text as it becomes where nobody minds.
    pub text: String,
    /// What is ours in it.
    pub ours: Vec<KeyRecord>,
    /// What a person wrote there, each as a sentence.
    pub clashes: Vec<String>,
}

/// The value of a key.
///
/// # Errors
/// libvirt could not read the text, or the key is set twice.
pub fn value(text: &str, key: &str) -> Result<Option<Value>, String> {
    Ok(only(&entries(text)?, key)?.map(|entry| entry.value.clone()))
}

/// Takes back what we changed, by the records of it. A change of which nothing is there has been taken back already.
///
/// # Errors
/// libvirt could not read the text.
pub fn undo(text: &str, records: &[KeyRecord]) -> Result<Edited, String> {
    let mut edited = Edited { text: text.to_owned(), ..Edited::default() };
    let mut keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        // After an installation that was cut short there are two: what was, and what was to become.
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

/// Makes the keys what they shall be. `known` are records of earlier changes that were taken back from this text: what they
/// replaced was agreed to then.
///
/// # Errors
/// libvirt could not read the text, or a key is set twice.
pub fn apply(text: &str, keys: &[Key], known: &[KeyRecord]) -> Result<Edited, String> {
    let mut edited = Edited { text: text.to_owned(), ..Edited::default() };
    for key in keys {
        let found = entries(&edited.text)?;
        let Some(entry) = only(&found, key.name)? else {
            if let Want::Set(value) = &key.want {
                let now = line(key.name, value);
                let at = place(&edited.text, key.name);
                edited.text.insert_str(at, &now);
                edited.ours.push(KeyRecord { key: key.name.to_owned(), was: None, now });
            }
            continue;
        };
        let was = edited.text.get(entry.span.clone()).unwrap_or_default().to_owned();
        let fits = match &key.want {
            Want::Set(value) => entry.value == *value && key.why.is_empty(),
            Want::Default(value) => entry.value == *value,
            Want::Unset => false,
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
            Want::Set(value) => line(key.name, value),
            Want::Default(_) | Want::Unset => was.split_inclusive('\n').map(|line| format!("{ASIDE}{line}")).collect(),
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
        // Names of groups, modes and drivers: nothing that would need an escape, which virconf.c does not have for `"`.
        Value::Text(text) => format!("\"{text}\""),
        Value::Number(digits) => digits.clone(),
        Value::List(items) => format!("[ {} ]", items.iter().map(spelled).collect::<Vec<_>>().join(", ")),
    }
}

/// Where `text` holds these whole lines.
fn find(text: &str, lines: &str) -> Option<Range<usize>> {
    text.match_indices(lines).map(|(at, found)| at..at + found.len()).find(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        let after = text.get(span.end..).unwrap_or_default();
        let whole = lines.ends_with('\n') || after.is_empty() || after.starts_with('\n');
        (before.is_empty() || before.ends_with('\n')) && whole
    })
}

/// Where a new line of a key goes: below the line that shows how to set it, else to the end.
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
    // A last line without an end stays the last one.
    if text.ends_with('\n') { text.len() } else { 0 }
}

#[cfg(test)]
#[path = "conf_tests.rs"]
mod tests;
