//! A polkitd that is none: it owns the name, takes every registration, and asks what a real one never would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::{LightBed, Process, Root};
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use zbus::{Connection, Message, MessageStream, Variant, message::Type};

use super::by_hand::{Agent, POOL_CGROUP, builder, process_in};
use super::peer::{Peer, RUNTIME};
use super::until;

/// The interface of agents.
pub const AGENT: &str = "org.freedesktop.PolicyKit1.AuthenticationAgent";
const AUTHORITY: &str = "org.freedesktop.PolicyKit1";

/// The arguments of `BeginAuthentication`.
pub type Question<'a> =
    (&'a str, &'a str, &'a str, HashMap<&'a str, String>, &'a str, Vec<(&'a str, HashMap<&'a str, Variant<'a>>)>);

/// What is said to `AuthenticationAgentResponse2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// It is taken.
    Take,
    /// It is an error.
    Refuse,
    /// Nothing, until [`Double::release`].
    Hold,
}

/// An agent as it registered: its unique name, the object's path, the pid, or 0 for a session.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The unique name of its connection.
    pub name: String,
    /// The path of its object.
    pub path: String,
    /// The pid of the process that it is for, or 0 for a session.
    pub pid: u32,
}

#[derive(Debug)]
struct State {
    registered: Vec<Registered>,
    response: Response,
    /// Answers that came: uid and cookie.
    answers: Vec<(u32, String)>,
    held: Vec<Message>,
}

/// The double.
pub struct Double {
    /// Its connection, of a process of user polkitd.
    pub peer: Peer,
    state: Arc<Mutex<State>>,
}

impl Double {
    /// Takes the place of the bed's polkitd, which is stopped and must not be startable over the bus.
    pub fn of(bed: &LightBed, response: Response) -> Self {
        bed.stop_polkitd();
        let peer = Peer::of(bed, "polkitd");
        let state = State { registered: Vec::new(), response, answers: Vec::new(), held: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let (connection, shared) = (peer.connection.clone(), Arc::clone(&state));
        RUNTIME.spawn(async move {
            let mut messages = MessageStream::from(&connection);
            while let Some(Ok(message)) = messages.next().await {
                if message.message_type() == Type::MethodCall {
                    answer(&connection, &shared, message).await;
                }
            }
        });
        let bus = "org.freedesktop.DBus";
        let reply = peer.call(bus, "/", bus, "RequestName", &(AUTHORITY, 4u32)).expect("the bus answers");
        assert_eq!(reply.body().deserialize::<u32>().expect("a number"), 1, "the name has another owner");
        Self { peer, state }
    }

    /// The registration for a process, for which it waits.
    pub fn registered(&self, pid: u32) -> Registered {
        let find = || self.state.lock().unwrap().registered.iter().find(|agent| agent.pid == pid).cloned();
        until(|| find().is_some());
        find().expect("waited for")
    }

    /// The answers so far: uid and cookie.
    pub fn answers(&self) -> Vec<(u32, String)> {
        self.state.lock().unwrap().answers.clone()
    }

    /// Takes the answers that were held.
    pub fn release(&self) {
        let held: Vec<Message> = self.state.lock().unwrap().held.drain(..).collect();
        for message in held {
            let header = message.header();
            RUNTIME.block_on(self.peer.connection.reply(&header, &())).expect("the bus takes a reply");
        }
    }

    /// Asks, and waits for the answer: nothing, or the error's name.
    pub fn begin<B>(&self, agent: &Registered, question: &B) -> Result<(), String>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        ended(self.peer.call(&agent.name, &agent.path, AGENT, "BeginAuthentication", question))
    }

    /// Asks, and does not wait.
    pub fn begin_aside(&self, agent: &Registered, question: Question<'static>) -> JoinHandle<Result<(), String>> {
        let (connection, agent) = (self.peer.connection.clone(), agent.clone());
        RUNTIME.spawn(async move {
            let (name, path) = (agent.name.as_str(), agent.path.as_str());
            ended(connection.call_method(Some(name), path, Some(AGENT), "BeginAuthentication", &question).await)
        })
    }

    /// Takes a question back.
    pub fn cancel(&self, agent: &Registered, cookie: &str) -> Result<(), String> {
        cancel(&self.peer, agent, cookie)
    }
}

/// Sends `CancelAuthentication`.
pub fn cancel(peer: &Peer, agent: &Registered, cookie: &str) -> Result<(), String> {
    ended(peer.call(&agent.name, &agent.path, AGENT, "CancelAuthentication", &cookie))
}

/// A question as polkitd would ask it about a process of www-data, who is offered as identity.
pub fn question(action: &'static str, pid: u32, cookie: &'static str) -> Question<'static> {
    let details = HashMap::from([("polkit.subject-pid", pid.to_string()), ("polkit.caller-pid", "1".to_owned())]);
    (action, "a message", "", details, cookie, vec![user(33)])
}

/// An identity as polkitd offers it.
pub fn user(uid: u32) -> (&'static str, HashMap<&'static str, Variant<'static>>) {
    ("unix-user", HashMap::from([("uid", Variant::U32(uid))]))
}

/// The name of the error that a call ended with, if it did.
pub fn ended(reply: zbus::Result<Message>) -> Result<(), String> {
    match reply {
        Ok(_) => Ok(()),
        Err(zbus::Error::MethodError(name, _, _)) => Err(name.to_string()),
        Err(zbus::Error::FDO(error)) => Err(error.to_string().split(": ").next().unwrap_or_default().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn answer(connection: &Connection, state: &Mutex<State>, message: Message) {
    let header = message.header();
    let body = message.body();
    let sent = match header.member().map(|member| member.as_str()).unwrap_or_default() {
        "Get" => connection.reply(&header, &Variant::from("126")).await,
        "RegisterAuthenticationAgent" => {
            type Arguments<'a> = ((&'a str, HashMap<&'a str, Variant<'a>>), &'a str, &'a str);
            let ((_, subject), _, path): Arguments<'_> = body.deserialize().expect("a registration");
            let pid = match (subject.get("pid"), subject.get("session-id")) {
                (Some(Variant::U32(pid)), None) => *pid,
                (None, Some(Variant::Str(_))) => 0,
                _ => panic!("neither pid nor session in {subject:?}"),
            };
            let name = header.sender().expect("a sender").to_string();
            state.lock().unwrap().registered.push(Registered { name, path: path.to_owned(), pid });
            connection.reply(&header, &()).await
        }
        "AuthenticationAgentResponse2" => {
            type Arguments<'a> = (u32, String, (&'a str, HashMap<&'a str, Variant<'a>>));
            let (uid, cookie, _): Arguments<'_> = body.deserialize().expect("an answer");
            let response = {
                let mut state = state.lock().unwrap();
                state.answers.push((uid, cookie));
                if state.response == Response::Hold {
                    state.held.push(message.clone());
                }
                state.response
            };
            match response {
                Response::Take => connection.reply(&header, &()).await,
                Response::Refuse => {
                    let error = "org.freedesktop.PolicyKit1.Error.Failed";
                    connection.reply_error(&header, error, &"the double refuses").await
                }
                Response::Hold => return,
            }
        }
        member => panic!("the double was called for {member}"),
    };
    sent.expect("the bus takes a reply");
}

/// What polkitd hears when the agent refuses.
pub const FAILED: &str = "org.freedesktop.PolicyKit1.Error.Failed";
/// What it hears when the question was taken back, or dismissed.
pub const CANCELLED: &str = "org.freedesktop.PolicyKit1.Error.Cancelled";

/// A served process of www-data, a double of polkitd, and the agent between them.
pub fn with_double(root: &Root, response: Response, config: &str) -> (LightBed, Double, Agent, Process) {
    let bed = builder(root)
        .without("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
        .without_libvirtd()
        .start();
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let double = Double::of(&bed, response);
    let agent = Agent::start(&bed, config);
    (bed, double, agent, process)
}
