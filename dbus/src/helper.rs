//! polkit's own helper, which authenticates a user by PAM and tells polkitd so: for an agent that is not root, whom polkitd
//! does not believe. Any user may run it, and learns no more from it than from su.

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

/// The helper of polkit from 127, where it is built to listen: it needs no setuid program.
const SOCKET: &str = "/run/polkit/agent-helper.socket";
/// The setuid program: of most, of those who say libexec, and of Debian up to 11.
const PROGRAMS: [&str; 3] = [
    "/usr/lib/polkit-1/polkit-agent-helper-1",
    "/usr/libexec/polkit-agent-helper-1",
    "/usr/lib/policykit-1/polkit-agent-helper-1",
];

/// Why somebody was not authenticated. Texts of PAM come as the helper prints them: they are for escaping.
#[derive(Debug, Error)]
pub enum HelperError {
    /// Nothing listens and no program is there.
    #[error("polkit's helper is missing: there is neither {SOCKET} nor polkit-agent-helper-1")]
    Absent,
    /// The program has no rights of its own.
    #[error("{} is not setuid root, and {SOCKET} does not take connections", .0.display())]
    NotSetuid(PathBuf),
    /// It could not be started, or the connection broke.
    #[error("polkit's helper: {0}")]
    Io(#[from] io::Error),
    /// It ended without a word, or said what the protocol does not have.
    #[error("polkit's helper broke off")]
    Protocol,
    /// It failed without having asked anything.
    #[error("polkit's helper failed before it asked for anything{said}: a service with NoNewPrivileges= cannot use it")]
    Unusable {
        /// What PAM said, if anything.
        said: Said,
    },
    /// PAM did not accept what it was told.
    #[error("PAM refused{0}")]
    Refused(Said),
    /// PAM asked more often than there are secrets: none is said twice.
    #[error("PAM asked for a further secret, and there is none")]
    TooManyPrompts,
}

/// Messages of PAM, escaped by the helper as C strings are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said(Vec<String>);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0.join("; ")) }
    }
}

/// Where the helper is.
#[derive(Debug, Clone)]
pub struct Helper {
    socket: PathBuf,
    programs: Vec<PathBuf>,
}

impl Helper {
    /// That of this host.
    #[must_use]
    pub fn of_host() -> Self {
        Self { socket: SOCKET.into(), programs: PROGRAMS.map(PathBuf::from).into() }
    }

    /// Authenticates `user`, the one whom this process runs as, for the challenge of this cookie. Each prompt that hides what is
    /// typed takes the next secret; one that shows it gets an empty answer, and never a secret. With a success polkitd has been
    /// told already; it still counts for nothing if `BeginAuthentication` returns an error. Dropping the future ends the helper.
    ///
    /// # Errors
    /// The [`HelperError`].
    pub async fn authenticate(&self, user: &str, cookie: &Cookie, secrets: &[Secret]) -> Result<(), HelperError> {
        if user.is_empty() || user.contains(['\n', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the user's name is none").into());
        }
        // As polkit's own library does: the socket where it takes connections, else the program.
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

/// The cookie is not among the arguments: those are for everybody to read (CVE-2015-4625).
fn start(program: &Path, user: &str) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(user).env_clear().kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

#[cfg(test)]
mod tests;
