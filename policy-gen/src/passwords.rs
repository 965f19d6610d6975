//! Whether a user has a usable password. An agent may safely answer auth_self for a user only if the user could not have
//! authenticated with a password.

use crate::tree::Tree;

/// The passwd and shadow files of a tree.
#[derive(Debug)]
pub struct Passwords {
    passwd: String,
    /// The text, or the reason why it is unreadable.
    shadow: Result<String, String>,
}

/// The state of a user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The user has no usable password.
    None,
    /// The user has a password, possibly an empty one.
    Usable,
    /// The state is unknown, with the reason.
    Unknown(String),
}

impl Passwords {
    /// Reads `etc/passwd` and `etc/shadow` of a tree.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let read =
            |path: &str| tree.read_text(path).map_err(|error| format!("cannot read {}: {error}", tree.shown(path)));
        Self { passwd: read("etc/passwd").unwrap_or_default(), shadow: read("etc/shadow") }
    }

    /// Returns the state of a user's password. A field is usable if it is empty or does not begin with `!` or `*` (shadow(5)).
    #[must_use]
    pub fn of_user(&self, user: &str) -> Password {
        let field = |text: &str| {
            let mut lines = text.lines().map(|line| line.split(':'));
            lines.find_map(|mut fields| (fields.next() == Some(user)).then(|| fields.next().unwrap_or("").to_owned()))
        };
        let judge = |hash: &str| if hash.starts_with(['!', '*']) { Password::None } else { Password::Usable };
        match field(&self.passwd) {
            None => {
                Password::Unknown("the user is not in /etc/passwd, and the password is stored elsewhere".to_owned())
            }
            Some(hash) if hash != "x" => judge(&hash),
            Some(_) => match &self.shadow {
                Err(why) => Password::Unknown(why.clone()),
                // pwconv(8): a user without an entry in shadow has no valid password.
                Ok(shadow) => field(shadow).map_or(Password::None, |hash| judge(&hash)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_field_is_no_password_and_an_empty_field_is_one() {
        let passwd = "a:x:1:1::/:\nb:x:2:2::/:\nc:x:3:3::/:\nd::4:4::/:\ne:*:5:5::/:\nf:x:6:6::/:\n";
        let shadow = "a:!:1::::::\nb:$y$j9T$x:1::::::\nc::1::::::\n";
        let passwords = Passwords { passwd: passwd.into(), shadow: Ok(shadow.into()) };
        let of = |user| passwords.of_user(user);
        assert_eq!([of("a"), of("e"), of("f")], [Password::None, Password::None, Password::None]);
        assert_eq!([of("b"), of("c"), of("d")], [Password::Usable, Password::Usable, Password::Usable]);
        assert!(matches!(of("ldap"), Password::Unknown(_)));
        let closed = Passwords { passwd: passwd.into(), shadow: Err("closed".into()) };
        assert_eq!(closed.of_user("a"), Password::Unknown("closed".into()));
        assert_eq!(closed.of_user("d"), Password::Usable);
    }
}
