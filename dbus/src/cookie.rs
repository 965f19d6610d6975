//! The secret that identifies a challenge.

use std::{fmt, hash::Hash};

use crate::DecodeError;

/// A cookie. Root can answer a challenge with its cookie (CVE-2015-4625), so it is sent to polkitd only and never appears in
/// a log, an argument or an error. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cookie(String);

impl Cookie {
    /// The length limit in bytes. Cookies of polkitd have about 70 (0.113 to 128).
    pub const LONGEST: usize = 1024;

    /// Makes a cookie from the text of a message.
    ///
    /// # Errors
    /// [`DecodeError::Range`] if the text is empty or too long.
    pub fn new(text: String) -> Result<Self, DecodeError> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(DecodeError::Range { field: "cookie length", number: text.len() as u64 });
        }
        Ok(Self(text))
    }

    /// The secret, for the reply to polkitd.
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
    fn debug_does_not_print_the_cookie() {
        let cookie = Cookie::new("17-deadbeef-1-cafe".into()).unwrap();
        assert_eq!(format!("{cookie:?}"), "Cookie(secret)");
    }

    #[test]
    fn empty_and_overlong_cookies_are_refused() {
        assert!(Cookie::new(String::new()).is_err());
        assert!(Cookie::new("x".repeat(Cookie::LONGEST + 1)).is_err());
    }
}
