//! A file tree that is worked on: the host's, or the one below `--root`.
//!
//! Every directory is opened with RESOLVE_IN_ROOT (openat2, Linux 5.6): a symbolic link in the tree
//! leads to what it would lead to if the tree were `/`, and never out of it.
//!
//! Root works only on a tree that root alone controls: see `guard`.

mod guard;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use guard::Guard;
use polkit_config::bounded::{self, TREE_MAX};
use polkit_config::report::Problem;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::failure::Failure;

/// The root of a tree, opened.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    path: PathBuf,
    guard: Guard,
}

/// All permission bits that a file of ours may have: never set-user-ID, set-group-ID or sticky.
pub const MODE_MAX: u32 = 0o777;

/// A file as it is: what must be put back to have it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Tree {
    /// The host's tree, or the one at `root`, to be looked at.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where there is no such directory; [`Failure::Refused`] to root where others than root may
    /// replace it.
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

    /// The same, to be worked on: what others than root may write is neither read nor written by root. [`Tree::trusted`] tells
    /// whether anything was refused.
    ///
    /// # Errors
    /// As [`Tree::open`].
    pub fn open_trusted(root: Option<&Path>) -> Result<Self, Failure> {
        let tree = Self::open(root)?;
        let guard = tree.guard.of_tree();
        Ok(Self { guard, ..tree })
    }

    /// The host's tree for a file that the caller names, which may be beside those of others where the sticky bit keeps them apart.
    ///
    /// # Errors
    /// As [`Tree::open`].
    pub fn open_for_output() -> Result<Self, Failure> {
        let tree = Self::open(None)?;
        let guard = tree.guard.of_output();
        Ok(Self { guard, ..tree })
    }

    /// Whether everything that was read so far can be written by root alone, if the caller is root.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the first thing that others may write, and who.
    pub fn trusted(&self) -> Result<(), Failure> {
        self.guard.result()
    }

    /// Who besides root may change the file at `path`, with what to do. `None` in the tree of a user who looks at it: there the
    /// user's own rights count.
    #[must_use]
    pub fn others(&self, path: &str) -> Option<Problem> {
        let is_roots = self.is_host() || rustix::process::geteuid().is_root();
        is_roots.then(|| self.guard.others(path)).flatten()
    }

    /// Whether it is the host's.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path of the tree as the user knows it.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    /// Opens a directory of the tree.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let opened = self.open_in(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        self.guard.vet(path)?;
        Ok(opened)
    }

    /// Opens what is at `path`, links followed inside the tree.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn open_in(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        rustix::fs::openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
    }

    /// Whether there is a directory at `path`.
    ///
    /// # Errors
    /// It cannot be told: a directory on the way is closed to the caller.
    pub fn has_directory(&self, path: &str) -> io::Result<bool> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The permission bits of what is at `path` with links followed inside the tree; `None` if there is no such file.
    ///
    /// # Errors
    /// It cannot be told: a directory on the way is closed to the caller.
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

    /// The names in a directory; none if it does not exist.
    ///
    /// # Errors
    /// It exists and cannot be listed.
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

    /// A regular file of the tree; `None` if there is nothing of that name.
    ///
    /// # Errors
    /// It cannot be read, or is a link or another thing that is no file.
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

    /// As [`Tree::read`], following links inside the tree, as text; empty if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let bytes = self.read_bytes(path)?;
        Ok(bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The bytes of a regular file, links followed inside the tree; `None` if there is none. Neither waits for a FIFO nor opens
    /// a device.
    ///
    /// # Errors
    /// It cannot be read, or is no regular file, or is larger than [`TREE_MAX`].
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

    /// Whether a file of the tree may be given to this user: root gives none to anybody but root and polkitd's user.
    #[must_use]
    pub fn may_own(&self, uid: u32) -> bool {
        self.guard.may_own(uid)
    }

    /// Demands that root alone may write what is at `path`, if there is anything and if the caller is root.
    ///
    /// # Errors
    /// Who else may, for a sentence.
    pub fn vet(&self, path: &str) -> io::Result<()> {
        self.guard.vet(path)
    }

    /// What a symbolic link at `path` holds; `None` where there is no link.
    #[must_use]
    pub fn link(&self, path: &str) -> Option<PathBuf> {
        let (directory, name) = split(path);
        let target = rustix::fs::readlinkat(self.directory(directory).ok()?, name, Vec::<u8>::new()).ok()?;
        Some(PathBuf::from(target.to_string_lossy().into_owned()))
    }
}

/// Directory and name of a path of the tree.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

/// A regular file in an open directory.
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
    Err(io::Error::other("it is not a regular file (a symbolic link?); move it away"))
}
