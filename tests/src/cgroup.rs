//! The cgroup of a bed: a child of the machine's cgroup2 root, so that a bed can be killed as a whole and its processes
//! have a cgroup path of their own. No controllers are needed, so a machine with cgroup v1 beside it serves as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the machine has mounted cgroup2: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside v1.
///
/// # Errors
/// If it is mounted nowhere.
pub(crate) fn mount_point() -> Result<PathBuf, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| format!("reading mountinfo: {error}"))?;
    // proc(5): the fifth field is the mount point, the first after " - " the type.
    mounts
        .lines()
        .filter(|line| line.split(" - ").nth(1).is_some_and(|rest| rest.starts_with("cgroup2 ")))
        .find_map(|line| line.split(' ').nth(4).map(PathBuf::from))
        .ok_or_else(|| "no cgroup2 is mounted (mount -t cgroup2 cgroup2 /sys/fs/cgroup)".to_owned())
}

/// Kills every process in a cgroup and below it, and removes it.
pub(crate) fn remove(cgroup: &Path) {
    for _ in 0..200 {
        if !cgroup.exists() {
            return;
        }
        let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        remove_below(cgroup);
        if cgroup.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    eprintln!("beds: {} could not be removed", cgroup.display());
}

/// Removes what is empty, the deepest first.
fn remove_below(cgroup: &Path) {
    if let Ok(entries) = fs::read_dir(cgroup) {
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            remove_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}
