//! Creates the directories of the files. polkit's directories are created only on request, because its package owns them.

use polkit_config::names::Names;
use rustix::fs::{AtFlags, Gid, Mode, Uid};

use super::plan::Change;
use crate::failure::Failure;
use crate::target::Version;
use crate::tree::{Tree, split};

/// Creates the directories for a plan; polkit's own only with `--mkdir`.
///
/// # Errors
/// [`Failure::Refused`]. `made` has the directories that were created before the error.
pub fn prepare_directories(
    tree: &Tree,
    names: &Names,
    mkdir: Option<Version>,
    changes: &[Change],
    made: &mut Vec<String>,
) -> Result<(), Failure> {
    let refused = |path: &str, error: &dyn std::fmt::Display| {
        Failure::Refused(format!("cannot create {}: {error}. Nothing was changed.", tree.shown(path)))
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
                    "{} does not exist: is polkit installed? Nothing was changed. \
                     Use --mkdir to create it as polkit's package does",
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

/// Returns the directory of polkit that `directory` is, or is inside of.
fn polkits_directory(directory: &str) -> Option<&'static str> {
    let known = [
        "etc/polkit-1/rules.d",
        "usr/share/polkit-1/rules.d",
        "etc/polkit-1/localauthority",
        "var/lib/polkit-1/localauthority",
    ];
    known.into_iter().find(|known| directory.starts_with(known))
}

/// Creates a directory with the owner and mode of polkit's packages. Up to 122 rules.d is polkitd:root 0700 (upstream's Makefile.am,
/// Debian 12); from 123 it is root:polkitd 0750 below /etc and root:root below /usr. /etc's localauthority is root:root 0700 for
/// 0.105 (Debian 11), and root:polkitd 0750 for polkit-pkla-compat.
fn make_polkits(tree: &Tree, names: &Names, path: &str, version: Version) -> Result<(), String> {
    let rules = path.ends_with("rules.d");
    let polkitd = names.user("polkitd").map_err(|error| error.to_string())?;
    let (user, group, mode) = match (rules, path.starts_with("etc/")) {
        // The tree of a package has no users; polkit's package sets owner and mode.
        (true, false) if polkitd.is_none() => (false, false, 0o755),
        (true, _) if version <= Version(122) => (true, false, 0o700),
        (true, true) => (false, true, 0o750),
        (false, true) if version >= Version::RULES => (false, true, 0o750),
        (false, true) => (false, false, 0o700),
        _ => (false, false, 0o755),
    };
    let missing = |what: &str| format!("there is no {what} `polkitd` to own it; install polkit first");
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

/// Creates a directory and the directories above it, owned by root and readable by all, independent of the umask.
///
/// # Errors
/// The directory that cannot be created. `made` has those above it.
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

/// Removes created directories if they are empty, the innermost first.
pub fn remove_directories(tree: &Tree, paths: &[String]) {
    for path in paths.iter().rev() {
        let (above, name) = split(path);
        if let Ok(above) = tree.directory(above) {
            // Fails if the directory contains other files.
            let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    /// The mode of a directory that is made for a version, and its owner's name.
    fn made(path: &str, version: u32, has_polkitd: bool) -> Result<(u32, &'static str), String> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(split(path).0)).unwrap();
        let (passwd, group) =
            if has_polkitd { ("polkitd:x:990:991::/:/bin/false\n", "polkitd:x:991:\n") } else { ("", "") };
        let names = Names::Root(polkit_config::names::Tree::parse(passwd, group));
        let tree = Tree::open(Some(root.path())).unwrap();
        make_polkits(&tree, &names, path, Version(version))?;
        let metadata = std::fs::metadata(root.path().join(path)).unwrap();
        let owner = match (metadata.uid(), metadata.gid()) {
            // Without root the owner cannot be set.
            _ if !rustix::process::geteuid().is_root() => "",
            (990, 0) => "polkitd:root",
            (0, 991) => "root:polkitd",
            (0, 0) => "root:root",
            _ => "other",
        };
        Ok((metadata.permissions().mode() & 0o7777, owner))
    }

    #[test]
    fn a_directory_of_polkit_has_the_owner_and_the_mode_of_its_version() {
        let (etc, usr) = ("etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d");
        let (pkla, var) = ("etc/polkit-1/localauthority", "var/lib/polkit-1/localauthority");
        for (path, version, expected) in [
            (etc, 122, (0o700, "polkitd:root")),
            (etc, 123, (0o750, "root:polkitd")),
            (usr, 122, (0o700, "polkitd:root")),
            (usr, 123, (0o755, "root:root")),
            (pkla, 105, (0o700, "root:root")),
            (pkla, 106, (0o750, "root:polkitd")),
            (var, 105, (0o755, "root:root")),
            (var, 122, (0o755, "root:root")),
        ] {
            let (mode, owner) = made(path, version, true).unwrap();
            assert_eq!(mode, expected.0, "{path} {version}");
            assert!(owner.is_empty() || owner == expected.1, "{path} {version}: {owner}");
        }
    }

    #[test]
    fn a_missing_directory_of_polkit_is_made_as_its_package_does_and_only_if_asked() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::open(Some(root.path())).unwrap();
        let names =
            Names::Root(polkit_config::names::Tree::parse("polkitd:x:990:991::/:/bin/false\n", "polkitd:x:991:\n"));
        let to = || Some(crate::install::plan::NewFile { bytes: Vec::new(), mode: 0o644, owner: None });
        let changes =
            ["etc/polkit-1/rules.d/a.rules", "etc/x/y/b.conf"].map(|path| Change { path: path.to_owned(), to: to() });
        let gone = [Change { path: "etc/z/c".to_owned(), to: None }];
        let mut made = Vec::new();
        let refused = prepare_directories(&tree, &names, None, &changes, &mut made).unwrap_err().to_string();
        assert!(refused.contains("etc/polkit-1/rules.d does not exist: is polkit installed?"), "{refused}");
        assert!(made.is_empty() && !root.path().join("etc").exists());
        prepare_directories(&tree, &names, Some(Version(126)), &changes, &mut made).unwrap();
        prepare_directories(&tree, &names, Some(Version(126)), &gone, &mut made).unwrap();
        assert_eq!(made, ["etc", "etc/polkit-1", "etc/polkit-1/rules.d", "etc/x", "etc/x/y"]);
        let mode = |path: &str| std::fs::metadata(root.path().join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!([mode("etc/polkit-1/rules.d"), mode("etc/polkit-1"), mode("etc/x/y")], [0o750, 0o755, 0o755]);
        remove_directories(&tree, &made);
        assert!(!root.path().join("etc").exists());
    }

    #[test]
    fn without_polkit_only_a_directory_of_packages_can_be_made() {
        let missing = |what: &str| Err(format!("there is no {what} `polkitd` to own it; install polkit first"));
        assert_eq!(made("etc/polkit-1/rules.d", 122, false), missing("user"));
        assert_eq!(made("etc/polkit-1/rules.d", 126, false), missing("group"));
        assert_eq!(made("etc/polkit-1/localauthority", 122, false), missing("group"));
        for version in [122, 126] {
            assert_eq!(made("usr/share/polkit-1/rules.d", version, false).unwrap().0, 0o755, "{version}");
        }
    }

    #[test]
    fn only_directories_of_polkit_have_polkit_s_owner() {
        assert_eq!(polkits_directory("etc/polkit-1/localauthority/50-local.d"), Some("etc/polkit-1/localauthority"));
        assert_eq!(polkits_directory("etc/polkit-1/rules.d"), Some("etc/polkit-1/rules.d"));
        assert_eq!([polkits_directory("etc/polkit-1"), polkits_directory("usr/lib/sysusers.d")], [None, None]);
    }
}
