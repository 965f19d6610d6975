//! Reading a process. One of the files with effects: it reads `/proc`, and opens pidfds.
//!
//! What is read here cannot be made slow by the process or by a file system: `stat`, `status`, `cgroup` and the text of the
//! link `exe` come from the kernel's own memory, without the lock on the process's address space. What can be made slow is
//! read in `reader`.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
};

use polkit_dbus::{Process, StartTime, SubjectPid, SubjectUid};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, Mode, OFlags, openat, readlinkat},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    base::cgroup,
    rules::facts::{Fact, LoginUid},
};

/// The longest text of `/proc` that is read: a `status` or `cgroup` has a few kilobytes.
const LONGEST: u64 = 64 * 1024;
/// What holds most of them whole: a file of `/proc` tells no size, and is made up anew for each piece that is read.
const USUAL: usize = 4096;

/// One process, held by a pidfd: no other can be taken for it while this exists.
#[derive(Debug)]
pub struct Held {
    pidfd: OwnedFd,
    folder: OwnedFd,
    /// As polkit names it.
    pub process: Process,
}

/// What is seen of a process at one moment, without a wait. Two equal ones are under the same user in the same place, and run
/// a program of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its real uid.
    pub uid: SubjectUid,
    /// Its path in the unified hierarchy, below the system manager's root.
    pub cgroup: Fact<String>,
    /// The name of its program: the text of the link `exe`. A mount namespace can make any program show any name, so this
    /// tells that a process became another program, and never which program it is.
    pub program: Fact<Vec<u8>>,
}

impl Held {
    /// Takes hold of the process that has this pid now.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none, or it is a zombie.
    pub fn open(pid: SubjectPid) -> io::Result<Self> {
        let raw = Pid::from_raw(pid.get().cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).map_err(gone)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A folder of /proc stays that process's: it does not pass to the next one with the pid.
        let folder = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).map_err(gone)?;
        let start_time = start_time(&read(&folder, "stat")?)?;
        let uid = real_uid(&read(&folder, "status")?)?;
        let held = Self { pidfd, folder, process: Process { pid, start_time, uid } };
        if held.is_alive() { Ok(held) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Whether the process has not ended. A zombie has.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Whether somebody has taken note of its end: it is not even a zombie any more.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        read(&self.folder, "stat").is_err()
    }

    /// A second descriptor of the process, to wait for its end with.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn pidfd(&self) -> io::Result<OwnedFd> {
        self.pidfd.try_clone()
    }

    /// Looks at the process.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if it has ended; others where `/proc` does not show its uid.
    pub fn look(&self, root: &str) -> io::Result<Seen> {
        let uid = real_uid(&read(&self.folder, "status")?)?;
        let cgroup = read(&self.folder, "cgroup").ok();
        let path = cgroup.as_deref().and_then(cgroup::unified).and_then(|path| cgroup::below(path, root));
        let seen = Seen {
            uid,
            cgroup: path.map_or(Fact::Unknown, |path| Fact::Known(path.to_owned())),
            program: readlinkat(&self.folder, "exe", Vec::new()).map(|path| path.into_bytes()).into(),
        };
        if self.is_alive() { Ok(seen) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// A second descriptor of the process's folder in `/proc`, for `reader`.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn folder(&self) -> io::Result<OwnedFd> {
        self.folder.try_clone()
    }

    /// The user as whom somebody logged in of whose login the process came. None where there is none, or the kernel does not say.
    #[must_use]
    pub fn login_uid(&self) -> Option<LoginUid> {
        LoginUid::parse(&read(&self.folder, "loginuid").ok()?)
    }
}

/// The four uids of the process that has this pid now: real, effective, saved and of the file system.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is none.
pub fn uids_of(pid: SubjectPid) -> io::Result<[u32; 4]> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).map_err(gone)?;
    let status = read(&folder, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).ok_or(io::ErrorKind::InvalidData)?;
    let uids: Vec<u32> = line.split_whitespace().filter_map(|uid| uid.parse().ok()).collect();
    uids.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The system manager's cgroup root, from its own process.
///
/// # Errors
/// Where `/proc` or the unified hierarchy is missing.
pub fn cgroup_root() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/1/cgroup")?;
    let path = cgroup::unified(&text).ok_or(io::ErrorKind::Unsupported)?;
    Ok(cgroup::root_of(path).to_owned())
}

fn open(folder: &OwnedFd, name: &str) -> io::Result<File> {
    Ok(openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(gone)?.into())
}

fn read(folder: &OwnedFd, name: &str) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(USUAL);
    open(folder, name)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A process that ended shows itself as one error or another; callers care for one.
fn gone(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::SRCH | rustix::io::Errno::NOENT => io::ErrorKind::NotFound.into(),
        other => other.into(),
    }
}

/// Field 22 of `/proc/PID/stat`. The second field is the process's own name in parentheses and may contain anything, so
/// fields are counted after the last `)`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where there is no such field.
pub fn start_time(stat: &str) -> io::Result<StartTime> {
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
    let field = after_name.and_then(|rest| rest.split_whitespace().nth(19));
    let ticks = field.and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(StartTime(ticks))
}

/// The first of the four uids in `/proc/PID/status`. The line of the name comes before and has its newlines escaped by
/// the kernel.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where there is no such line, or it has no uid that polkit could name.
pub fn real_uid(status: &str) -> io::Result<SubjectUid> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
    let uid = number.ok_or(io::ErrorKind::InvalidData)?;
    SubjectUid::new(uid).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
