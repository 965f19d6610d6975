//! Challenges that come over a connection, as polkitd sends them.

use std::{
    os::unix::net::UnixDatagram,
    process::{Child, Command},
    time::{Duration, Instant},
};

use polkit_agent_rules::{
    facts::{Approver, ApproverUid},
    model,
    rule::{Answer, Named, Rule},
};
use polkit_dbus::{AgentStream, BackendVersion, OwnerWatch, serve};
use polkit_types::{SubjectPid, SubjectUid};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    base::{
        reader::Readers,
        test_bus::{Bus, COOKIE, End, PATH, POLKITD, dismissed, refused},
    },
    config::Config,
    kernel::{
        answer::context::Polkitd,
        subject::{logind::LogindSession, process::PinnedProcess},
    },
};

/// A registered agent, polkitd, and the journal.
struct Bed {
    bus: Bus,
    context: Arc<Context>,
    polkitd: watch::Sender<Option<Polkitd>>,
    journal: UnixDatagram,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Bed {
    /// The agent of `scope`, with one rule about the user of this test.
    async fn new(scope: AgentScope, answer: Answer) -> Self {
        let rule = Rule { user: Some(own_user()), hold: Some(Duration::from_secs(60)), ..model::rule(answer) };
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("journal");
        let journal = UnixDatagram::bind(&socket).unwrap();
        journal.set_nonblocking(true).unwrap();
        let (mut bus, connection) = Bus::new().await;
        let owner = tokio::select! {
            watched = OwnerWatch::new(&connection) => watched.unwrap().1.unwrap(),
            reply = bus.reply() => panic!("{reply:?}"),
        };
        let polkitd = Polkitd { owner, version: BackendVersion::new("126") };
        let polkitd = watch::channel(Some(polkitd)).0;
        let report = json!({ "exe": [1, 2], "content": [3, 4, 5, 6, 7] });
        let context = Arc::new(Context {
            polkitd: polkitd.subscribe(),
            readers: Readers::of(&report),
            ..Context::of(Config::of(Vec::new(), vec![rule]), &socket)
        });
        let config = Arc::clone(&context.config.borrow());
        context.state.set_config(&config);
        let agent = RegisteredAgent::new(Arc::clone(&context), scope, Authority::new(connection.clone()));
        let serving = tokio::spawn(serve(AgentStream::new(&connection), PATH.into(), Arc::new(agent)));
        Self { bus, context, polkitd, journal, serving, _folder: folder }
    }

    /// Sends a challenge of polkitd about this process, and returns its end.
    async fn challenge(&mut self, users: &[u32]) -> End {
        self.bus.begin(POLKITD, std::process::id(), users).await;
        self.bus.end().await
    }

    /// The next value of this field in the journal.
    async fn recorded(&self, field: &str) -> String {
        let (mut buffer, key, began) = ([0; 8192], format!("POLKIT_AGENT_{field}="), Instant::now());
        while began.elapsed() < Duration::from_secs(60) {
            let Ok(length) = self.journal.recv(&mut buffer) else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let entry = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
            if let Some(value) = entry.lines().find_map(|line| line.strip_prefix(&key)) {
                return value.to_owned();
            }
        }
        panic!("no entry with {field}");
    }

    /// Waits until one request waits for a person, and returns its id.
    async fn pending(&self) -> String {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < Duration::from_secs(60), "no request waits");
            let waits = |queue: &mut crate::kernel::answer::state::Queue| {
                queue.list(Instant::now()).next().map(|(id, _)| id.to_owned())
            };
            if let Some(id) = self.context.state.queue(waits) {
                return id;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn approve(&self, id: &str) {
        let approver = Approver { uid: ApproverUid::new(0), login: None };
        assert!(self.context.state.queue(|queue| queue.approve(id, approver, None, Instant::now())));
    }
}

fn own() -> u32 {
    rustix::process::getuid().as_raw()
}

fn own_user() -> Named {
    Named { name: "own".into(), id: own() }
}

fn pinned(pid: u32) -> PinnedProcess {
    PinnedProcess::open(SubjectPid::new(pid).unwrap()).unwrap()
}

/// The scope of a registration for this process.
fn this_process() -> AgentScope {
    AgentScope::Process(Arc::new(pinned(std::process::id())))
}

fn sleeping() -> Child {
    Command::new("sleep").arg("60").spawn().unwrap()
}

#[tokio::test]
async fn an_allowed_challenge_is_answered_once_as_the_user_of_the_subject() {
    let mut bed = Bed::new(this_process(), Answer::Allow).await;
    assert_eq!(bed.challenge(&[own()]).await, End::Done);
    assert_eq!(bed.bus.answers, [(own(), COOKIE.to_owned(), own())]);
    assert_eq!(bed.recorded("REASON").await, "rule");
    assert_eq!(bed.recorded("OUTCOME").await, "sent");
    let waiting = bed.context.state.queue(|queue| queue.list(Instant::now()).count());
    assert_eq!(waiting, 0, "only a rule that asks waits for a person");
}

#[tokio::test]
async fn a_denied_challenge_is_refused_without_an_answer() {
    let mut bed = Bed::new(this_process(), Answer::Deny).await;
    assert_eq!(bed.challenge(&[own()]).await, refused());
    assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "rule"));
}

#[tokio::test]
async fn polkitd_vouches_only_if_it_offers_the_subject_s_own_user_alone() {
    let other = own() + 1;
    for offered in [&[other][..], &[own(), other], &[]] {
        let mut bed = Bed::new(this_process(), Answer::Allow).await;
        assert_eq!(bed.challenge(offered).await, refused(), "{offered:?}");
        assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "unbound"), "{offered:?}");
    }
}

#[tokio::test]
async fn the_user_of_the_subject_counts_and_not_that_of_the_registration() {
    // A process can change its user after its registration.
    let registered = own() + 1;
    let scope = || {
        let mut pinned = pinned(std::process::id());
        pinned.process.uid = SubjectUid::new(registered).unwrap();
        AgentScope::Process(Arc::new(pinned))
    };
    let mut bed = Bed::new(scope(), Answer::Allow).await;
    assert_eq!(bed.challenge(&[registered]).await, refused());
    assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "unbound"));
    let mut bed = Bed::new(scope(), Answer::Allow).await;
    assert_eq!(bed.challenge(&[own()]).await, End::Done);
    // polkitd 126 expects the uid of the registration.
    assert_eq!(bed.bus.answers, [(registered, COOKIE.to_owned(), own())]);
}

#[tokio::test]
async fn the_agent_of_a_session_refuses_a_process_outside_the_session() {
    let (id, class, kind) = ("noSuchSession".to_owned(), "user".to_owned(), "tty".to_owned());
    let session = LogindSession { id, uid: SubjectUid::new(own()).unwrap(), class, kind, scope: None };
    let mut bed = Bed::new(AgentScope::Session(session), Answer::Allow).await;
    assert_eq!(bed.challenge(&[own()]).await, refused());
    let reason = bed.recorded("REASON").await;
    assert!(bed.bus.answers.is_empty() && ["other-session", "unreadable"].contains(&reason.as_str()), "{reason}");
}

#[tokio::test]
async fn the_agent_of_a_process_refuses_a_challenge_about_another_process() {
    let mut bed = Bed::new(this_process(), Answer::Allow).await;
    bed.bus.begin(POLKITD, 1, &[own()]).await;
    assert_eq!(bed.bus.end().await, refused());
    assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "other-subject"));
}

#[tokio::test]
async fn a_challenge_of_another_sender_than_polkitd_is_refused() {
    for sender in [Some(":1.2"), Some(":1.11"), None] {
        let mut bed = Bed::new(this_process(), Answer::Allow).await;
        bed.bus.begin(sender, std::process::id(), &[own()]).await;
        assert_eq!(bed.bus.end().await, refused(), "{sender:?}");
        assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "sender"), "{sender:?}");
    }
}

#[tokio::test]
async fn without_a_polkitd_every_challenge_is_refused() {
    let mut bed = Bed::new(this_process(), Answer::Allow).await;
    bed.polkitd.send_replace(None);
    assert_eq!(bed.challenge(&[own()]).await, refused());
    assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "sender"));
}

#[tokio::test]
async fn a_challenge_that_cannot_be_decoded_is_refused() {
    let mut bed = Bed::new(this_process(), Answer::Allow).await;
    bed.bus.send(POLKITD, "BeginAuthentication", &"garbage").await;
    assert_eq!(bed.bus.end().await, refused());
    assert_eq!((bed.bus.answers.len(), bed.recorded("REASON").await.as_str()), (0, "malformed"));
}

#[tokio::test]
async fn a_challenge_waits_for_a_person_who_approves() {
    let mut bed = Bed::new(this_process(), Answer::Ask).await;
    bed.bus.begin(POLKITD, std::process::id(), &[own()]).await;
    let id = bed.pending().await;
    bed.approve(&id);
    assert_eq!(bed.bus.end().await, End::Done);
    assert_eq!(bed.bus.answers, [(own(), COOKIE.to_owned(), own())]);
    assert_eq!(bed.recorded("REASON").await, "approved");
}

#[tokio::test]
async fn a_process_that_ended_between_reading_and_reply_gets_no_answer() {
    let mut child = sleeping();
    let mut bed = Bed::new(AgentScope::Process(Arc::new(pinned(child.id()))), Answer::Ask).await;
    bed.bus.begin(POLKITD, child.id(), &[own()]).await;
    let id = bed.pending().await;
    child.kill().unwrap();
    child.wait().unwrap();
    bed.approve(&id);
    assert_eq!(bed.bus.end().await, refused());
    assert!(bed.bus.answers.is_empty());
    assert_eq!(bed.recorded("REASON").await, "approved");
    assert_eq!(bed.recorded("OUTCOME").await, "changed");
}

#[tokio::test]
async fn polkitd_cancels_its_own_challenge_and_no_other_sender_does() {
    let mut bed = Bed::new(this_process(), Answer::Ask).await;
    bed.bus.begin(POLKITD, std::process::id(), &[own()]).await;
    bed.pending().await;
    // The same cookie from another sender replaces and removes nothing.
    bed.bus.begin(Some(":1.2"), std::process::id(), &[own()]).await;
    assert_eq!(bed.bus.end().await, refused());
    bed.bus.cancel(Some(":1.2")).await;
    assert_eq!(bed.bus.end().await, End::Done, "each cancellation gets a reply");
    bed.bus.cancel(POLKITD).await;
    let ends = [bed.bus.end().await, bed.bus.end().await];
    assert!(ends.contains(&End::Done) && ends.contains(&dismissed()), "{ends:?}");
    assert!(bed.bus.answers.is_empty());
    assert_eq!((bed.recorded("REASON").await, bed.recorded("REASON").await), ("sender".into(), "cancelled".into()));
}
