//! Changes group memberships: on the host with its own tools, which lock the files and keep gshadow consistent; in another tree by
//! editing its files.

use std::io;

use polkit_config::names::Names;

use super::accounts::{FILES, edit, has_group, is_listed};
use super::plan::{Change, MemberChange, NewFile};
use super::tool::run;
use crate::failure::Failure;
use crate::tree::Tree;

/// Whether `user` is a member of `group`: listed in `etc/group`, or by the primary group.
///
/// # Errors
/// [`Failure::Unreachable`] if the membership is unknown.
pub fn is_member(tree: &Tree, names: &Names, user: &str, group: &str) -> Result<bool, Failure> {
    let unreachable = |error: &dyn std::fmt::Display| Failure::Unreachable(error.to_string());
    let text = tree.read_text("etc/group").map_err(|error| unreachable(&error))?;
    if is_listed(&text, group, user) {
        return Ok(true);
    }
    let user = names.user(user).map_err(|error| unreachable(&error))?;
    let group = names.group(group).map_err(|error| unreachable(&error))?;
    Ok(user.zip(group).is_some_and(|(user, group)| user.gid == group.gid))
}

/// Changes one membership on the host. systemd-sysusers is used only for a user with a group of the same name, because it would
/// create that group for other users (systemd 247 to 262).
///
/// # Errors
/// [`Failure::Refused`] with the error of the tool. The membership is unchanged.
pub fn change_host(tree: &Tree, names: &Names, change: &MemberChange) -> Result<(), Failure> {
    let MemberChange { user, group, add } = change;
    let inline = format!("m {user} {group}");
    let sysusers: &[&str] = &["systemd-sysusers", "--inline", &inline];
    let (gpasswd, usermod): (&[&str], &[&str]) =
        (&["gpasswd", "--add", user, group], &["usermod", "--append", "--groups", group, user]);
    let exist = |name: &str| names.user(name).is_ok_and(|user| user.is_some());
    let own_group = names.group(user).is_ok_and(|group| group.is_some());
    let tools: &[&[&str]] = match add {
        true if own_group || !exist(user) => &[sysusers, gpasswd, usermod],
        true => &[gpasswd, usermod],
        false => &[&["gpasswd", "--delete", user, group]],
    };
    let what = if *add { "add" } else { "remove" };
    let refused =
        |why: String| Failure::Refused(format!("cannot {what} the membership of `{user}` in `{group}`: {why}"));
    run_first(tools).map_err(refused)?;
    let text = tree.read_text("etc/group").map_err(|error| refused(error.to_string()))?;
    check_done(&text, change).map_err(refused)
}

/// Checks a changed group file: a tool can succeed without an effect, for example if another database has the group.
fn check_done(text: &str, MemberChange { user, group, add }: &MemberChange) -> Result<(), String> {
    if is_listed(text, group, user) == *add {
        Ok(())
    } else {
        Err("the tool reported success, but /etc/group is unchanged".to_owned())
    }
}

/// Creates a missing user or group of another tree with systemd-sysusers (`--create`).
///
/// # Errors
/// [`Failure::Refused`] with the error of systemd-sysusers.
pub fn create_in_tree(tree: &Tree, change: &MemberChange) -> Result<(), Failure> {
    // systemd-sysusers reads and replaces these files.
    for path in ["etc", "etc/passwd", "etc/shadow", FILES[0], FILES[1]] {
        tree.vet(path).map_err(|error| Failure::Refused(format!("{error}. Nothing was changed.")))?;
    }
    let root = format!("--root={}", tree.path().display());
    let inline = format!("m {} {}", change.user, change.group);
    run_first(&[&["systemd-sysusers", &root, "--inline", &inline]])
        .map_err(|why| Failure::Refused(format!("cannot create `{}` and `{}`: {why}", change.user, change.group)))
}

/// Returns the changes to another tree's `etc/group` and `etc/gshadow`.
///
/// # Errors
/// [`Failure::Unreachable`] if a file is unreadable.
pub fn tree_changes(tree: &Tree, changes: &[MemberChange]) -> Result<Vec<Change>, Failure> {
    let mut edits = Vec::new();
    for path in FILES {
        let unreadable = |error: io::Error| Failure::Unreachable(format!("cannot read {}: {error}", tree.shown(path)));
        let Some(current) = tree.read(path).map_err(unreadable)? else { continue };
        let Ok(text) = String::from_utf8(current.bytes) else {
            return Err(Failure::Refused(format!("{} is not UTF-8. Nothing was changed", tree.shown(path))));
        };
        let mut edited = text.clone();
        for change in changes.iter().filter(|change| has_group(&text, &change.group)) {
            edited = edit(&edited, &change.group, &change.user, change.add);
        }
        if edited != text {
            let owner = Some((current.uid, current.gid));
            let to = NewFile { bytes: edited.into_bytes(), mode: current.mode, owner };
            edits.push(Change { path: path.to_owned(), to: Some(to) });
        }
    }
    Ok(edits)
}

/// Runs the first installed program of a list.
fn run_first(tools: &[&[&str]]) -> Result<(), String> {
    for tool in tools {
        match run(tool) {
            Err(error) if error.is_not_installed() => {}
            done => return done.map_err(|error| error.to_string()),
        }
    }
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool.first().copied()).collect();
    Err(format!("none of {} is installed", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_is_done_only_if_the_group_file_has_it() {
        let text = "root:x:0:\nvm:x:100:alice\n";
        let done = |user: &str, group: &str, add| {
            check_done(text, &MemberChange { user: user.into(), group: group.into(), add }).is_ok()
        };
        assert_eq!([done("alice", "vm", true), done("alice", "vm", false)], [true, false]);
        assert_eq!([done("bob", "vm", true), done("bob", "vm", false)], [false, true]);
        assert_eq!([done("alice", "kvm", true), done("alice", "kvm", false)], [false, true]);
    }
}
