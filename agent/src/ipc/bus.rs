//! The agent on the system bus: `io.github.polkit_service_agent.Agent1`. The bus policy says who may call what, and who hears of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::Connection;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use zbus::{DBusError, fdo, message::Header, object_server::SignalEmitter};

use crate::{
    answer::{
        approver::{self, Stranger},
        challenge::{News, Road},
    },
    audit::{
        approval_queue::{Approval, Refusal, Waiting},
        record::Entry,
    },
    register::status::Status,
    rules::facts::{Approver, LoginUid},
};

/// Bus name and interface.
pub const NAME: &str = "io.github.polkit_service_agent.Agent1";
/// The one object.
pub const PATH: &str = "/io/github/polkit_service_agent/Agent1";

/// What a caller is told that is refused: errors of the agent's own, so that none of the bus's is taken for one.
#[derive(Debug, DBusError)]
#[zbus(prefix = "io.github.polkit_service_agent.Agent1.Error")]
enum Error {
    /// Of zbus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The word does not count, and why.
    Refused(String),
}

/// What stands behind the object.
struct Agent1 {
    status: watch::Receiver<Arc<Status>>,
    road: Arc<Road>,
    connection: Connection,
}

#[zbus::interface(name = "io.github.polkit_service_agent.Agent1")]
impl Agent1 {
    /// What is served, as one JSON object: see `status --json` in the manual.
    fn status(&self) -> String {
        let mut status = self.status.borrow().to_json();
        if let Some(pending) = status.get_mut("pending") {
            *pending = self.pending().into();
        }
        status.to_string()
    }

    /// The questions that wait, as a JSON list: see `pending --json` in the manual. Command lines are for root alone.
    async fn list_pending(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<String> {
        let asks_root = self.caller(&header).await? == 0;
        let now = Instant::now();
        let waiting = self.road.ledger.waiting(now);
        Ok(Value::from_iter(waiting.iter().map(|(id, question)| to_json(id, question, asks_root, now))).to_string())
    }

    /// Approves a question: for one answer, or as often as it is asked within so many seconds, where that is not 0.
    async fn approve(&self, #[zbus(header)] header: Header<'_>, id: &str, seconds: u64) -> Result<(), Error> {
        let length = (seconds > 0).then(|| Duration::from_secs(seconds));
        let approver = self.approver(&header).await?;
        let question = self.road.ledger.answerable(id, approver, length.unwrap_or_default(), Instant::now())?;
        self.record(&Entry::word(id, true, &question, approver, length)).await?;
        // A reload may have come in between.
        if self.road.ledger.approve(id, approver, length, Instant::now()) {
            Ok(())
        } else {
            Err(Refusal::Unknown.into())
        }
    }

    /// Takes a question away, or what was approved of it: what it was about is refused from then on.
    async fn deny(&self, #[zbus(header)] header: Header<'_>, id: &str) -> Result<(), Error> {
        let approver = self.approver(&header).await?;
        let question = self.road.ledger.deniable(id, approver, Instant::now())?;
        // It counts without a record, too: it gives nothing away.
        self.road.ledger.deny(id);
        self.record(&Entry::word(id, false, &question, approver, None)).await
    }

    /// What is approved, as a JSON list: see `pending --approved --json` in the manual.
    async fn list_approved(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<String> {
        let asks_root = self.caller(&header).await? == 0;
        let now = Instant::now();
        let approvals = self.road.ledger.approvals(now);
        Ok(Value::from_iter(approvals.iter().map(|approval| approval_to_json(approval, asks_root, now))).to_string())
    }

    /// The agent's version.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// polkitd's version; empty while there is no polkitd.
    #[zbus(property(emits_changed_signal = "false"))]
    fn polkit_version(&self) -> String {
        self.status.borrow().polkit.clone().unwrap_or_default()
    }

    /// How many registrations there are.
    #[zbus(property(emits_changed_signal = "false"))]
    fn registrations(&self) -> u64 {
        self.status.borrow().registrations as u64
    }

    /// How many questions wait for a person.
    #[zbus(property(emits_changed_signal = "false"))]
    fn pending(&self) -> u64 {
        self.road.ledger.count(Instant::now()) as u64
    }

    /// Registrations by which this polkitd may have lost descriptors.
    #[zbus(property(emits_changed_signal = "false"))]
    fn leaked(&self) -> u64 {
        self.status.borrow().leaked
    }

    /// Processes and sessions that are to be served and were not registered, for want of room.
    #[zbus(property(emits_changed_signal = "false"))]
    fn over_limit(&self) -> u64 {
        self.status.borrow().served.iter().map(|served| served.over_limit as u64).sum()
    }

    /// A decision is on record under that id.
    #[zbus(signal)]
    async fn decision(emitter: &SignalEmitter<'_>, record: &str) -> zbus::Result<()>;

    /// A question waits for a person under that id.
    #[zbus(signal)]
    async fn pending_added(emitter: &SignalEmitter<'_>, id: &str) -> zbus::Result<()>;
}

impl Agent1 {
    /// Whose word it is. The bus knows that by the connection's unique name, which no other connection ever gets.
    async fn approver(&self, header: &Header<'_>) -> Result<Approver, Error> {
        let sender = header.sender().ok_or(Error::ZBus(zbus::Error::MissingField))?;
        Ok(approver::identify(&self.connection, sender.as_str()).await?)
    }

    /// The uid of a caller who only asks to be shown something.
    async fn caller(&self, header: &Header<'_>) -> zbus::Result<u32> {
        const BUS: &str = "org.freedesktop.DBus";
        let sender = header.sender().ok_or(zbus::Error::MissingField)?;
        let path = "/org/freedesktop/DBus";
        let uid = self.connection.call_method(Some(BUS), path, Some(BUS), "GetConnectionUnixUser", &sender).await?;
        uid.body().deserialize()
    }

    async fn record(&self, word: &Entry) -> Result<(), Error> {
        let written = self.road.recorder.word(word).await;
        written.map_err(|error| Error::Refused(format!("it is not on record: {error}")))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

impl From<Stranger> for Error {
    fn from(stranger: Stranger) -> Self {
        Self::Refused(stranger.to_string())
    }
}

fn approval_to_json(approval: &Approval, with_command_line: bool, now: Instant) -> Value {
    let mut json = to_json(&approval.id, &approval.question, with_command_line, now);
    if let Some(keys) = json.as_object_mut() {
        keys.insert("approver".into(), approval.approver.uid.get().into());
        keys.insert("approver_login".into(), approval.approver.login.map(LoginUid::get).into());
        keys.insert("once".into(), approval.once.into());
        keys.insert("left".into(), approval.until.saturating_duration_since(now).as_secs().into());
    }
    json
}

fn to_json(id: &str, question: &Waiting, with_command_line: bool, now: Instant) -> Value {
    let described = &question.described;
    let command_line = described.command_line.as_ref().filter(|_| with_command_line);
    json!({
        "id": id,
        "rule": question.rule(),
        "action": question.action(),
        "uid": question.uid().get(),
        "user": described.user,
        "unit": described.unit,
        "session": question.session(),
        "pid": question.pid.get(),
        "login_uid": question.login().map(LoginUid::get),
        "exe": described.exe,
        "command_line": command_line,
        "claims": { "exe": described.exe_claimed, "command_line": command_line },
        "age": now.duration_since(question.first).as_secs(),
        "times": question.times,
    })
}

/// Takes the name, and tells what is heard of. The bus policy lets root own it.
///
/// # Errors
/// Where the bus policy is not installed, or somebody else has the name. The agent's work does not need it.
pub async fn publish(
    connection: &Connection,
    status: watch::Receiver<Arc<Status>>,
    road: Arc<Road>,
    mut heard: mpsc::Receiver<News>,
) -> Result<(), String> {
    let server = connection.object_server();
    let object = Agent1 { status, road, connection: connection.clone() };
    server.at(PATH, object).await.map_err(|error| error.to_string())?;
    connection.request_name(NAME).await.map_err(|error| error.to_string())?;
    let emitter = SignalEmitter::new(connection, PATH).map_err(|error| error.to_string())?.into_owned();
    tokio::spawn(async move {
        while let Some(news) = heard.recv().await {
            // A bus that is gone ends the agent elsewhere.
            let _ = match news {
                News::Decision(record) => Agent1::decision(&emitter, &record).await,
                News::Pending(id) => Agent1::pending_added(&emitter, &id).await,
            };
        }
    });
    Ok(())
}
