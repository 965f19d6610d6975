//! Whether root alone controls a path: who may change what is reached by it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path};

use crate::escape::escape;
use crate::report::{Location, Problem};

/// As many symbolic links as Linux follows in one path.
const LINKS_MAX: usize = 40;
/// Write permission for the group or for others.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Whose files are trusted, and where a path begins.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The directory that absolute paths and links begin at, and that `..` does not leave.
    pub root: &'a Path,
    /// A user besides root whose files are trusted; 0 for none.
    pub owner: u32,
    /// Whether a file may lie in a directory with the sticky bit, as /tmp. Only a file with one link may: a hard link could be
    /// another user's, to any file of root's.
    pub sticky: bool,
    /// What the problems are about.
    pub name: &'a str,
}

impl<'a> Trust<'a> {
    /// Trusts root, and `owner`, on the whole host.
    #[must_use]
    pub fn of_host(owner: u32, name: &'a str) -> Self {
        Self { root: Path::new("/"), owner, sticky: false, name }
    }

    /// Whether this belongs to root or to the other trusted user.
    #[must_use]
    pub fn owns(&self, meta: &Metadata) -> bool {
        meta.uid() == 0 || meta.uid() == self.owner
    }

    /// Whether users who are not trusted may neither replace this nor write to it. The mode of a link says nothing.
    #[must_use]
    pub fn controls(&self, meta: &Metadata) -> bool {
        self.owns(meta) && (meta.file_type().is_symlink() || meta.mode() & WRITABLE == 0)
    }

    /// Follows `path` one component at a time, so that no link on the way escapes the checks, and returns what is at its
    /// end: `None` if there is no such file, but root alone could make it.
    ///
    /// Every directory on the way, through all links, must be root's and not writable by others. A directory with the sticky
    /// bit may be on the way if root owns the next component; a file may lie in it only as [`Trust::sticky`] says.
    ///
    /// # Errors
    /// A directory or an entry that others may replace, and what cannot be inspected.
    pub fn walk(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.follow(path).map_err(Problem::from)
    }

    /// As [`Trust::walk`], for callers who tell what others may write from what cannot be looked at.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn follow(&self, path: &Path) -> Result<Option<Metadata>, Unfit> {
        let mut rest = components(path);
        let mut directory = self.root.to_owned();
        let mut links = 0;
        while let Some(component) = rest.pop_front() {
            if component == "/" {
                directory = self.root.to_owned();
                continue;
            }
            if component == ".." {
                if directory != self.root {
                    directory.pop();
                }
                continue;
            }
            let Some(inside) = self.stat(&directory)? else { return Ok(None) };
            let others_write = inside.mode() & WRITABLE != 0;
            let entry = directory.join(&component);
            let found = self.lstat(&entry)?;
            let on_the_way = found.as_ref().is_some_and(|found| found.is_dir() || !rest.is_empty());
            let single = self.sticky && found.as_ref().is_some_and(|found| found.nlink() == 1);
            let sticky = inside.mode() & STICKY != 0 && (on_the_way || single);
            if !self.owns(&inside) || (others_write && !sticky) {
                return Err(Unfit::Writable(self.untrusted("the directory", &directory, &inside)));
            }
            let Some(meta) = found else { return Ok(None) };
            if others_write && !self.owns(&meta) {
                return Err(Unfit::Writable(self.untrusted("the entry", &entry, &meta)));
            }
            if is_magic(&meta) {
                directory = entry;
            } else if meta.file_type().is_symlink() {
                links += 1;
                if links > LINKS_MAX {
                    return Err(looped(self.name).into());
                }
                let target = std::fs::read_link(&entry)
                    .map_err(|error| self.problem(format!("cannot read the link {}: {error}", shown(&entry))))?;
                for component in components(&target).into_iter().rev() {
                    rest.push_front(component);
                }
            } else if rest.is_empty() {
                return Ok(Some(meta));
            } else {
                directory = entry;
            }
        }
        Ok(self.stat(&directory)?)
    }

    /// Follows `path` as [`Trust::walk`] does, and demands that what is at its end can be written by root alone, too.
    ///
    /// # Errors
    /// As [`Trust::walk`].
    pub fn all(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.end(path, 0)
    }

    /// As [`Trust::all`], but everybody may make entries in the directory at the end if it has the sticky bit.
    ///
    /// # Errors
    /// As [`Trust::walk`].
    pub fn all_or_sticky(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.end(path, STICKY)
    }

    fn end(&self, path: &Path, excused: u32) -> Result<Option<Metadata>, Problem> {
        let reached = self.walk(path)?;
        match &reached {
            Some(meta) if !(self.controls(meta) || self.owns(meta) && meta.mode() & excused != 0) => {
                let what = if meta.is_dir() { "the directory" } else { "the file" };
                Err(self.untrusted(what, &self.root.join(path.strip_prefix("/").unwrap_or(path)), meta))
            }
            _ => Ok(reached),
        }
    }

    /// Says who may write to `path`.
    pub(crate) fn untrusted(&self, what: &str, path: &Path, meta: &Metadata) -> Problem {
        let path = shown(path);
        let (uid, mode) = (meta.uid(), meta.mode() & 0o7777);
        let message = format!("{what} {path} may be written by others than root (owner {uid}, mode {mode:04o})");
        self.problem(message).help(format!("see who wrote it; then `chown root:root {path}; chmod go-w {path}`"))
    }

    fn lstat(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.existing(path, std::fs::symlink_metadata(path))
    }

    /// Of a directory that was reached, of the root, which may be named by a link, and of what a link of /proc leads to.
    fn stat(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.existing(path, std::fs::metadata(path))
    }

    fn existing(&self, path: &Path, found: std::io::Result<Metadata>) -> Result<Option<Metadata>, Problem> {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        match found {
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
            found => found.map(Some).map_err(|error| self.problem(format!("cannot stat {}: {error}", shown(path)))),
        }
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        problem(self.name, message)
    }
}

/// Why root alone does not control what stands at a path.
#[derive(Clone, Debug)]
pub enum Unfit {
    /// There is nothing, or it cannot be looked at.
    Unreadable(Problem),
    /// Another user may write it or a directory on the way, or it is no regular file.
    Writable(Problem),
}

impl From<Problem> for Unfit {
    fn from(problem: Problem) -> Self {
        Self::Unreadable(problem)
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Unreadable(problem) | Unfit::Writable(problem) => problem,
        }
    }
}

pub(crate) fn problem(name: &str, message: impl Into<String>) -> Problem {
    Problem::error(Location { source: name.into(), span: None }, message)
}

pub(crate) fn looped(name: &str) -> Problem {
    problem(name, "the symbolic links of this path lead round in a circle").help("see where they lead with `namei -l`")
}

/// Whether this is a link of /proc, as /proc/PID/root: the kernel leads it somewhere, and its text is only a description. The link
/// of every other file system is as long as its text.
fn is_magic(meta: &Metadata) -> bool {
    meta.file_type().is_symlink() && meta.len() == 0
}

fn components(path: &Path) -> VecDeque<OsString> {
    let kept = path.components().filter(|component| *component != Component::CurDir);
    kept.map(|component| component.as_os_str().to_owned()).collect()
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
