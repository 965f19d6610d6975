//! `bench-least-agent [--records] PID:START:UID…`: the least possible agent, which `bench` holds the real one against. It registers
//! for these processes, each over a connection of its own, says `ready`, and says yes to everything. It has no rules. It keeps no
//! record, or with `--records` sends two of the usual size to the journal, one before the answer and one after it.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use polkit_dbus::{
    AfterReply, Agent, AgentStream, AgentUid, Authority, BackendVersion, Challenge, Cookie, DecodeError, Identity,
    Process, Registration, Reply, Sender, StartTime, Subject, SubjectPid, SubjectUid, connect, serve,
};

const PATH: &str = "/org/example/Least";

const JOURNAL: &str = "/run/systemd/journal/socket";
/// What the real agent's records have, with values of their lengths.
const DECISION: &str = "MESSAGE=Allowed org.example.bench.ask to pid 12345 of pool.service (www-data) by rule \"r1\"\n\
    MESSAGE_ID=00000000000000000000000000000001\nPRIORITY=5\nSYSLOG_IDENTIFIER=bench-least-agent\nLEAST_ENTRY=decision\n\
    LEAST_WAY=challenge\nLEAST_ACTION=org.example.bench.ask\nLEAST_VERDICT=allow\nLEAST_RULE=r1\nLEAST_REASON=rule\n\
    LEAST_SUBJECT_PID=12345\nLEAST_SUBJECT_START=1234567\nLEAST_SUBJECT_UID=33\nLEAST_USER=www-data\n\
    LEAST_UNIT=pool.service\nLEAST_EXE=/usr/bin/sleep\nLEAST_COMMAND_LINE=/usr/bin/sleep 1000\nLEAST_CALLER_PID=12346\n\
    LEAST_IDENTITY=unix-user:33\n";
const OUTCOME: &str = "MESSAGE=sent after 1234 µs\nMESSAGE_ID=00000000000000000000000000000001\nPRIORITY=6\n\
    SYSLOG_IDENTIFIER=bench-least-agent\nLEAST_ENTRY=outcome\nLEAST_OUTCOME=sent\nLEAST_MICROSECONDS=1234\n";

/// Sends an entry, if any are kept. `id` is another one for each decision, as in the real agent.
fn record(kept: bool, entry: &str, id: u32) {
    if kept {
        let journal = UnixDatagram::unbound().expect("a socket");
        journal.send_to(format!("{entry}LEAST_RECORD={id:032x}\n").as_bytes(), JOURNAL).expect("journald takes it");
    }
}

struct Least {
    records: bool,
    authority: Authority,
    version: BackendVersion,
    subject: SubjectUid,
}

impl Agent for Least {
    async fn begin(self: Arc<Self>, _sender: Sender, challenge: Result<Challenge, DecodeError>) -> (Reply, AfterReply) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (records, id) = (self.records, COUNT.fetch_add(1, Ordering::Relaxed));
        record(records, DECISION, id);
        let taken = self.answer(challenge).await;
        let afterwards = async move { record(records, OUTCOME, id) };
        (if taken.is_some() { Reply::Done } else { Reply::Refused }, Box::pin(afterwards))
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
    let mut arguments = std::env::args().skip(1).peekable();
    let records = arguments.next_if(|argument| argument == "--records").is_some();
    for argument in arguments {
        let process = process(&argument).unwrap_or_else(|| panic!("{argument:?} is not PID:START:UID"));
        let connection = connect().await.expect("the system bus");
        let authority = Authority::new(connection.clone());
        let version = authority.version().await.expect("polkitd's version");
        let stream = AgentStream::new(&connection);
        let subject = Subject::Process(process);
        authority.register(&subject, PATH, Registration::Sole).await.expect("registering");
        let least = Least { records, authority, version, subject: process.uid };
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
