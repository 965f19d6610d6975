//! What is said to PAM.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A password or the like, which is overwritten when it is dropped. It goes to polkit's helper and nowhere else: `Debug` says
/// only that there is one.
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why something cannot be said to PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadSecret {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// The helper reads 511 bytes with the end of the line (polkitagenthelper-pam.c, `PAM_MAX_RESP_SIZE`).
    #[error("it is longer than {} bytes", Secret::LONGEST)]
    TooLong,
    /// The helper is told a line.
    #[error("it has more than one line, or a zero byte")]
    NotALine,
}

impl Secret {
    /// The longest, in bytes.
    pub const LONGEST: usize = 510;

    /// Takes the bytes of a file: one end of line at their end is not part of the secret.
    ///
    /// # Errors
    /// The [`BadSecret`].
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

    /// The secret itself, for the one place that says it.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
