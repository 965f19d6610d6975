//! What a program in a bed left behind.

use std::process::ExitStatus;

/// The end of a program that ran in a bed. Its text is taken as UTF-8, and what is not is replaced.
#[derive(Debug, Clone)]
#[must_use]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// How it ended. A program that ran too long was killed, and counts as failed.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Itself, if the program succeeded.
    ///
    /// # Panics
    /// With everything that is known, if it failed.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "should have succeeded: {self}");
        self
    }

    /// Itself, if the program failed.
    ///
    /// # Panics
    /// With everything that is known, if it succeeded.
    #[track_caller]
    pub fn failure(self) -> Self {
        assert!(!self.status.success(), "should have failed: {self}");
        self
    }

    /// The exit code, or `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output without the white space at its ends.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }

    /// Standard output and standard error, one after the other.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, status, stdout, stderr } = self;
        write!(f, "`{command}`: {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}
