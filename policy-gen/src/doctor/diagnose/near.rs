//! Rules and pkla entries that would allow the request but for one condition.

use super::{Finding, Level};
use crate::doctor::facts::{Decision, Facts, NearCondition, NearMiss, Subject};
use crate::implicit_authorization::Session;
use crate::lint::switches::Reading;
use crate::target::{UNITS, Version};
use crate::verdict::evaluate::Obstacle;

/// The properties of the session.
const OF_SESSION: [&str; 4] = ["local", "active", "seat", "session"];

/// Adds the conditions to the finding about the verdict, if it already names their facts. Otherwise adds findings.
pub(super) fn add(facts: &Facts, subject: &Subject, answer: &Decision, found: &mut Vec<Finding>) {
    let Some(main) = found.last_mut() else { return };
    let mut notes = Vec::new();
    for near in &answer.near {
        let what = condition(near);
        let reasons = reasons(near, facts, subject, answer);
        if is_named(main.code, near, answer) {
            let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
            main.evidence.push(format!("{} would allow it but for {what}{why}", near.place));
        } else {
            let cause = format!("{} would allow {} {} but for {what}", near.place, subject.user, answer.action);
            let finding = Finding::new("rule-nearly-allows", cause);
            notes.push(Finding { level: Level::Note, evidence: reasons, ..finding });
        }
    }
    found.extend(notes);
}

/// Whether the finding with this code is about the facts of the condition.
fn is_named(code: &str, near: &NearMiss, answer: &Decision) -> bool {
    let of_group = matches!(code, "not-in-group" | "wrong-group" | "group-missing");
    let is_place = || answer.groups.iter().any(|remedy| remedy.place.as_ref() == Some(&near.place));
    let is_remedy = |group: &String| answer.groups.iter().any(|remedy| remedy.group == *group);
    match &near.condition {
        NearCondition::Rule { reads, .. } => {
            let group = |reading: &Reading| matches!(reading, Reading::Group(group) if is_remedy(group));
            let session =
                |reading: &Reading| matches!(reading, Reading::Subject(name) if OF_SESSION.contains(&name.as_str()));
            !reads.is_empty()
                && (of_group && reads.iter().all(group) || code == "rule-wants-session" && reads.iter().all(session))
        }
        NearCondition::Entry(Obstacle::Identity(_)) => of_group && is_place(),
        NearCondition::Entry(Obstacle::Result(..)) => code == "rule-wants-session",
    }
}

fn condition(near: &NearMiss) -> String {
    match &near.condition {
        NearCondition::Rule { text, wanted: true, .. } => format!("the condition `{text}`, which is false"),
        NearCondition::Rule { text, wanted: false, .. } => format!("the condition `{text}`, which is true"),
        NearCondition::Entry(Obstacle::Identity(identities)) => format!("its Identity `{}`", identities.join(";")),
        NearCondition::Entry(Obstacle::Result(key, Some(value))) => format!("its {key}, which is {value}"),
        NearCondition::Entry(Obstacle::Result(key, None)) => format!("its {key}, which is missing"),
    }
}

/// Returns why a condition has its value for this subject.
fn reasons(near: &NearMiss, facts: &Facts, subject: &Subject, answer: &Decision) -> Vec<String> {
    match &near.condition {
        NearCondition::Rule { reads, .. } => {
            let mut reasons: Vec<String> =
                reads.iter().filter_map(|reading| reason(reading, facts, subject, answer.session)).collect();
            reasons.dedup();
            reasons
        }
        NearCondition::Entry(Obstacle::Identity(_)) => {
            vec![format!("the user is {}, in the groups {}", subject.user, subject.groups.join(", "))]
        }
        NearCondition::Entry(Obstacle::Result(..)) => session(answer.session).into_iter().collect(),
    }
}

/// Describes the session of a subject that is not in the active session at a seat.
fn session(session: Session) -> Option<String> {
    let text = match session {
        Session::None => "the subject has no session and no seat: services and cron jobs have none",
        Session::Remote => "the session of the subject has no seat, as with ssh",
        Session::Inactive => "the session of the subject is in the background",
        Session::Active => return None,
    };
    Some(text.to_owned())
}

fn reason(reading: &Reading, facts: &Facts, subject: &Subject, of: Session) -> Option<String> {
    let user = &subject.user;
    let since = |name: &str, version: Version| {
        let own = facts.version().filter(|own| *own < version)?;
        Some(format!("subject.{name} is undefined: polkit {own} does not have it, polkit {version} has"))
    };
    match reading {
        Reading::Group(group) if !subject.groups.contains(group) => Some(format!("{user} is not in the group {group}")),
        Reading::Group(group) => Some(format!("{user} is in the group {group}")),
        Reading::Detail(key) => Some(match facts.details.get(key) {
            Some(value) => format!("the detail {key} is `{value}`"),
            None => format!("the examined request has no detail {key}: --detail adds it"),
        }),
        Reading::Subject(name) => match name.as_str() {
            name if OF_SESSION.contains(&name) => session(of),
            "user" => Some(format!("the user is {user}")),
            "groups" => Some(format!("the groups of {user} are {}", subject.groups.join(", "))),
            "uid" => since(name, Version(127)).or_else(|| Some(format!("the uid is {}", subject.uid))),
            "system_unit" | "no_new_privileges" => since(name, UNITS).or_else(|| {
                Some(match (facts.known_unit(), facts.no_new_privileges()) {
                    (Some(unit), Some(is_set)) if name == "no_new_privileges" => {
                        format!("{unit} has NoNewPrivileges={}", if is_set { "yes" } else { "no" })
                    }
                    (Some(unit), _) => format!("the unit of the subject is {unit}"),
                    (None, _) => {
                        format!(
                            "subject.{name} is set only if the mechanism passes its caller on the bus, not a process"
                        )
                    }
                })
            }),
            _ => None,
        },
    }
}
