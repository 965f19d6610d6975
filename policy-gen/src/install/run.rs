//! Applies a plan to a tree.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use polkit_config::names::Names;
use rustix::fs::{AtFlags, FlockOperation, Mode};

use super::accounts::FILES as ACCOUNTS;
use super::directories::{make_directories, prepare_directories, remove_directories};
use super::members::{change_host, create_in_tree, is_member, tree_changes};
use super::paths::may_be_written;
use super::plan::{Change, Current, MemberChange, NewFile, Plan, plan};
use super::record::{DIRECTORY, DIRECTORY_MODE, MODE, NAME, PENDING, Record, SourceRecord};
use super::write::{StagedChanges, sweep};
use crate::emit::File;
use crate::failure::Failure;
use crate::libvirt::conf::Edit;
use crate::target::Version;
use crate::tree::Tree;

/// The tree to change, and how.
#[derive(Debug)]
pub struct InstallTarget<'a> {
    /// The tree of the host, or another tree.
    pub tree: &'a Tree,
    /// The users and groups of the tree.
    pub names: &'a Names,
    /// The version whose package is followed when a missing directory of polkit is created; `None`: do not create it.
    pub mkdir: Option<Version>,
}

/// The desired state. The empty state removes everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct DesiredState<'a> {
    /// The files that polkit-policy-gen owns.
    pub files: &'a [File],
    /// User and group of each membership.
    pub members: &'a [(String, String)],
    /// The edits of configuration files of other packages.
    pub edits: &'a [Edit],
    /// The policy files of all this.
    pub sources: &'a [SourceRecord],
}

/// An exclusive lock of a tree, on the directory of the record. Dropping it removes the directory if it contains no record.
#[derive(Debug)]
pub struct Lock<'a> {
    tree: &'a Tree,
    made: Vec<String>,
    directory: Option<OwnedFd>,
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if self.directory.is_none() {
            return remove_directories(self.tree, &self.made);
        }
        for name in [PENDING, NAME] {
            sweep(self.tree, &format!("{DIRECTORY}/{name}"));
        }
        remove_directories(self.tree, &[DIRECTORY.to_owned()]);
        remove_directories(self.tree, &self.made);
    }
}

/// Reads the current state and computes the plan.
///
/// # Errors
/// A file is unreadable. A file that root must not work on is reported first.
pub fn plan_now(install_target: &InstallTarget<'_>, desired: &DesiredState<'_>) -> Result<Plan, Failure> {
    let plan = read_and_plan(install_target, desired);
    install_target.tree.trusted()?;
    plan
}

fn read_and_plan(install_target: &InstallTarget<'_>, desired: &DesiredState<'_>) -> Result<Plan, Failure> {
    let DesiredState { files, members, edits, sources } = desired;
    let tree = install_target.tree;
    let record = Record::read(tree)?;
    let mut current = Current::new();
    let recorded = record.files.iter().map(|file| &file.path).chain(record.edits.iter().map(|edit| &edit.path));
    let wanted = files.iter().map(File::path).chain(edits.iter().map(|edit| edit.path.clone()));
    for path in wanted.chain(recorded.cloned()) {
        let read = tree.read(&path).map_err(|error| {
            let root = if rustix::process::geteuid().is_root() { "" } else { " Run this as root." };
            Failure::Unreachable(format!("cannot read {}: {error}. Nothing was changed.{root}", tree.shown(&path)))
        })?;
        current.extend(read.map(|contents| (path, contents)));
    }
    let has_accounts = tree.is_host() || has_accounts(tree);
    let mut known: BTreeMap<(String, String), bool> = BTreeMap::new();
    let recorded = record.members.iter().map(|member| (member.user.clone(), member.group.clone()));
    for (user, group) in members.iter().cloned().chain(recorded) {
        // The tree of a package has no accounts; systemd-sysusers adds the members on the target host.
        let is = !has_accounts || is_member(tree, install_target.names, &user, &group)?;
        known.insert((user, group), is);
    }
    let is = |user: &str, group: &str| known.get(&(user.to_owned(), group.to_owned())).copied().unwrap_or(false);
    let mut plan = plan(files, members, &record, &current, &is);
    plan.edit(edits, &record, &current).map_err(|error| Failure::Refused(format!("{error}. Nothing was changed.")))?;
    plan.sources(sources, &record);
    Ok(plan)
}

/// Locks a tree, and creates the directory of the record.
///
/// # Errors
/// [`Failure::Refused`] if the directory cannot be created, or another process has the lock.
pub fn lock(tree: &Tree) -> Result<Lock<'_>, Failure> {
    let refused = |error: &dyn std::fmt::Display| {
        let root = if rustix::process::geteuid().is_root() { "" } else { " Run this as root." };
        Failure::Refused(format!("cannot write {}: {error}. Nothing was changed.{root}", tree.shown(DIRECTORY)))
    };
    let mut lock = Lock { tree, made: Vec::new(), directory: None };
    make_directories(tree, DIRECTORY, &mut lock.made).map_err(|error| refused(&error))?;
    let directory = tree.directory(DIRECTORY).map_err(|error| refused(&error))?;
    // Earlier versions created a readable directory. If it belongs to another user, writing to it fails later.
    let _ = rustix::fs::fchmod(&directory, Mode::from_raw_mode(DIRECTORY_MODE));
    rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| refused(&"another polkit-policy-gen is running"))?;
    lock.directory = Some(directory);
    Ok(lock)
}

/// Applies a plan completely, or not at all.
///
/// # Errors
/// [`Failure::Refused`] with the failed step. Everything is unchanged then, except for accounts that `--create` created.
pub fn apply(install_target: &InstallTarget<'_>, plan: &Plan, lock: &Lock<'_>) -> Result<(), Failure> {
    let tree = install_target.tree;
    let mut made = Vec::new();
    let mut done = plan.done.clone();
    let record = (!done.is_empty()).then(|| format!("{DIRECTORY}/{NAME}"));
    let edited = done.edits.iter().map(|edit| &edit.path);
    let paths: Vec<&String> = done.files.iter().map(|file| &file.path).chain(edited).chain(&record).collect();
    let in_use = |directory: &String| paths.iter().any(|path| path.starts_with(&format!("{directory}/")));
    // The directories of the lock are the outermost.
    let all = lock.made.iter().chain(&plan.done.directories);
    let (kept, left): (Vec<String>, Vec<String>) = all.cloned().partition(in_use);
    let result = prepare_directories(tree, install_target.names, install_target.mkdir, &plan.changes, &mut made)
        .and_then(|()| {
            done.directories = [kept.clone(), made.clone()].concat();
            let pending = Record { directories: [kept, left.clone(), made.clone()].concat(), ..plan.pending.clone() };
            change(install_target, plan, &pending, &done)
        });
    match &result {
        Ok(()) => {
            let ours = plan.pending.files.iter().map(|file| file.path.as_str());
            let edited = plan.pending.edits.iter().map(|edit| edit.path.as_str());
            let accounts = if tree.is_host() { [].as_slice() } else { &ACCOUNTS };
            for path in ours.chain(edited).chain(accounts.iter().copied()) {
                sweep(tree, path);
            }
            remove_directories(tree, &left);
        }
        Err(_) => remove_directories(tree, &made),
    }
    result
}

fn change(install_target: &InstallTarget<'_>, plan: &Plan, pending: &Record, done: &Record) -> Result<(), Failure> {
    let tree = install_target.tree;
    let (on_host, in_tree) =
        if tree.is_host() { (plan.members.as_slice(), &[][..]) } else { (&[][..], plan.members.as_slice()) };
    for member in in_tree.iter().filter(|member| member.add) {
        if is_missing(install_target.names, member)? {
            create_in_tree(tree, member)?;
        }
    }
    let mut changes = plan.changes.clone();
    changes.extend(tree_changes(tree, in_tree)?);
    if let Some(other) = changes.iter().find(|change| !may_be_written(&change.path)) {
        let shown = tree.shown(&other.path);
        return Err(Failure::Refused(format!(
            "refusing to write {shown}: polkit-policy-gen does not own this file. Nothing was changed."
        )));
    }
    // The record becomes visible last and completes the installation.
    changes.push(record_change(NAME, done));
    // An error after this line drops `prepared` (or the committed changes) and then `intent`, which restores the old state.
    let intent = StagedChanges::new(tree, &[record_change(PENDING, pending)])?.commit()?;
    let prepared = StagedChanges::new(tree, &changes)?;
    let mut changed = Memberships { install_target, done: Vec::new() };
    for member in on_host {
        change_host(tree, install_target.names, member)?;
        changed.done.push(member);
    }
    prepared.commit()?.keep();
    changed.done.clear();
    intent.keep();
    remove_pending(tree);
    Ok(())
}

fn has_accounts(tree: &Tree) -> bool {
    tree.read("etc/group").is_ok_and(|group| group.is_some())
}

fn record_change(name: &str, record: &Record) -> Change {
    let to = NewFile { bytes: record.to_text().into_bytes(), mode: MODE, owner: None };
    Change { path: format!("{DIRECTORY}/{name}"), to: (!record.is_empty()).then_some(to) }
}

fn is_missing(names: &Names, member: &MemberChange) -> Result<bool, Failure> {
    let unreachable = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
    let user = names.user(&member.user).map_err(unreachable)?;
    let group = names.group(&member.group).map_err(unreachable)?;
    Ok(user.is_none() || group.is_none())
}

/// Membership changes of the host. Dropping it undoes them unless the list has been cleared.
struct Memberships<'a> {
    install_target: &'a InstallTarget<'a>,
    done: Vec<&'a MemberChange>,
}

impl Drop for Memberships<'_> {
    fn drop(&mut self) {
        for member in self.done.iter().rev() {
            let back = MemberChange { add: !member.add, ..(*member).clone() };
            let _ = change_host(self.install_target.tree, self.install_target.names, &back);
        }
    }
}

fn remove_pending(tree: &Tree) {
    if let Ok(directory) = tree.directory(DIRECTORY) {
        let _ = rustix::fs::unlinkat(&directory, PENDING, AtFlags::empty());
        let _ = rustix::fs::fsync(&directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_installation_is_refused_while_one_runs() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::open(Some(root.path())).unwrap();
        let first = lock(&tree).unwrap();
        let refused = lock(&tree).unwrap_err().to_string();
        assert!(refused.contains("another polkit-policy-gen is running. Nothing was changed."), "{refused}");
        drop(first);
        drop(lock(&tree).unwrap());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "a lock leaves no directory");
    }
}
