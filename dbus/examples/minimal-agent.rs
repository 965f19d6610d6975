//! `minimal-agent PID START UID`: registers as the agent of one process, prints each challenge and dismisses it.

use std::{env, error::Error, future::pending, sync::Arc};

use polkit_dbus::*;

struct Dismisses;

impl Agent for Dismisses {
    async fn begin(self: Arc<Self>, _: Sender, challenge: Result<Challenge, DecodeError>) -> (Reply, AfterReply) {
        match challenge {
            Ok(challenge) => println!("{}: {:?}", challenge.action, challenge.identities),
            Err(error) => println!("{error}"),
        }
        (Reply::Dismissed, Box::pin(async {}))
    }

    fn cancel(&self, _: Sender, _: Result<Cookie, DecodeError>) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
    let &[pid, start, uid] = numbers.as_slice() else { return Err("usage: minimal-agent PID START UID".into()) };
    let (pid, uid) = (SubjectPid::new(pid.try_into()?)?, SubjectUid::new(uid.try_into()?)?);
    let connection = connect().await?;
    let stream = AgentStream::new(&connection);
    let subject = Subject::Process(Process { pid, start_time: StartTime(start), uid });
    Authority::new(connection).register(&subject, "/org/example/Agent", Registration::Sole).await?;
    println!("registered");
    tokio::spawn(serve(stream, "/org/example/Agent".to_owned(), Arc::new(Dismisses)));
    pending().await
}
