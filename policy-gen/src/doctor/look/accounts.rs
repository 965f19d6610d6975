//! Lookups of user and group names.

use polkit_config::names::{Names, User};

/// Returns the names of the user's groups in the user database. A group without a name is shown by its gid.
pub(super) fn groups(names: &Names, user: &User) -> Vec<String> {
    named(names, &names.groups_of(user).unwrap_or_default())
}

/// Returns the names of groups.
pub(super) fn named(names: &Names, gids: &[u32]) -> Vec<String> {
    let name = |gid: &u32| names.group_by_gid(*gid).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name);
    gids.iter().map(name).collect()
}

/// Returns the user with this uid. A user without a name is named by the uid.
pub(super) fn user(names: &Names, uid: u32) -> User {
    let found = names.user_by_uid(uid).ok().flatten();
    found.unwrap_or_else(|| User { name: uid.to_string(), uid, gid: uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_without_a_name_are_shown_by_their_numbers() {
        let (passwd, group) = ("bob:x:3002:3100::/:/bin/sh\n", "vm:x:3100:\nops:x:3200:bob\n");
        let names = Names::Root(polkit_config::names::Tree::parse(passwd, group));
        assert_eq!(user(&names, 3002), User { name: "bob".to_owned(), uid: 3002, gid: 3100 });
        assert_eq!(user(&names, 7), User { name: "7".to_owned(), uid: 7, gid: 7 });
        assert_eq!(groups(&names, &user(&names, 3002)), ["vm", "ops"]);
        assert_eq!(named(&names, &[3200, 9, 3100]), ["ops", "9", "vm"]);
    }
}
