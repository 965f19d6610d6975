use polkit_agent_rules::{
    facts::SubjectInfo,
    history::History,
    model,
    rule::Answer,
    verdict::{Reason, Verdict, decide},
};
use polkit_types::{Process, StartTime, SubjectPid, SubjectUid};

use super::*;
use crate::kernel::audit::decision::Way;

fn to(socket: &Path) -> Recorder {
    Recorder::to_socket(socket)
}

async fn open(recorder: &Recorder) -> io::Result<OpenRecord> {
    open_with(recorder, &Verdict::refuse(Reason::NoRule)).await
}

async fn open_with(recorder: &Recorder, verdict: &Verdict<'_>) -> io::Result<OpenRecord> {
    let subject =
        Process { pid: SubjectPid::new(7).unwrap(), start_time: StartTime(8), uid: SubjectUid::new(33).unwrap() };
    let info = SubjectInfo::default();
    let decision = DecisionRecord {
        way: Way::Challenge,
        action: Some("org.example.x"),
        details: None,
        verdict,
        subject: Some(subject),
        uid: subject.uid,
        session: None,
        info: &info,
        caller: None,
        identity: None,
    };
    recorder.open(RecordId::random().unwrap(), &decision).await
}

fn text(socket: &StdDatagram) -> String {
    let mut buffer = vec![0; 8192];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn a_decision_and_its_outcome_share_an_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let journal = StdDatagram::bind(&path).unwrap();
    let recorder = to(&path);
    let record = open(&recorder).await.unwrap();
    recorder.close(PendingOutcome { record, outcome: Outcome::Refused, took: Duration::from_micros(1500) }).await;
    let (decision, outcome) = (text(&journal), text(&journal));
    assert!(decision.starts_with("MESSAGE=Denied org.example.x to pid 7 (uid 33): no rule matches\n"), "{decision}");
    assert!(decision.contains("\nMESSAGE_ID=062650a6bb21482cb26e15a767235462\n"), "{decision}");
    assert!(decision.contains("\nPOLKIT_AGENT_VERDICT=deny\n"), "{decision}");
    assert!(outcome.contains("\nPOLKIT_AGENT_OUTCOME=refused\n"), "{outcome}");
    assert!(outcome.contains("\nPOLKIT_AGENT_MICROSECONDS=1500\n"), "{outcome}");
    let shared = outcome.lines().find(|line| line.starts_with("POLKIT_AGENT_RECORD=")).unwrap();
    assert!(decision.contains(shared), "{outcome}");
}

#[tokio::test]
async fn without_a_journal_socket_recording_fails() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&to(&folder.path().join("missing"))).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_accepts_nothing_is_an_error_within_the_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let journal = StdDatagram::bind(&path).unwrap();
    // No process reads the socket, so the queue fills up.
    let client = StdDatagram::unbound().unwrap();
    client.set_nonblocking(true).unwrap();
    while client.send_to(b"filling", &path).is_ok() {}
    let error = open(&to(&path)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(journal);
}

#[tokio::test]
async fn a_flood_of_equal_refusals_shares_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let journal = StdDatagram::bind(&path).unwrap();
    let recorder = to(&path);
    let mut own = 0;
    for _ in 0..40 {
        if matches!(open(&recorder).await.unwrap(), OpenRecord::Own(_)) {
            own += 1;
            drop(text(&journal));
        }
    }
    recorder.flush().await.unwrap();
    let counted = text(&journal);
    assert!(counted.contains(&format!("\nPOLKIT_AGENT_REPEATED={}\n", 40 - own)), "{counted}");
    assert!((10..40).contains(&own));
}

#[tokio::test]
async fn every_grant_of_a_flood_has_a_record_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let journal = StdDatagram::bind(&path).unwrap();
    journal.set_nonblocking(true).unwrap();
    for answer in [Answer::Allow, Answer::Ask, Answer::Authenticate] {
        let recorder = to(&path);
        let rules = [model::rule(answer)];
        let grant = decide(&rules, &model::facts(), &History::default());
        for number in 0..40 {
            let id = open_with(&recorder, &grant).await.unwrap().id().unwrap();
            let record = text(&journal);
            assert!(record.contains(&format!("POLKIT_AGENT_RECORD={id}\n")), "{number}: {record}");
            assert!(record.contains(&format!("POLKIT_AGENT_VERDICT={}\n", answer.word())), "{number}: {record}");
        }
        recorder.flush().await.unwrap();
        let more = journal.recv(&mut [0]).unwrap_err();
        assert_eq!(more.kind(), io::ErrorKind::WouldBlock, "{}: no grant was counted", answer.word());
    }
}

#[tokio::test]
async fn an_approval_that_the_journal_does_not_take_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let entry = JournalEntry { message: "approved".into(), ..JournalEntry::default() };
    assert_eq!(to(&path).approval(&entry).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(to(&path).is_ready().await.unwrap_err().kind(), io::ErrorKind::NotFound);
    let journal = StdDatagram::bind(&path).unwrap();
    to(&path).is_ready().await.unwrap();
    to(&path).approval(&entry).await.unwrap();
    assert!(text(&journal).starts_with("MESSAGE=approved\n"));
}

#[test]
fn only_a_short_line_to_a_pipe_with_space_is_written_on_the_thread_that_serves() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let (short, long) = ("x".repeat(ATOMIC), "x".repeat(ATOMIC + 1));
    assert!(fits(&short, &writer));
    assert!(!fits(&long, &writer), "longer than a pipe takes at once");
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, short.as_bytes()).is_ok() {}
    assert!(!fits("short", &writer), "a full pipe");
    drop(reader);
    assert!(!fits("short", &writer), "no reader");
}
