//! Reads configuration files that decide about privilege: only files that root alone can have written.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::escape::escape_bytes;
use crate::report::{Problem, Source};
pub use crate::trust::Unfit;
use crate::trust::{Trust, looped, problem};

/// Size limit of a file, in bytes.
pub const SIZE_MAX: u64 = 1 << 20;

/// Reads a file that only root can have written.
///
/// The opened file must be a regular file, owned by root and not writable by its group or by others. The directory of `path`
/// must fulfil the same conditions, and so must the directory that a symbolic link leads to. Every directory on the way,
/// through all links, must be owned by root, and must be sticky or not writable by others. A POSIX ACL that grants write
/// access to another user shows in the group bits, so such a file is refused as well.
///
/// # Errors
/// A [`Problem`] with a remedy for a file that is unreadable, not trusted, larger than [`SIZE_MAX`], or not UTF-8.
pub fn read_trusted(path: &Path) -> Result<Source, Problem> {
    read_by(path, &Trust::of_host(0, &path.to_string_lossy()))
}

/// Reads a file that a user names on the command line. Files and directories of `owner` are trusted as those of root are, and
/// the file may be in a sticky directory such as /tmp.
///
/// # Errors
/// The errors of [`read_trusted`].
pub fn read_trusted_by(path: &Path, owner: u32) -> Result<Source, Problem> {
    let name = path.to_string_lossy();
    read_by(path, &Trust { sticky: true, ..Trust::of_host(owner, &name) })
}

fn read_by(path: &Path, trust: &Trust) -> Result<Source, Problem> {
    read_opened(open(path, trust.name)?, path, trust)
}

/// Reads a file that was opened by this path, if the path still leads to it.
fn read_opened(file: File, path: &Path, trust: &Trust) -> Result<Source, Problem> {
    let name = trust.name;
    let opened = regular(&file, name)?;
    if !trust.controls(&opened) {
        return Err(trust.untrusted("this file", path, &opened));
    }
    let missing = || problem(name, "was removed while it was being read").help("try again");
    let reached = trust.walk(&absolute(path, name)?)?.ok_or_else(missing)?;
    if (reached.dev(), reached.ino()) != (opened.dev(), opened.ino()) {
        return Err(problem(name, "was replaced while it was being read").help("try again"));
    }
    read(name, file)
}

/// Checks a path as [`read_trusted`] does, without opening the file, and returns its metadata: the path must end in a regular
/// file that only root can write, through directories and links that only root controls.
///
/// Does not look behind a directory that belongs to another user.
/// # Errors
/// [`Unfit`], with the [`Problem`] that [`read_trusted`] would return.
pub fn reached_by_root_alone(path: &Path) -> Result<Metadata, Unfit> {
    let name = path.to_string_lossy();
    let trust = Trust::of_host(0, &name);
    let missing = || problem(&name, "no such file");
    let reached = trust.follow(&absolute(path, &name)?)?.ok_or_else(missing)?;
    if !reached.is_file() {
        return Err(Unfit::Writable(problem(&name, "is not a regular file")));
    }
    if !trust.controls(&reached) {
        return Err(Unfit::Writable(trust.untrusted("this file", path, &reached)));
    }
    Ok(reached)
}

/// Reads a file without checks of owner and mode. Reads standard input for `-`.
///
/// # Errors
/// The errors of [`read_trusted`], except those about owners and modes.
pub fn read_plain(path: &Path) -> Result<Source, Problem> {
    if path.as_os_str() == "-" {
        return read("<stdin>", io::stdin().lock());
    }
    let name = path.to_string_lossy();
    let file = open(path, &name)?;
    regular(&file, &name)?;
    read(&name, file)
}

/// Whether this file masks the file of the same name in another directory: it is empty, or a symbolic link to `/dev/null`.
/// The content of a mask is not read. Does not check the owner.
#[must_use]
pub fn is_mask(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| {
        let null = || std::fs::canonicalize(path).is_ok_and(|real| real == Path::new("/dev/null"));
        (meta.is_file() && meta.len() == 0) || (meta.file_type().is_char_device() && null())
    })
}

/// Whether this file is a mask. A mask hides a file that may deny something, so only root or `owner` may have made it.
///
/// # Errors
/// The mask is writable by other users.
pub fn is_trusted_mask(path: &Path, owner: u32) -> Result<bool, Problem> {
    if !is_mask(path) {
        return Ok(false);
    }
    let name = path.to_string_lossy();
    let trust = Trust::of_host(owner, &name);
    let path = absolute(path, &name)?;
    match trust.walk(&path)? {
        // Everyone may write to /dev/null. The directory of the link has been checked.
        Some(meta) if meta.is_file() && !trust.controls(&meta) => Err(trust.untrusted("this mask", &path, &meta)),
        _ => Ok(true),
    }
}

/// Returns the `*.toml` files of a directory in the order of their names, without hidden files. Returns no files if the
/// directory does not exist. File type and trust are checked when a file is read.
///
/// # Errors
/// The directory exists and is unreadable.
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

/// Returns the [`fragments`] of a directory that only root may write: another user could delete a file that denies something.
///
/// # Errors
/// The errors of [`fragments`], and a directory that other users may write.
pub fn trusted_fragments(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let name = directory.to_string_lossy();
    Trust::of_host(0, &name).all(&absolute(directory, &name)?)?;
    fragments(directory)
}

fn absolute(path: &Path, name: &str) -> Result<PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| problem(name, format!("cannot find the current directory: {error}")))
}

/// Opens a file without blocking: a FIFO opens at once and is then refused because it is not regular.
fn open(path: &Path, name: &str) -> Result<File, Problem> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => looped(name),
        Some(Errno::NOENT) => problem(name, "no such file"),
        _ => problem(name, format!("cannot open this file: {error}")),
    })
}

fn regular(file: &File, name: &str) -> Result<Metadata, Problem> {
    let meta = file.metadata().map_err(|error| problem(name, format!("cannot stat this file: {error}")))?;
    if meta.is_file() { Ok(meta) } else { Err(problem(name, "is not a regular file")) }
}

fn read(name: &str, reader: impl Read) -> Result<Source, Problem> {
    let mut bytes = Vec::new();
    reader
        .take(SIZE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| problem(name, format!("cannot read this file: {error}")))?;
    from_bytes(name, bytes)
}

/// Reads standard input, with the checks of [`read_plain`].
///
/// # Errors
/// Read errors, more than [`SIZE_MAX`], and text that is not UTF-8.
pub fn read_stdin() -> Result<Source, Problem> {
    read("<stdin>", std::io::stdin().lock())
}

/// Makes a [`Source`] from bytes that the caller has read, with the checks of [`read_plain`].
///
/// # Errors
/// The input is larger than [`SIZE_MAX`] or not UTF-8.
pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Source, Problem> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > SIZE_MAX) {
        return Err(problem(name, "is larger than 1 MiB, the limit for a configuration"));
    }
    String::from_utf8(bytes).map(|text| Source::new(name, text)).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        // The rest of the line follows, with its invalid bytes escaped.
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
