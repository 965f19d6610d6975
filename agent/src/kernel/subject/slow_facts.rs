//! The facts of a process that the process, or the file system of its program, can delay without end. A child reads them; this file
//! also has the form of the child's report. One of the files with effects.
//!
//! A user can block `cmdline` by a FUSE file system in a user namespace, which holds the lock on the address space (seen on Linux
//! 6.18). A program on a network file system that does not respond blocks `stat` of `/proc/PID/exe`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use polkit_agent_rules::facts::{Content, Fact, FileId};
use polkit_types::{SubjectUid, escape::escape_bytes};
use rustix::fs::{Mode, OFlags, openat};
use serde_json::{Map, Value, json};

use crate::{
    base::{
        reader::{Key, Purpose, Readers},
        root_control,
    },
    kernel::subject::{
        process::PinnedProcess,
        program::{self, Program},
    },
};

/// The part of a command line that is kept, in bytes.
const COMMAND_LINE: u64 = 1024;

/// The slow facts. A fact that could not be read is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlowFacts {
    /// The program.
    pub program: Program,
    /// The command line, escaped and cut, for people. The process chooses it.
    pub command_line: Option<String>,
    /// The files that rules name in `exe`, as they are on disk now.
    pub named_files: BTreeMap<PathBuf, Fact<FileId>>,
}

impl SlowFacts {
    /// Reads the slow facts of the process with this folder in `/proc`. May never return.
    #[must_use]
    pub fn read(folder: &OwnedFd, named: &BTreeSet<PathBuf>) -> Self {
        Self {
            program: program::of(folder),
            command_line: command_line(folder),
            named_files: named.iter().map(|path| (path.clone(), root_control::program(path).into())).collect(),
        }
    }

    fn to_json(&self) -> Value {
        let named = self.named_files.iter().map(|(path, id)| (path.to_string_lossy().into_owned(), file_to_json(id)));
        json!({
            "exe": file_to_json(&self.program.exe),
            "content": content_to_json(&self.program.content),
            "path": self.program.path,
            "claimed": self.program.claimed,
            "command_line": self.command_line,
            "named_files": named.collect::<Map<_, _>>(),
        })
    }

    /// A fact that the report does not have, or has in another form, is unknown.
    fn from_json(report: &Value) -> Self {
        let text = |key: &str| report.get(key).and_then(Value::as_str).map(str::to_owned);
        let named = report.get("named_files").and_then(Value::as_object).into_iter().flatten();
        Self {
            program: Program {
                exe: report.get("exe").map_or(Fact::Unknown, file_from_json),
                content: report.get("content").map_or(Fact::Unknown, content_from_json),
                path: text("path"),
                claimed: text("claimed"),
            },
            command_line: text("command_line"),
            named_files: named.map(|(path, id)| (PathBuf::from(path), file_from_json(id))).collect(),
        }
    }
}

/// Reads the slow facts of a process in a child, in half a second at most. If the child does not reply in time, all of them are
/// unknown. Cancel-safe.
pub async fn read_in_child(
    readers: &Readers,
    purpose: Purpose,
    process: &PinnedProcess,
    uid: SubjectUid,
    named: &BTreeSet<PathBuf>,
) -> SlowFacts {
    let requests = match purpose {
        Purpose::Hook => "hook requests",
        Purpose::Challenge => "challenges",
    };
    let request = if named.is_empty() { json!({}) } else { json!({ "named_files": named }) };
    let Ok(folder) = process.folder() else { return SlowFacts::default() };
    let key =
        Key { of: format!("{requests} of uid {uid}"), what: format!("process {} of uid {uid}", process.process.pid) };
    let report = readers.read_for(purpose, uid, key, &request, folder).await;
    report.map_or_else(|_| SlowFacts::default(), |report| SlowFacts::from_json(&report))
}

/// The child's report on a request of [`read_in_child`]. `folder` came with the request.
#[must_use]
pub fn report(request: &Value, folder: &OwnedFd) -> Value {
    let named = request.get("named_files").and_then(Value::as_array).into_iter().flatten();
    let named: BTreeSet<PathBuf> = named.filter_map(|path| Some(PathBuf::from(path.as_str()?))).collect();
    SlowFacts::read(folder, &named).to_json()
}

fn file_to_json(id: &Fact<FileId>) -> Value {
    match id {
        Fact::Known(FileId { device, inode }) => json!([device, inode]),
        Fact::Unknown => Value::Null,
    }
}

fn file_from_json(value: &Value) -> Fact<FileId> {
    let number = |position: usize| value.get(position).and_then(Value::as_u64);
    match (number(0), number(1)) {
        (Some(device), Some(inode)) => Fact::Known(FileId { device, inode }),
        _ => Fact::Unknown,
    }
}

fn content_to_json(content: &Fact<Content>) -> Value {
    match content {
        Fact::Known(Content { size, modified, changed }) => json!([size, modified.0, modified.1, changed.0, changed.1]),
        Fact::Unknown => Value::Null,
    }
}

fn content_from_json(value: &Value) -> Fact<Content> {
    let time =
        |position: usize| Some((value.get(position)?.as_i64()?, value.get(position.saturating_add(1))?.as_u64()?));
    match (value.get(0).and_then(Value::as_u64), time(1), time(3)) {
        (Some(size), Some(modified), Some(changed)) => Fact::Known(Content { size, modified, changed }),
        _ => Fact::Unknown,
    }
}

fn command_line(folder: &OwnedFd) -> Option<String> {
    let mut bytes = Vec::new();
    let file = openat(folder, Path::new("cmdline"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    File::from(file).take(COMMAND_LINE + 1).read_to_end(&mut bytes).ok()?;
    let cut = bytes.len() as u64 > COMMAND_LINE;
    bytes.truncate(usize::try_from(COMMAND_LINE).unwrap_or(usize::MAX));
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    let spaced: Vec<u8> = bytes.into_iter().map(|byte| if byte == 0 { b' ' } else { byte }).collect();
    Some(format!("{}{}", escape_bytes(&spaced), if cut { "…" } else { "" }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use polkit_types::SubjectPid;

    use super::*;

    fn read(pid: u32, named: &[&str]) -> SlowFacts {
        let pinned = PinnedProcess::open(SubjectPid::new(pid).unwrap()).unwrap();
        SlowFacts::read(&pinned.folder().unwrap(), &named.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn a_report_carries_every_slow_fact() {
        let facts = read(std::process::id(), &["/bin/sh", "/nonexistent"]);
        assert!(matches!(facts.program.content, Fact::Known(_)) && facts.command_line.is_some());
        assert_eq!(facts.named_files.get(Path::new("/nonexistent")), Some(&Fact::Unknown));
        assert_eq!(SlowFacts::from_json(&facts.to_json()), facts);
    }

    #[test]
    fn facts_missing_from_a_report_are_unknown() {
        for report in [json!({}), json!([]), json!({"exe": [1], "named_files": 7}), json!({"exe": {"device": 1}})] {
            assert_eq!(SlowFacts::from_json(&report), SlowFacts::default(), "{report}");
        }
    }

    #[test]
    fn a_command_line_is_escaped_and_cut() {
        let long = format!("evil\n\x1b[2J{}", "x".repeat(5000));
        let mut child = std::process::Command::new("sleep").arg0(&long).arg("60").spawn().unwrap();
        // The name appears after exec.
        let line = loop {
            let line = read(child.id(), &[]).command_line.unwrap();
            if line.starts_with("evil") {
                break line;
            }
            std::thread::yield_now();
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.starts_with("evil\\x0a\\x1b[2Jxxx"), "{line}");
        assert!(line.ends_with("x…") && line.len() < 1200, "{}", line.len());
    }
}
