//! Which processes there are to serve, at this moment. One of the files with effects: it reads the cgroup file system and
//! pid files.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use polkit_dbus::SubjectPid;
use rustix::fs::{Mode, OFlags, open};

use crate::{cgroup, facts::Fact, glob::UnitPattern, process::Held};

/// The unified hierarchy, as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    top: PathBuf,
}

impl Cgroups {
    /// Finds where it is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside the old hierarchies.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where it is not mounted.
    pub fn of_host(root: &str) -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mount = mounts.lines().find_map(cgroup2_mount).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { top: PathBuf::from(format!("{mount}{root}")) })
    }

    /// The folder of a cgroup below the system manager's root.
    #[must_use]
    pub fn folder(&self, path: &str) -> PathBuf {
        self.top.join(path)
    }

    /// The processes of the units of the system manager that a pattern covers, with those in cgroups that a unit made below
    /// its own. A unit that is not running has none.
    #[must_use]
    pub fn processes_of(&self, pattern: &UnitPattern) -> Vec<SubjectPid> {
        let mut pids = Vec::new();
        collect_units(&self.top, pattern, &mut pids);
        pids
    }
}

/// The mount point in a line of mountinfo, if it is the unified hierarchy. Fields: id, parent, device, root, mount point,
/// options, optional fields, `-`, type.
fn cgroup2_mount(line: &str) -> Option<&str> {
    let (before, after) = line.split_once(" - ")?;
    let kind = after.split(' ').next()?;
    before.split(' ').nth(4).filter(|_| kind == "cgroup2")
}

/// Units stand in slices and nowhere else: whatever lies below a unit is not looked into for units.
fn collect_units(folder: &Path, pattern: &UnitPattern, pids: &mut Vec<SubjectPid>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if cgroup::unit(&format!("/{name}")).is_some_and(|unit| pattern.covers(unit)) {
            collect(&entry.path(), pids);
        } else if cgroup::is_slice_name(name) {
            collect_units(&entry.path(), pattern, pids);
        }
    }
}

/// A cgroup that vanishes while it is read had no process left.
fn collect(folder: &Path, pids: &mut Vec<SubjectPid>) {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|line| SubjectPid::new(line.parse().ok()?).ok()));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), pids);
        }
    }
}

/// The processes of a user that are in no slice of a user, and so in no session: those of services, cron jobs and the like,
/// and all of them where there is no systemd.
#[must_use]
pub fn processes_of_user(uid: u32, cgroup_root: &str) -> Vec<SubjectPid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| SubjectPid::new(entry.file_name().to_str()?.parse().ok()?).ok());
    let is_served = |pid: &SubjectPid| {
        let seen = Held::open(*pid).and_then(|held| held.look(cgroup_root));
        seen.is_ok_and(|seen| {
            seen.uid.get() == uid && matches!(&seen.cgroup, Fact::Known(path) if cgroup::owner(path).is_none())
        })
    };
    pids.filter(is_served).collect()
}

/// The process that a pid file names, held. Whoever can write the file chooses the process, so it is root's to write, or
/// the process is the writer's own.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where there is no file or no process; [`io::ErrorKind::PermissionDenied`] for a file that
/// others may write, or that is none; [`io::ErrorKind::InvalidData`] for one without a pid.
pub fn pid_file(path: &Path) -> io::Result<Held> {
    // A user may put a pipe or a terminal in place of his pid file: opening it must not wait, nor have an effect.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::File::from(open(path, flags, Mode::empty())?);
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, 64), &mut text)?;
    let pid = text.trim().parse().ok().and_then(|pid| SubjectPid::new(pid).ok()).ok_or(io::ErrorKind::InvalidData)?;
    let held = Held::open(pid)?;
    let uid = held.process.uid.get();
    let private = |meta: &fs::Metadata| meta.mode() & 0o022 == 0 && (meta.uid() == 0 || meta.uid() == uid);
    if private(&meta) && private(&folder) { Ok(held) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(test)]
mod tests;
