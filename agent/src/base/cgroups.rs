//! Which processes there are to serve, at this moment. One of the files with effects: it reads the cgroup file system and
//! pid files.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use polkit_dbus::{SubjectPid, SubjectUid};
use rustix::fs::{Mode, OFlags, getxattr, open};
use serde_json::{Value, json};

use crate::{
    base::cgroup,
    rules::unit_pattern::UnitPattern,
    subject::process::{Held, uids_of},
};

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
        let mut walk = Walk::default();
        walk.units(&self.top, pattern, 0);
        walk.pids
    }

    /// Whether the cgroup of a unit is delegated: it is its user's, or systemd has marked it (the attribute `user.delegate`, from
    /// systemd 252 on).
    ///
    /// # Errors
    /// Where the cgroup cannot be looked at.
    pub fn is_delegated(&self, unit: &str) -> io::Result<bool> {
        let folder = self.top.join(unit.trim_start_matches('/'));
        let owner = fs::metadata(&folder)?.uid();
        let mut marked = [0; 8];
        // No such attribute is no mark.
        let mark = getxattr(&folder, "user.delegate", &mut marked).ok().and_then(|length| marked.get(..length));
        Ok(owner != 0 || mark == Some(b"1"))
    }

    /// Whether no process of a user is outside of the cgroup of a unit: in sessions, in other units or in none.
    ///
    /// # Errors
    /// Where processes cannot be looked at, or there are more cgroups than are looked into.
    pub fn has_all_processes_of(&self, uid: SubjectUid, unit: &str) -> io::Result<bool> {
        let mut walk = Walk { but: Some(self.top.join(unit.trim_start_matches('/'))), ..Walk::default() };
        walk.whole(&self.top, 0);
        if walk.is_cut {
            return Err(io::ErrorKind::Other.into());
        }
        for pid in walk.pids {
            match uids_of(pid) {
                Ok(uids) if uids.contains(&uid.get()) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The processes outside of every user's slice: those of services, cron jobs and the like, and all of them where there is no
    /// systemd. What a cgroup lists is a sign and no proof: a pid may have passed on by the time when its process is opened.
    #[must_use]
    pub fn processes_of_no_user(&self) -> Vec<SubjectPid> {
        let mut walk = Walk::default();
        walk.outside(&self.top, "", 0);
        walk.pids
    }
}

/// The mount point in a line of mountinfo, if it is the unified hierarchy. Fields: id, parent, device, root, mount point,
/// options, optional fields, `-`, type.
fn cgroup2_mount(line: &str) -> Option<&str> {
    let (before, after) = line.split_once(" - ")?;
    let kind = after.split(' ').next()?;
    before.split(' ').nth(4).filter(|_| kind == "cgroup2")
}

/// How deep below the root a walk goes, and how many cgroups it looks into: whoever has a delegated unit can make any number.
const DEEPEST: usize = 32;
const MOST: usize = 16 * 1024;

/// One walk over the hierarchy. A cgroup that vanishes while it is read had no process left.
#[derive(Default)]
struct Walk {
    pids: Vec<SubjectPid>,
    /// A cgroup that is not looked into.
    but: Option<PathBuf>,
    /// There were more cgroups than are looked into.
    is_cut: bool,
    looked_into: usize,
}

impl Walk {
    /// Units stand in slices and nowhere else: whatever lies below a unit is not looked into for units.
    fn units(&mut self, folder: &Path, pattern: &UnitPattern, depth: usize) {
        for (path, name) in self.below(folder, depth) {
            if cgroup::unit(&format!("/{name}")).is_some_and(|unit| pattern.covers(unit)) {
                self.whole(&path, depth + 1);
            } else if cgroup::is_slice_name(&name) {
                self.units(&path, pattern, depth + 1);
            }
        }
    }

    /// Everything but the slices of users.
    fn outside(&mut self, folder: &Path, path: &str, depth: usize) {
        if cgroup::owner(path).is_some() {
            return;
        }
        self.listed(folder);
        for (folder, name) in self.below(folder, depth) {
            self.outside(&folder, &format!("{path}/{name}"), depth + 1);
        }
    }

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
        let room = if depth < DEEPEST { MOST.saturating_sub(self.looked_into) } else { 0 };
        let mut below: Vec<_> = folders
            .filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
            .filter(|(path, _)| self.but.as_ref() != Some(path))
            .take(room.saturating_add(1))
            .collect();
        self.is_cut |= below.len() > room;
        below.truncate(room);
        self.looked_into += below.len();
        below
    }
}

/// What a pid file says, and who can change what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    pid: SubjectPid,
    /// The owners of the file and of its folder: nobody else can write either.
    owners: [u32; 2],
}

impl PidFile {
    /// Reads a pid file. May take as long as the file system likes, which may be a user's own.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is no file; [`io::ErrorKind::PermissionDenied`] for a file that others than its
    /// owner may write, or that is none; [`io::ErrorKind::InvalidData`] for one without a pid.
    pub fn read(path: &Path) -> io::Result<Self> {
        // A user may put a pipe or a terminal in place of his pid file: opening it must not wait, nor have an effect.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = fs::File::from(open(path, flags, Mode::empty())?);
        let meta = file.metadata()?;
        let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
        if !meta.is_file() || [&meta, &folder].into_iter().any(|meta| meta.mode() & 0o022 != 0) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, 64), &mut text)?;
        let pid = text.trim().parse().ok().and_then(|pid| SubjectPid::new(pid).ok());
        Ok(Self { pid: pid.ok_or(io::ErrorKind::InvalidData)?, owners: [meta.uid(), folder.uid()] })
    }

    /// Takes hold of the process. Whoever can write the file chooses the process, so the file is root's, or the process is the
    /// writer's own.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is no process; [`io::ErrorKind::PermissionDenied`] for a process of another user.
    pub fn hold(&self) -> io::Result<Held> {
        let held = Held::open(self.pid)?;
        let uid = held.process.uid.get();
        let own = self.owners.iter().all(|owner| [0, uid].contains(owner));
        if own { Ok(held) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// The text in which a child reports it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "pid": self.pid.get(), "owners": self.owners })
    }

    /// Reads the report of a child.
    #[must_use]
    pub fn from_json(report: &Value) -> Option<Self> {
        let number =
            |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let owners = report.get("owners");
        let owner = |position: usize| number(owners.and_then(|owners| owners.get(position)));
        Some(Self { pid: SubjectPid::new(number(report.get("pid"))?).ok()?, owners: [owner(0)?, owner(1)?] })
    }
}

#[cfg(test)]
mod tests;
