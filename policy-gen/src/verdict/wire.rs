//! The protocol between this program and `polkit-policy-gen-js`: one line of JSON per message, in both directions.
//!
//! First come all [`Load`] messages, each followed by the bytes of the file, then [`EngineRequest`] messages. Each message gets
//! one reply, in order: [`LoadReply`] or [`EngineReply`].

use serde::{Deserialize, Serialize};

/// The first argument of the engine: the version of the protocol, so that programs of different versions do not work together, and
/// the engine is not mistaken for a command. The uid and gid of [`USER`] follow, if this user exists.
pub const PROTOCOL: &str = "6";
/// The argument with which the engine also answers requests with open facts: see [`EngineRequest::open`].
pub const EXPLORES: &str = "explores";
/// The user of the engine if root starts it and the host has this user.
pub const USER: &str = "polkit-policy-gen";

/// A message to the engine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a message is sent or handled at once, and never stored")]
pub enum Message {
    /// A rules file; its bytes follow.
    Load(Load),
    /// A request to the loaded rules.
    #[serde(rename = "ask")]
    Request(EngineRequest),
}

/// A rules file to load. Files are loaded in the order of polkitd.
#[derive(Debug, Serialize, Deserialize)]
pub struct Load {
    /// The path, for messages.
    pub path: String,
    /// The number of bytes after the line.
    pub bytes: usize,
}

/// The result of loading a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReply {
    /// The error that stopped the file. Rules that were added before remain.
    pub error: Option<String>,
    /// The line of the error, if known.
    pub line: Option<usize>,
    /// The lines in which rules were added; 0 if unknown.
    pub lines: Vec<u32>,
    /// The unknown facts that the file used.
    pub unknown: Vec<String>,
}

/// A request: one run of all rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineRequest {
    /// The action id.
    pub action: String,
    /// The details.
    #[serde(skip_serializing_if = "is_default")]
    pub details: Vec<(String, String)>,
    /// The user name, or the uid of a user without a name.
    pub user: String,
    /// The names of the user's groups.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Vec<String>,
    /// Whether the subject has a session.
    #[serde(skip_serializing_if = "is_default")]
    pub in_session: bool,
    /// Whether the session has a seat.
    #[serde(skip_serializing_if = "is_default")]
    pub local: bool,
    /// Whether the session is the foreground session of its seat, or has no seat.
    #[serde(skip_serializing_if = "is_default")]
    pub active: bool,
    /// Whether `subject.uid` exists: from polkit 127 on.
    #[serde(skip_serializing_if = "is_default")]
    pub has_uid: bool,
    /// The uid, if known.
    #[serde(skip_serializing_if = "is_default")]
    pub uid: Option<u32>,
    /// Whether `subject.system_unit` exists: from polkit 124 on.
    #[serde(skip_serializing_if = "is_default")]
    pub has_unit: bool,
    /// The unit, if known.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "given")]
    pub unit: Option<Option<String>>,
    /// Whether the unit has `NoNewPrivileges=yes`, if known. polkit has this fact only with a unit.
    #[serde(skip_serializing_if = "is_default")]
    pub no_new_privileges: Option<bool>,
    /// The netgroups of the user, if known.
    #[serde(skip_serializing_if = "is_default")]
    pub netgroups: Option<Vec<String>>,
    /// The results of programs that rules run with `polkit.spawn`.
    #[serde(skip_serializing_if = "is_default")]
    pub programs: Vec<Program>,
    /// The id of the session, if known.
    #[serde(skip_serializing_if = "is_default")]
    pub session: Option<String>,
    /// The seat, if known.
    #[serde(skip_serializing_if = "is_default")]
    pub seat: Option<String>,
    /// The decided facts of a request whose other facts are open. Of its subject and details above only the groups count.
    #[serde(skip_serializing_if = "is_default")]
    pub open: Option<Vec<KnownFact>>,
    /// The numbers of the rules to run for such a request; by default all.
    #[serde(skip_serializing_if = "is_default")]
    pub only: Option<Vec<usize>>,
    /// Whether such a request runs each rule alone, to find those that ask for a fact or decide. Their numbers are the text of the end.
    #[serde(skip_serializing_if = "is_default")]
    pub sifts: bool,
}

/// A fact that a rule can read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// The kind: `user`, `group`, `uid`, `local`, `active`, `session`, `seat`, `system_unit`, `no_new_privileges` or `detail:KEY`.
    pub kind: String,
    /// The text of the fact. Without one, the fact is that there is a text, or that the boolean is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A decided fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownFact {
    /// The fact.
    pub fact: Fact,
    /// Whether it is true.
    pub is: bool,
}

/// An operation of a rule whose effect on open facts is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// The kind of the open fact, if it is one.
    pub kind: Option<String>,
    /// What the rule does.
    pub what: String,
    /// The line; 0 if unknown.
    pub line: u32,
}

/// Whether a field has its default value and is not sent.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Distinguishes an explicit null from a missing field.
pub(super) fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// A command line and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The command line.
    pub argv: Vec<String>,
    /// The standard output, or the exit status if it is not 0.
    pub output: Result<String, i32>,
}

/// The reply of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineReply {
    /// The end of the run.
    pub end: End,
    /// The number of the deciding rule, counted over all files in order; none if unknown.
    pub rule: Option<usize>,
    /// The unknown facts that rules used.
    pub unknown: Vec<String>,
    /// The open facts that rules read, in order. Each of them was false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read: Vec<Fact>,
    /// The operations on open facts whose effect is not known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub notes: Vec<Note>,
    /// Whether a rule read the list of groups itself, and not only by `isInGroup`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lists_groups: bool,
    /// Whether a rule changed an object, which later rules may read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub changes: bool,
}

impl EngineReply {
    /// A reply to a request without open facts.
    #[must_use]
    pub fn new(end: End, rule: Option<usize>, unknown: Vec<String>) -> Self {
        Self { end, rule, unknown, read: Vec::new(), notes: Vec::new(), lists_groups: false, changes: false }
    }
}

/// The end of a run of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// No rule had a result.
    Nothing,
    /// A rule returned this string.
    Text(String),
    /// A rule threw an exception, which refuses the request: the message, and the line if known.
    Threw(String, Option<u32>),
    /// A rule returned another value, which ends polkitd with this message.
    Kills(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(request: &EngineRequest) -> serde_json::Value {
        serde_json::to_value(request).unwrap()
    }

    #[test]
    fn a_fact_that_is_unknown_or_false_is_not_sent() {
        let request = EngineRequest { action: "org.a.run".into(), user: "bob".into(), ..EngineRequest::default() };
        assert_eq!(line(&request), json!({"action": "org.a.run", "user": "bob"}));
        let full = EngineRequest {
            groups: vec!["vm".into()],
            in_session: true,
            has_uid: true,
            uid: Some(0),
            netgroups: Some(Vec::new()),
            ..request
        };
        let expected = json!({
            "action": "org.a.run", "user": "bob", "groups": ["vm"], "in_session": true, "has_uid": true, "uid": 0,
            "netgroups": [],
        });
        assert_eq!(line(&full), expected);
        assert_eq!(serde_json::from_value::<EngineRequest>(expected).unwrap(), full);
    }

    #[test]
    fn no_unit_is_not_an_unknown_unit() {
        for (unit, json) in [
            (None, json!({"action": "", "user": ""})),
            (Some(None), json!({"action": "", "user": "", "unit": null})),
            (Some(Some("a.service".to_owned())), json!({"action": "", "user": "", "unit": "a.service"})),
        ] {
            let request = EngineRequest { unit, ..EngineRequest::default() };
            assert_eq!(line(&request), json);
            assert_eq!(serde_json::from_value::<EngineRequest>(json).unwrap(), request);
        }
    }
}
