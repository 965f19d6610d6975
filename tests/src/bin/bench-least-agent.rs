//! `bench-least-agent PID:START:UID…`: the least possible agent, which `bench` holds the real one against. It registers for
//! these processes, each over a connection of its own, says `ready`, and says yes to everything. It has no rules and keeps
//! no record.

use std::sync::Arc;

use polkit_dbus::{
    Afterwards, Agent, AgentStream, AgentUid, Authority, BackendVersion, Challenge, Cookie, DecodeError, Identity,
    Process, Registration, Reply, Sender, StartTime, Subject, SubjectPid, SubjectUid, connect, serve,
};

const PATH: &str = "/org/example/Least";

struct Least {
    authority: Authority,
    version: BackendVersion,
    subject: SubjectUid,
}

impl Agent for Least {
    async fn begin(self: Arc<Self>, _sender: Sender, challenge: Result<Challenge, DecodeError>) -> (Reply, Afterwards) {
        let taken = self.answer(challenge).await;
        (if taken.is_some() { Reply::Done } else { Reply::Refused }, Box::pin(async {}))
    }

    fn cancel(&self, _sender: Sender, _cookie: Result<Cookie, DecodeError>) {}
}

impl Least {
    async fn answer(&self, challenge: Result<Challenge, DecodeError>) -> Option<()> {
        let challenge = challenge.ok()?;
        let Some(Identity::User(identity)) = challenge.identities.first() else { return None };
        let uids = self.version.agent_uids(AgentUid::new(0).expect("root"), self.subject);
        self.authority.answer(uids, &challenge.cookie, *identity).await.ok()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for argument in std::env::args().skip(1) {
        let process = process(&argument).unwrap_or_else(|| panic!("{argument:?} is not PID:START:UID"));
        let connection = connect().await.expect("the system bus");
        let authority = Authority::new(connection.clone());
        let version = authority.version().await.expect("polkitd's version");
        let stream = AgentStream::new(&connection);
        let subject = Subject::Process(process);
        authority.register(&subject, PATH, Registration::Sole).await.expect("registering");
        let least = Least { authority, version, subject: process.uid };
        tokio::spawn(serve(stream, PATH.to_owned(), Arc::new(least)));
    }
    println!("ready");
    std::future::pending::<()>().await;
}

fn process(text: &str) -> Option<Process> {
    let mut parts = text.split(':');
    let pid = SubjectPid::new(parts.next()?.parse().ok()?).ok()?;
    let start_time = StartTime(parts.next()?.parse().ok()?);
    let uid = SubjectUid::new(parts.next()?.parse().ok()?).ok()?;
    Some(Process { pid, start_time, uid })
}
