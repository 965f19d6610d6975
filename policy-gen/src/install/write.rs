//! Changes several files, all or none.
//!
//! Each new file is written with a temporary name in its directory, with its final mode, and synced. When all files are complete they
//! are renamed. The old files keep a second name until the end. polkitd reloads after a rename and sees only complete files. The
//! temporary names start with a dot, which polkitd's monitor ignores, and do not end in `.rules`, `.pkla` or `.conf`, because polkit
//! up to 128 also loads files that start with a dot.
//!
//! The second name of a file is the same in each installation, so that a later one removes what a killed one left. Changes of one file
//! that follow each other before the first is kept must therefore be committed together ([`StagedChanges::commit_to`]): then only the
//! first of them keeps the old file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::plan::{Change, NewFile};
use crate::failure::Failure;
use crate::tree::{MODE_MAX, Tree, split};

/// Changes that are written but not visible. Dropping it removes the temporary files.
#[derive(Debug)]
pub struct StagedChanges {
    items: Vec<StagedFile>,
}

#[derive(Debug)]
struct StagedFile {
    directory: OwnedFd,
    name: String,
    /// For messages.
    shown: String,
    writes: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There may be a temporary file.
    Staged,
    /// The change is visible. The old file, if any, has its second name.
    Renamed {
        /// Whether there was an old file.
        had_old: bool,
    },
    /// The change is visible, and an earlier change of the same commit restores the file.
    RenamedAgain,
}

/// Visible changes that can still be undone.
#[derive(Debug, Default)]
#[must_use = "dropping it undoes the changes"]
pub struct CommittedChanges {
    items: Vec<StagedFile>,
}

fn temporary(name: &str) -> String {
    format!(".{name}.new")
}

fn second(name: &str) -> String {
    format!(".{name}.old")
}

impl StagedChanges {
    /// Writes and syncs all temporary files. Of several changes of one file the last counts.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the file. Nothing is changed.
    pub fn new(tree: &Tree, changes: &[Change]) -> Result<Self, Failure> {
        let mut prepared = Self { items: Vec::new() };
        for (number, change) in changes.iter().enumerate() {
            if changes.iter().skip(number + 1).any(|later| later.path == change.path) {
                continue;
            }
            let shown = tree.shown(&change.path);
            let refused = |error: &dyn std::fmt::Display| unchanged(&shown, error);
            let (directory, name) = split(&change.path);
            let directory = tree.directory(directory).map_err(|error| refused(&error))?;
            let item = StagedFile {
                directory,
                name: name.to_owned(),
                shown: shown.clone(),
                writes: change.to.is_some(),
                state: State::Staged,
            };
            // Added to the list before writing, so that an error removes a partial temporary file.
            prepared.items.push(item);
            if let (Some(to), Some(item)) = (&change.to, prepared.items.last()) {
                item.write(to).map_err(|error| refused(&error))?;
            }
        }
        Ok(prepared)
    }

    /// Makes all changes visible, in order.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the file. All changes have been undone.
    pub fn commit(self) -> Result<CommittedChanges, Failure> {
        let mut committed = CommittedChanges::default();
        self.commit_to(&mut committed)?;
        Ok(committed)
    }

    /// Makes all changes visible, in order, after earlier changes that are undone or kept together with them.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the file. Dropping `committed` undoes the changes before it, and the earlier ones.
    pub fn commit_to(mut self, committed: &mut CommittedChanges) -> Result<(), Failure> {
        // From here on, a drop of `committed` undoes the visible changes and removes the temporary files.
        let first = committed.items.len();
        committed.items.append(&mut self.items);
        let (earlier, new) = committed.items.split_at_mut(first);
        for item in new {
            let is_kept = earlier.iter().any(|earlier| earlier.shown == item.shown);
            item.rename(is_kept).map_err(|error| unchanged(&item.shown, &error))?;
            tracing::debug!(path = item.shown, writes = item.writes, "changed a file");
        }
        Ok(())
    }
}

impl Drop for StagedChanges {
    fn drop(&mut self) {
        for item in &self.items {
            item.unlink(&temporary(&item.name));
        }
    }
}

impl CommittedChanges {
    /// Keeps the changes.
    pub fn keep(mut self) {
        for item in std::mem::take(&mut self.items) {
            item.unlink(&second(&item.name));
            item.sync();
        }
    }
}

impl Drop for CommittedChanges {
    fn drop(&mut self) {
        for item in self.items.iter().rev() {
            match item.state {
                State::Staged => item.unlink(&temporary(&item.name)),
                State::RenamedAgain => {}
                State::Renamed { had_old: true } => {
                    let _ = rustix::fs::renameat(&item.directory, second(&item.name), &item.directory, &item.name);
                }
                State::Renamed { had_old: false } => item.unlink(&item.name),
            }
            item.sync();
        }
    }
}

impl StagedFile {
    fn write(&self, to: &NewFile) -> io::Result<()> {
        let name = temporary(&self.name);
        // A killed installation may have left this file. The lock excludes other users of the name.
        self.unlink(&name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.directory, &name, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(&to.bytes)?;
        // Set explicitly, because the directory may be set-group-ID. Callers other than root own their files.
        let owner = to.owner.unwrap_or((0, 0));
        if rustix::process::geteuid().is_root() {
            rustix::fs::fchown(&file, Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)))?;
        }
        rustix::fs::fchmod(&file, Mode::from_raw_mode(to.mode & MODE_MAX))?;
        file.sync_all()
    }

    /// Makes the change visible. Keeps the old file, unless an earlier change keeps it.
    fn rename(&mut self, is_kept: bool) -> io::Result<()> {
        let (directory, name, second) = (&self.directory, self.name.as_str(), second(&self.name));
        let had_old = if is_kept {
            None
        } else {
            // A killed installation may have left this file.
            self.unlink(&second);
            Some(if self.writes {
                exists(rustix::fs::linkat(directory, name, directory, &second, AtFlags::empty()))?
            } else {
                exists(rustix::fs::renameat(directory, name, directory, &second))?
            })
        };
        if self.writes {
            rustix::fs::renameat(directory, temporary(name), directory, name)?;
        } else if is_kept {
            exists(rustix::fs::unlinkat(directory, name, AtFlags::empty()))?;
        }
        self.state = had_old.map_or(State::RenamedAgain, |had_old| State::Renamed { had_old });
        self.sync();
        Ok(())
    }

    fn unlink(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
    }

    /// Syncs the directory. Errors are ignored: some network file systems do not support it.
    fn sync(&self) {
        let _ = rustix::fs::fsync(&self.directory);
    }
}

/// Whether there was a file to rename, link or remove.
fn exists(done: Result<(), Errno>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes the temporary files that a killed installation left beside the file at `path`.
pub fn sweep(tree: &Tree, path: &str) {
    let (directory, name) = split(path);
    if let Ok(directory) = tree.directory(directory) {
        for name in [temporary(name), second(name)] {
            let _ = rustix::fs::unlinkat(&directory, name, AtFlags::empty());
        }
    }
}

fn unchanged(shown: &str, error: &dyn std::fmt::Display) -> Failure {
    let root = if rustix::process::geteuid().is_root() { "" } else { " Run this as root." };
    Failure::Refused(format!("cannot write {shown}: {error}. Nothing was changed.{root}"))
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
