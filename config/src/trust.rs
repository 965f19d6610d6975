//! Checks that root alone controls a path: which users may change the file at its end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path};

use crate::escape::escape;
use crate::report::{Location, Problem};

/// Limit of symbolic links in one path; Linux has the same limit.
const LINKS_MAX: usize = 40;
/// Write permission for the group or for others.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// The trusted users, and the directory at which paths start.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The start of absolute paths and links, which `..` does not leave.
    pub root: &'a Path,
    /// A trusted user besides root; 0 for none.
    pub owner: u32,
    /// Whether a file may be in a sticky directory such as /tmp. Only a file with one link may: another user can make a hard
    /// link to any file of root.
    pub sticky: bool,
    /// The name of the file in the problems.
    pub name: &'a str,
}

impl<'a> Trust<'a> {
    /// Trusts root and `owner`, on the whole host.
    #[must_use]
    pub fn of_host(owner: u32, name: &'a str) -> Self {
        Self { root: Path::new("/"), owner, sticky: false, name }
    }

    /// Whether the file belongs to root or to the other trusted user.
    #[must_use]
    pub fn owns(&self, meta: &Metadata) -> bool {
        meta.uid() == 0 || meta.uid() == self.owner
    }

    /// Whether only trusted users may replace or write the file. The mode of a symbolic link has no meaning.
    #[must_use]
    pub fn controls(&self, meta: &Metadata) -> bool {
        self.owns(meta) && (meta.file_type().is_symlink() || meta.mode() & WRITABLE == 0)
    }

    /// Follows `path` one component at a time, so that every link is checked, and returns the metadata of the file at its
    /// end. Returns `None` if the file does not exist and only root could create it.
    ///
    /// Every directory on the way, through all links, must be owned by root and not writable by others. A sticky directory
    /// may be on the way if root owns the next component. A file may be in a sticky directory only if [`Trust::sticky`] is
    /// set.
    ///
    /// # Errors
    /// A directory or file that other users may replace, and a component that stat(2) cannot read.
    pub fn walk(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.follow(path).map_err(Problem::from)
    }

    /// Follows `path` as [`Trust::walk`] does, and distinguishes writable from unreadable paths in the error.
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

    /// Follows `path` as [`Trust::walk`] does, and also requires that only root may write the file at its end.
    ///
    /// # Errors
    /// The errors of [`Trust::walk`].
    pub fn all(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.end(path, 0)
    }

    /// Follows `path` as [`Trust::all`] does, but accepts a sticky directory at its end that everyone may write.
    ///
    /// # Errors
    /// The errors of [`Trust::walk`].
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

    /// Names the owner and the mode of `path`.
    pub(crate) fn untrusted(&self, what: &str, path: &Path, meta: &Metadata) -> Problem {
        let path = shown(path);
        let (uid, mode) = (meta.uid(), meta.mode() & 0o7777);
        let message = format!("{what} {path} is writable by users other than root (owner {uid}, mode {mode:04o})");
        self.problem(message).help(format!("check its content, then run `chown root:root {path}; chmod go-w {path}`"))
    }

    fn lstat(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        self.existing(path, std::fs::symlink_metadata(path))
    }

    /// Follows links: for a directory that was reached, for the root, and for a link of /proc.
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

/// The reason why root does not control a path alone.
#[derive(Clone, Debug)]
pub enum Unfit {
    /// The path does not exist or is unreadable.
    Unreadable(Problem),
    /// Another user may write the file or a directory on the way, or the file is not regular.
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
    problem(name, "the symbolic links of this path form a loop").help("show them with `namei -l`")
}

/// Whether this is a link of /proc such as /proc/PID/root. The kernel resolves it, and its text is only a description. In every
/// other file system the length of a link is the length of its text.
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
