//! Reading a process. One of the files with effects: it reads `/proc`, and opens pidfds.
//!
//! A process or a file system cannot delay what is read here: `stat`, `status`, `cgroup` and the text of the link `exe` come from
//! the kernel's own memory, without the lock on the address space of the process. `slow_facts` reads the rest.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
};

use polkit_agent_rules::{
    facts::{Fact, LoginUid, ProcessState},
    verdict::Reason,
};
use polkit_types::{Process, StartTime, SubjectPid, SubjectUid};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, Mode, OFlags, openat, readlinkat},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::base::cgroup;

/// The longest text of `/proc` that is read. A `status` or `cgroup` has a few kilobytes.
const LONGEST: u64 = 64 * 1024;
/// A buffer for most of these texts in one read: the kernel generates a file of `/proc` again for each read.
const USUAL: usize = 4096;

/// A process, pinned by a pidfd: while this value exists, no other process can be mistaken for it.
#[derive(Debug)]
pub struct PinnedProcess {
    pidfd: OwnedFd,
    folder: OwnedFd,
    /// The process, as polkit names it.
    pub process: Process,
}

impl PinnedProcess {
    /// Pins the process that has this pid now.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] without such a process, and for a zombie.
    pub fn open(pid: SubjectPid) -> io::Result<Self> {
        let raw = Pid::from_raw(pid.get().cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).map_err(gone)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // An open folder of /proc belongs to one process. It does not show a later process with the same pid.
        let folder = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).map_err(gone)?;
        let start_time = start_time(&read(&folder, "stat")?)?;
        let uid = real_uid(&read(&folder, "status")?)?;
        let pinned = Self { pidfd, folder, process: Process { pid, start_time, uid } };
        if pinned.is_alive() { Ok(pinned) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Whether the process has not ended. A zombie has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Whether the parent has waited for the process: it is no longer a zombie.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        read(&self.folder, "stat").is_err()
    }

    /// A second pidfd, for waiting for the end of the process.
    ///
    /// # Errors
    /// The agent has no descriptors left.
    pub fn pidfd(&self) -> io::Result<OwnedFd> {
        self.pidfd.try_clone()
    }

    /// Reads the state of the process. `root` is the cgroup root of the system manager.
    ///
    /// # Errors
    /// [`Reason::Gone`] if the process has ended; [`Reason::Unreadable`] if `/proc` does not show its uid.
    pub fn state(&self, root: &str) -> Result<ProcessState, Reason> {
        self.read_state(root).map_err(|error| reason(&error))
    }

    fn read_state(&self, root: &str) -> io::Result<ProcessState> {
        let uid = real_uid(&read(&self.folder, "status")?)?;
        let cgroup = read(&self.folder, "cgroup").ok();
        let path = cgroup.as_deref().and_then(cgroup::unified).and_then(|path| cgroup::below(path, root));
        let state = ProcessState {
            uid,
            cgroup: path.map_or(Fact::Unknown, |path| Fact::Known(path.to_owned())),
            program: readlinkat(&self.folder, "exe", Vec::new()).map(|path| path.into_bytes()).into(),
        };
        if self.is_alive() { Ok(state) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// A second descriptor of the process's folder in `/proc`, for a child that reads slow facts.
    ///
    /// # Errors
    /// The agent has no descriptors left.
    pub fn folder(&self) -> io::Result<OwnedFd> {
        self.folder.try_clone()
    }

    /// The login uid of the process. `None` for a process that came from no login, and where the kernel does not tell.
    #[must_use]
    pub fn login_uid(&self) -> Option<LoginUid> {
        LoginUid::parse(&read(&self.folder, "loginuid").ok()?)
    }
}

/// The reason of a refusal for a process that cannot be pinned or read.
#[must_use]
pub fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::NotFound => Reason::Gone,
        _ => Reason::Unreadable,
    }
}

fn open(folder: &OwnedFd, name: &str) -> io::Result<File> {
    Ok(openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(gone)?.into())
}

fn read(folder: &OwnedFd, name: &str) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(USUAL);
    open(folder, name)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Maps the errors that `/proc` gives for an ended process to one error.
fn gone(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::SRCH | rustix::io::Errno::NOENT => io::ErrorKind::NotFound.into(),
        other => other.into(),
    }
}

/// Reads field 22 of `/proc/PID/stat`. The second field is the name of the process in parentheses and can contain any character, so
/// the fields are counted after the last `)`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] without this field.
pub fn start_time(stat: &str) -> io::Result<StartTime> {
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
    let field = after_name.and_then(|rest| rest.split_whitespace().nth(19));
    let ticks = field.and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(StartTime(ticks))
}

/// Reads the first of the four uids in `/proc/PID/status`. The line with the name of the process comes before; the kernel escapes
/// its newlines.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] without this line, or without a uid that polkit can carry.
pub fn real_uid(status: &str) -> io::Result<SubjectUid> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
    let uid = number.ok_or(io::ErrorKind::InvalidData)?;
    SubjectUid::new(uid).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
