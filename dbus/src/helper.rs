//! polkit's own helper. It authenticates a user through PAM and reports the result to polkitd. Agents that do not run as root
//! need it, because polkitd does not accept their answers. Any user may run it; it reveals no more than su does.

mod conversation;
mod secret;

use std::{
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use thiserror::Error;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
};

use crate::Cookie;
use conversation::{Greeting, converse};
pub use secret::{BadSecret, Secret};

/// The socket of polkit's helper from 127, if polkit is built with it. No setuid program is needed then.
const SOCKET: &str = "/run/polkit/agent-helper.socket";
/// The setuid program: the usual path, the libexec path, and the path of Debian up to 11.
const PROGRAMS: [&str; 3] = [
    "/usr/lib/polkit-1/polkit-agent-helper-1",
    "/usr/libexec/polkit-agent-helper-1",
    "/usr/lib/policykit-1/polkit-agent-helper-1",
];

/// The reason why an authentication failed. Texts of PAM are as the helper prints them, so escape them before display.
#[derive(Debug, Error)]
pub enum HelperError {
    /// The socket does not exist, and neither does the program.
    #[error("polkit's helper is missing: there is neither {SOCKET} nor polkit-agent-helper-1")]
    Absent,
    /// The program is not setuid root.
    #[error("{} is not setuid root, and {SOCKET} does not take connections", .0.display())]
    NotSetuid(PathBuf),
    /// The helper could not be started, or its connection failed.
    #[error("cannot talk to polkit's helper: {0}")]
    Io(#[from] io::Error),
    /// The helper ended early or violated the protocol.
    #[error("polkit's helper ended early, or its output is malformed")]
    Protocol,
    /// The helper failed before it asked for anything.
    #[error("polkit's helper failed before its first prompt{messages}: a service with NoNewPrivileges= cannot use it")]
    Unusable {
        /// Messages of PAM.
        messages: HelperMessages,
    },
    /// PAM rejected the secrets.
    #[error("PAM refused{0}")]
    Refused(HelperMessages),
    /// PAM asked for more secrets than configured. No secret is sent twice.
    #[error("PAM asked for a further secret, and there is none")]
    TooManyPrompts,
}

/// Messages of PAM, escaped by the helper like C strings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HelperMessages(Vec<String>);

impl std::fmt::Display for HelperMessages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.join("; ")) }
    }
}

/// The locations of polkit's helper.
#[derive(Debug, Clone)]
pub struct Helper {
    socket: PathBuf,
    programs: Vec<PathBuf>,
}

impl Helper {
    /// Returns the helper of this host.
    #[must_use]
    pub fn of_host() -> Self {
        Self { socket: SOCKET.into(), programs: PROGRAMS.map(PathBuf::from).into() }
    }

    /// Authenticates `user`, who must be the user of this process, for the challenge of `cookie`. Each prompt with hidden input
    /// receives the next secret; a prompt with visible input receives an empty line and never a secret. On success the helper
    /// has already told polkitd, but the answer has no effect if `BeginAuthentication` returns an error. Dropping the future
    /// ends the helper.
    ///
    /// # Errors
    /// [`HelperError`].
    pub async fn authenticate(&self, user: &str, cookie: &Cookie, secrets: &[Secret]) -> Result<(), HelperError> {
        if user.is_empty() || user.contains(['\n', '\0']) {
            return Err(
                io::Error::new(io::ErrorKind::InvalidInput, "the user name is empty or has a line break").into()
            );
        }
        // Same order as polkit's library: the socket if it accepts connections, otherwise the program.
        if let Ok(mut stream) = UnixStream::connect(&self.socket).await {
            let (from, to) = stream.split();
            return converse(from, to, Greeting { user: Some(user), cookie }, secrets).await;
        }
        let mut child = start(self.program()?, user)?;
        let (Some(from), Some(to)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(HelperError::Protocol);
        };
        converse(from, to, Greeting { user: None, cookie }, secrets).await
    }

    fn program(&self) -> Result<&Path, HelperError> {
        let there = self.programs.iter().find_map(|path| Some((path, path.metadata().ok()?)));
        let (path, metadata) = there.ok_or(HelperError::Absent)?;
        let setuid = metadata.uid() == 0 && metadata.permissions().mode() & 0o4000 != 0;
        if setuid { Ok(path) } else { Err(HelperError::NotSetuid(path.clone())) }
    }
}

/// Starts the program. The cookie is not an argument, because every user can read arguments (CVE-2015-4625).
fn start(program: &Path, user: &str) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(user).env_clear().kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

#[cfg(test)]
mod tests;
