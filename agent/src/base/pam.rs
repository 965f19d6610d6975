//! `answer = "authenticate"`: polkit's helper asks PAM about the agent's own user, and gets secrets from the credentials of the unit.
//! One of the files with effects. polkitd believes the helper, not the agent.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use polkit_config::names::{LookupError, Names};
use polkit_dbus::{BadSecret, Cookie, Helper, HelperError, Secret, Zeroizing};
use polkit_types::{AgentUid, IdentityUid};
use thiserror::Error;

use crate::base::blocking;

/// The variable with the folder of credentials (systemd.exec(5)).
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Why the authentication failed.
#[derive(Debug, Error)]
pub enum NotAuthenticated {
    /// polkitd offers another user than the agent's own.
    #[error("polkitd asks for uid {identity}, and the agent runs as uid {own}: it authenticates only its own user")]
    OtherIdentity {
        /// The offered user.
        identity: IdentityUid,
        /// The agent's user.
        own: AgentUid,
    },
    /// The service manager gave no credentials.
    #[error("${DIRECTORY} is not set: start the agent by a unit with `LoadCredential=`")]
    NoDirectory,
    /// A credential cannot be read.
    #[error("cannot read the credential `{name}`: {error}")]
    Unreadable {
        /// The name of the credential.
        name: String,
        /// The error.
        error: io::Error,
    },
    /// A credential is not a valid secret.
    #[error("the credential `{name}` is not a valid secret: {error}")]
    Unfit {
        /// The name of the credential.
        name: String,
        /// The error.
        error: BadSecret,
    },
    /// The user has no name. PAM identifies users by name.
    #[error("uid {0} has no name in the user database")]
    NoName(AgentUid),
    /// The user database failed.
    #[error("cannot look up the name of uid {0}: {1}")]
    Lookup(AgentUid, LookupError),
    /// A thread of the agent panicked.
    #[error("reading the credentials panicked")]
    Broken,
    /// The helper or PAM failed.
    #[error(transparent)]
    Helper(#[from] HelperError),
}

/// Authenticates the agent's own user for a challenge. The secrets stay in memory only during the call.
///
/// # Errors
/// [`NotAuthenticated`]: polkitd was not told anything.
pub async fn authenticate(
    own: AgentUid,
    identity: IdentityUid,
    cookie: &Cookie,
    credentials: &[String],
) -> Result<(), NotAuthenticated> {
    if identity.get() != own.get() {
        return Err(NotAuthenticated::OtherIdentity { identity, own });
    }
    let credentials = credentials.to_vec();
    let preparing = blocking::run_nss(own.get(), move || prepare(own, &credentials));
    let (user, secrets) = preparing.await.map_err(|_| NotAuthenticated::Broken)??;
    Ok(Helper::of_host().authenticate(&user, cookie, &secrets).await?)
}

/// The name of the user, and the secrets.
fn prepare(own: AgentUid, credentials: &[String]) -> Result<(String, Vec<Secret>), NotAuthenticated> {
    let user = Names::Host.user_by_uid(own.get()).map_err(|error| NotAuthenticated::Lookup(own, error))?;
    let user = user.ok_or(NotAuthenticated::NoName(own))?;
    let directory = std::env::var_os(DIRECTORY).ok_or(NotAuthenticated::NoDirectory)?;
    let secrets = credentials.iter().map(|name| secret(directory.as_ref(), name));
    Ok((user.name, secrets.collect::<Result<_, _>>()?))
}

/// Reads a credential. The buffer has its full length from the start: a growing buffer would leave copies in memory.
fn secret(directory: &Path, name: &str) -> Result<Secret, NotAuthenticated> {
    let read = || {
        let file = File::open(directory.join(name))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let longest = Secret::LONGEST + 2;
        let mut bytes = Zeroizing::new(Vec::with_capacity(longest));
        let mut rest = file.take(longest as u64);
        let mut part = Zeroizing::new([0; 64]);
        loop {
            match rest.read(&mut part[..])? {
                0 => return Ok(bytes),
                length => bytes.extend(part.iter().take(length)),
            }
        }
    };
    let bytes = read().map_err(|error| NotAuthenticated::Unreadable { name: name.to_owned(), error })?;
    Secret::new(bytes).map_err(|error| NotAuthenticated::Unfit { name: name.to_owned(), error })
}
