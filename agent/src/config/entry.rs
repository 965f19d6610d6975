//! A rule as its file has it.

use polkit_agent_rules::rule::{Named, Rule};
use polkit_config::report::Location;

/// A rule and where it stands.
pub(super) struct Entry {
    pub(super) rule: Rule,
    pub(super) at: Location,
    pub(super) identity: Option<Identity>,
}

/// As whom a rule would authenticate.
pub(super) struct Identity {
    pub(super) user: Named,
    pub(super) at: Location,
}
