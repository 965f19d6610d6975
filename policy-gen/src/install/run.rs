//! From a plan to a changed tree.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use polkit_config::names::Names;
use rustix::fs::{AtFlags, FlockOperation, Gid, Mode, Uid};

use super::members::{FILES as ACCOUNTS, change_host, create_in_tree, is_member, tree_changes};
use super::plan::{Change, Current, MemberChange, NewFile, Plan, plan};
use super::record::{DIRECTORY, NAME, PENDING, Record};
use super::write::{Prepared, sweep};
use crate::emit::File;
use crate::failure::Failure;
use crate::target::Version;
use crate::tree::{Tree, split};

/// What is installed into, and how.
#[derive(Debug)]
pub struct Site<'a> {
    /// The host's tree or another.
    pub tree: &'a Tree,
    /// Its users and groups.
    pub names: &'a Names,
    /// Whether a missing directory of polkit's is made, and as which version's package makes it.
    pub mkdir: Option<Version>,
}

/// The right to change a tree; one at a time has it. It lies on the directory of the record, which
/// goes with it if there is no record in it.
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

/// Reads what is there and plans.
///
/// # Errors
/// What cannot be read.
pub fn plan_now(site: &Site<'_>, files: &[File], members: &[(String, String)]) -> Result<Plan, Failure> {
    let tree = site.tree;
    let record = Record::read(tree)?;
    let mut current = Current::new();
    for path in files.iter().map(File::path).chain(record.files.iter().map(|file| file.path.clone())) {
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
        // In the tree of a package there are no accounts: systemd-sysusers does it where the package goes.
        let is = !has_accounts || is_member(tree, site.names, &user, &group)?;
        known.insert((user, group), is);
    }
    let is = |user: &str, group: &str| known.get(&(user.to_owned(), group.to_owned())).copied().unwrap_or(false);
    Ok(plan(files, members, &record, &current, &is))
}

/// Takes the lock of a tree, and with it makes the directory of the record.
///
/// # Errors
/// [`Failure::Refused`]: it cannot be made, or another one has the lock.
pub fn lock(tree: &Tree) -> Result<Lock<'_>, Failure> {
    let refused = |error: &dyn std::fmt::Display| {
        let root = if rustix::process::geteuid().is_root() { "" } else { " Run this as root." };
        Failure::Refused(format!("cannot write {}: {error}. Nothing was changed.{root}", tree.shown(DIRECTORY)))
    };
    let mut lock = Lock { tree, made: Vec::new(), directory: None };
    make_directories(tree, DIRECTORY, &mut lock.made).map_err(|error| refused(&error))?;
    let directory = tree.directory(DIRECTORY).map_err(|error| refused(&error))?;
    rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| refused(&"another polkit-policy-gen is at work there"))?;
    lock.directory = Some(directory);
    Ok(lock)
}

/// Does what was planned: all of it, or nothing.
///
/// # Errors
/// [`Failure::Refused`] that says what failed; everything is then as it was, save for accounts
/// that `--create` made.
pub fn apply(site: &Site<'_>, plan: &Plan, lock: &Lock<'_>) -> Result<(), Failure> {
    let tree = site.tree;
    let mut made = Vec::new();
    let mut done = plan.done.clone();
    let record = (!done.is_empty()).then(|| format!("{DIRECTORY}/{NAME}"));
    let paths: Vec<&String> = done.files.iter().map(|file| &file.path).chain(&record).collect();
    let in_use = |directory: &String| paths.iter().any(|path| path.starts_with(&format!("{directory}/")));
    // Those of the lock are the outermost.
    let all = lock.made.iter().chain(&plan.done.directories);
    let (kept, left): (Vec<String>, Vec<String>) = all.cloned().partition(in_use);
    let result = prepare_directories(site, plan, &mut made).and_then(|()| {
        done.directories = [kept.clone(), made.clone()].concat();
        let pending = Record { directories: [kept, left.clone(), made.clone()].concat(), ..plan.pending.clone() };
        change(site, plan, &pending, &done)
    });
    match &result {
        Ok(()) => {
            let gone =
                plan.pending.files.iter().map(|file| file.path.as_str()).filter(|path| done.file(path).is_none());
            for path in gone.chain(if tree.is_host() { [].as_slice() } else { &ACCOUNTS }.iter().copied()) {
                sweep(tree, path);
            }
            remove_directories(tree, &left);
        }
        Err(_) => remove_directories(tree, &made),
    }
    result
}

fn change(site: &Site<'_>, plan: &Plan, pending: &Record, done: &Record) -> Result<(), Failure> {
    let tree = site.tree;
    let (on_host, in_tree) =
        if tree.is_host() { (plan.members.as_slice(), &[][..]) } else { (&[][..], plan.members.as_slice()) };
    for member in in_tree.iter().filter(|member| member.add) {
        if is_missing(site.names, member)? {
            create_in_tree(tree, member)?;
        }
    }
    let mut changes = plan.changes.clone();
    changes.extend(tree_changes(tree, in_tree)?);
    // The last to become visible: with it the work is done.
    changes.push(record_change(NAME, done));
    // What fails from here on drops `prepared` or what became of it, and then `intent`: all is as before.
    let intent = Prepared::new(tree, &[record_change(PENDING, pending)])?.commit()?;
    let prepared = Prepared::new(tree, &changes)?;
    let mut changed = Memberships { site, done: Vec::new() };
    for member in on_host {
        change_host(tree, site.names, member)?;
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
    let to = NewFile { bytes: record.to_text().into_bytes(), mode: 0o644, owner: None };
    Change { path: format!("{DIRECTORY}/{name}"), to: (!record.is_empty()).then_some(to) }
}

fn is_missing(names: &Names, member: &MemberChange) -> Result<bool, Failure> {
    let unreachable = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
    let user = names.user(&member.user).map_err(unreachable)?;
    let group = names.group(&member.group).map_err(unreachable)?;
    Ok(user.is_none() || group.is_none())
}

/// Memberships of the host that are taken back unless the list is emptied.
struct Memberships<'a> {
    site: &'a Site<'a>,
    done: Vec<&'a MemberChange>,
}

impl Drop for Memberships<'_> {
    fn drop(&mut self) {
        for member in self.done.iter().rev() {
            let back = MemberChange { add: !member.add, ..(*member).clone() };
            let _ = change_host(self.site.tree, self.site.names, &back);
        }
    }
}

fn remove_pending(tree: &Tree) {
    if let Ok(directory) = tree.directory(DIRECTORY) {
        let _ = rustix::fs::unlinkat(&directory, PENDING, AtFlags::empty());
        let _ = rustix::fs::fsync(&directory);
    }
}

/// Makes the directories that the plan writes to: ours always, polkit's only with `--mkdir`.
fn prepare_directories(site: &Site<'_>, plan: &Plan, made: &mut Vec<String>) -> Result<(), Failure> {
    let tree = site.tree;
    let refused = |path: &str, error: &dyn std::fmt::Display| {
        Failure::Refused(format!("cannot make {}: {error}. Nothing was changed.", tree.shown(path)))
    };
    for change in plan.changes.iter().filter(|change| change.to.is_some()) {
        let (directory, _) = split(&change.path);
        if tree.has_directory(directory).map_err(|error| refused(directory, &error))? {
            continue;
        }
        if let Some(polkits) = polkits_directory(directory)
            && !tree.has_directory(polkits).map_err(|error| refused(polkits, &error))?
        {
            let Some(version) = site.mkdir else {
                return Err(Failure::Refused(format!(
                    "{} does not exist: is polkit installed there? Nothing was changed. \
                     With --mkdir it is made as polkit's own package makes it",
                    tree.shown(polkits)
                )));
            };
            let (above, _) = split(polkits);
            make_directories(tree, above, made).map_err(|error| refused(above, &error))?;
            make_polkits(site, polkits, version).map_err(|error| refused(polkits, &error))?;
            made.push(polkits.to_owned());
        }
        make_directories(tree, directory, made).map_err(|error| refused(directory, &error))?;
    }
    Ok(())
}

/// The directory of polkit's that this one is, or lies in.
fn polkits_directory(directory: &str) -> Option<&'static str> {
    let known = [
        "etc/polkit-1/rules.d",
        "usr/share/polkit-1/rules.d",
        "etc/polkit-1/localauthority",
        "var/lib/polkit-1/localauthority",
    ];
    known.into_iter().find(|known| directory.starts_with(known))
}

/// Owner and mode as the packages make them: up to 122 rules.d is polkitd:root 0700 (upstream's
/// Makefile.am, Debian 12); from 123 it is root:polkitd 0750 below /etc and root's own below /usr.
/// /etc's localauthority is root's 0700 for 0.105 (Debian 11), root:polkitd 0750 for polkit-pkla-compat.
fn make_polkits(site: &Site<'_>, path: &str, version: Version) -> Result<(), String> {
    let tree = site.tree;
    let rules = path.ends_with("rules.d");
    let polkitd = site.names.user("polkitd").map_err(|error| error.to_string())?;
    let (user, group, mode) = match (rules, path.starts_with("etc/")) {
        // In the tree of a package there are no users: polkit's own package settles the directory.
        (true, false) if polkitd.is_none() => (false, false, 0o755),
        (true, _) if version <= Version(122) => (true, false, 0o700),
        (true, true) => (false, true, 0o750),
        (false, true) if version >= Version::RULES => (false, true, 0o750),
        (false, true) => (false, false, 0o700),
        _ => (false, false, 0o755),
    };
    let missing = |what: &str| format!("there is no {what} `polkitd`, whose it would be; install polkit first");
    let uid = match polkitd {
        Some(polkitd) if user => polkitd.uid,
        None if user => return Err(missing("user")),
        _ => 0,
    };
    let gid = match site.names.group("polkitd").map_err(|error| error.to_string())? {
        Some(polkitd) if group => polkitd.gid,
        None if group => return Err(missing("group")),
        _ => 0,
    };
    let (above, name) = split(path);
    let make = || -> std::io::Result<()> {
        let above = tree.directory(above)?;
        rustix::fs::mkdirat(&above, name, Mode::RWXU)?;
        let made = tree.directory(path)?;
        if rustix::process::geteuid().is_root() {
            rustix::fs::fchown(&made, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        Ok(rustix::fs::fchmod(&made, Mode::from_raw_mode(mode))?)
    };
    make().map_err(|error| error.to_string())
}

/// Makes a directory and those above it, root's and open to read, whatever the umask.
fn make_directories(tree: &Tree, path: &str, made: &mut Vec<String>) -> std::io::Result<()> {
    if tree.has_directory(path)? {
        return Ok(());
    }
    let (above, name) = split(path);
    make_directories(tree, above, made)?;
    let above = tree.directory(above)?;
    rustix::fs::mkdirat(&above, name, Mode::RWXU)?;
    made.push(path.to_owned());
    let directory = tree.directory(path)?;
    Ok(rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o755))?)
}

/// Removes directories that we made, the innermost first, as far as they are empty.
fn remove_directories(tree: &Tree, paths: &[String]) {
    for path in paths.iter().rev() {
        let (above, name) = split(path);
        if let Ok(above) = tree.directory(above) {
            // Fails where somebody else has put something into it.
            let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
        }
    }
}
