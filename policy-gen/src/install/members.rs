//! Changing memberships: on the host by its own tools, which lock the files and keep gshadow in
//! step, in another tree by editing its files.

use std::io;
use std::process::Command;

use polkit_config::escape::escape_bytes;
use polkit_config::names::Names;

use super::accounts::{FILES, edit, has_group, is_listed};
use super::plan::{Change, MemberChange, NewFile};
use crate::failure::Failure;
use crate::tree::Tree;

/// Where the tools are; the caller's PATH is not asked.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Whether `user` is a member of `group` now: listed in `etc/group`, or by its primary group.
///
/// # Errors
/// [`Failure::Unreachable`] if it cannot be told.
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

/// Makes one change on the host. systemd-sysusers does it only for a user who has a group of the
/// same name: for any other it would make that group (systemd 247 to 262).
///
/// # Errors
/// [`Failure::Refused`] with what the tool said. The membership is then as it was.
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
    if is_listed(&text, group, user) != *add {
        return Err(refused("the tool reported success, and /etc/group says otherwise".to_owned()));
    }
    Ok(())
}

/// Lets systemd-sysusers make a user or group of another tree that is not there yet (`--create`).
///
/// # Errors
/// [`Failure::Refused`] with what it said.
pub fn create_in_tree(tree: &Tree, change: &MemberChange) -> Result<(), Failure> {
    // What systemd-sysusers reads and replaces.
    for path in ["etc", "etc/passwd", "etc/shadow", FILES[0], FILES[1]] {
        tree.vet(path).map_err(|error| Failure::Refused(format!("{error}. Nothing was changed.")))?;
    }
    let root = format!("--root={}", tree.path().display());
    let inline = format!("m {} {}", change.user, change.group);
    run_first(&[&["systemd-sysusers", &root, "--inline", &inline]])
        .map_err(|why| Failure::Refused(format!("cannot create `{}` and `{}`: {why}", change.user, change.group)))
}

/// The changes of another tree's `etc/group` and `etc/gshadow`.
///
/// # Errors
/// [`Failure::Unreachable`] if they cannot be read.
pub fn tree_changes(tree: &Tree, changes: &[MemberChange]) -> Result<Vec<Change>, Failure> {
    let mut edits = Vec::new();
    for path in FILES {
        let unreadable = |error: io::Error| Failure::Unreachable(format!("cannot read {}: {error}", tree.shown(path)));
        let Some(current) = tree.read(path).map_err(unreadable)? else { continue };
        let Ok(text) = String::from_utf8(current.bytes) else {
            return Err(Failure::Refused(format!("{} is not UTF-8: nothing was changed", tree.shown(path))));
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

/// Runs the first of these programs that is installed.
fn run_first(tools: &[&[&str]]) -> Result<(), String> {
    for tool in tools {
        let Some((program, arguments)) = tool.split_first() else { continue };
        match Command::new(program).args(arguments).env("PATH", PATH).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{program}: {error}")),
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let said = escape_bytes(output.stderr.trim_ascii());
                return Err(format!("{program} failed ({}): {said}", output.status));
            }
        }
    }
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool.first().copied()).collect();
    Err(format!("none of {} is installed", names.join(", ")))
}
