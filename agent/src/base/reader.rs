//! Reads that may never return, done in child processes that the agent kills when they take too long. One of the files with
//! effects: it starts this program once more, and sends it a request and a descriptor.
//!
//! A child serves one request at a time. The agent keeps it for the next request. A child that does not reply in time is killed. If
//! the kernel does not let the child end (a FUSE server that took a request and does not respond), the agent abandons the child. It
//! ends when the file system responds, or with the agent's unit.

mod child;
mod unfinished;

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as StdStream,
    },
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polkit_types::SubjectUid;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::UnixStream,
    process::{Child, Command},
};

pub use self::child::run;
use self::unfinished::Unfinished;
use crate::base::budget::Budget;

/// The command of the child.
pub const COMMAND: &str = "read-slow-facts";
/// The longest request or report, in bytes: a report of a thousand named files is a tenth of it.
const LONGEST: usize = 1 << 20;
/// The time limit of one read. A read that returns takes microseconds.
const WITHIN: Duration = Duration::from_millis(500);
/// The number of simultaneous reads for one purpose, and of one uid.
const AT_ONCE: usize = 8;
const AT_ONCE_OF_UID: usize = 2;
/// The number of children that are kept for the next request.
const IDLE: usize = 2;
/// If this many killed children of one key have not ended, no more is read for that key.
const LEFT: usize = 2;

/// The purpose of a read. Each purpose has places of its own, so that one cannot use up the places of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A hook request.
    Hook,
    /// A challenge.
    Challenge,
}

/// The children and their budgets, for the whole agent.
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
    /// Killed children with their keys, until they have ended.
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
    /// Reads for a request of this uid, when a place is free. See [`Readers::read`].
    ///
    /// # Errors
    /// Those of [`Readers::read`].
    pub async fn read_for(
        &self,
        purpose: Purpose,
        uid: SubjectUid,
        key: Key,
        request: &Value,
        folder: OwnedFd,
    ) -> io::Result<Value> {
        let budget = match purpose {
            Purpose::Hook => &self.hook,
            Purpose::Challenge => &self.challenges,
        };
        let _place = budget.enter(uid).await;
        self.read(key, request, Some(folder)).await
    }

    /// The number of reads that did not return since the start of the agent, and what the last one read.
    #[must_use]
    pub fn unfinished(&self) -> (u64, Option<String>) {
        state(&self.state).unfinished.so_far()
    }

    /// Sends a request to a child, with a descriptor if it needs one, and returns the report. Takes half a second at most.
    /// Cancel-safe: a dropped call kills its child.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if the read does not return in time, and while reads of this key rest after such a read.
    pub async fn read(&self, key: Key, request: &Value, folder: Option<OwnedFd>) -> io::Result<Value> {
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

/// A panic elsewhere leaves the state intact: each change is one call.
fn state(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of a read.
#[derive(Debug)]
pub struct Key {
    /// The reads that rest after a read that did not return, for people.
    pub of: String,
    /// What is read, for people.
    pub what: String,
}

/// One child.
#[derive(Debug)]
struct Reader {
    child: Option<Child>,
    line: UnixStream,
    state: Arc<Mutex<State>>,
    /// The key of the current read.
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
    /// Kills a child that still reads: its read did not return, or the caller dropped the request. An idle child ends by itself when
    /// its standard input closes.
    fn drop(&mut self) {
        let (Some(key), Some(mut child)) = (self.reads.take(), self.child.take()) else { return };
        // Fails if the child has ended.
        let _ = child.start_kill();
        let warning = {
            let mut state = state(&self.state);
            state.left.push((key.of.clone(), child));
            state.unfinished.count(key.of, &key.what, Instant::now())
        };
        tracing::warn!("{warning}");
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};

    use super::*;

    impl Readers {
        /// Readers whose child gives this report on every process.
        pub(crate) fn of(report: &Value) -> Self {
            let (ours, theirs) = StdStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let line = format!("{report}\n");
            std::thread::spawn(move || {
                for request in BufReader::new(&theirs).lines() {
                    let _ = request.and_then(|_| (&theirs).write_all(line.as_bytes()));
                }
            });
            let readers = Self::default();
            let state = Arc::clone(&readers.state);
            let reader = Reader { child: None, line: UnixStream::from_std(ours).unwrap(), state, reads: None };
            readers.idle().push(reader);
            readers
        }
    }

    /// Asks a child that replies with this line.
    async fn replied(line: Vec<u8>) -> io::Result<Value> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let state = Arc::new(Mutex::new(State { unfinished: Unfinished::new(), left: Vec::new() }));
        let mut reader = Reader { child: None, line: UnixStream::from_std(ours)?, state, reads: None };
        let child = std::thread::spawn(move || {
            let mut request = String::new();
            BufReader::new(&theirs).read_line(&mut request).unwrap();
            // Fails if the reader has refused the report.
            let _ = (&theirs).write_all(&line);
            request
        });
        let report = reader.ask(&serde_json::json!({ "named_files": [] }), None).await;
        drop(reader);
        assert_eq!(child.join().unwrap(), "{\"named_files\":[]}\n");
        report
    }

    fn text(length: usize) -> Vec<u8> {
        format!("\"{}\"\n", "x".repeat(length)).into_bytes()
    }

    #[tokio::test]
    async fn a_report_is_one_line_of_json_of_at_most_one_mebibyte() {
        assert_eq!(replied(b"{\"exe\": null}\n".to_vec()).await.unwrap(), serde_json::json!({ "exe": null }));
        assert!(replied(text(LONGEST / 2)).await.unwrap().is_string());
        assert!(replied(text(LONGEST - 3)).await.is_ok(), "exactly the longest");
        for length in [LONGEST - 2, 2 * LONGEST] {
            assert_eq!(replied(text(length)).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{length}");
        }
    }

    #[tokio::test]
    async fn a_report_that_ends_early_or_is_no_json_is_an_error() {
        for line in [&b""[..], b"{\"exe\": null}", b"garbage\n"] {
            assert!(replied(line.to_vec()).await.is_err(), "{line:?}");
        }
    }

    #[tokio::test]
    async fn a_key_rests_after_a_read_that_did_not_return_or_while_its_children_live() {
        let readers = Readers::default();
        let key = |of: &str| Key { of: of.into(), what: "x".into() };
        assert!(!readers.rests("a"));
        state(&readers.state).unfinished.count("a".into(), "x", Instant::now());
        assert!(readers.rests("a") && !readers.rests("b"));
        let refused = readers.read(key("a"), &serde_json::json!({}), None).await.unwrap_err();
        assert_eq!((refused.kind(), readers.unfinished()), (io::ErrorKind::TimedOut, (1, Some("x".to_owned()))));
        let sleeps = || Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
        for _ in 0..LEFT {
            assert!(!readers.rests("b"));
            state(&readers.state).left.push(("b".into(), sleeps()));
        }
        assert!(readers.rests("b") && !readers.rests("c"), "only children of this key count");
        let mut left = std::mem::take(&mut state(&readers.state).left);
        let (_, mut first) = left.remove(0);
        first.kill().await.unwrap();
        left.push(("b".into(), first));
        state(&readers.state).left = left;
        assert!(!readers.rests("b"), "a child that has ended does not count");
    }

    #[tokio::test]
    async fn a_descriptor_goes_with_its_request() {
        let (ours, theirs) = StdStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let opened = OwnedFd::from(std::fs::File::open(folder.path()).unwrap());
        for with in [Some(&opened), None] {
            assert_eq!(send(&ours, b"{}\n", with).unwrap(), 3);
            let (request, received) = child::receive(&theirs).unwrap();
            assert_eq!((request, received.is_some()), (serde_json::json!({}), with.is_some()));
            let inode = |file: &OwnedFd| rustix::fs::fstat(file).unwrap().st_ino;
            assert_eq!(received.as_ref().map(inode), with.map(inode));
        }
    }
}
