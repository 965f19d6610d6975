//! Finds a text of the table in a line of a message or log.

use std::collections::BTreeMap;

use regex_lite::Captures;

use super::entry::{Interaction, Kind, Mechanism, Text};
use super::phrases::Phrases;
use super::table::{added, all};

/// A line has one of these words if a text that is compiled in matches it. Searching for them is much faster than matching all texts.
static WORDS: Phrases = Phrases::new(&[
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
]);

/// Length limit of a line that is matched, in bytes.
pub(super) const LINE_MAX: usize = 2000;

/// The groups of an expression that are not details of the request.
const NO_DETAILS: [&str; 5] = ["uid", "user", "device", "action", "name"];

/// A text that a line contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognized {
    /// The name of the mechanism.
    pub mechanism: &'static str,
    /// When this mechanism lets polkit ask an agent.
    pub interaction: Interaction,
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
    /// The device that the request was about.
    pub device: Option<String>,
    /// Advice for the user.
    pub hint: Option<&'static str>,
    /// The code of the finding, if polkit did not refuse.
    pub code: Option<&'static str>,
}

/// Whether a line may have a text of the table.
#[must_use]
pub fn is_candidate(line: &str) -> bool {
    let texts = || added().iter().flat_map(|mechanism| &mechanism.texts);
    let is_of_host = || texts().any(|text| text.regex().is_some_and(|regex| regex.is_match(beginning(line))));
    WORDS.is_in(line) || is_of_host()
}

/// Finds the first text of the table that a line contains.
#[must_use]
pub fn recognize(line: &str) -> Option<Recognized> {
    if !is_candidate(line) {
        return None;
    }
    let line = beginning(line);
    all().find_map(|mechanism| {
        mechanism.texts.iter().find_map(|text| Some(recognized(mechanism, text, &text.regex()?.captures(line)?)))
    })
}

/// Returns the part of a line that is matched.
fn beginning(line: &str) -> &str {
    let end = line.char_indices().map(|(at, _)| at).find(|at| *at >= LINE_MAX).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

fn recognized(mechanism: &'static Mechanism, text: &'static Text, captures: &Captures<'_>) -> Recognized {
    let group = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
    let names = text.regex().into_iter().flat_map(|regex| regex.capture_names()).flatten();
    let mut details = text.details.clone();
    details
        .extend(names.filter(|name| !NO_DETAILS.contains(name)).filter_map(|key| Some((key.to_owned(), group(key)?))));
    let of_text = text.action.as_ref().map(|action| match group("name") {
        Some(name) => action.replace("{name}", &name),
        None => action.clone(),
    });
    Recognized {
        mechanism: &mechanism.name,
        interaction: mechanism.latest().interaction,
        kind: text.error,
        action: of_text.or_else(|| group("action")),
        also: &text.also,
        details,
        uid: group("uid").and_then(|uid| uid.parse().ok()),
        user: group("user"),
        device: group("device"),
        hint: text.hint.as_deref(),
        code: text.code.as_deref(),
    }
}
