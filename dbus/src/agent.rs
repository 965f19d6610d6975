//! `org.freedesktop.PolicyKit1.AuthenticationAgent`, as a server.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use zbus::{Connection, Message, MessageStream, message::Type};

use crate::{Challenge, Cookie, DecodeError, challenge::decode_cancel};

/// The interface that polkitd calls.
pub const AGENT_INTERFACE: &str = "org.freedesktop.PolicyKit1.AuthenticationAgent";

/// The unique name that a message came from, as the bus states it; a client cannot forge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Option<String>);

impl Sender {
    /// The unique name, if the bus gave one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// What is returned from `BeginAuthentication`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// A plain return. It authorizes if, and only if, polkitd took an answer for the cookie before (0.105 to 128).
    Done,
    /// `Error.Failed`: the client is told "access denied by policy", even if an answer was taken before.
    Refused,
    /// `Error.Cancelled`: the client is told that the authentication was cancelled.
    Dismissed,
}

/// What is left to do once a reply was sent: neither polkitd nor the client waits for it.
pub type AfterReply = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whoever stands behind an agent's object. Challenges run side by side, and a cancellation overtakes them.
pub trait Agent: Send + Sync + 'static {
    /// `BeginAuthentication`. polkitd waits for the reply without limit. The call itself is made in the order of arrival,
    /// so whatever a cancellation needs to find is to be put there before the future is returned.
    fn begin(
        self: Arc<Self>,
        sender: Sender,
        challenge: Result<Challenge, DecodeError>,
    ) -> impl Future<Output = (Reply, AfterReply)> + Send + 'static;

    /// `CancelAuthentication`: may come at any moment and any number of times, for cookies that are long gone too. The
    /// challenge's own reply is still wanted.
    fn cancel(&self, sender: Sender, cookie: Result<Cookie, DecodeError>);
}

/// The messages that arrive at one connection, taken from before it is registered, so that none is lost.
#[derive(Debug)]
pub struct AgentStream {
    connection: Connection,
    messages: MessageStream,
}

impl AgentStream {
    /// Begins to collect messages.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), messages: MessageStream::from(connection) }
    }
}

/// Serves `agent` at `path` until the connection ends. Dropping the future abandons the challenges in hand; polkitd counts
/// a closed connection as a refusal.
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
                // Without a reply polkitd would wait for ever: a panic is a refusal, too.
                let nothing = |_| (Reply::Refused, Box::pin(async {}) as AfterReply);
                let (answer, afterwards) = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(nothing);
                reply(&connection, &call, answer).await;
                // Not among the challenges: those are abandoned when the process ends, as it may do at once.
                tokio::spawn(afterwards);
            });
        }
        "CancelAuthentication" if ours => {
            agent.cancel(sender, decode_cancel(&message));
            reply(connection, &message, Reply::Done).await;
        }
        _ => {
            let error = "org.freedesktop.DBus.Error.UnknownMethod";
            // Nobody is there to be told that the error could not be sent.
            let _ = connection.reply_error(&header, error, &"this connection answers polkitd alone").await;
        }
    }
}

/// A reply that cannot be sent means that the bus is gone, and polkitd has refused already.
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
