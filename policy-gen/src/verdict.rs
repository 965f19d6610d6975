//! Verdicts: what a polkit will decide, and why, without asking it.
//!
//! In the order of the data: [`files`] finds what that polkit reads; [`implicit`] reads actions, [`keyfile`] and [`pkla`] local
//! authority files, [`engine`] runs rules in a process of their own, with which it speaks [`wire`]. [`Evaluator`] puts
//! them together as polkitd does. What the answer depends on and nobody here knows is part of the answer.

pub mod engine;
pub mod evaluate;
pub mod files;
pub mod implicit;
pub mod keyfile;
pub mod pkla;
pub mod wire;

use serde::Deserialize;

use crate::word::{Session, Word};

pub use evaluate::Evaluator;
pub use files::PassedOver;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The user's name, or the number of a uid that has none.
    pub user: String,
    /// Exactly the groups that the user has; without it, those that the accounts say.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// The action's id.
    pub action: String,
    /// The state of the session.
    #[serde(default)]
    pub session: Session,
    /// The details that the mechanism passes.
    #[serde(default)]
    pub details: std::collections::BTreeMap<String, String>,
    /// The user's netgroups; without it they are not known.
    #[serde(default)]
    pub netgroups: Option<Vec<String>>,
    /// The unit that polkit 124 and later know of a caller over D-Bus, and null of a bare process; without it, it is not
    /// known.
    #[serde(default, deserialize_with = "wire::given")]
    pub system_unit: Option<Option<String>>,
    /// What programs come to that a rule runs with `polkit.spawn`; others are not known.
    #[serde(default)]
    pub programs: Vec<wire::Program>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What polkit decides.
    pub outcome: Outcome,
    /// What decided.
    pub decided_by: Option<Decider>,
    /// What the answer depends on; empty unless the outcome is [`Outcome::Depends`].
    pub depends_on: Vec<String>,
    /// How polkit gets there, in its order.
    pub steps: Vec<Step>,
    /// The rule that ends polkitd instead of answering, and how.
    pub ends_polkitd: Option<String>,
}

/// What polkit decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One of its results.
    Word(Word),
    /// An error: no .policy file has the action.
    Unregistered,
    /// It cannot be known here.
    Depends,
}

impl Outcome {
    /// The word for it, in the output of `explain`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Word(word) => word.text(),
            Self::Unregistered => "unregistered",
            Self::Depends => "depends",
        }
    }
}

/// What kind of thing decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rule in JavaScript.
    Rule,
    /// An entry of a pkla file.
    Pkla,
    /// The action's own defaults.
    Implicit,
    /// The user is root.
    Root,
}

impl Kind {
    /// The word for it, in the output of `explain`.
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

/// What decided, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// What it is.
    pub kind: Kind,
    /// The file, where it is known.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// The action that implies the one asked for, if it was that one's answer.
    pub by_action: Option<String>,
}

/// One step of the way to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who speaks: `implicit`, `pkla`, `rules`, `implied by ID`, `root`.
    pub by: String,
    /// What it says.
    pub says: String,
    /// Where.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<usize>,
}
