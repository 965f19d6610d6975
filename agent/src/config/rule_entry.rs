//! A rule with its position in a file.

use polkit_agent_rules::rule::{Named, Rule};
use polkit_config::report::Location;

/// A rule and its position.
pub(super) struct RuleEntry {
    pub(super) rule: Rule,
    pub(super) at: Location,
    pub(super) identity: Option<Identity>,
}

/// The key `identity`: the user that the rule authenticates as.
pub(super) struct Identity {
    pub(super) user: Named,
    pub(super) at: Location,
}
