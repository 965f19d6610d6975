//! Runs tools of the host and reports their errors.

use std::io;
use std::process::{Command, ExitStatus};

use polkit_config::escape::escape_bytes;
use thiserror::Error;

/// The search path for tools, instead of the caller's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The reason why a tool failed.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The tool could not be started.
    #[error("cannot run `{command}`: {error}")]
    Start {
        /// The command line.
        command: String,
        /// The error of execve(2).
        error: io::Error,
    },
    /// The tool reported an error.
    #[error("`{command}` failed ({status}): {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// The exit status.
        status: ExitStatus,
        /// The standard error, escaped.
        stderr: String,
    },
}

impl ToolError {
    /// Whether the tool is not installed.
    #[must_use]
    pub fn is_not_installed(&self) -> bool {
        matches!(self, Self::Start { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Runs a tool to its end. An empty command line does nothing.
///
/// # Errors
/// [`ToolError`], with the standard error of the tool.
pub fn run(argv: &[&str]) -> Result<(), ToolError> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(()) };
    let command = argv.join(" ");
    tracing::debug!(command, "running a tool");
    match Command::new(program).args(arguments).env("PATH", PATH).output() {
        Err(error) => Err(ToolError::Start { command, error }),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let stderr = escape_bytes(output.stderr.trim_ascii());
            Err(ToolError::Failed { command, status: output.status, stderr })
        }
    }
}
