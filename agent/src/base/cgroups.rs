//! The cgroup file system of the host: which processes are in which unit. One of the files with effects.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use polkit_agent_rules::unit_pattern::UnitPattern;
use polkit_types::SubjectPid;
use rustix::fs::getxattr;

use crate::base::cgroup;

/// The unified hierarchy, as the agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    top: PathBuf,
}

impl Cgroups {
    /// Finds the mount point: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside the old hierarchies.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] if the hierarchy is not mounted.
    pub fn of_host(root: &str) -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mount = mounts.lines().find_map(cgroup2_mount).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { top: PathBuf::from(format!("{mount}{root}")) })
    }

    /// The hierarchy of a test.
    #[cfg(test)]
    pub(crate) fn of_folder(top: &Path) -> Self {
        Self { top: top.to_owned() }
    }

    /// The folder of a cgroup below the root of the system manager.
    #[must_use]
    pub fn folder(&self, path: &str) -> PathBuf {
        self.top.join(path)
    }

    /// The processes of the units of the system manager that a pattern covers, including the cgroups below the unit's own. A unit
    /// that does not run has none.
    #[must_use]
    pub fn processes_of(&self, pattern: &UnitPattern) -> Vec<SubjectPid> {
        let mut walk = Walk::default();
        walk.units(&self.top, pattern, 0);
        walk.pids
    }

    /// Whether the cgroup of a unit is delegated: its owner is not root, or systemd has marked it (the attribute `user.delegate`,
    /// from systemd 252 on).
    ///
    /// # Errors
    /// The cgroup cannot be read.
    pub fn is_delegated(&self, unit: &str) -> io::Result<bool> {
        let folder = self.folder(unit.trim_start_matches('/'));
        let owner = fs::metadata(&folder)?.uid();
        let mut marked = [0; 8];
        // Without the attribute there is no mark.
        let mark = getxattr(&folder, "user.delegate", &mut marked).ok().and_then(|length| marked.get(..length));
        Ok(owner != 0 || mark == Some(b"1"))
    }

    /// All processes that are not in the cgroup of this unit.
    ///
    /// # Errors
    /// There are more cgroups than one walk visits.
    pub fn processes_outside(&self, unit: &str) -> io::Result<Vec<SubjectPid>> {
        let mut walk = Walk { skipped: Some(self.folder(unit.trim_start_matches('/'))), ..Walk::default() };
        walk.whole(&self.top, 0);
        if walk.is_cut { Err(io::ErrorKind::Other.into()) } else { Ok(walk.pids) }
    }

    /// The processes outside the slices of users: services, cron jobs, and all processes where systemd does not run. The list is a
    /// hint: a pid may belong to another process when the caller opens it.
    #[must_use]
    pub fn processes_outside_user_slices(&self) -> Vec<SubjectPid> {
        let mut walk = Walk::default();
        walk.outside(&self.top, "", 0);
        walk.pids
    }
}

/// The root of the system manager's cgroups, from its own process.
///
/// # Errors
/// `/proc` or the unified hierarchy is missing.
pub fn cgroup_root() -> io::Result<String> {
    let text = fs::read_to_string("/proc/1/cgroup")?;
    let path = cgroup::unified(&text).ok_or(io::ErrorKind::Unsupported)?;
    Ok(cgroup::root_of(path).to_owned())
}

/// The real, effective, saved and file system uid of the process that has this pid now.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] without such a process.
pub fn uids_of(pid: SubjectPid) -> io::Result<[u32; 4]> {
    const ESRCH: i32 = 3;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| match error.raw_os_error() {
        // The process ended between open and read.
        Some(ESRCH) => io::ErrorKind::NotFound.into(),
        _ => error,
    })?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).ok_or(io::ErrorKind::InvalidData)?;
    let uids: Vec<u32> = line.split_whitespace().filter_map(|uid| uid.parse().ok()).collect();
    uids.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The mount point in a line of mountinfo, if the line is about the unified hierarchy. Fields: id, parent, device, root, mount point,
/// options, optional fields, `-`, type.
fn cgroup2_mount(line: &str) -> Option<&str> {
    let (before, after) = line.split_once(" - ")?;
    let kind = after.split(' ').next()?;
    before.split(' ').nth(4).filter(|_| kind == "cgroup2")
}

/// The depth of a walk, and the number of cgroups that it visits. The user of a delegated unit can create any number of cgroups.
const DEEPEST: usize = 32;
const MOST: usize = 16 * 1024;

/// One walk over the hierarchy. A cgroup that disappears during the walk had no processes.
#[derive(Default)]
struct Walk {
    pids: Vec<SubjectPid>,
    /// A cgroup that the walk skips.
    skipped: Option<PathBuf>,
    /// The walk ended early: there are more cgroups than one walk visits.
    is_cut: bool,
    visited: usize,
}

impl Walk {
    /// Visits units. Units are in slices only, so the cgroups below a unit are not searched for units.
    fn units(&mut self, folder: &Path, pattern: &UnitPattern, depth: usize) {
        for (path, name) in self.below(folder, depth) {
            if cgroup::unit(&format!("/{name}")).is_some_and(|unit| pattern.covers(unit)) {
                self.whole(&path, depth + 1);
            } else if cgroup::is_slice_name(&name) {
                self.units(&path, pattern, depth + 1);
            }
        }
    }

    /// Visits everything except the slices of users.
    fn outside(&mut self, folder: &Path, path: &str, depth: usize) {
        if cgroup::owner(path).is_some() {
            return;
        }
        self.listed(folder);
        for (folder, name) in self.below(folder, depth) {
            self.outside(&folder, &format!("{path}/{name}"), depth + 1);
        }
    }

    /// Visits a cgroup and everything below it.
    fn whole(&mut self, folder: &Path, depth: usize) {
        self.listed(folder);
        for (folder, _) in self.below(folder, depth) {
            self.whole(&folder, depth + 1);
        }
    }

    fn listed(&mut self, folder: &Path) {
        let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        self.pids.extend(text.lines().filter_map(|line| SubjectPid::new(line.parse().ok()?).ok()));
    }

    fn below(&mut self, folder: &Path, depth: usize) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let room = if depth < DEEPEST { MOST.saturating_sub(self.visited) } else { 0 };
        let mut below: Vec<_> = folders
            .filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
            .filter(|(path, _)| self.skipped.as_ref() != Some(path))
            .take(room.saturating_add(1))
            .collect();
        self.is_cut |= below.len() > room;
        below.truncate(room);
        self.visited += below.len();
        below
    }
}

#[cfg(test)]
mod tests;
