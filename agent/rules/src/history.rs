//! What earlier requests left: the agent's own state, as far as a verdict depends on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Approver;

/// The state that a decision is made under. The default is the state of an agent that has just started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The ids of the rules that have granted to this uid as often as their `at_most` says.
    pub rate_limited: BTreeSet<String>,
    /// The ids of the rules for which this same request was approved, with the approver.
    pub approved: BTreeMap<String, Approver>,
    /// No further request of this uid may wait for a person.
    pub queue_full: bool,
}
