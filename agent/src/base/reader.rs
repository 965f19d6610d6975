//! Reading what may never end to be read, in children that are killed when it does not. One of the files with effects: it
//! starts this program once more, and sends it the process's folder in `/proc`.
//!
//! A child serves one request at a time, and is kept for the next one. A child that does not answer in time is killed. Where the
//! kernel does not let it end (a FUSE server that has taken a request and is silent), the child is left behind; it ends when the
//! file system does, or with the agent's unit.

mod child;
mod unfinished;

use std::{
    collections::BTreeSet,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as StdStream,
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polkit_dbus::SubjectUid;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::UnixStream,
    process::{Child, Command},
};

pub use self::child::run;
use self::unfinished::Unfinished;
use crate::{
    base::{budget::Budget, log},
    subject::{cgroups::PidFile, process::Held, slow_facts::SlowFacts},
};

/// The child's command.
pub const COMMAND: &str = "read-slow-facts";
/// The longest request or report, in bytes: a report of a thousand named files is a tenth of it.
const LONGEST: usize = 1 << 20;
/// How long one read may take. A read that ends takes some microseconds.
const WITHIN: Duration = Duration::from_millis(500);
/// How many are read at the same time for one purpose, and how many of one uid.
const AT_ONCE: usize = 8;
const AT_ONCE_OF_UID: usize = 2;
/// How many children are kept for the next request.
const IDLE: usize = 2;
/// So many children of one key that were killed and have not ended mean that no more is read for that key.
const LEFT: usize = 2;

/// What is read for. Each purpose has places of its own, so that none can use up another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A hook request.
    Hook,
    /// A challenge.
    Challenge,
}

/// The children, and the budgets of what they do. One for the whole agent.
#[derive(Debug)]
pub struct Readers {
    hook: Budget<SubjectUid>,
    challenges: Budget<SubjectUid>,
    idle: Mutex<Vec<Reader>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    unfinished: Unfinished,
    /// Children that were killed, with their keys, until they have ended.
    left: Vec<(String, Child)>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            hook: Budget::new(AT_ONCE, AT_ONCE_OF_UID),
            challenges: Budget::new(AT_ONCE, AT_ONCE_OF_UID),
            idle: Mutex::default(),
            state: Arc::new(Mutex::new(State { unfinished: Unfinished::new(), left: Vec::new() })),
        }
    }
}

impl Readers {
    /// Reads the slow facts of a process, in half a second at most. What was not read in that time, and what of a uid whose
    /// reads rest, is unknown. Cancel-safe: the child of a read that is dropped is killed.
    pub async fn process(
        &self,
        purpose: Purpose,
        held: &Held,
        uid: SubjectUid,
        named: &BTreeSet<PathBuf>,
    ) -> SlowFacts {
        let (budget, requests) = match purpose {
            Purpose::Hook => (&self.hook, "hook requests"),
            Purpose::Challenge => (&self.challenges, "challenges"),
        };
        let _place = budget.enter(uid).await;
        let request = if named.is_empty() { json!({}) } else { json!({ "named_files": named }) };
        let Ok(folder) = held.folder() else { return SlowFacts::default() };
        let key =
            Key { of: format!("{requests} of uid {uid}"), what: format!("process {} of uid {uid}", held.process.pid) };
        self.read(key, &request, Some(folder))
            .await
            .map_or_else(|_| SlowFacts::default(), |it| SlowFacts::from_json(&it))
    }

    /// Reads a pid file, in half a second at most. The file may be a user's own, on a file system of that user.
    ///
    /// # Errors
    /// Those of [`PidFile::read`], and [`io::ErrorKind::TimedOut`] where the read does not end, or rests after such a read.
    pub async fn pid_file(&self, path: &Path) -> io::Result<PidFile> {
        let of = format!("the file {}", path.display());
        let report = self.read(Key { what: of.clone(), of }, &json!({ "pid_file": path }), None).await?;
        match report.get("error").and_then(Value::as_str) {
            Some(error) => Err(kind(error).into()),
            None => PidFile::from_json(&report).ok_or(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Reads that did not end since the agent's start, and what the last one was about.
    #[must_use]
    pub fn unfinished(&self) -> (u64, Option<String>) {
        state(&self.state).unfinished.so_far()
    }

    async fn read(&self, key: Key, request: &Value, folder: Option<OwnedFd>) -> io::Result<Value> {
        if self.rests(&key.of) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut reader = match self.idle().pop() {
            Some(reader) => reader,
            None => Reader::start(Arc::clone(&self.state))?,
        };
        reader.reads = Some(key);
        let asked = tokio::time::timeout(WITHIN, reader.ask(request, folder)).await;
        let report = match asked {
            Ok(report) => report,
            // Dropped, and so killed.
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        reader.reads = None;
        let report = report?;
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(reader);
        }
        Ok(report)
    }

    fn rests(&self, key: &str) -> bool {
        let mut state = state(&self.state);
        state.left.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
        state.left.iter().filter(|(of, _)| of == key).count() >= LEFT || state.unfinished.rests(key, Instant::now())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic elsewhere does not make it wrong: each change is whole.
fn state(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose reads rest after one that did not end, and what is read, for people.
#[derive(Debug)]
struct Key {
    of: String,
    what: String,
}

/// One child.
#[derive(Debug)]
struct Reader {
    child: Option<Child>,
    line: UnixStream,
    state: Arc<Mutex<State>>,
    /// What it reads now, if it has not ended.
    reads: Option<Key>,
}

impl Reader {
    fn start(state: Arc<Mutex<State>>) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new("/proc/self/exe");
        let command = command.arg(COMMAND).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).kill_on_drop(true);
        Ok(Self { child: Some(command.spawn()?), line: UnixStream::from_std(ours)?, state, reads: None })
    }

    async fn ask(&mut self, request: &Value, folder: Option<OwnedFd>) -> io::Result<Value> {
        let mut text = request.to_string().into_bytes();
        text.push(b'\n');
        self.line.writable().await?;
        let sent = self.line.try_io(Interest::WRITABLE, || send(&self.line, &text, folder.as_ref()))?;
        self.line.write_all(text.get(sent..).unwrap_or_default()).await?;
        let mut report = Vec::with_capacity(4096);
        while report.last() != Some(&b'\n') {
            if self.line.read_buf(&mut report).await? == 0 || report.len() > LONGEST {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(serde_json::from_slice(&report)?)
    }
}

impl Drop for Reader {
    /// A child that still reads is killed: its read did not end, or its request was dropped. One that is idle ends by itself when
    /// its standard input closes.
    fn drop(&mut self) {
        let (Some(key), Some(mut child)) = (self.reads.take(), self.child.take()) else { return };
        // It may have ended.
        let _ = child.start_kill();
        let warning = {
            let mut state = state(&self.state);
            state.left.push((key.of.clone(), child));
            state.unfinished.count(key.of, &key.what, Instant::now())
        };
        log::warning(&warning);
    }
}

fn send(line: &UnixStream, text: &[u8], folder: Option<&OwnedFd>) -> io::Result<usize> {
    let descriptors: Vec<_> = folder.iter().map(|folder| folder.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    Ok(sendmsg(line, &[IoSlice::new(text)], &mut beside, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
}

/// The errors of [`PidFile::read`] that callers tell apart, as words for the report.
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
