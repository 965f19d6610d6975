//! The words for results and facts.

use polkit_config::escape::escape;

use super::is_no_root;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::Outcome;
use crate::verdict::wire::KnownFact;

pub(super) fn result(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Result(ImplicitAuthorization::Yes) => "yes",
        Outcome::Result(ImplicitAuthorization::No) => "no",
        Outcome::Result(ImplicitAuthorization::AuthSelf) => "own password",
        Outcome::Result(ImplicitAuthorization::AuthSelfKeep) => "own password, kept",
        Outcome::Result(ImplicitAuthorization::AuthAdmin) => "administrator's password",
        Outcome::Result(ImplicitAuthorization::AuthAdminKeep) => "administrator's password, kept",
        Outcome::Unregistered => "not registered",
        Outcome::Depends => "depends",
    }
}

/// Describes facts, the subject first, with `people` after it. Every user but root is `everybody`, or, after other lines of the action, `everybody else`.
pub(super) fn facts(all: &[KnownFact], is_rest: bool, people: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let subject = |known: &&KnownFact| known.is && matches!(known.fact.kind.as_str(), "user" | "group" | "uid");
    words.extend(all.iter().filter(subject).map(one));
    if words.is_empty() {
        words.push(if is_rest { "everybody else" } else { "everybody" }.to_owned());
    }
    if let Some(subject) = words.last_mut() {
        subject.push_str(people);
    }
    words.extend(session(all).map(str::to_owned));
    let others = all.iter().filter(|known| !subject(known) && !is_no_root(known) && !is_presence_of_text(known, all));
    words.extend(others.filter(|known| !is_of_session(known)).map(one));
    words.join(", ")
}

/// Whether a fact is said by another fact, which has the text.
fn is_presence_of_text(known: &KnownFact, all: &[KnownFact]) -> bool {
    known.fact.value.is_none()
        && all.iter().any(|other| other.is && other.fact.kind == known.fact.kind && other.fact.value.is_some())
}

fn is_of_session(known: &KnownFact) -> bool {
    known.fact.value.is_none() && matches!(known.fact.kind.as_str(), "local" | "active" | "session" | "seat")
}

/// Describes the session.
fn session(all: &[KnownFact]) -> Option<&'static str> {
    let has = |kind: &str| {
        all.iter().find(|known| known.fact.value.is_none() && known.fact.kind == kind).map(|known| known.is)
    };
    Some(match (has("local").or_else(|| has("seat")), has("active"), has("session")) {
        (Some(true), Some(true), _) => "in the active session at a seat",
        (Some(true), Some(false), _) => "in a background session at a seat",
        (Some(true), None, _) => "in a session at a seat",
        (Some(false), Some(true), _) | (Some(false), None, Some(true)) => "in a remote session",
        (Some(false), Some(false), _) | (_, _, Some(false)) => "in no session, as services are",
        (Some(false), None, None) => "not at a seat: services and remote sessions",
        (None, Some(true), _) => "in an active or remote session",
        (None, Some(false), Some(true)) => "in a background session at a seat",
        (None, Some(false), None) => "in a background session at a seat or in no session",
        (None, None, Some(true)) => "in a session, also a remote one",
        (None, None, None) => return None,
    })
}

/// Describes one fact.
fn one(known: &KnownFact) -> String {
    let value = known.fact.value.as_deref().map(escape);
    let (not, equals) = if known.is { ("", "=") } else { ("not ", "is not") };
    match (known.fact.kind.as_str(), value) {
        ("user", Some(name)) => format!("{not}user {name}"),
        ("uid", Some(uid)) => format!("{not}uid {uid}"),
        ("group", Some(name)) if known.is => format!("members of {name}"),
        ("group", Some(name)) => format!("not in {name}"),
        ("session", Some(id)) => format!("session {equals} {id}"),
        ("seat", Some(seat)) => format!("seat {equals} {seat}"),
        ("system_unit", Some(unit)) => format!("unit {equals} {unit}"),
        ("system_unit", None) => {
            if known.is { "in a unit that polkit knows" } else { "without a unit that polkit knows" }.to_owned()
        }
        ("no_new_privileges", _) => format!("NoNewPrivileges={}", if known.is { "yes" } else { "no" }),
        (kind, value) => {
            let key = escape(kind.strip_prefix("detail:").unwrap_or(kind));
            match value {
                Some(value) if value.is_empty() => format!("{key} {equals} \"\""),
                Some(value) => format!("{key} {equals} {value}"),
                None => {
                    if known.is {
                        format!("with the detail {key}")
                    } else {
                        format!("without the detail {key}")
                    }
                }
            }
        }
    }
}
