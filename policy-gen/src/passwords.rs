//! Whether a user could type a password. An agent that answers AUTH_SELF for a user is safe only
//! where the user could not have answered the question with a password of its own.

use crate::tree::Tree;

/// The passwd and shadow files of a tree.
#[derive(Debug)]
pub struct Passwords {
    passwd: String,
    /// Or why it could not be read.
    shadow: Result<String, String>,
}

/// What is known about a user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// There is none that could be typed.
    None,
    /// There is one, or an empty one.
    Usable,
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl Passwords {
    /// Reads `etc/passwd` and `etc/shadow` of the tree.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let read =
            |path: &str| tree.read_text(path).map_err(|error| format!("{} cannot be read: {error}", tree.shown(path)));
        Self { passwd: read("etc/passwd").unwrap_or_default(), shadow: read("etc/shadow") }
    }

    /// The state of `user`'s password. Usable is a field that is empty or does not begin with `!`
    /// or `*` (shadow(5)).
    #[must_use]
    pub fn of_user(&self, user: &str) -> Password {
        let field = |text: &str| {
            let mut lines = text.lines().map(|line| line.split(':'));
            lines.find_map(|mut fields| (fields.next() == Some(user)).then(|| fields.next().unwrap_or("").to_owned()))
        };
        let judge = |hash: &str| if hash.starts_with(['!', '*']) { Password::None } else { Password::Usable };
        match field(&self.passwd) {
            None => Password::Unknown("it is not in /etc/passwd, and its password is kept elsewhere".to_owned()),
            Some(hash) if hash != "x" => judge(&hash),
            Some(_) => match &self.shadow {
                Err(why) => Password::Unknown(why.clone()),
                // pwconv(8): without a line there no password is accepted.
                Ok(shadow) => field(shadow).map_or(Password::None, |hash| judge(&hash)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_locks_is_no_password_and_an_empty_one_is() {
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
