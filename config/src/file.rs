//! Opening a file that decides over privilege: only what root alone can have written is read.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::escape::{escape, escape_bytes};
use crate::report::{Location, Problem, Source};

/// The most that is read of a file, in bytes.
pub const SIZE_MAX: u64 = 1 << 20;
/// As many symbolic links as Linux follows in one path.
const LINKS_MAX: usize = 40;
/// Write permission for the group or for others.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Reads a file that nobody but root can have written.
///
/// The opened file must be a regular one of root's that neither its group nor others may write.
/// The same holds for the directory of `path`, and for the one that it leads to if it is a
/// symbolic link. Every directory on the way, through all links, must be root's, and either not
/// writable by others or sticky. (A POSIX ACL that lets anybody else write shows in the group's
/// bits, so it is refused, too.)
///
/// # Errors
/// What cannot be read or trusted, what is larger than [`SIZE_MAX`], what is not UTF-8: a
/// [`Problem`] that says what to do about it.
pub fn read_trusted(path: &Path) -> Result<Source, Problem> {
    read_trusted_by(path, 0)
}

/// Reads a file that nobody but root and `owner` can have written: whatever [`read_trusted`] demands to be root's may be
/// that user's.
///
/// # Errors
/// As [`read_trusted`].
pub fn read_trusted_by(path: &Path, owner: u32) -> Result<Source, Problem> {
    let name = path.to_string_lossy();
    let file = open(path, &name)?;
    let opened = regular(&file, &name)?;
    if !owned(&opened, owner) || opened.mode() & WRITABLE != 0 {
        return Err(untrusted(&name, "this file", path, &opened));
    }
    let reached = walk(path, owner, &name)?;
    if (reached.dev(), reached.ino()) != (opened.dev(), opened.ino()) {
        return Err(problem(&name, "was replaced while it was being read").help("try again"));
    }
    read(&name, file)
}

/// What stands at the end of a path that root alone controls: a regular file that nobody but root may write, in directories and
/// by links as [`read_trusted`] demands them. The file is not opened.
///
/// Nothing behind a directory of another user is looked at.
///
/// # Errors
/// [`Unfit`], with the problem that [`read_trusted`] would have.
pub fn reached_by_root_alone(path: &Path) -> Result<Metadata, Unfit> {
    let name = path.to_string_lossy();
    let reached = walk(path, 0, &name)?;
    if !reached.is_file() {
        return Err(Unfit::Writable(problem(&name, "is not a regular file")));
    }
    if reached.uid() != 0 || reached.mode() & WRITABLE != 0 {
        return Err(Unfit::Writable(untrusted(&name, "this file", path, &reached)));
    }
    Ok(reached)
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

/// Reads a file whoever may write it, or standard input for `-`.
///
/// # Errors
/// As [`read_trusted`], save for the demands on owners and modes.
pub fn read_plain(path: &Path) -> Result<Source, Problem> {
    if path.as_os_str() == "-" {
        return read("<stdin>", io::stdin().lock());
    }
    let name = path.to_string_lossy();
    let file = open(path, &name)?;
    regular(&file, &name)?;
    read(&name, file)
}

/// Whether this file says that there shall be none of its name: it is empty, or a symbolic link
/// to `/dev/null`. Such a file is not to be read.
#[must_use]
pub fn is_mask(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| {
        let null = || std::fs::canonicalize(path).is_ok_and(|real| real == Path::new("/dev/null"));
        (meta.is_file() && meta.len() == 0) || (meta.file_type().is_char_device() && null())
    })
}

/// The `*.toml` files of a directory, hidden ones left out, by name. A directory that does not
/// exist has none. What they are, and whether to trust them, shows when they are read.
///
/// # Errors
/// The directory exists and cannot be listed.
pub fn fragments(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.ends_with(b".toml") && !name.starts_with(b".") {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    };
    match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed
            .map_err(|error| problem(&directory.to_string_lossy(), format!("cannot list this directory: {error}"))),
    }
}

fn problem(name: &str, message: impl Into<String>) -> Problem {
    Problem::error(Location { source: name.into(), span: None }, message)
}

/// Never waits, whatever lies there: a FIFO opens at once and is refused as not regular.
fn open(path: &Path, name: &str) -> Result<File, Problem> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => looped(name),
        _ => problem(name, format!("cannot open this file: {error}")),
    })
}

fn looped(name: &str) -> Problem {
    problem(name, "the symbolic links of this path lead round in a circle").help("see where they lead with `namei -l`")
}

fn regular(file: &File, name: &str) -> Result<Metadata, Problem> {
    let meta = file.metadata().map_err(|error| problem(name, format!("cannot stat this file: {error}")))?;
    if meta.is_file() { Ok(meta) } else { Err(problem(name, "is not a regular file")) }
}

fn owned(meta: &Metadata, owner: u32) -> bool {
    meta.uid() == 0 || meta.uid() == owner
}

/// Follows `path` one component at a time, so that no link on the way escapes the checks, and
/// returns what is at its end.
fn walk(path: &Path, owner: u32, name: &str) -> Result<Metadata, Unfit> {
    let absolute = std::path::absolute(path)
        .map_err(|error| problem(name, format!("cannot find the current directory: {error}")))?;
    let mut rest: VecDeque<OsString> = components(&absolute);
    let mut directory = PathBuf::from("/");
    let mut links = 0;
    while let Some(component) = rest.pop_front() {
        if component == "/" {
            directory = PathBuf::from("/");
            continue;
        }
        if component == ".." {
            directory.pop();
            continue;
        }
        let inside = lstat(&directory, name)?;
        let others_write = inside.mode() & WRITABLE != 0;
        let sticky = inside.mode() & STICKY != 0 && !rest.is_empty();
        if !owned(&inside, owner) || (others_write && !sticky) {
            return Err(Unfit::Writable(untrusted(name, "the directory", &directory, &inside)));
        }
        let entry = directory.join(&component);
        let meta = lstat(&entry, name)?;
        if others_write && !owned(&meta, owner) {
            return Err(Unfit::Writable(untrusted(name, "the entry", &entry, &meta)));
        }
        if meta.file_type().is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                return Err(looped(name).into());
            }
            let target = std::fs::read_link(&entry)
                .map_err(|error| problem(name, format!("cannot read the link {}: {error}", shown(&entry))))?;
            for component in components(&target).into_iter().rev() {
                rest.push_front(component);
            }
        } else if rest.is_empty() {
            return Ok(meta);
        } else {
            directory = entry;
        }
    }
    Err(Unfit::Writable(problem(name, "is not a regular file")))
}

fn components(path: &Path) -> VecDeque<OsString> {
    let kept = path.components().filter(|component| *component != Component::CurDir);
    kept.map(|component| component.as_os_str().to_owned()).collect()
}

fn lstat(path: &Path, name: &str) -> Result<Metadata, Problem> {
    std::fs::symlink_metadata(path).map_err(|error| problem(name, format!("cannot stat {}: {error}", shown(path))))
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn untrusted(name: &str, what: &str, path: &Path, meta: &Metadata) -> Problem {
    let path = shown(path);
    let (uid, mode) = (meta.uid(), meta.mode() & 0o7777);
    let message = format!("{what} {path} may be written by others than root (owner {uid}, mode {mode:04o})");
    problem(name, message).help(format!("see who wrote it; then `chown root:root {path}; chmod go-w {path}`"))
}

fn read(name: &str, reader: impl Read) -> Result<Source, Problem> {
    let mut bytes = Vec::new();
    reader
        .take(SIZE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| problem(name, format!("cannot read this file: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > SIZE_MAX) {
        return Err(problem(name, "is larger than 1 MiB, which no configuration is"));
    }
    String::from_utf8(bytes).map(|text| Source::new(name, text)).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        // Shown up to the end of its line, the bad bytes written out.
        let (good, bad) = error.as_bytes().split_at_checked(at).unwrap_or_default();
        let line = bad.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = escape_bytes(line.get(..1).unwrap_or_default());
        let rest = escape_bytes(line.get(1..).unwrap_or_default());
        let source = Source::new(name, format!("{}{first}{rest}\n", String::from_utf8_lossy(good)));
        let place = source.position(at);
        let mut problem = Problem::error(
            source.at(at..at + first.len()),
            format!("the byte {first} at line {}, column {} is not UTF-8", place.0, place.1),
        )
        .help("save the file as UTF-8");
        problem.source = Some(Box::new(source));
        problem
    })
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
