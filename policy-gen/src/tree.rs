//! The file tree that a command works on: that of the host, or the one below `--root`.
//!
//! Directories are opened with RESOLVE_IN_ROOT (openat2, Linux 5.6): symbolic links resolve as if the tree were `/`, and never
//! leave it.
//!
//! When run as root, only a tree that root alone controls is accepted: see `guard`.

mod guard;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use guard::Guard;
use polkit_config::bounded::{self, TREE_MAX};
use polkit_config::report::Problem;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::failure::Failure;

/// The opened root of a tree.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    path: PathBuf,
    guard: Guard,
}

/// The permission bits that generated files may have: never set-user-ID, set-group-ID or sticky.
pub const MODE_MAX: u32 = 0o777;

/// The state of a file: what is needed to restore it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The content.
    pub bytes: Vec<u8>,
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Tree {
    /// Opens the tree of the host, or the tree at `root`, for reading.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] if the directory does not exist. [`Failure::Refused`] if the caller is root and another user may
    /// replace the directory.
    pub fn open(root: Option<&Path>) -> Result<Self, Failure> {
        let path = root.unwrap_or(Path::new("/")).to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| {
            Failure::Unreachable(format!("cannot open the root directory {}: {errno}", path.display()))
        })?;
        let absolute = std::path::absolute(&path)
            .map_err(|error| Failure::Unreachable(format!("cannot find {}: {error}", path.display())))?;
        guard::top(&absolute)?;
        Ok(Self { root, path, guard: Guard::none(absolute) })
    }

    /// Opens a tree for changes: as root, refuses to read or write files that other users may write. [`Tree::trusted`] returns
    /// the first refusal.
    ///
    /// # Errors
    /// The errors of [`Tree::open`].
    pub fn open_trusted(root: Option<&Path>) -> Result<Self, Failure> {
        let tree = Self::open(root)?;
        let guard = tree.guard.of_tree();
        Ok(Self { guard, ..tree })
    }

    /// Opens the tree of the host for an output file that the caller names. The file may be in a sticky directory.
    ///
    /// # Errors
    /// The errors of [`Tree::open`].
    pub fn open_for_output() -> Result<Self, Failure> {
        let tree = Self::open(None)?;
        let guard = tree.guard.of_output();
        Ok(Self { guard, ..tree })
    }

    /// Checks that only root can write all files that were read so far. Always succeeds if the caller is not root.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the first file that other users may write.
    pub fn trusted(&self) -> Result<(), Failure> {
        self.guard.result()
    }

    /// Returns the problem if a user besides root may change the file at `path`. `None` for the tree of a caller who is not
    /// root, because the caller's own rights apply there.
    #[must_use]
    pub fn others(&self, path: &str) -> Option<Problem> {
        let is_roots = self.is_host() || rustix::process::geteuid().is_root();
        is_roots.then(|| self.guard.others(path)).flatten()
    }

    /// Whether this is the tree of the host.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Returns the path of the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Formats a path of the tree for the user.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    /// Opens a directory of the tree.
    ///
    /// # Errors
    /// Errors of openat2(2).
    pub fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let opened = self.open_in(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        self.guard.vet(path)?;
        Ok(opened)
    }

    /// Opens `path` and follows links inside the tree.
    ///
    /// # Errors
    /// Errors of openat2(2).
    pub fn open_in(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        rustix::fs::openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
    }

    /// Returns the absolute path in the tree without symbolic links, if something exists there.
    #[must_use]
    pub fn resolved(&self, path: &str) -> Option<String> {
        let opened = self.open_in(path, OFlags::PATH).ok()?;
        let link = |fd: &OwnedFd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok();
        let (root, found) = (link(&self.root)?, link(&opened)?);
        let below = found.strip_prefix(root).ok()?;
        Some(format!("/{}", below.to_str()?))
    }

    /// Whether there is a directory at `path`.
    ///
    /// # Errors
    /// A directory on the way is unreadable.
    pub fn has_directory(&self, path: &str) -> io::Result<bool> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns the permission bits of the regular file at `path`, following links inside the tree; `None` if it does not exist.
    ///
    /// # Errors
    /// A directory on the way is unreadable.
    pub fn file_mode(&self, path: &str) -> io::Result<Option<u32>> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(file) => {
                let mode = rustix::fs::fstat(&file)?.st_mode;
                Ok((FileType::from_raw_mode(mode) == FileType::RegularFile).then_some(mode & 0o7777))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns the names in a directory, or no names if it does not exist.
    ///
    /// # Errors
    /// The directory exists and is unreadable.
    pub fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let directory = match self.directory(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in Dir::new(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }

    /// Reads a regular file without following a link; `None` if it does not exist.
    ///
    /// # Errors
    /// The file is unreadable, or is not a regular file.
    pub fn read(&self, path: &str) -> io::Result<Option<Contents>> {
        let (directory, name) = split(path);
        let directory = match self.directory(directory) {
            Ok(directory) => directory,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let read = read_at(&directory, name)?;
        if read.is_some() {
            self.guard.vet(path)?;
        }
        Ok(read)
    }

    /// Reads a file as text, following links inside the tree; empty if it does not exist.
    ///
    /// # Errors
    /// The file is unreadable.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let bytes = self.read_bytes(path)?;
        Ok(bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Reads a regular file as bytes, following links inside the tree; `None` if it does not exist. Does not block on a FIFO and
    /// does not open a device.
    ///
    /// # Errors
    /// The file is unreadable, not regular, or larger than [`TREE_MAX`].
    pub fn read_bytes(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let seen = match self.open_in(path, OFlags::PATH) {
            Ok(seen) => rustix::fs::fstat(&seen)?,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        regular(&seen)?;
        self.guard.vet(path)?;
        let file = self.open_in(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        regular(&rustix::fs::fstat(&file)?)?;
        bounded::read_to_end(File::from(file), TREE_MAX).map(Some)
    }

    /// Whether a file of the tree may be owned by this user: root accepts only root and polkitd's user.
    #[must_use]
    pub fn may_own(&self, uid: u32) -> bool {
        self.guard.may_own(uid)
    }

    /// Checks that only root may write the file at `path`. Always succeeds if the caller is not root.
    ///
    /// # Errors
    /// A sentence that names the other user.
    pub fn vet(&self, path: &str) -> io::Result<()> {
        self.guard.vet(path)
    }

    /// Returns the target of a symbolic link; `None` if `path` is not a link.
    #[must_use]
    pub fn link(&self, path: &str) -> Option<PathBuf> {
        let (directory, name) = split(path);
        let target = rustix::fs::readlinkat(self.directory(directory).ok()?, name, Vec::<u8>::new()).ok()?;
        Some(PathBuf::from(target.to_string_lossy().into_owned()))
    }
}

/// Splits a path of the tree into directory and name.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

/// Reads a regular file in an open directory.
fn read_at(directory: &OwnedFd, name: &str) -> io::Result<Option<Contents>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => regular(&stat)?,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    regular(&stat)?;
    let bytes = bounded::read_to_end(File::from(file), TREE_MAX)?;
    Ok(Some(Contents { bytes, mode: stat.st_mode & MODE_MAX, uid: stat.st_uid, gid: stat.st_gid }))
}

fn regular(stat: &rustix::fs::Stat) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        return Ok(());
    }
    Err(io::Error::other("not a regular file (a symbolic link?); move it away"))
}
