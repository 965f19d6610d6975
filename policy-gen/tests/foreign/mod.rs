//! Accounts, modes and paths for tests of trees that other users own.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

/// The user id of an unprivileged user.
pub const ALICE: u32 = 3001;
/// The directory of the installation record.
pub const RECORD: &str = "var/lib/polkit-policy-gen";
/// The generated rules file.
pub const RULES: &str = "etc/polkit-1/rules.d/45-polkit-policy-gen.rules";

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

pub fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes the unprivileged user the owner of `path` and of everything in it.
pub fn give(path: &Path) {
    chown(path, Some(ALICE), Some(ALICE)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        std::fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}
