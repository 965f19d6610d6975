//! What the services that ask polkit tell their users: the texts of refusals, with the action that each text means. The table is in
//! `mechanisms/*.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde::Deserialize;

/// The files of the table.
const FILES: [(&str, &str); 21] = [
    ("accountsservice", include_str!("../mechanisms/accountsservice.toml")),
    ("bolt", include_str!("../mechanisms/bolt.toml")),
    ("colord", include_str!("../mechanisms/colord.toml")),
    ("firewalld", include_str!("../mechanisms/firewalld.toml")),
    ("flatpak", include_str!("../mechanisms/flatpak.toml")),
    ("fwupd", include_str!("../mechanisms/fwupd.toml")),
    ("hostname1", include_str!("../mechanisms/hostname1.toml")),
    ("locale1", include_str!("../mechanisms/locale1.toml")),
    ("login1", include_str!("../mechanisms/login1.toml")),
    ("machine1", include_str!("../mechanisms/machine1.toml")),
    ("modemmanager", include_str!("../mechanisms/modemmanager.toml")),
    ("networkmanager", include_str!("../mechanisms/networkmanager.toml")),
    ("others", include_str!("../mechanisms/others.toml")),
    ("packagekit", include_str!("../mechanisms/packagekit.toml")),
    ("pcscd", include_str!("../mechanisms/pcscd.toml")),
    ("pkexec", include_str!("../mechanisms/pkexec.toml")),
    ("rtkit", include_str!("../mechanisms/rtkit.toml")),
    ("snapd", include_str!("../mechanisms/snapd.toml")),
    ("systemd", include_str!("../mechanisms/systemd.toml")),
    ("timedate1", include_str!("../mechanisms/timedate1.toml")),
    ("udisks2", include_str!("../mechanisms/udisks2.toml")),
];

/// A line has one of these words if a text of the table matches it. Searching for them is much faster than matching all texts.
const WORDS: [&str; 16] = [
    "auth",
    "Auth",
    "DBus.Error",
    "Rejected send",
    "denied",
    "DENIED",
    "not allowed",
    "rivileges",
    "SASL",
    "olkit agent",
    "permission",
    "sudo",
    "cookie",
    "setuid",
    "security violation",
    "obtain auth",
];

/// Length limit of a line that is matched, in bytes.
const LINE_MAX: usize = 2000;

/// A service that asks polkit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mechanism {
    /// The name for sentences.
    pub name: String,
    /// Its actions; a `*` at the end matches any characters.
    pub actions: Vec<String>,
    /// When the mechanism lets polkit ask an agent.
    pub interaction: Interaction,
    /// Whether polkit gets a process without its unit, so that a policy rule cannot use `subject.system_unit`.
    #[serde(default)]
    pub pid_only: bool,
    /// The texts of its refusals.
    pub text: Vec<Text>,
}

/// When a mechanism lets polkit ask an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interaction {
    /// Always.
    Always,
    /// If the D-Bus message of the client allows it.
    Caller,
    /// Never.
    Never,
}

/// A text of a refusal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The regular expression. Its groups name a detail (`unit`, `verb`), or the `uid`, `user`, `action` or part of the action.
    pattern: String,
    /// What the text says.
    pub error: Kind,
    /// The action. `{name}` stands for the text of the group `name`.
    action: Option<String>,
    /// Details that the text implies.
    #[serde(default)]
    details: BTreeMap<String, String>,
    /// Other actions that the same text can mean.
    #[serde(default)]
    pub also: Vec<String>,
    /// Advice for the user.
    pub hint: Option<String>,
    /// The code of the finding, if polkit did not refuse.
    pub code: Option<String>,
    #[serde(skip)]
    regex: Option<Regex>,
}

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// polkit required authentication, but there was no agent.
    NoAgent,
    /// The mechanism refused, after a "no" of polkit or for want of an agent.
    Refused,
    /// A person dismissed the authentication.
    Dismissed,
    /// The cause is not polkit.
    NotPolkit,
}

/// A text that a line contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognized {
    /// The name of the mechanism.
    pub mechanism: &'static str,
    /// When this mechanism lets polkit ask an agent.
    pub interaction: Interaction,
    /// Whether polkit gets a process without its unit.
    pub pid_only: bool,
    /// What the text says.
    pub kind: Kind,
    /// The action.
    pub action: Option<String>,
    /// Other actions that the text can mean.
    pub also: &'static [String],
    /// The details.
    pub details: BTreeMap<String, String>,
    /// The uid of the subject.
    pub uid: Option<u32>,
    /// The user name of the subject.
    pub user: Option<String>,
    /// Advice for the user.
    pub hint: Option<&'static str>,
    /// The code of the finding, if polkit did not refuse.
    pub code: Option<&'static str>,
}

static TABLE: LazyLock<Vec<Mechanism>> = LazyLock::new(|| {
    // A test reads every file and every pattern.
    FILES.iter().filter_map(|(_, text)| read(text).ok()).collect()
});

fn read(text: &str) -> Result<Mechanism, String> {
    let mut mechanism: Mechanism = toml::from_str(text).map_err(|error| error.to_string())?;
    for text in &mut mechanism.text {
        text.regex = Some(Regex::new(&text.pattern).map_err(|error| format!("{}: {error}", text.pattern))?);
    }
    Ok(mechanism)
}

/// Returns the mechanism of an action.
#[must_use]
pub fn of_action(action: &str) -> Option<&'static Mechanism> {
    let is_of = |pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => pattern == action,
    };
    TABLE.iter().find(|mechanism| mechanism.actions.iter().any(is_of))
}

/// Whether a line may have a text of the table.
#[must_use]
pub fn is_candidate(line: &str) -> bool {
    WORDS.iter().any(|word| line.contains(word))
}

/// Finds the first text of the table that a line contains.
#[must_use]
pub fn recognize(line: &str) -> Option<Recognized> {
    let end = line.char_indices().map(|(at, _)| at).find(|at| *at >= LINE_MAX).unwrap_or(line.len());
    let line = line.get(..end).unwrap_or_default();
    if !is_candidate(line) {
        return None;
    }
    TABLE.iter().find_map(|mechanism| {
        mechanism.text.iter().find_map(|text| {
            let captures = text.regex.as_ref()?.captures(line)?;
            Some(recognized(mechanism, text, &captures))
        })
    })
}

fn recognized(mechanism: &'static Mechanism, text: &'static Text, captures: &Captures<'_>) -> Recognized {
    let group = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
    let mut details = text.details.clone();
    details.extend(["unit", "verb"].into_iter().filter_map(|key| Some((key.to_owned(), group(key)?))));
    let of_text = text.action.as_ref().map(|action| match group("name") {
        Some(name) => action.replace("{name}", &name),
        None => action.clone(),
    });
    Recognized {
        mechanism: &mechanism.name,
        interaction: mechanism.interaction,
        pid_only: mechanism.pid_only,
        kind: text.error,
        action: of_text.or_else(|| group("action")),
        also: &text.also,
        details,
        uid: group("uid").and_then(|uid| uid.parse().ok()),
        user: group("user"),
        hint: text.hint.as_deref(),
        code: text.code.as_deref(),
    }
}

#[cfg(test)]
#[path = "mechanisms_tests.rs"]
mod tests;
