//! The child's side of [`super`]: this program once more, which reads what may never end to be read, and is killed when it does
//! not end.

use std::{
    collections::BTreeSet,
    io::{self, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::ExitCode,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

use super::LONGEST;
use crate::subject::{cgroups::PidFile, slow_facts::SlowFacts};

/// Answers requests on standard input until the agent closes it.
#[must_use]
pub fn run() -> ExitCode {
    let Ok(line) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut line = UnixStream::from(line);
    loop {
        let Ok((request, folder)) = receive(&line) else { return ExitCode::SUCCESS };
        let Some(mut report) = answer(&request, folder.as_ref()).map(|report| report.to_string()) else {
            return ExitCode::FAILURE;
        };
        report.push('\n');
        if line.write_all(report.as_bytes()).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}

/// One request, a line of JSON, and the descriptor that came with it.
fn receive(line: &UnixStream) -> io::Result<(Value, Option<OwnedFd>)> {
    let mut text = Vec::new();
    let mut folder = None;
    while text.last() != Some(&b'\n') {
        let mut part = vec![0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(line, &mut [IoSliceMut::new(&mut part)], &mut beside, RecvFlags::CMSG_CLOEXEC)?.bytes;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                folder = descriptors.next().or(folder);
            }
        }
        text.extend_from_slice(part.get(..got).unwrap_or_default());
        if got == 0 || text.len() > LONGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((serde_json::from_slice(&text)?, folder))
}

fn answer(request: &Value, folder: Option<&OwnedFd>) -> Option<Value> {
    if let Some(path) = request.get("pid_file").and_then(Value::as_str) {
        return Some(match PidFile::read(Path::new(path)) {
            Ok(file) => file.to_json(),
            Err(error) => json!({ "error": super::word(error.kind()) }),
        });
    }
    let named = request.get("named_files").and_then(Value::as_array).into_iter().flatten();
    let named: BTreeSet<PathBuf> = named.filter_map(|path| Some(PathBuf::from(path.as_str()?))).collect();
    Some(SlowFacts::read(folder?, &named).to_json())
}
