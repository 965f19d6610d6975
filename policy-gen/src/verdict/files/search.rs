//! Searches polkit's directories with the permissions of polkitd's user. Files that this user cannot read are skipped.

use std::fs::File;
use std::io;

use polkit_config::bounded::{TREE_MAX, read_to_end};
use polkit_config::names::Names;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::failure::Failure;
use crate::target::{Target, Version};
use crate::tree::Tree;

/// A file in polkit's directories that is skipped completely or in part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedFile {
    /// The file or directory.
    pub file: String,
    /// The line of the error, from 1.
    pub line: Option<usize>,
    /// The reason.
    pub why: SkipReason,
}

/// The reason why polkit skips a file completely or in part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SkipReason {
    /// The mode of the file, or of a directory above it, excludes polkitd's user.
    #[error("polkitd's user cannot read {path} (mode {mode:04o})")]
    Closed {
        /// The file or directory.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// This version does not read the directory.
    #[error("polkit {0} does not read this directory")]
    DirectoryOfOtherVersion(Version),
    /// This version reads pkla files only with polkit-pkla-compat.
    #[error("polkit {0} reads no pkla files without polkit-pkla-compat (Debian: polkitd-pkla)")]
    NeedsPklaCompat(Version),
    /// The name of a pkla file has another suffix.
    #[error("its name does not end in .pkla")]
    PklaSuffix,
    /// A pkla file is not in a subdirectory.
    #[error("files in this directory are not read, only those of its sub-directories")]
    PklaDirectory,
    /// A rules file does not compile.
    #[error("polkitd drops the whole file: {0}")]
    NotCompiled(String),
    /// A rules file throws an exception when it is loaded.
    #[error("polkitd stops running it here, and keeps the rules before: {0}")]
    Throws(String),
    /// An action file has an error.
    #[error("polkitd stops reading here: {0}")]
    ActionError(String),
    /// Another reason, for the user only.
    #[error("{0}")]
    Other(String),
}

/// The user of polkitd: root up to 0.105, then its own user.
enum DaemonUser {
    Root,
    User { uid: u32, gids: Vec<u32> },
}

impl DaemonUser {
    fn of(names: &Names, target: Target) -> Result<Self, Failure> {
        let unreachable = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
        if target.version < Version::RULES {
            return Ok(Self::Root);
        }
        for name in ["polkitd", "polkituser"] {
            if let Some(user) = names.user(name).map_err(unreachable)? {
                let gids = names.groups_of(&user).map_err(unreachable)?;
                return Ok(Self::User { uid: user.uid, gids });
            }
        }
        // Without an account, as in a tree with only polkit's files, no mode can exclude polkitd.
        Ok(Self::Root)
    }

    /// Whether the user has a right (of `rwx`: 4, 2, 1), from its permission class (owner, group or others).
    fn may(&self, right: u32, stat: &rustix::fs::Stat) -> bool {
        let Self::User { uid, gids } = self else { return true };
        let class = match () {
            () if stat.st_uid == *uid => 6,
            () if gids.contains(&stat.st_gid) => 3,
            () => 0,
        };
        (stat.st_mode >> class) & right == right
    }
}

const READ: u32 = 4;
const ENTER: u32 = 1;

/// A search with the permissions of polkitd's user.
pub(super) struct Search<'a> {
    pub(super) tree: &'a Tree,
    daemon: DaemonUser,
    pub(super) skipped: Vec<SkippedFile>,
    /// Files and directories that polkitd may read but this process may not.
    pub(super) closed: Vec<String>,
}

impl<'a> Search<'a> {
    /// Starts a search.
    ///
    /// # Errors
    /// The user database does not answer.
    pub(super) fn of(tree: &'a Tree, names: &Names, target: Target) -> Result<Self, Failure> {
        Ok(Self { tree, daemon: DaemonUser::of(names, target)?, skipped: Vec::new(), closed: Vec::new() })
    }

    /// Returns path and name of the files with this suffix in a directory, sorted by name.
    pub(super) fn list(
        &mut self,
        directory: &str,
        suffix: &str,
        reads: bool,
        version: Version,
    ) -> Vec<(String, String)> {
        let names = match self.tree.names(directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if reads {
                    self.closed.push(self.tree.shown(directory));
                }
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        };
        let wanted: Vec<String> = names.into_iter().filter(|name| name.ends_with(suffix)).collect();
        if !reads {
            for name in &wanted {
                let path = format!("{directory}/{name}");
                self.skip(&path, None, SkipReason::DirectoryOfOtherVersion(version));
            }
            return Vec::new();
        }
        if !wanted.is_empty() && !self.enter(directory) {
            return Vec::new();
        }
        wanted.into_iter().map(|name| (format!("{directory}/{name}"), name)).collect()
    }

    /// Whether polkitd can list a directory. Records a directory that it cannot list as skipped.
    pub(super) fn enter(&mut self, directory: &str) -> bool {
        if !self.tree.has_directory(directory).unwrap_or(true) {
            return false;
        }
        let blocked = prefixes(directory).find_map(|above| {
            let stat = self.stat(above)?;
            let right = if above == directory { READ } else { ENTER };
            (!self.daemon.may(right, &stat)).then(|| (above.to_owned(), stat.st_mode & 0o7777))
        });
        if self.tree.names(directory).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            self.closed.push(self.tree.shown(directory));
        }
        let Some((above, mode)) = blocked else { return true };
        self.skip(directory, None, SkipReason::Closed { path: self.tree.shown(&above), mode });
        false
    }

    fn stat(&self, path: &str) -> Option<rustix::fs::Stat> {
        let opened = self.tree.open_in(path, OFlags::PATH).ok()?;
        rustix::fs::fstat(&opened).ok()
    }

    /// Reads a file if polkitd and this process can read it. Records it as skipped otherwise.
    pub(super) fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        if let Err(error) = self.tree.vet(path) {
            self.skip_other(path, &error.to_string());
            return None;
        }
        let Some(stat) = self.stat(path) else {
            self.skip_other(path, "there is nothing at the end of this link");
            return None;
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.skip_other(path, "it is not a regular file");
            return None;
        }
        let closed = prefixes(path).find(|above| {
            let right = if *above == path { READ } else { ENTER };
            self.stat(above).is_some_and(|stat| !self.daemon.may(right, &stat))
        });
        if let Some(closed) = closed {
            let mode = self.stat(closed).map_or(0, |stat| stat.st_mode & 0o7777);
            self.skip(path, None, SkipReason::Closed { path: self.tree.shown(closed), mode });
            return None;
        }
        let opened = self.tree.open_in(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|errno| {
            if errno == Errno::ACCESS {
                self.closed.push(self.tree.shown(path));
            }
            errno.to_string()
        });
        let read =
            opened.and_then(|opened| read_to_end(File::from(opened), TREE_MAX).map_err(|error| error.to_string()));
        read.map_err(|error| self.skip_other(path, &format!("it cannot be read: {error}"))).ok()
    }

    pub(super) fn skip(&mut self, path: &str, line: Option<usize>, why: SkipReason) {
        self.skipped.push(SkippedFile { file: self.tree.shown(path), line, why });
    }

    pub(super) fn skip_other(&mut self, path: &str, why: &str) {
        self.skip(path, None, SkipReason::Other(why.to_owned()));
    }
}

/// Returns `a`, `a/b`, `a/b/c` for `a/b/c`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_of_polkitd_s_user_counts_and_the_class_decides() {
        let user = DaemonUser::User { uid: 990, gids: vec![990, 991] };
        let stat = |mode, uid, gid| {
            let mut stat = rustix::fs::stat("/").unwrap();
            (stat.st_mode, stat.st_uid, stat.st_gid) = (mode, uid, gid);
            stat
        };
        for (mode, uid, gid, reads, enters) in [
            (0o640, 0, 991, true, false),
            (0o640, 0, 990, true, false),
            (0o640, 0, 0, false, false),
            (0o711, 0, 0, false, true),
            (0o744, 0, 0, true, false),
            (0o400, 990, 0, true, false),
            // The class of the owner or of the group decides, even if others have more rights.
            (0o077, 990, 0, false, false),
            (0o707, 0, 991, false, false),
        ] {
            let stat = stat(mode, uid, gid);
            assert_eq!((user.may(READ, &stat), user.may(ENTER, &stat)), (reads, enters), "{mode:o} {uid} {gid}");
            assert!(DaemonUser::Root.may(READ, &stat));
        }
    }
}
