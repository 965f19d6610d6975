//! A double of polkitd and of the bus, at the other end of an agent's connection.

use std::{
    collections::HashMap,
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use futures_util::StreamExt;
use polkit_agent_rules::model;
use polkit_dbus::AGENT_INTERFACE;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt, DuplexStream};
use zbus::{
    Connection, Message, MessageStream, OwnedVariant, Variant,
    connection::{
        Builder,
        socket::{self, ReadHalf, Split, WriteHalf},
    },
    export::async_trait::async_trait,
    message::Type,
};

/// The unique name of polkitd.
pub(crate) const POLKITD: Option<&str> = Some(":1.1");
pub(crate) const PATH: &str = "/org/example/agent";
pub(crate) const COOKIE: &str = "17-deadbeef-1-cafe";

/// polkitd and the bus, at the other end of the agent's connection.
pub(crate) struct Bus {
    connection: Connection,
    messages: MessageStream,
    /// The answers that polkitd got: the uid of the agent, the cookie and the uid of the identity.
    pub(crate) answers: Vec<(u32, String, u32)>,
    /// The uid of each caller of the agent.
    pub(crate) caller: u32,
}

/// The end of one challenge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Error(String),
}

pub(crate) fn refused() -> End {
    End::Error("org.freedesktop.PolicyKit1.Error.Failed".into())
}

pub(crate) fn dismissed() -> End {
    End::Error("org.freedesktop.PolicyKit1.Error.Cancelled".into())
}

impl Bus {
    /// Both ends of a connection.
    pub(crate) async fn new() -> (Self, Connection) {
        let (ours, theirs) = io::duplex(64 * 1024);
        let (connection, agent) = (end(ours).await, end(theirs).await);
        let messages = MessageStream::from(&connection);
        (Self { connection, messages, answers: Vec::new(), caller: 0 }, agent)
    }

    /// Replies to the calls of the agent until a reply for this end comes, and returns it.
    pub(crate) async fn reply(&mut self) -> Message {
        loop {
            let message = self.messages.next().await.unwrap().unwrap();
            let header = message.header();
            if message.message_type() != Type::MethodCall {
                return message;
            }
            match header.member().unwrap().as_str() {
                "GetConnectionUnixUser" => self.connection.reply(&header, &self.caller).await.unwrap(),
                "GetNameOwner" => self.connection.reply(&header, &POLKITD.unwrap()).await.unwrap(),
                "AuthenticationAgentResponse2" => {
                    type Arguments = (u32, String, (String, HashMap<String, OwnedVariant>));
                    let (agent, cookie, (_, identity)): Arguments = message.body().deserialize().unwrap();
                    let Some(Variant::U32(uid)) = identity.get("uid").map(|uid| &**uid) else { panic!("no uid") };
                    self.answers.push((agent, cookie, *uid));
                    self.connection.reply(&header, &()).await.unwrap();
                }
                _ => self.connection.reply(&header, &()).await.unwrap(),
            }
        }
    }

    pub(crate) async fn send<B>(&self, sender: Option<&str>, member: &str, body: &B)
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let call = Message::method_call(PATH, member).interface(AGENT_INTERFACE);
        let call = if let Some(sender) = sender { call.sender(sender) } else { call };
        self.connection.send(&call.build(body).unwrap()).await.unwrap();
    }

    /// Begins a challenge about a process that offers these users.
    pub(crate) async fn begin(&self, sender: Option<&str>, pid: u32, users: &[u32]) {
        let pid = pid.to_string();
        let details = HashMap::from([("polkit.subject-pid", pid.as_str())]);
        let user = |uid: &u32| ("unix-user", HashMap::from([("uid", Variant::U32(*uid))]));
        let users: Vec<_> = users.iter().map(user).collect();
        self.send(sender, "BeginAuthentication", &(model::ACTION, "message", "icon", details, COOKIE, users)).await;
    }

    pub(crate) async fn cancel(&self, sender: Option<&str>) {
        self.send(sender, "CancelAuthentication", &COOKIE).await;
    }

    /// The end of the challenge that ends next.
    pub(crate) async fn end(&mut self) -> End {
        let reply = tokio::time::timeout(Duration::from_secs(60), self.reply()).await.unwrap();
        match reply.message_type() {
            Type::MethodReturn => End::Done,
            _ => End::Error(reply.header().error_name().unwrap().to_string()),
        }
    }
}

/// One end of a connection that is past the greeting of the bus.
async fn end(stream: DuplexStream) -> Connection {
    let socket = Socket(tokio::io::split(stream));
    Builder::authenticated_socket(socket, "0123456789abcdef0123456789abcdef").build().await.unwrap()
}

/// A pipe in memory.
struct Socket((io::ReadHalf<DuplexStream>, io::WriteHalf<DuplexStream>));

impl socket::Socket for Socket {
    type ReadHalf = Reading;
    type WriteHalf = Writing;

    fn split(self) -> Split<Reading, Writing> {
        let (reading, writing) = self.0;
        Split::new(Reading(reading), Writing(writing))
    }
}

#[derive(Debug)]
struct Reading(io::ReadHalf<DuplexStream>);

#[async_trait]
impl ReadHalf for Reading {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> std::io::Result<(usize, Vec<OwnedFd>)> {
        Ok((self.0.read(buffer).await?, Vec::new()))
    }
}

#[derive(Debug)]
struct Writing(io::WriteHalf<DuplexStream>);

#[async_trait]
impl WriteHalf for Writing {
    async fn sendmsg(&mut self, buffer: &[u8], _fds: &[BorrowedFd<'_>]) -> std::io::Result<usize> {
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> std::io::Result<()> {
        self.0.shutdown().await
    }
}
