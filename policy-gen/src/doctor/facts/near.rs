//! Rules and pkla entries that would allow the request but for one condition.

use crate::lint::switches::Reading;
use crate::verdict::evaluate::Obstacle;

/// A rule or entry that would allow the request but for one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The place, as `FILE:LINE`.
    pub place: String,
    /// The condition.
    pub condition: NearCondition,
}

/// The condition that keeps a rule or entry from a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearCondition {
    /// A condition of a rule.
    Rule {
        /// Its text.
        text: String,
        /// The value that it would need.
        wanted: bool,
        /// The facts that it reads.
        reads: Vec<Reading>,
    },
    /// A key of a pkla entry.
    Entry(Obstacle),
}
