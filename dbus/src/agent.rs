//! The server side of `org.freedesktop.PolicyKit1.AuthenticationAgent`.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use zbus::{Connection, Message, MessageStream, message::Type};

use crate::{Challenge, Cookie, DecodeError, challenge::decode_cancel};

/// The interface that polkitd calls.
pub const AGENT_INTERFACE: &str = "org.freedesktop.PolicyKit1.AuthenticationAgent";

/// The unique bus name of a sender. The bus sets it, so a client cannot forge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Option<String>);

impl Sender {
    /// Returns the unique name, if the bus set one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A reply to `BeginAuthentication`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// A plain return. It authorizes only if polkitd accepted an answer for the cookie before (0.105 to 128).
    Done,
    /// `Error.Failed`: the client sees "access denied by policy", even if polkitd accepted an answer before.
    Refused,
    /// `Error.Cancelled`: the client sees that the authentication was cancelled.
    Dismissed,
}

/// Work after the reply has been sent. Neither polkitd nor the client waits for it.
pub type AfterReply = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The implementation of an agent. Challenges run concurrently, and a cancellation does not wait for them.
pub trait Agent: Send + Sync + 'static {
    /// Handles `BeginAuthentication`. polkitd waits for the reply without a time limit. Calls are made in the order of the
    /// messages, so an implementation must store what [`Agent::cancel`] needs before it returns the future.
    fn begin(
        self: Arc<Self>,
        sender: Sender,
        challenge: Result<Challenge, DecodeError>,
    ) -> impl Future<Output = (Reply, AfterReply)> + Send + 'static;

    /// Handles `CancelAuthentication`, which may arrive at any time, repeatedly, and for cookies of finished challenges. The
    /// challenge must still be replied to.
    fn cancel(&self, sender: Sender, cookie: Result<Cookie, DecodeError>);
}

/// The messages of one connection. Create it before the registration, so that no message is lost.
#[derive(Debug)]
pub struct AgentStream {
    connection: Connection,
    messages: MessageStream,
}

impl AgentStream {
    /// Starts to collect messages.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), messages: MessageStream::from(connection) }
    }
}

/// Serves `agent` at `path` until the connection ends. Dropping the future abandons all running challenges; polkitd treats a
/// closed connection as a refusal.
pub async fn serve<A: Agent>(stream: AgentStream, path: String, agent: Arc<A>) {
    let AgentStream { connection, mut messages } = stream;
    let mut challenges = JoinSet::new();
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) => dispatch(&connection, &path, &agent, &mut challenges, message).await,
                Some(Err(_)) | None => break,
            },
            Some(_) = challenges.join_next() => {}
        }
    }
}

async fn dispatch<A: Agent>(
    connection: &Connection,
    path: &str,
    agent: &Arc<A>,
    challenges: &mut JoinSet<()>,
    message: Message,
) {
    if message.message_type() != Type::MethodCall {
        return;
    }
    let header = message.header();
    let ours = header.path().is_some_and(|p| p.as_str() == path)
        && header.interface().is_none_or(|i| i.as_str() == AGENT_INTERFACE);
    let member = header.member().map(|m| m.as_str()).unwrap_or_default();
    let sender = Sender(header.sender().map(|name| name.as_str().to_owned()));
    match member {
        "BeginAuthentication" if ours => {
            let answering = Arc::clone(agent).begin(sender, Challenge::decode(&message));
            let (connection, call) = (connection.clone(), message.clone());
            challenges.spawn(async move {
                // Without a reply polkitd would wait without limit, so a panic is a refusal.
                let refuse = |_| (Reply::Refused, Box::pin(async {}) as AfterReply);
                let (answer, afterwards) = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(refuse);
                reply(&connection, &call, answer).await;
                // Not in the `JoinSet`, which aborts its tasks when the connection ends.
                tokio::spawn(afterwards);
            });
        }
        "CancelAuthentication" if ours => {
            agent.cancel(sender, decode_cancel(&message));
            reply(connection, &message, Reply::Done).await;
        }
        _ => {
            let error = "org.freedesktop.DBus.Error.UnknownMethod";
            // If the error cannot be sent, the bus is gone.
            let _ = connection.reply_error(&header, error, &"this connection serves polkitd only").await;
        }
    }
}

/// Sends a reply. If this fails, the bus is gone and polkitd has already refused.
async fn reply(connection: &Connection, call: &Message, answer: Reply) {
    let header = call.header();
    let failed = "org.freedesktop.PolicyKit1.Error.Failed";
    let cancelled = "org.freedesktop.PolicyKit1.Error.Cancelled";
    let _ = match answer {
        Reply::Done => connection.reply(&header, &()).await,
        Reply::Refused => connection.reply_error(&header, failed, &"refused").await,
        Reply::Dismissed => connection.reply_error(&header, cancelled, &"dismissed").await,
    };
}
