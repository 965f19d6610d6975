//! Errors that end a command.

use thiserror::Error;

/// A message for the user, with its exit code.
#[derive(Debug, Error)]
pub enum Failure {
    /// A problem was found, or the command refused to act. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The arguments contradict each other. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A required file or service is unavailable. Exit code 3.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// Returns the exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}
