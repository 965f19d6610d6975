//! What is said between this program and `polkit-policy-gen-js`: a line of JSON for each message, in both directions.
//!
//! First every [`Load`], each followed by that many bytes of the file, then [`Ask`] after [`Ask`]. Each gets one answer, in
//! order: [`Loaded`], then [`Told`].

use serde::{Deserialize, Serialize};

/// The engine's first argument: which form of this conversation is meant, so that two programs of different versions do not
/// misunderstand each other, and nobody takes the engine for a command. The uid and gid of [`USER`] follow, where there is one.
pub const PROTOCOL: &str = "4";
/// The user that the engine becomes if it is started by root, where the host has that user.
pub const USER: &str = "polkit-policy-gen";

/// What the engine is sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A rules file; its bytes follow.
    Load(Load),
    /// A question to the rules that were loaded.
    Ask(Ask),
}

/// A rules file to be run, in the order in which polkitd runs them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Load {
    /// Its path, for messages.
    pub path: String,
    /// How many bytes of it follow the line.
    pub bytes: usize,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Why it does not run, or not to its end. Rules that it added before that stay.
    pub error: Option<String>,
    /// The line of that, where the engine knows it.
    pub line: Option<usize>,
    /// The lines from which it added its rules; 0 where the line is not known.
    pub lines: Vec<u32>,
    /// What it wanted to know that nobody here knows.
    pub unknown: Vec<String>,
}

/// One run of all rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// The action's id.
    pub action: String,
    /// Its details.
    #[serde(skip_serializing_if = "is_default")]
    pub details: Vec<(String, String)>,
    /// The user's name, or the number of one that has none.
    pub user: String,
    /// The names of the user's groups.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Vec<String>,
    /// Whether the subject is in a session.
    #[serde(skip_serializing_if = "is_default")]
    pub in_session: bool,
    /// Whether that session has a seat.
    #[serde(skip_serializing_if = "is_default")]
    pub local: bool,
    /// Whether it is the one at the seat, or has none.
    #[serde(skip_serializing_if = "is_default")]
    pub active: bool,
    /// Whether `subject.uid` is there: from polkit 127 on.
    #[serde(skip_serializing_if = "is_default")]
    pub has_uid: bool,
    /// Its value, where that is known.
    #[serde(skip_serializing_if = "is_default")]
    pub uid: Option<u32>,
    /// Whether `subject.system_unit` is there: from polkit 124 on.
    #[serde(skip_serializing_if = "is_default")]
    pub has_unit: bool,
    /// Its value, where that is known.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "given")]
    pub unit: Option<Option<String>>,
    /// The netgroups of the user, where they are known.
    #[serde(skip_serializing_if = "is_default")]
    pub netgroups: Option<Vec<String>>,
    /// What programs say that a rule may run with `polkit.spawn`.
    #[serde(skip_serializing_if = "is_default")]
    pub programs: Vec<Program>,
}

/// What is not said is as in [`Ask::default`].
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A null that was written is not the same as nothing written.
pub(super) fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// A program with its arguments, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The command line.
    pub argv: Vec<String>,
    /// Its standard output, or the status other than 0 that it ends with.
    pub output: Result<String, i32>,
}

/// What the rules said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How it ended.
    pub end: End,
    /// The number of the rule that it ended with, over all files in their order; none if that cannot be told.
    pub rule: Option<usize>,
    /// What a rule wanted to know that nobody here knows.
    pub unknown: Vec<String>,
}

/// How a run of the rules ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// No rule said anything.
    Nothing,
    /// A rule returned this text.
    Text(String),
    /// A rule threw this, which refuses: the message, and the line where the engine knows it.
    Threw(String, Option<u32>),
    /// A rule returned something else, which ends polkitd with this message.
    Kills(String),
}
