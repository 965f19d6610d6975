//! What exploring cannot enumerate, with its place.

use serde::Serialize;

/// A reason why the conditions of an action may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remark {
    /// The reason.
    pub why: String,
    /// The file, if known.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl Remark {
    pub(super) fn new(why: impl Into<String>, file: Option<String>, line: Option<usize>) -> Self {
        Self { why: why.into(), file, line }
    }
}
