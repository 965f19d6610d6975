//! Offline evaluation: what a polkit would decide, and why.
//!
//! In the order of the data: [`files`] finds the files that a polkit reads; [`action_file`] parses actions; [`keyfile`] and [`pkla`]
//! parse pkla files; [`engine`] runs rules in a separate process, with the protocol in [`wire`]. [`Evaluator`] combines them as
//! polkitd does. A verdict names the unknown facts on which it depends.

pub mod action_file;
pub mod engine;
pub mod evaluate;
pub mod files;
pub mod keyfile;
pub mod pkla;
pub mod wire;

use serde::Deserialize;

use crate::implicit_authorization::{ImplicitAuthorization, Session};

pub use evaluate::Evaluator;
pub use files::{SkipReason, SkippedFile};

/// A request to evaluate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRequest {
    /// The user name, or the uid of a user without a name.
    pub user: String,
    /// The groups of the user; by default those of the user database.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// The action id.
    pub action: String,
    /// The state of the session.
    #[serde(default)]
    pub session: Session,
    /// The details that the mechanism passes.
    #[serde(default)]
    pub details: std::collections::BTreeMap<String, String>,
    /// The user's netgroups; unknown by default.
    #[serde(default)]
    pub netgroups: Option<Vec<String>>,
    /// The unit of a caller over D-Bus, for polkit 124 and later; `Some(None)` for a process subject; unknown by default.
    #[serde(default, deserialize_with = "wire::given")]
    pub system_unit: Option<Option<String>>,
    /// Whether the unit has `NoNewPrivileges=yes`; unknown by default.
    #[serde(default)]
    pub no_new_privileges: Option<bool>,
    /// The results of programs that rules run with `polkit.spawn`. Other programs are unknown.
    #[serde(default)]
    pub programs: Vec<wire::Program>,
    /// The flags that the mechanism passes, besides those that are known of it.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// The id of the session; unknown by default.
    #[serde(skip)]
    pub session_id: Option<String>,
    /// The seat of the session; unknown by default.
    #[serde(skip)]
    pub seat: Option<String>,
}

/// A flag of a request that changes the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// `ALWAYS_CHECK`: polkit 125 and later decides about root as about other users.
    AlwaysCheck,
}

impl AccessRequest {
    /// Whether the request has the flag.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub outcome: Outcome,
    /// The deciding rule, entry or action.
    pub decided_by: Option<Decider>,
    /// The unknown facts; empty unless the outcome is [`Outcome::Depends`].
    pub depends_on: Vec<String>,
    /// The steps to the decision, in polkit's order.
    pub steps: Vec<Step>,
    /// The error of a rule that makes polkit refuse.
    pub rule_error: Option<RuleError>,
    /// The message with which a rule ends polkitd.
    pub ends_polkitd: Option<String>,
}

/// An error of a rule that makes polkit refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The rule throws an exception with this message.
    #[error("the rule throws an exception: {0}")]
    Throws(String),
    /// The rule returns this string.
    #[error("`{0}` is not a result of polkit")]
    NotAResult(String),
}

/// The decision of polkit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A result.
    Result(ImplicitAuthorization),
    /// An error: no .policy file defines the action.
    Unregistered,
    /// Unknown: the decision depends on unknown facts.
    Depends,
}

impl Outcome {
    /// Returns the text in the output of `explain`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Result(result) => result.text(),
            Self::Unregistered => "unregistered",
            Self::Depends => "depends",
        }
    }
}

/// The kind of a decider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeciderKind {
    /// A JavaScript rule.
    Rule,
    /// A pkla entry.
    Pkla,
    /// The implicit authorization of the action.
    Implicit,
    /// The subject is root.
    Root,
}

impl DeciderKind {
    /// Returns the text in the output of `explain`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Pkla => "pkla",
            Self::Implicit => "implicit",
            Self::Root => "root",
        }
    }
}

/// The deciding rule, entry or action, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The kind.
    pub kind: DeciderKind,
    /// The file, if known.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The action that implies the requested one, if it decided.
    pub by_action: Option<String>,
    /// The grant of polkit-policy-gen, if [`Evaluator::name_grant`] found it.
    pub grant: Option<String>,
}

/// A step of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The source: `implicit`, `pkla`, `rules`, `implied by ID`, `root`.
    pub by: String,
    /// The result of this step.
    pub says: String,
    /// The file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<usize>,
}
