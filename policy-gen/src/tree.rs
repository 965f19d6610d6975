//! A file tree that is worked on: the host's, or the one below `--root`.
//!
//! Every directory is opened with RESOLVE_IN_ROOT (openat2, Linux 5.6): a symbolic link in the tree
//! leads to what it would lead to if the tree were `/`, and never out of it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::failure::Failure;

/// The root of a tree, opened.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

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
    /// The host's tree, or the one at `root`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where there is no such directory.
    pub fn open(root: Option<&Path>) -> Result<Self, Failure> {
        let path = root.unwrap_or(Path::new("/")).to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| {
            Failure::Unreachable(format!("cannot open the root directory {}: {errno}", path.display()))
        })?;
        Ok(Self { root, path })
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
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
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
        read_at(&directory, name)
    }

    /// As [`Tree::read`], following links inside the tree, as text; empty if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_text(&self, path: &str) -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(file) => {
                let mut bytes = Vec::new();
                File::from(file).read_to_end(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(String::new()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Directory and name of a path of the tree.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

/// A regular file in an open directory.
///
/// # Errors
/// As [`Tree::read`].
pub fn read_at(directory: &OwnedFd, name: &str) -> io::Result<Option<Contents>> {
    let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file (a symbolic link?); move it away"));
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut bytes = Vec::new();
    File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?).read_to_end(&mut bytes)?;
    Ok(Some(Contents { bytes, mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid }))
}
