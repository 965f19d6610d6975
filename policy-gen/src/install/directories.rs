//! The directories that files are written to: polkit's own are its package's to make, the others ours.

use polkit_config::names::Names;
use rustix::fs::{AtFlags, Gid, Mode, Uid};

use super::plan::Change;
use crate::failure::Failure;
use crate::target::Version;
use crate::tree::{Tree, split};

/// Makes the directories that the plan writes to: ours always, polkit's only with `--mkdir`.
///
/// # Errors
/// [`Failure::Refused`]; what was made until then is in `made`.
pub fn prepare_directories(
    tree: &Tree,
    names: &Names,
    mkdir: Option<Version>,
    changes: &[Change],
    made: &mut Vec<String>,
) -> Result<(), Failure> {
    let refused = |path: &str, error: &dyn std::fmt::Display| {
        Failure::Refused(format!("cannot make {}: {error}. Nothing was changed.", tree.shown(path)))
    };
    for change in changes.iter().filter(|change| change.to.is_some()) {
        let (directory, _) = split(&change.path);
        if tree.has_directory(directory).map_err(|error| refused(directory, &error))? {
            continue;
        }
        if let Some(polkits) = polkits_directory(directory)
            && !tree.has_directory(polkits).map_err(|error| refused(polkits, &error))?
        {
            let Some(version) = mkdir else {
                return Err(Failure::Refused(format!(
                    "{} does not exist: is polkit installed there? Nothing was changed. \
                     With --mkdir it is made as polkit's own package makes it",
                    tree.shown(polkits)
                )));
            };
            let (above, _) = split(polkits);
            make_directories(tree, above, made).map_err(|error| refused(above, &error))?;
            make_polkits(tree, names, polkits, version).map_err(|error| refused(polkits, &error))?;
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
fn make_polkits(tree: &Tree, names: &Names, path: &str, version: Version) -> Result<(), String> {
    let rules = path.ends_with("rules.d");
    let polkitd = names.user("polkitd").map_err(|error| error.to_string())?;
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
    let gid = match names.group("polkitd").map_err(|error| error.to_string())? {
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
///
/// # Errors
/// The one that cannot be made; those above it are in `made`.
pub fn make_directories(tree: &Tree, path: &str, made: &mut Vec<String>) -> std::io::Result<()> {
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
pub fn remove_directories(tree: &Tree, paths: &[String]) {
    for path in paths.iter().rev() {
        let (above, name) = split(path);
        if let Ok(above) = tree.directory(above) {
            // Fails where somebody else has put something into it.
            let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
        }
    }
}
