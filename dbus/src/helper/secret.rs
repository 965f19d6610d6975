//! The secrets that are sent to PAM.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A password or another secret. It is overwritten when it is dropped and is sent to polkit's helper only. `Debug` does not
/// print it.
pub struct Secret(Zeroizing<Vec<u8>>);

/// The reason why a text cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadSecret {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The helper reads 511 bytes with the end of the line (polkitagenthelper-pam.c, `PAM_MAX_RESP_SIZE`).
    #[error("it is longer than {} bytes", Secret::LONGEST)]
    TooLong,
    /// The protocol sends a secret as one line.
    #[error("it has more than one line, or a zero byte")]
    NotALine,
}

impl Secret {
    /// The length limit in bytes.
    pub const LONGEST: usize = 510;

    /// Makes a secret from the content of a file. One line break at the end is not part of the secret.
    ///
    /// # Errors
    /// [`BadSecret`].
    pub fn new(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, BadSecret> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        match &bytes[..] {
            [] => Err(BadSecret::Empty),
            line if line.len() > Self::LONGEST => Err(BadSecret::TooLong),
            line if line.iter().any(|byte| matches!(byte, b'\n' | 0)) => Err(BadSecret::NotALine),
            _ => Ok(Self(bytes)),
        }
    }

    /// The secret, for the message to the helper.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
