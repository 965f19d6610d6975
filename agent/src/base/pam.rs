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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret_of(folder: &Path, bytes: &[u8]) -> Result<(), String> {
        std::fs::write(folder.join("password"), bytes).unwrap();
        secret(folder, "password").map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_agent_authenticates_as_its_own_user_alone() {
        let cookie = Cookie::new("1-abc".to_owned()).unwrap();
        let of = async |own: u32, identity: u32| {
            let (own, identity) = (AgentUid::new(own).unwrap(), IdentityUid::new(identity).unwrap());
            authenticate(own, identity, &cookie, &["password".to_owned()]).await.unwrap_err().to_string()
        };
        for (own, identity) in [(1000, 0), (1000, 1001), (0, 1000)] {
            let expected = format!(
                "polkitd asks for uid {identity}, and the agent runs as uid {own}: it authenticates only its own user"
            );
            assert_eq!(of(own, identity).await, expected);
        }
        // The tests run without credentials.
        assert!(of(0, 0).await.contains("$CREDENTIALS_DIRECTORY is not set"));
    }

    #[test]
    fn a_credential_is_a_regular_file_with_a_valid_secret() {
        let folder = tempfile::tempdir().unwrap();
        let missing = secret(folder.path(), "password").map(drop).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read the credential `password`: "), "{missing}");
        assert_eq!(secret_of(folder.path(), b"secret\n"), Ok(()));
        for bad in [vec![b'x'; Secret::LONGEST + 1], b"two\nlines\n".to_vec()] {
            let error = secret_of(folder.path(), &bad).unwrap_err();
            assert!(error.starts_with("the credential `password` is not a valid secret: "), "{error}");
        }
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let error = secret(folder.path(), "folder").map(drop).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}
