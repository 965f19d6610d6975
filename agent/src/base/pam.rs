//! What a rule that authenticates does: polkit's helper asks PAM about the agent's own user, and is told secrets of the service
//! manager's keeping. One of the files with effects.

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

/// Where the service manager puts credentials (systemd.exec(5)).
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Why polkitd was not told that somebody is authenticated.
#[derive(Debug, Error)]
pub enum NotAuthenticated {
    /// polkitd wants another user than the one whom the agent runs as.
    #[error("polkitd wants uid {identity} authenticated, and the agent runs as uid {own}: it speaks for nobody else")]
    OtherIdentity {
        /// Whom.
        identity: IdentityUid,
        /// The agent's own.
        own: AgentUid,
    },
    /// The service manager gave no credentials.
    #[error("${DIRECTORY} is not set: start the agent by a unit with `LoadCredential=` or the like")]
    NoDirectory,
    /// One of them cannot be read.
    #[error("the credential `{name}` cannot be read: {error}")]
    Unreadable {
        /// Its name.
        name: String,
        /// What happened.
        error: io::Error,
    },
    /// One of them is nothing to say to PAM.
    #[error("the credential `{name}` is no secret: {error}")]
    Unfit {
        /// Its name.
        name: String,
        /// Why.
        error: BadSecret,
    },
    /// The user has no name, and PAM knows users by their names.
    #[error("uid {0} has no name in the user database")]
    NoName(AgentUid),
    /// The user database failed.
    #[error("the name of uid {0} could not be looked up: {1}")]
    Lookup(AgentUid, LookupError),
    /// A thread of the agent's broke.
    #[error("the credentials were not read to their end")]
    Broken,
    /// The helper, or PAM.
    #[error(transparent)]
    Helper(#[from] HelperError),
}

/// Authenticates the agent's own user for a challenge. The secrets live for as long as that takes.
///
/// # Errors
/// [`NotAuthenticated`]: polkitd was told nothing.
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

/// The user's name, and what is said for him.
fn prepare(own: AgentUid, credentials: &[String]) -> Result<(String, Vec<Secret>), NotAuthenticated> {
    let user = Names::Host.user_by_uid(own.get()).map_err(|error| NotAuthenticated::Lookup(own, error))?;
    let user = user.ok_or(NotAuthenticated::NoName(own))?;
    let directory = std::env::var_os(DIRECTORY).ok_or(NotAuthenticated::NoDirectory)?;
    let secrets = credentials.iter().map(|name| secret(directory.as_ref(), name));
    Ok((user.name, secrets.collect::<Result<_, _>>()?))
}

/// Reads one. The buffer is as long as it can get: one that grows leaves copies behind.
fn secret(directory: &Path, name: &str) -> Result<Secret, NotAuthenticated> {
    let read = || {
        let file = File::open(directory.join(name))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
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
