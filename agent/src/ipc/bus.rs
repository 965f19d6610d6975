//! The agent on the system bus: `io.github.polkit_service_agent.Agent1`. The bus policy limits the callers and the receivers of
//! signals. One of the files with effects.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::{
    approval_queue::{Approval, PendingRequest},
    facts::LoginUid,
};
use polkit_dbus::Connection;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use zbus::{DBusError, fdo, message::Header, object_server::SignalEmitter};

use crate::{
    ipc::log_control::{self, LogControl},
    kernel::answer::{
        approvals::{self, ApprovalError},
        context::{Context, Event},
    },
    register::status::Status,
};

/// The bus name and the interface.
pub const NAME: &str = "io.github.polkit_service_agent.Agent1";
/// The object.
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
    /// The new configuration is not in force, and why.
    NotInForce(String),
}

/// A caller of `Reload`, who waits for the result.
pub type ReloadReply = oneshot::Sender<Result<(), String>>;

/// What stands behind the object.
struct Agent1 {
    status: watch::Receiver<Arc<Status>>,
    context: Arc<Context>,
    connection: Connection,
    reloads: mpsc::Sender<ReloadReply>,
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

    /// The requests that wait, as a JSON list: see `pending --json` in the manual. Only root sees command lines.
    async fn list_pending(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<String> {
        let for_root = self.caller(&header).await? == 0;
        let now = Instant::now();
        Ok(self.context.state.queue(|queue| {
            Value::from_iter(queue.list(now).map(|(id, request)| to_json(id, request, for_root, now))).to_string()
        }))
    }

    /// Approves a request: once, or any number of times within `seconds` if that is not 0.
    async fn approve(&self, #[zbus(header)] header: Header<'_>, id: &str, seconds: u64) -> Result<(), Error> {
        let validity = (seconds > 0).then(|| Duration::from_secs(seconds));
        Ok(approvals::approve(&self.context, &self.connection, sender(&header)?, id, validity).await?)
    }

    /// Denies a request, or revokes its approval.
    async fn deny(&self, #[zbus(header)] header: Header<'_>, id: &str) -> Result<(), Error> {
        Ok(approvals::deny(&self.context, &self.connection, sender(&header)?, id).await?)
    }

    /// Reads the configuration again. Returns when the new configuration is in force. Only root may call it.
    async fn reload(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        if self.caller(&header).await? != 0 {
            return Err(Error::Refused("only root may reload the agent".into()));
        }
        let (reply, result) = oneshot::channel();
        let ends = |_| Error::NotInForce("the agent ends".into());
        self.reloads.send(reply).await.map_err(|_| Error::NotInForce("the agent ends".into()))?;
        result.await.map_err(ends)?.map_err(Error::NotInForce)
    }

    /// The valid approvals, as a JSON list: see `pending --approved --json` in the manual.
    async fn list_approved(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<String> {
        let for_root = self.caller(&header).await? == 0;
        let now = Instant::now();
        Ok(self.context.state.queue(|queue| {
            Value::from_iter(queue.approvals(now).map(|approval| approval_to_json(approval, for_root, now))).to_string()
        }))
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
        self.count() as u64
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
    /// The uid of the caller of a method that only reads.
    async fn caller(&self, header: &Header<'_>) -> zbus::Result<u32> {
        const BUS: &str = "org.freedesktop.DBus";
        let sender = sender(header)?;
        let path = "/org/freedesktop/DBus";
        let uid = self.connection.call_method(Some(BUS), path, Some(BUS), "GetConnectionUnixUser", &sender).await?;
        uid.body().deserialize()
    }

    fn count(&self) -> usize {
        self.context.state.queue(|queue| queue.list(Instant::now()).count())
    }
}

/// The unique name of the caller. The bus never gives it to another connection.
fn sender<'a>(header: &'a Header<'_>) -> zbus::Result<&'a str> {
    header.sender().map(|name| name.as_str()).ok_or(zbus::Error::MissingField)
}

impl From<ApprovalError> for Error {
    fn from(error: ApprovalError) -> Self {
        Self::Refused(error.to_string())
    }
}

fn approval_to_json(approval: &Approval, with_command_line: bool, now: Instant) -> Value {
    let mut json = to_json(&approval.id, &approval.request, with_command_line, now);
    if let Some(keys) = json.as_object_mut() {
        keys.insert("approver".into(), approval.approver.uid.get().into());
        keys.insert("approver_login".into(), approval.approver.login.map(LoginUid::get).into());
        keys.insert("once".into(), approval.once.into());
        keys.insert("left".into(), approval.until.saturating_duration_since(now).as_secs().into());
    }
    json
}

fn to_json(id: &str, request: &PendingRequest, with_command_line: bool, now: Instant) -> Value {
    let info = &request.info;
    let command_line = info.command_line.as_ref().filter(|_| with_command_line);
    json!({
        "id": id,
        "rule": request.rule(),
        "action": request.action(),
        "uid": request.uid().get(),
        "user": info.user,
        "unit": info.unit,
        "session": request.session(),
        "pid": request.pid.get(),
        "login_uid": request.login().map(LoginUid::get),
        "exe": info.exe,
        "command_line": command_line,
        "claims": { "exe": info.exe_claimed, "command_line": command_line },
        "age": now.duration_since(request.first).as_secs(),
        "times": request.times,
    })
}

/// Takes the bus name, and publishes events. The bus policy lets root own the name.
///
/// # Errors
/// The bus policy is not installed, or another connection owns the name. The agent works without the name.
pub async fn publish(
    connection: &Connection,
    status: watch::Receiver<Arc<Status>>,
    context: Arc<Context>,
    mut heard: mpsc::Receiver<Event>,
    reloads: mpsc::Sender<ReloadReply>,
) -> Result<(), String> {
    let server = connection.object_server();
    server.at(log_control::PATH, LogControl::new(connection)).await.map_err(|error| error.to_string())?;
    let object = Agent1 { status, context, connection: connection.clone(), reloads };
    server.at(PATH, object).await.map_err(|error| error.to_string())?;
    connection.request_name(NAME).await.map_err(|error| error.to_string())?;
    let emitter = SignalEmitter::new(connection, PATH).map_err(|error| error.to_string())?.into_owned();
    tokio::spawn(async move {
        while let Some(news) = heard.recv().await {
            // A bus that is gone ends the agent elsewhere.
            let _ = match news {
                Event::Decision(record) => Agent1::decision(&emitter, &record).await,
                Event::Pending(id) => Agent1::pending_added(&emitter, &id).await,
            };
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
