//! An agent that does as a test says, outside of the bed, with root's rights on the bed's bus.

use std::sync::{Arc, Mutex};

use polkit_dbus::{
    AfterReply, Agent, AgentStream, AgentUid, Authority, AuthorityError, Challenge, Connection, Cookie, DecodeError,
    Identity, Registration, Reply, Sender, Subject, serve,
};

use crate::Polkit;

/// The object path of every stand-in.
const PATH: &str = "/org/example/StandIn";

/// What an agent does with a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Says that the first identity offered has authenticated, with these uids for `AuthenticationAgentResponse2` one after
    /// the other until one is taken, and returns.
    Answer(Vec<u32>),
    /// Does the same, and then returns `Error.Failed`.
    AnswerAndFail(Vec<u32>),
    /// Returns without an answer.
    Nothing,
    /// Returns `Error.Failed`.
    Fail,
    /// Returns `Error.Cancelled`.
    Dismiss,
    /// Does not have the object that was registered, and so returns `UnknownMethod`.
    Absent,
}

/// A challenge that came, and what polkitd said to each answer.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The challenge.
    pub challenge: Challenge,
    /// For each uid tried: the uid, and polkitd's error if it gave one.
    pub answers: Vec<(u32, Option<String>)>,
}

/// A challenge, or what was wrong with it.
type Received = Result<Seen, DecodeError>;

impl Seen {
    /// The uids of the users offered.
    ///
    /// # Panics
    /// If another kind of identity was offered.
    pub fn identities(&self) -> Vec<u32> {
        let uid = |identity: &Identity| match identity {
            Identity::User(uid) => uid.get(),
            other => panic!("{other:?} was offered"),
        };
        self.challenge.identities.iter().map(uid).collect()
    }
}

/// An agent on a connection of its own.
#[derive(Debug)]
pub struct StandIn<'bed> {
    polkit: Polkit<'bed>,
    connection: Connection,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl<'bed> StandIn<'bed> {
    /// Connects, and does as the script says with what comes. Nothing is registered yet.
    #[must_use]
    pub fn new(polkit: &Polkit<'bed>, script: Script) -> Self {
        let connection = polkit.connect();
        let seen = Arc::default();
        let path = if script == Script::Absent { "/org/example/Elsewhere" } else { PATH };
        let actor = Actor { authority: Authority::new(connection.clone()), script, seen: Arc::clone(&seen) };
        {
            let _inside = polkit.runtime.enter();
            let stream = AgentStream::new(&connection);
            tokio::spawn(serve(stream, path.to_owned(), Arc::new(actor)));
        }
        Self { polkit: polkit.clone(), connection, seen }
    }

    /// Connects, and registers for the subject.
    ///
    /// # Panics
    /// If polkitd refuses.
    #[must_use]
    pub fn of(polkit: &Polkit<'bed>, subject: &Subject, script: Script) -> Self {
        let stand_in = Self::new(polkit, script);
        stand_in.register(subject, Registration::Sole).unwrap_or_else(|error| panic!("registering: {error}"));
        stand_in
    }

    /// Registers for a subject. (For tests of polkitd itself one connection may register more than once.)
    ///
    /// # Errors
    /// What polkitd says.
    pub fn register(&self, subject: &Subject, how: Registration) -> Result<(), AuthorityError> {
        self.polkit.runtime.block_on(Authority::new(self.connection.clone()).register(subject, PATH, how))
    }

    /// Takes a registration back.
    ///
    /// # Errors
    /// What polkitd says.
    pub fn unregister(&self, subject: &Subject) -> Result<(), AuthorityError> {
        self.polkit.runtime.block_on(Authority::new(self.connection.clone()).unregister(subject, PATH))
    }

    /// What came so far.
    ///
    /// # Panics
    /// If something came that is no challenge.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().map(|received| received.clone().expect("a challenge came")).collect()
    }

    /// Closes the connection, as its process's end would, and waits until polkitd has been told.
    ///
    /// # Panics
    /// If the bus keeps it.
    pub fn vanish(self) {
        let name = self.connection.unique_name().expect("a bus gives a name").to_string();
        self.polkit.runtime.block_on(self.connection.close()).expect("closing");
        self.polkit.wait_until_gone(&name);
    }
}

/// The side that polkitd calls.
struct Actor {
    authority: Authority,
    script: Script,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Actor {
    /// After a panic polkitd would get no reply, and would never return.
    async fn play(&self, challenge: Challenge) -> (Seen, Reply) {
        let (answers, reply) = match &self.script {
            Script::Answer(uids) => (self.answer(&challenge, uids).await, Reply::Done),
            Script::AnswerAndFail(uids) => (self.answer(&challenge, uids).await, Reply::Refused),
            Script::Nothing | Script::Absent => (Vec::new(), Reply::Done),
            Script::Fail => (Vec::new(), Reply::Refused),
            Script::Dismiss => (Vec::new(), Reply::Dismissed),
        };
        (Seen { challenge, answers }, reply)
    }

    async fn answer(&self, challenge: &Challenge, uids: &[u32]) -> Vec<(u32, Option<String>)> {
        let Some(Identity::User(identity)) = challenge.identities.first() else { return Vec::new() };
        let mut answers = Vec::new();
        for uid in uids {
            let agent = AgentUid::new(*uid).expect("a uid");
            let error = self.authority.answer_as(agent, &challenge.cookie, *identity).await.err();
            let taken = error.is_none();
            answers.push((*uid, error.map(|error| error.to_string())));
            if taken {
                break;
            }
        }
        answers
    }
}

impl Agent for Actor {
    async fn begin(self: Arc<Self>, _sender: Sender, challenge: Result<Challenge, DecodeError>) -> (Reply, AfterReply) {
        let (received, reply) = match challenge {
            Ok(challenge) => {
                let (seen, reply) = self.play(challenge).await;
                (Ok(seen), reply)
            }
            Err(error) => (Err(error), Reply::Refused),
        };
        self.seen.lock().unwrap().push(received);
        (reply, Box::pin(async {}))
    }

    fn cancel(&self, _sender: Sender, _cookie: Result<Cookie, DecodeError>) {}
}
