//! Writes records. One of the files with effects. If a record cannot be written, the caller must refuse.

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
    base::coalesce::{Coalescer, Repeated},
    kernel::audit::{
        decision::{DecisionRecord, Outcome},
        record::{JournalEntry, RecordId},
    },
};

/// journald's own socket. The agent does not use `sd_journal_send`: that function reports success without a journal.
pub const JOURNAL: &str = "/run/systemd/journal/socket";
/// The MESSAGE_ID of all records.
pub const MESSAGE_ID: &str = "062650a6bb21482cb26e15a767235462";
/// How long a write waits for a full journal.
const DEADLINE: Duration = Duration::from_secs(2);
/// PIPE_BUF: a writable pipe takes this many bytes at once.
const ATOMIC: usize = 4096;

/// Writes records to the journal or to stderr.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    refusals: Mutex<Coalescer<JournalEntry>>,
}

#[derive(Debug)]
enum Sink {
    Journal(PathBuf),
    Stderr,
}

/// A recorded decision without an outcome.
#[derive(Debug)]
#[must_use]
pub enum OpenRecord {
    /// The decision has an entry of its own.
    Own(RecordId),
    /// A refusal that shares one entry with equal refusals of the same second.
    Counted,
}

impl OpenRecord {
    /// The id. A counted refusal has none.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Own(id) => Some(id.to_string()),
            Self::Counted => None,
        }
    }
}

/// An outcome that must still be recorded.
#[derive(Debug)]
#[must_use]
pub struct PendingOutcome {
    /// The record of the decision.
    pub record: OpenRecord,
    /// The outcome.
    pub outcome: Outcome,
    /// The time since the arrival of the request.
    pub took: Duration,
}

impl Recorder {
    /// Writes to the journal if there is a journal now, and then to no other place. Else writes to stderr.
    #[must_use]
    pub fn for_host() -> Self {
        let journal = Path::new(JOURNAL);
        Self::to(if journal.exists() { Sink::Journal(journal.to_owned()) } else { Sink::Stderr })
    }

    /// Writes to a test's socket.
    #[cfg(test)]
    pub(crate) fn to_socket(socket: &Path) -> Self {
        Self::to(Sink::Journal(socket.to_owned()))
    }

    fn to(sink: Sink) -> Self {
        Self { sink, refusals: Mutex::default() }
    }

    /// Records a decision under this id.
    ///
    /// # Errors
    /// The decision is not recorded: the reply must be a refusal.
    pub async fn open(&self, id: RecordId, decision: &DecisionRecord<'_>) -> io::Result<OpenRecord> {
        let entry = JournalEntry::decision(&id, decision);
        let grants = decision.verdict.answer().grants();
        if !grants && self.refusals().counts(Instant::now(), decision.uid, decision.kind(), &entry) {
            return Ok(OpenRecord::Counted);
        }
        self.write(&entry).await?;
        Ok(OpenRecord::Own(id))
    }

    /// Records an approval or a denial.
    ///
    /// # Errors
    /// The entry is not recorded: an approval must not count.
    pub async fn approval(&self, entry: &JournalEntry) -> io::Result<()> {
        self.write(entry).await
    }

    /// Whether the journal would accept an entry now. Writes nothing.
    ///
    /// # Errors
    /// The journal would not accept an entry.
    pub async fn is_ready(&self) -> io::Result<()> {
        match &self.sink {
            Sink::Journal(socket) => {
                let journal = UnixDatagram::from_std(connected(socket)?)?;
                tokio::time::timeout(DEADLINE, journal.writable()).await?
            }
            Sink::Stderr => Ok(()),
        }
    }

    /// Records an outcome. A counted refusal has no entry for it. If the journal does not accept the entry, the outcome counts as
    /// unknown; the decision is recorded already.
    pub async fn close(&self, PendingOutcome { record, outcome, took }: PendingOutcome) {
        let OpenRecord::Own(id) = record else { return };
        if let Err(error) = self.write(&JournalEntry::outcome(&id, &outcome, took.as_micros())).await {
            tracing::warn!(%id, "cannot record the outcome of a decision: {error}");
        }
    }

    /// Records the counted refusals. To be called once a second, and at the end.
    ///
    /// # Errors
    /// Some refusals are not recorded.
    pub async fn flush(&self) -> io::Result<()> {
        let counted = self.refusals().take(Instant::now());
        for Repeated { first, times } in counted {
            self.write(&first.repeated(times)).await?;
        }
        Ok(())
    }

    /// A panic elsewhere leaves the counts intact.
    fn refusals(&self) -> MutexGuard<'_, Coalescer<JournalEntry>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, entry: &JournalEntry) -> io::Result<()> {
        match &self.sink {
            Sink::Journal(socket) => {
                let datagram = to_journal(entry);
                tokio::time::timeout(DEADLINE, send(socket, &datagram)).await?
            }
            Sink::Stderr => {
                let line = format!("polkit-service-agent: {entry}\n");
                if fits(&line, io::stderr()) {
                    return write_all(line.as_bytes());
                }
                let written = tokio::task::spawn_blocking(move || write_all(line.as_bytes()));
                tokio::time::timeout(DEADLINE, written).await??
            }
        }
    }
}

/// Writes to stderr without the lock of the standard library: a thread that waits for a full pipe would keep it.
fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(io::stderr(), bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Whether this line can be written at once: a longer one, or one to a full pipe, could block.
fn fits(line: &str, file: impl AsFd) -> bool {
    line.len() <= ATOMIC && takes(file)
}

/// Whether a short write to this file would not block.
fn takes(file: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&file, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds.iter().all(|fd| fd.revents() == PollFlags::OUT)
}

/// Sends over a connected socket, so that a full queue can be waited for. A socket for each entry costs microseconds, and works after
/// every restart of journald.
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

/// Formats an entry for journald's native protocol. Every value is escaped text without line breaks, so the short form suffices.
fn to_journal(entry: &JournalEntry) -> Vec<u8> {
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
