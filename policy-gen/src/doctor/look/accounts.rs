//! Names of users and groups.

use polkit_config::names::{Names, User};

/// The names of the user's groups, as the user database has them; a group without a name by its number.
pub(super) fn groups(names: &Names, user: &User) -> Vec<String> {
    named(names, &names.groups_of(user).unwrap_or_default())
}

/// The names of these groups.
pub(super) fn named(names: &Names, gids: &[u32]) -> Vec<String> {
    let name = |gid: &u32| names.group_by_gid(*gid).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name);
    gids.iter().map(name).collect()
}

/// The user of this uid; one without a name is called by its number.
pub(super) fn user(names: &Names, uid: u32) -> User {
    let found = names.user_by_uid(uid).ok().flatten();
    found.unwrap_or_else(|| User { name: uid.to_string(), uid, gid: uid })
}
