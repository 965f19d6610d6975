//! Watches what polkitd is asked and what it replies, as a monitor of the bus. Only root can do this. A monitor sends nothing, so
//! neither polkitd nor the mechanisms can notice it.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    os::fd::{AsFd as _, OwnedFd},
};

use futures_util::StreamExt;
use zbus::{Connection, Message, MessageStream, OwnedVariant, Variant, message::Type};

use crate::{
    AuthorityError, Authorization, DecodeError, Interaction,
    owner::{AUTHORITY_NAME, ask_bus},
};

const BUS: &str = "org.freedesktop.DBus";
const CALL: &str = "type='method_call',interface='org.freedesktop.PolicyKit1.Authority',member='CheckAuthorization'";
const CLIENTS: &str = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";

/// A call of `CheckAuthorization`, by which its reply is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckId {
    /// The unique name of the mechanism.
    pub mechanism: String,
    /// The serial number of the call.
    pub serial: NonZeroU32,
}

/// A request that polkitd received.
#[derive(Debug)]
pub struct WatchedCheck {
    /// The call.
    pub id: CheckId,
    /// The subject, as the mechanism names it.
    pub subject: WatchedSubject,
    /// The action id.
    pub action: String,
    /// The details.
    pub details: BTreeMap<String, String>,
    /// Whether polkitd may ask an agent.
    pub interaction: Interaction,
}

/// The subject of a request. Every field is what the mechanism sent.
#[derive(Debug)]
pub enum WatchedSubject {
    /// A process.
    Process {
        /// The pid. polkit 124 and later do not need it beside a pidfd.
        pid: Option<u32>,
        /// The start time, in clock ticks since the system started.
        start_time: Option<u64>,
        /// The uid; mechanisms that use an old libpolkit send none.
        uid: Option<u32>,
        /// The pidfd, with which polkit 124 and later know the unit of the process.
        pidfd: Option<OwnedFd>,
    },
    /// The process that owns a name on the bus.
    BusName(String),
    /// A session of logind.
    Session(String),
}

/// polkitd's reply to a request.
#[derive(Debug)]
pub struct WatchedReply {
    /// The call.
    pub id: CheckId,
    /// The result; the text of an error if polkitd did not decide.
    pub result: Result<Authorization, String>,
}

/// A message to or from polkitd, or about a client of the bus.
#[derive(Debug)]
pub enum Watched {
    /// A client connected to the bus. It gets this unique name, which no other client gets.
    Connected(String),
    /// The client with this unique name is gone.
    Disconnected(String),
    /// polkitd was asked.
    Check(WatchedCheck),
    /// polkitd replied.
    Reply(WatchedReply),
}

/// A monitor of the requests to polkitd.
#[derive(Debug)]
pub struct CheckMonitor {
    stream: MessageStream,
}

impl CheckMonitor {
    /// Makes a connection to the system bus a monitor. Use the connection for nothing else.
    ///
    /// # Errors
    /// [`AuthorityError::Refused`] for users other than root, and bus errors.
    pub async fn new(connection: Connection) -> Result<Self, AuthorityError> {
        let stream = MessageStream::from(&connection);
        let reply = |kind: &str| format!("type='{kind}',sender='{AUTHORITY_NAME}'");
        let rules = [CALL.to_owned(), reply("method_return"), reply("error"), CLIENTS.to_owned()];
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let interface = "org.freedesktop.DBus.Monitoring";
        connection
            .call_method(Some(BUS), "/org/freedesktop/DBus", Some(interface), "BecomeMonitor", &(rules, 0_u32))
            .await?;
        Ok(Self { stream })
    }

    /// Waits for the next message. Messages that do not conform to polkit's interface are left out. Cancel-safe: no message is lost.
    ///
    /// # Errors
    /// [`AuthorityError::Bus`] if the connection is closed.
    pub async fn next(&mut self) -> Result<Watched, AuthorityError> {
        loop {
            let message = match self.stream.next().await {
                Some(message) => message?,
                None => return Err(AuthorityError::Bus(zbus::Error::Failure("the connection was closed".into()))),
            };
            if let Ok(Some(watched)) = decode(&message) {
                return Ok(watched);
            }
        }
    }
}

/// Decodes a message. Returns `None` for a signal about a name that is not unique.
fn decode(message: &Message) -> Result<Option<Watched>, DecodeError> {
    match message.message_type() {
        Type::MethodCall => check(message).map(Watched::Check).map(Some),
        Type::MethodReturn => reply(message, Ok(Authorization::decode(message)?)).map(Some),
        Type::Error => {
            let body = message.body();
            let text = body.deserialize::<&str>().map_or_else(|_| String::new(), str::to_owned);
            reply(message, Err(text)).map(Some)
        }
        Type::Signal => Ok(client(message)),
    }
}

/// Reads a signal about a unique name; `None` for one about another name.
fn client(message: &Message) -> Option<Watched> {
    if message.header().sender().is_none_or(|sender| sender.as_str() != BUS) {
        return None;
    }
    let body = message.body();
    let (name, _, new) = body.deserialize::<(&str, &str, &str)>().ok()?;
    let is_unique = name.starts_with(':');
    let watched = if new.is_empty() { Watched::Disconnected } else { Watched::Connected };
    is_unique.then(|| watched(name.to_owned()))
}

fn check(message: &Message) -> Result<WatchedCheck, DecodeError> {
    let header = message.header();
    let mechanism = header.sender().ok_or(DecodeError::Missing { field: "sender" })?.to_string();
    let serial = message.primary_header().serial_num();
    type Arguments = ((String, HashMap<String, OwnedVariant>), String, BTreeMap<String, String>, u32, String);
    let body = message.body();
    let ((kind, subject), action, details, flags, _): Arguments = body
        .deserialize()
        .map_err(|_| DecodeError::Type { field: "CheckAuthorization", expected: "(sa{sv})sa{ss}us" })?;
    let interaction = if flags & 1 == 1 { Interaction::Allowed } else { Interaction::Forbidden };
    let subject = WatchedSubject::decode(&kind, &subject)?;
    Ok(WatchedCheck { id: CheckId { mechanism, serial }, subject, action, details, interaction })
}

fn reply(message: &Message, result: Result<Authorization, String>) -> Result<Watched, DecodeError> {
    let header = message.header();
    let mechanism = header.destination().ok_or(DecodeError::Missing { field: "destination" })?.to_string();
    let serial = header.reply_serial().ok_or(DecodeError::Missing { field: "reply_serial" })?;
    Ok(Watched::Reply(WatchedReply { id: CheckId { mechanism, serial }, result }))
}

impl WatchedSubject {
    fn decode(kind: &str, fields: &HashMap<String, OwnedVariant>) -> Result<Self, DecodeError> {
        let field = |name: &str| fields.get(name).map(|value| &**value);
        let text = |name: &'static str| match field(name) {
            Some(Variant::Str(text)) => Ok(text.to_string()),
            Some(_) => Err(DecodeError::Type { field: name, expected: "a string" }),
            None => Err(DecodeError::Missing { field: name }),
        };
        match kind {
            "unix-process" => Ok(Self::Process {
                pid: match field("pid") {
                    Some(Variant::U32(pid)) if *pid != 0 => Some(*pid),
                    _ => None,
                },
                start_time: match field("start-time") {
                    Some(Variant::U64(time)) if *time != 0 => Some(*time),
                    _ => None,
                },
                // polkit sends int32, and -1 for an unknown uid (polkitunixprocess.c).
                uid: match field("uid") {
                    Some(Variant::I32(uid)) if *uid != -1 => Some(uid.cast_unsigned()),
                    _ => None,
                },
                pidfd: match field("pidfd") {
                    Some(Variant::Fd(pidfd)) => pidfd.as_fd().try_clone_to_owned().ok(),
                    _ => None,
                },
            }),
            "system-bus-name" => Ok(Self::BusName(text("name")?)),
            "unix-session" => Ok(Self::Session(text("session-id")?)),
            _ => Err(DecodeError::Kind { field: "subject" }),
        }
    }
}

/// The process behind a name on the bus, as the bus knows it.
#[derive(Debug)]
pub struct BusClient {
    /// The pid, in the pid namespace of the bus.
    pub pid: Option<u32>,
    /// The uid.
    pub uid: Option<u32>,
    /// The pidfd, which dbus-daemon 1.15.8 and dbus-broker 35 and later have.
    pub pidfd: Option<OwnedFd>,
}

impl BusClient {
    /// Asks the bus who owns a name.
    ///
    /// # Errors
    /// Bus errors; the name can have no owner any more.
    pub async fn of(connection: &Connection, name: &str) -> Result<Self, AuthorityError> {
        let reply = ask_bus(connection, "GetConnectionCredentials", name).await?;
        let body = reply.body();
        let fields: HashMap<String, OwnedVariant> = body
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "GetConnectionCredentials", expected: "a{sv}" })?;
        let number = |name: &str| match fields.get(name).map(|value| &**value) {
            Some(Variant::U32(number)) => Some(*number),
            _ => None,
        };
        let pidfd = match fields.get("ProcessFD").map(|value| &**value) {
            Some(Variant::Fd(pidfd)) => pidfd.as_fd().try_clone_to_owned().ok(),
            _ => None,
        };
        Ok(Self { pid: number("ProcessID"), uid: number("UnixUserID"), pidfd })
    }
}

#[cfg(test)]
mod tests;
