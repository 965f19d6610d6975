//! A question over which the agent itself breaks down.

use std::{future::Future, panic::AssertUnwindSafe, time::Instant};

use futures_util::FutureExt;
use polkit_dbus::Reply;

use crate::{
    audit::{
        journal_writer::{Ending, Recorder},
        record::{Decision, Outcome, Way},
    },
    base::log,
    rules::verdict::{Reason, Verdict},
    subject::{scope::StandsFor, snapshot::Described},
};

/// Lets a question travel. Where that panics it is refused, and there is a record of it: a yes that was on its way is undone by
/// the refusal, and the record that it may have had already stays without an outcome.
pub async fn caught(
    travel: impl Future<Output = (Reply, Option<Ending>)>,
    recorder: &Recorder,
    stands_for: &StandsFor,
    action: Option<&str>,
) -> (Reply, Option<Ending>) {
    let arrived = Instant::now();
    // What the road shares with others is changed under locks whose every change is whole.
    if let Ok(arrived) = AssertUnwindSafe(travel).catch_unwind().await {
        return arrived;
    }
    let verdict = Verdict::refuse(Reason::Fault);
    let decision = Decision {
        way: Way::Challenge,
        action,
        verdict: &verdict,
        subject: stands_for.registered().map(|held| held.process),
        uid: stands_for.uid(),
        session: stands_for.session(),
        described: &Described::default(),
        caller: None,
        identity: None,
        approver: None,
    };
    match recorder.open(&decision).await {
        Ok(record) => (Reply::Refused, Some(Ending { record, outcome: Outcome::Refused, took: arrived.elapsed() })),
        Err(error) => {
            log::error(&format!("a question that the agent broke down over could not be recorded: {error}"));
            (Reply::Refused, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, sync::Arc};

    use polkit_dbus::SubjectPid;

    use super::*;
    use crate::subject::process::Held;

    #[tokio::test]
    async fn a_panic_on_the_road_is_a_refusal_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let recorder = Recorder::to_socket(&path);
        let pid = SubjectPid::new(std::process::id()).unwrap();
        let own = StandsFor::Process(Arc::new(Held::open(pid).unwrap()));

        let breaks = async { panic!("a mistake, on purpose") };
        let (reply, ending) = caught(breaks, &recorder, &own, Some("org.example.x")).await;
        assert_eq!(reply, Reply::Refused);
        let mut buffer = vec![0; 8192];
        let length = journal.recv(&mut buffer).unwrap();
        let record = String::from_utf8_lossy(&buffer[..length]).into_owned();
        for field in ["VERDICT=deny", "REASON=fault", "ACTION=org.example.x", &format!("SUBJECT_PID={pid}")] {
            assert!(record.contains(&format!("POLKIT_AGENT_{field}\n")), "{field}: {record}");
        }
        recorder.close(ending.unwrap()).await;
        let length = journal.recv(&mut buffer).unwrap();
        assert!(String::from_utf8_lossy(&buffer[..length]).contains("POLKIT_AGENT_OUTCOME=refused\n"));
    }

    #[tokio::test]
    async fn a_road_that_does_not_break_is_left_alone() {
        let recorder = Recorder::to_socket(std::path::Path::new("/nonexistent"));
        let pid = SubjectPid::new(std::process::id()).unwrap();
        let own = StandsFor::Process(Arc::new(Held::open(pid).unwrap()));
        let (reply, ending) = caught(async { (Reply::Done, None) }, &recorder, &own, None).await;
        assert!(reply == Reply::Done && ending.is_none());
    }
}
