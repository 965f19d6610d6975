//! Writing records. One of the files with effects. A record that cannot be written is an error, and the answer is then a
//! refusal.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixDatagram as StdDatagram},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::UnixDatagram;

use crate::{
    audit::{
        coalesce::{Counted, Flood},
        record::{Decision, Entry, Outcome, RecordId},
    },
    base::log,
};

/// journald's own socket. It is looked at, and not asked through a library: `sd_journal_send` reports success where there
/// is no journal at all.
pub const JOURNAL: &str = "/run/systemd/journal/socket";
/// The MESSAGE_ID of a decision and its outcome.
pub const MESSAGE_ID: &str = "062650a6bb21482cb26e15a767235462";
/// How long a full journal is waited for.
const DEADLINE: Duration = Duration::from_secs(2);
/// PIPE_BUF: what a pipe that can be written to takes at once.
const ATOMIC: usize = 4096;

/// Where records go.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    flood: Mutex<Flood>,
}

#[derive(Debug)]
enum Sink {
    Journal(PathBuf),
    Stderr,
}

/// A decision that is on record and has no outcome yet.
#[derive(Debug)]
#[must_use]
pub enum Open {
    /// With an entry of its own.
    Own(RecordId),
    /// A refusal among equal ones, which get one entry together within a second.
    Counted,
}

impl Open {
    /// The id, for others to hear; a counted one has none.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Own(id) => Some(id.to_string()),
            Self::Counted => None,
        }
    }
}

/// An outcome that is still to be put on record.
#[derive(Debug)]
#[must_use]
pub struct Ending {
    /// The decision's record.
    pub record: Open,
    /// How it ended.
    pub outcome: Outcome,
    /// Since the arrival of the question.
    pub took: Duration,
}

impl Recorder {
    /// Records go to the journal where there is one at this moment, and must go there from then on; else to stderr.
    #[must_use]
    pub fn for_host() -> Self {
        let journal = Path::new(JOURNAL);
        Self::to(if journal.exists() { Sink::Journal(journal.to_owned()) } else { Sink::Stderr })
    }

    /// A journal of a test's.
    #[cfg(test)]
    pub(crate) fn to_socket(socket: &Path) -> Self {
        Self::to(Sink::Journal(socket.to_owned()))
    }

    fn to(sink: Sink) -> Self {
        Self { sink, flood: Mutex::default() }
    }

    /// Puts a decision on record.
    ///
    /// # Errors
    /// It is not on record: the answer must be a refusal.
    pub async fn open(&self, decision: &Decision<'_>) -> io::Result<Open> {
        let id = RecordId::random()?;
        let entry = Entry::decision(&id, decision);
        let grants = decision.verdict.answer().grants();
        if !grants && self.flood().counts(Instant::now(), decision.uid, decision.kind(), &entry) {
            return Ok(Open::Counted);
        }
        self.write(&entry).await?;
        Ok(Open::Own(id))
    }

    /// Puts somebody's word on a question on record.
    ///
    /// # Errors
    /// It is not on record: the word must not count.
    pub async fn word(&self, entry: &Entry) -> io::Result<()> {
        self.write(entry).await
    }

    /// Whether an entry would be taken now. Nothing is written.
    ///
    /// # Errors
    /// It would not.
    pub async fn is_taken(&self) -> io::Result<()> {
        match &self.sink {
            Sink::Journal(socket) => {
                let journal = UnixDatagram::from_std(connected(socket)?)?;
                tokio::time::timeout(DEADLINE, journal.writable()).await?
            }
            Sink::Stderr => Ok(()),
        }
    }

    /// Puts its outcome on record. That of a counted refusal is a refusal. Where the journal does not take it, the decision
    /// is on record all the same, and its outcome counts as unknown.
    pub async fn close(&self, Ending { record, outcome, took }: Ending) {
        let Open::Own(id) = record else { return };
        if let Err(error) = self.write(&Entry::outcome(&id, &outcome, took.as_micros())).await {
            log::warning(&format!("the outcome of a decision could not be recorded: {error}"));
        }
    }

    /// Puts what was counted on record: to be called once a second, and at the end.
    ///
    /// # Errors
    /// Some of it is not on record.
    pub async fn flush(&self) -> io::Result<()> {
        let counted = self.flood().take(Instant::now());
        for Counted { first, times } in counted {
            self.write(&first.repeated(times)).await?;
        }
        Ok(())
    }

    /// A panic elsewhere does not make the counts wrong.
    fn flood(&self) -> MutexGuard<'_, Flood> {
        self.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, entry: &Entry) -> io::Result<()> {
        match &self.sink {
            Sink::Journal(socket) => {
                let datagram = to_journal(entry);
                tokio::time::timeout(DEADLINE, send(socket, &datagram)).await?
            }
            Sink::Stderr => {
                let line = format!("polkit-service-agent: {entry}\n");
                if line.len() <= ATOMIC && takes(io::stderr()) {
                    return io::Write::write_all(&mut io::stderr(), line.as_bytes());
                }
                let written =
                    tokio::task::spawn_blocking(move || io::Write::write_all(&mut io::stderr(), line.as_bytes()));
                tokio::time::timeout(DEADLINE, written).await??
            }
        }
    }
}

/// Whether a short write to it would not be waited for.
fn takes(file: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&file, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds.iter().all(|fd| fd.revents() == PollFlags::OUT)
}

/// Connected, so that a full queue is waited for and not spun upon. A socket for each entry costs some microseconds and
/// survives every restart of journald.
async fn send(socket: &Path, datagram: &[u8]) -> io::Result<()> {
    let journal = connected(socket)?;
    let sent = match journal.send(datagram) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            UnixDatagram::from_std(journal)?.send(datagram).await?
        }
        sent => sent?,
    };
    if sent == datagram.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn connected(socket: &Path) -> io::Result<StdDatagram> {
    let journal = StdDatagram::unbound()?;
    journal.set_nonblocking(true)?;
    journal.connect(socket)?;
    Ok(journal)
}

/// journald's native protocol. Every value is escaped text without line breaks, so the short form serves for all.
fn to_journal(entry: &Entry) -> Vec<u8> {
    let mut text = format!(
        "MESSAGE={}\nMESSAGE_ID={MESSAGE_ID}\nPRIORITY={}\nSYSLOG_IDENTIFIER=polkit-service-agent\n",
        entry.message, entry.priority
    );
    for (key, value) in &entry.fields {
        text.push_str(&format!("POLKIT_AGENT_{key}={value}\n"));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests;
