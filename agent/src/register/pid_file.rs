//! Pid files, for `[[serve]] pid_file`. One of the files with effects: the child of `base::reader` reads the file.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use polkit_types::SubjectPid;
use rustix::fs::{Mode, OFlags, open};
use serde_json::{Value, json};

use crate::{
    base::reader::{Key, Readers},
    kernel::subject::process::PinnedProcess,
};

/// The content of a pid file, and the users who can change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    pid: SubjectPid,
    /// The owners of the file and of its folder. No other user can write either.
    owners: [u32; 2],
}

impl PidFile {
    /// Reads a pid file. May never return: the file can be on a user's own file system. Called in the child only.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] without a file; [`io::ErrorKind::PermissionDenied`] if other users than the owner can write it,
    /// or if it is not a regular file; [`io::ErrorKind::InvalidData`] if it has no pid.
    pub fn read(path: &Path) -> io::Result<Self> {
        // A user can replace a pid file by a pipe or a terminal: opening it must neither block nor have an effect.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = fs::File::from(open(path, flags, Mode::empty())?);
        let meta = file.metadata()?;
        let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
        if !meta.is_file() || [&meta, &folder].into_iter().any(|meta| meta.mode() & 0o022 != 0) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, 64), &mut text)?;
        let pid = text.trim().parse().ok().and_then(|pid| SubjectPid::new(pid).ok());
        Ok(Self { pid: pid.ok_or(io::ErrorKind::InvalidData)?, owners: [meta.uid(), folder.uid()] })
    }

    /// Pins the process. The owner of the file chooses the process. So the file must be root's, or the process must be the owner's
    /// own.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] without a process; [`io::ErrorKind::PermissionDenied`] for a process of another user.
    pub fn pin(&self) -> io::Result<PinnedProcess> {
        let pinned = PinnedProcess::open(self.pid)?;
        let uid = pinned.process.uid.get();
        let own = self.owners.iter().all(|owner| [0, uid].contains(owner));
        if own { Ok(pinned) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn to_json(&self) -> Value {
        json!({ "pid": self.pid.get(), "owners": self.owners })
    }

    fn from_json(report: &Value) -> Option<Self> {
        let number =
            |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let owners = report.get("owners");
        let owner = |position: usize| number(owners.and_then(|owners| owners.get(position)));
        Some(Self { pid: SubjectPid::new(number(report.get("pid"))?).ok()?, owners: [owner(0)?, owner(1)?] })
    }
}

/// Reads a pid file in a child, in half a second at most.
///
/// # Errors
/// Those of [`PidFile::read`], and those of [`Readers::read`].
pub async fn read_in_child(readers: &Readers, path: &Path) -> io::Result<PidFile> {
    let of = format!("the file {}", path.display());
    let report = readers.read(Key { what: of.clone(), of }, &json!({ "pid_file": path }), None).await?;
    match report.get("error").and_then(Value::as_str) {
        Some(error) => Err(kind(error).into()),
        None => PidFile::from_json(&report).ok_or(io::ErrorKind::InvalidData.into()),
    }
}

/// The child's report on a request of [`read_in_child`]; `None` for any other request.
#[must_use]
pub fn report(request: &Value) -> Option<Value> {
    let path = request.get("pid_file").and_then(Value::as_str)?;
    Some(match PidFile::read(Path::new(path)) {
        Ok(file) => file.to_json(),
        Err(error) => json!({ "error": word(error.kind()) }),
    })
}

/// The errors of [`PidFile::read`] that callers distinguish, with their words in the report.
const KINDS: [(&str, io::ErrorKind); 3] = [
    ("not-found", io::ErrorKind::NotFound),
    ("permission-denied", io::ErrorKind::PermissionDenied),
    ("invalid-data", io::ErrorKind::InvalidData),
];

fn word(kind: io::ErrorKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("other", |(word, _)| word)
}

fn kind(word: &str) -> io::ErrorKind {
    KINDS.iter().find(|(known, _)| *known == word).map_or(io::ErrorKind::Other, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests;
