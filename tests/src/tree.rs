//! Files of a bed, read and written from the host.
//!
//! A path is resolved inside the bed (`RESOLVE_IN_ROOT`): through /proc/PID/root alone, a link such as /var/run -> /run
//! would lead to the host's own files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The root folder of a process, held open.
#[derive(Debug)]
pub(crate) struct Tree(OwnedFd);

impl Tree {
    /// The root folder of the process with that pid of the host.
    pub(crate) fn of(pid: u32) -> Self {
        let path = format!("/proc/{pid}/root");
        let fd = fs::openat(CWD, &path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        Self(fd.unwrap_or_else(|error| panic!("opening {path}: {error}")))
    }

    /// Writes a file (replacing what it held) and makes the folders above it.
    pub(crate) fn write(&self, path: &Path, mode: u32, content: &[u8]) {
        self.make_parents(path);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let fd = self.open(path, flags, Mode::from_raw_mode(mode)).unwrap_or_else(|error| fail("writing", path, error));
        // The umask took part when the file was made.
        fs::fchmod(&fd, Mode::from_raw_mode(mode)).unwrap_or_else(|error| fail("chmod of", path, error));
        File::from(fd).write_all(content).unwrap_or_else(|error| fail("writing", path, error));
    }

    /// The whole content of a file.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let fd = self.open(path, OFlags::RDONLY, Mode::empty())?;
        let mut content = Vec::new();
        File::from(fd).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Whether there is something of that name. A link that leads nowhere is not.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.open(path, OFlags::PATH, Mode::empty()).is_ok()
    }

    /// Removes a file if it is there.
    pub(crate) fn remove(&self, path: &Path) {
        let Ok(parent) = self.open(parent(path), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) else { return };
        match fs::unlinkat(&parent, name(path), AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => fail("removing", path, error),
            _ => {}
        }
    }

    /// Makes a link that says `target`, in place of what was there.
    pub(crate) fn link(&self, path: &Path, target: &str) {
        self.make_parents(path);
        self.remove(path);
        self.open(parent(path), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
            .and_then(|parent| fs::symlinkat(target, &parent, name(path)))
            .unwrap_or_else(|error| fail("linking", path, error));
    }

    fn make_parents(&self, path: &Path) {
        let mut made = PathBuf::from("/");
        for part in parent(path).components() {
            let Component::Normal(part) = part else { continue };
            let above = self.open(&made, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
            match above.and_then(|above| fs::mkdirat(&above, part, Mode::from_raw_mode(0o755))) {
                Ok(()) | Err(Errno::EXIST) => made.push(part),
                Err(error) => fail("making the folder of", path, error),
            }
        }
    }

    fn open(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
        fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| panic!("{} names no file", path.display()))
}

fn name(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_else(|| panic!("{} names no file", path.display()))
}

fn fail<T>(what: &str, path: &Path, error: impl std::fmt::Display) -> T {
    panic!("{what} {} in the bed: {error}", path.display())
}
