//! The secret that ties an answer to a challenge.

use std::{fmt, hash::Hash};

use crate::DecodeError;

/// A cookie: whoever has it and is root can answer the challenge (CVE-2015-4625). It is sent back to polkitd and goes
/// nowhere else: not into a log, an argument or an error. `Debug` says only that there is one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cookie(String);

impl Cookie {
    /// The longest cookie that is taken, in bytes. polkitd's own have about 70 (0.113 to 128).
    pub const LONGEST: usize = 1024;

    /// Takes the cookie of a message.
    ///
    /// # Errors
    /// An empty or overlong one is a [`DecodeError`].
    pub fn new(text: String) -> Result<Self, DecodeError> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(DecodeError::Range { field: "cookie length", number: text.len() as u64 });
        }
        Ok(Self(text))
    }

    /// The secret itself, for the one message that carries it back.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        let cookie = Cookie::new("17-deadbeef-1-cafe".into()).unwrap();
        assert_eq!(format!("{cookie:?}"), "Cookie(secret)");
    }

    #[test]
    fn empty_and_overlong_cookies_are_refused() {
        assert!(Cookie::new(String::new()).is_err());
        assert!(Cookie::new("x".repeat(Cookie::LONGEST + 1)).is_err());
    }
}
