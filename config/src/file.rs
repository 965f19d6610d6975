//! Opening a file that decides over privilege: only what root alone can have written is read.

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

/// The most that is read of a file, in bytes.
pub const SIZE_MAX: u64 = 1 << 20;

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
    read_by(path, &Trust::of_host(0, &path.to_string_lossy()))
}

/// Reads a file that a person names, and that only root and `owner` can have written: what [`read_trusted`] demands to be
/// root's may be that user's, and the file may lie in a directory with the sticky bit, as /tmp.
///
/// # Errors
/// As [`read_trusted`].
pub fn read_trusted_by(path: &Path, owner: u32) -> Result<Source, Problem> {
    let name = path.to_string_lossy();
    read_by(path, &Trust { sticky: true, ..Trust::of_host(owner, &name) })
}

fn read_by(path: &Path, trust: &Trust) -> Result<Source, Problem> {
    let name = trust.name;
    let file = open(path, name)?;
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

/// What stands at the end of a path that root alone controls: a regular file that nobody but root may write, in directories and
/// by links as [`read_trusted`] demands them. The file is not opened.
///
/// Nothing behind a directory of another user is looked at.
///
/// # Errors
/// [`Unfit`], with the problem that [`read_trusted`] would have.
pub fn reached_by_root_alone(path: &Path) -> Result<Metadata, Unfit> {
    let name = path.to_string_lossy();
    let trust = Trust::of_host(0, &name);
    let missing = || problem(&name, "cannot open this file: No such file or directory");
    let reached = trust.follow(&absolute(path, &name)?)?.ok_or_else(missing)?;
    if !reached.is_file() {
        return Err(Unfit::Writable(problem(&name, "is not a regular file")));
    }
    if !trust.controls(&reached) {
        return Err(Unfit::Writable(trust.untrusted("this file", path, &reached)));
    }
    Ok(reached)
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
/// to `/dev/null`. Such a file is not to be read. Says nothing of who wrote it.
#[must_use]
pub fn is_mask(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| {
        let null = || std::fs::canonicalize(path).is_ok_and(|real| real == Path::new("/dev/null"));
        (meta.is_file() && meta.len() == 0) || (meta.file_type().is_char_device() && null())
    })
}

/// As [`is_mask`], for a mask that root alone, or `owner`, can have made: it hides a file that may refuse something.
///
/// # Errors
/// A mask that others may have made.
pub fn is_trusted_mask(path: &Path, owner: u32) -> Result<bool, Problem> {
    if !is_mask(path) {
        return Ok(false);
    }
    let name = path.to_string_lossy();
    let trust = Trust::of_host(owner, &name);
    let path = absolute(path, &name)?;
    match trust.walk(&path)? {
        // Everybody may write to /dev/null; the link to it is an entry of a directory that was looked at.
        Some(meta) if meta.is_file() && !trust.controls(&meta) => Err(trust.untrusted("this mask", &path, &meta)),
        _ => Ok(true),
    }
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

/// As [`fragments`], of a directory that root alone may write: others could take a file away that refuses something.
///
/// # Errors
/// As [`fragments`], and a directory that others may write.
pub fn trusted_fragments(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let name = directory.to_string_lossy();
    Trust::of_host(0, &name).all(&absolute(directory, &name)?)?;
    fragments(directory)
}

fn absolute(path: &Path, name: &str) -> Result<PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| problem(name, format!("cannot find the current directory: {error}")))
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

/// A source of what was read elsewhere, as strict as if it was read here.
///
/// # Errors
/// What is larger than [`SIZE_MAX`], and what is not UTF-8.
pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Source, Problem> {
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
