//! Who may ask polkit about processes of other users: root, and the owners of an action. A request of any other process counts for
//! nothing: its sender chose the subject.

use std::collections::BTreeMap;

/// The annotation of an action file with the users as which its mechanism runs, separated by blanks.
pub const OWNER: &str = "org.freedesktop.policykit.owner";

/// The owners of actions.
#[derive(Debug, Default)]
pub struct Owners(BTreeMap<String, Vec<String>>);

impl Owners {
    /// Reads the owners of actions: ids, each with the text of the annotation [`OWNER`].
    #[must_use]
    pub fn of<'a>(actions: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let users = |text: &str| {
            text.split(' ').filter_map(|word| word.trim().strip_prefix("unix-user:")).map(str::to_owned).collect()
        };
        Self(actions.map(|(id, text)| (id.to_owned(), users(text))).collect())
    }

    /// Whether polkit accepts a request about any process from this user, as `may_identity_check_authorization` of
    /// polkitbackendinteractiveauthority.c does (0.105 to 128).
    #[must_use]
    pub fn is_mechanism(&self, uid: u32, user: &str, action: &str) -> bool {
        let is_named = |owner: &String| owner == user || owner.parse() == Ok(uid);
        uid == 0 || self.0.get(action).is_some_and(|owners| owners.iter().any(is_named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_owners_of_an_action_are_mechanisms() {
        let owners = Owners::of([("a.card", " unix-user:pcscd unix-group:card unix-user:71 ")].into_iter());
        for (uid, user, id, expected) in [
            (0, "root", "a.other", true),
            (0, "root", "a.unknown", true),
            (70, "pcscd", "a.card", true),
            (71, "71", "a.card", true),
            (70, "pcscd", "a.other", false),
            (70, "pcscd", "a.unknown", false),
            (72, "card", "a.card", false),
            (1000, "alice", "a.card", false),
            (1000, "alice", "a.other", false),
        ] {
            assert_eq!(owners.is_mechanism(uid, user, id), expected, "{user} {id}");
        }
    }
}
