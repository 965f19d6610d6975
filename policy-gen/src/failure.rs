//! Why a command ends without doing what was asked.

use thiserror::Error;

/// A message for the user, and with it the exit code.
#[derive(Debug, Error)]
pub enum Failure {
    /// A problem was found, or the command refuses. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The arguments do not fit together. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something that is needed cannot be reached or read. Exit code 3.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}
