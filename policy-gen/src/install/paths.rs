//! All paths below a root that the commands may write. No other path is written, even if a record names one. Pure.

use std::path::Path;

use super::accounts::FILES as ACCOUNTS;
use crate::emit::command::DIRECTORIES as COMMANDS;
use crate::emit::{AGENT, GRANTS, HOOK, PKLA, SYSUSERS};
use crate::libvirt::daemons::{DAEMONS, DROP_IN};
use crate::policy::command::PREFIX;

/// The directory of the record, relative to the root.
pub const DIRECTORY: &str = "var/lib/polkit-policy-gen";
/// The file name of the record.
pub const NAME: &str = "state.json";
/// The file name of the record of a running or interrupted installation.
pub const PENDING: &str = "pending.json";
/// The directories of rules. Each may contain all names.
const RULES: [&str; 2] = ["etc/polkit-1/rules.d", "usr/share/polkit-1/rules.d"];
/// The directories of pkla files.
const PKLA_DIRECTORIES: [&str; 2] =
    ["etc/polkit-1/localauthority/45-polkit-policy-gen.d", "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d"];
/// The directories of memberships.
const SYSUSERS_DIRECTORIES: [&str; 2] = ["etc/sysusers.d", "usr/lib/sysusers.d"];

/// Returns directory and name of all files that polkit-policy-gen owns.
fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rules = RULES.into_iter().flat_map(|directory| [HOOK, GRANTS, AGENT].map(|name| (directory, name)));
    let pkla = PKLA_DIRECTORIES.into_iter().map(|directory| (directory, PKLA));
    let members = SYSUSERS_DIRECTORIES.into_iter().map(|directory| (directory, SYSUSERS));
    let drop_ins = DAEMONS.iter().map(|daemon| (daemon.drop_ins, DROP_IN));
    rules.chain(pkla).chain(members).chain(drop_ins)
}

/// Whether this is the path of the unit of a `[[command]]`.
#[must_use]
pub fn is_command(path: &str) -> bool {
    let name = COMMANDS.iter().find_map(|directory| path.strip_prefix(directory)?.strip_prefix('/'));
    let stem = name.and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(".service"));
    let stem = stem.map(|stem| stem.strip_suffix('@').unwrap_or(stem));
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(fits))
}

/// Whether polkit-policy-gen owns a file with this path.
#[must_use]
pub fn is_file(path: &str) -> bool {
    is_command(path)
        || files()
            .any(|(directory, name)| path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')) == Some(name))
}

/// Whether this is a configuration file whose keys may be edited.
#[must_use]
pub fn is_configuration(path: &str) -> bool {
    DAEMONS.iter().any(|daemon| daemon.conf == path)
}

/// Whether this is a directory of one of the files, or a directory above.
#[must_use]
pub fn is_directory(path: &str) -> bool {
    let mut directories = files().map(|(directory, _)| directory).chain(COMMANDS).chain([DIRECTORY]);
    !path.is_empty() && directories.any(|known| is_above(path, known))
}

fn is_above(path: &str, directory: &str) -> bool {
    // Compares texts, because `Path` ignores `.` and double slashes, which a record never contains.
    directory.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a command may write a file with this path below a root.
#[must_use]
pub fn may_be_written(path: &str) -> bool {
    let own = [NAME, PENDING].iter().any(|name| Path::new(path) == Path::new(DIRECTORY).join(name));
    own || is_file(path) || is_configuration(path) || ACCOUNTS.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_written_files_are_accepted() {
        for path in [
            "etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
            "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla",
            "etc/systemd/system/libvirtd.socket.d/50-polkit-policy-gen.conf",
            "etc/systemd/system/polkit-command-backup.service",
            "usr/lib/systemd/system/polkit-command-backup@.service",
        ] {
            assert!(is_file(path) && may_be_written(path) && !is_configuration(path), "{path}");
        }
        assert!(is_configuration("etc/libvirt/virtqemud.conf") && may_be_written("etc/group"));
        for path in [
            "bin/sh",
            "",
            "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
            "etc/polkit-1/rules.d/../rules.d/45-polkit-policy-gen.rules",
            "etc/polkit-1/rules.d//45-polkit-policy-gen.rules",
            "etc/polkit-1/rules.d/50-other.rules",
            "etc/shadow",
            "etc/libvirt/qemu.conf",
            "etc/systemd/system/ssh.service",
            "etc/systemd/system/polkit-command-.service",
            "etc/systemd/system/polkit-command-../x.service",
            "etc/systemd/system/polkit-command-x@y.service",
            "etc/systemd/system/polkit-command-x.service.d/x.conf",
        ] {
            assert!(!is_file(path) && !is_configuration(path) && !may_be_written(path), "{path}");
        }
    }

    #[test]
    fn only_directories_of_written_files_are_accepted() {
        for path in ["etc", "etc/polkit-1", "etc/systemd/system/virtqemud.socket.d", "var/lib/polkit-policy-gen", "usr"]
        {
            assert!(is_directory(path), "{path}");
        }
        for path in ["", "/", "home", "etc/cron.d", "et", "etc/", "var/lib/polkit-policy-gen/x", "../etc"] {
            assert!(!is_directory(path), "{path}");
        }
    }
}
