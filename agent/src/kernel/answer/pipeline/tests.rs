use std::{os::unix::net::UnixDatagram, path::Path};

use polkit_agent_rules::{
    facts::{Fact, Facts},
    history::History,
    model,
    rule::{Named, Rule},
    verdict::decide,
};
use polkit_config::names::Names;
use polkit_types::{SubjectPid, SubjectUid};

use super::*;
use crate::{
    config::{Serve, ServeTarget},
    kernel::answer::hook_protocol::HookRequest,
};

const ACTION: &str = "org.libvirt.unix.manage";

/// The user of this test, with its name in /etc/passwd.
fn own_user() -> Named {
    let uid = rustix::process::geteuid().as_raw();
    let user = Names::Host.user_by_uid(uid).unwrap().unwrap();
    Named { name: user.name, id: uid }
}

/// A journal, and a context whose one entry serves the user of this test by the hook.
fn context(folder: &Path, by_hook: bool, answer: Answer) -> (UnixDatagram, Context) {
    let rules = vec![Rule { user: Some(own_user()), ..model::rule(answer) }];
    let serve = Serve { by_hook, ..Serve::of(ServeTarget::User(own_user())) };
    let config = Config::of(vec![serve], rules);
    let socket = folder.join("journal");
    let journal = UnixDatagram::bind(&socket).unwrap();
    journal.set_nonblocking(true).unwrap();
    (journal, Context::of(config, &socket))
}

fn request(user: &str) -> Request {
    let pid = std::process::id();
    Request::Hook(HookRequest { pid, user: user.into(), action: ACTION.into(), details: Default::default() })
}

fn record(journal: &UnixDatagram) -> Option<String> {
    let mut buffer = vec![0; 8192];
    let length = journal.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[tokio::test]
async fn an_allowed_hook_request_is_recorded_before_the_yes() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, context) = context(folder.path(), true, Answer::Allow);
    let (reply, pending) = answer(&context, &request(&own_user().name)).await;
    assert_eq!(reply, Reply::Yes);
    let decision = record(&journal).unwrap();
    let expected = format!("POLKIT_AGENT_SUBJECT_PID={}\n", std::process::id());
    assert!(decision.contains("POLKIT_AGENT_VERDICT=allow\n") && decision.contains(&expected), "{decision}");
    close(&context, pending.unwrap()).await;
    assert!(record(&journal).unwrap().contains("POLKIT_AGENT_OUTCOME=sent\n"));
}

#[tokio::test]
async fn a_refused_hook_request_is_recorded_as_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, context) = context(folder.path(), true, Answer::Deny);
    let (reply, pending) = answer(&context, &request(&own_user().name)).await;
    assert_eq!(reply, Reply::No);
    assert!(record(&journal).unwrap().contains("POLKIT_AGENT_VERDICT=deny\n"));
    close(&context, pending.unwrap()).await;
    assert!(record(&journal).unwrap().contains("POLKIT_AGENT_OUTCOME=refused\n"));
}

#[tokio::test]
async fn a_hook_request_with_another_user_than_the_process_has_gets_no_reply() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, context) = context(folder.path(), true, Answer::Allow);
    for user in ["daemon", "no-such-user", "4242"] {
        let (reply, pending) = answer(&context, &request(user)).await;
        assert!(reply == Reply::Nothing && pending.is_none() && record(&journal).is_none(), "{user}");
    }
    assert_eq!(context.unserved.count(), 0, "another process than the request is about");
}

#[tokio::test]
async fn an_entry_without_way_hook_answers_no_hook_request() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, context) = context(folder.path(), false, Answer::Allow);
    let (reply, pending) = answer(&context, &request(&own_user().name)).await;
    assert!(reply == Reply::Nothing && pending.is_none() && record(&journal).is_none());
    assert_eq!(context.unserved.count(), 1);
}

#[tokio::test]
async fn without_a_journal_a_yes_becomes_nothing_and_a_no_stays() {
    for (rule, expected) in [(Answer::Allow, Reply::Nothing), (Answer::Deny, Reply::No)] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, context) = context(folder.path(), true, rule);
        drop(journal);
        std::fs::remove_file(folder.path().join("journal")).unwrap();
        let (reply, pending) = answer(&context, &request(&own_user().name)).await;
        assert_eq!(reply, expected);
        assert!(pending.is_none());
    }
}

/// Carries out a yes to a hook request about this process, with this subject as it was read before.
async fn carried_out(context: &Context, subject: Subject) -> Result<Outcome, Outcome> {
    let process = PinnedProcess::open(SubjectPid::new(std::process::id()).unwrap()).unwrap();
    let case = Case { process: Some(Arc::new(process)), subject: Some(subject) };
    let config = Arc::clone(&context.config.borrow());
    let verdict = decide(&config.rules, &Facts { uid: own_uid(), ..model::facts() }, &History::default());
    assert_eq!(verdict.answer(), Answer::Allow);
    carry_out(context, &request(&own_user().name), &case, &verdict, &config).await
}

fn own_uid() -> SubjectUid {
    SubjectUid::new(own_user().id).unwrap()
}

/// This process as it is now.
fn current(context: &Context) -> ProcessState {
    let process = PinnedProcess::open(SubjectPid::new(std::process::id()).unwrap()).unwrap();
    process.state(&context.cgroup_root).unwrap()
}

#[tokio::test]
async fn a_yes_of_the_hook_holds_only_for_the_process_as_it_was_judged() {
    let folder = tempfile::tempdir().unwrap();
    let (_journal, context) = context(folder.path(), true, Answer::Allow);
    let now = current(&context);
    let of = |state: ProcessState| Subject { state, ..Subject::of(model::facts()) };
    assert_eq!(carried_out(&context, of(now.clone())).await, Ok(Outcome::Sent));
    let other_uid = SubjectUid::new(now.uid.get() + 1).unwrap();
    for changed in [
        ProcessState { uid: other_uid, ..now.clone() },
        ProcessState { cgroup: Fact::Known("/system.slice/other.service".into()), ..now.clone() },
        ProcessState { program: Fact::Known(b"/usr/bin/other".to_vec()), ..now.clone() },
        ProcessState { program: Fact::Unknown, ..now },
    ] {
        assert_eq!(carried_out(&context, of(changed.clone())).await, Err(Outcome::Changed), "{changed:?}");
    }
}

#[tokio::test]
async fn a_yes_holds_only_for_the_same_content_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let rules =
        vec![Rule { exe: None, user: Some(own_user()), ..model::rule(Answer::Allow) }, model::rule(Answer::Ask)];
    let context = Context::of(Config::of(Vec::new(), rules), &folder.path().join("journal"));
    // The test program is no reader of facts, so the second reading knows neither file nor content.
    let of = |exe, content| {
        let facts = Facts { exe, content, ..model::facts() };
        Subject { state: current(&context), ..Subject::of(facts) }
    };
    let known = model::facts();
    assert_eq!(carried_out(&context, of(Fact::Unknown, Fact::Unknown)).await, Ok(Outcome::Sent));
    assert_eq!(carried_out(&context, of(Fact::Unknown, known.content)).await, Err(Outcome::Changed));
    assert_eq!(carried_out(&context, of(known.exe, Fact::Unknown)).await, Err(Outcome::Changed));
}

#[tokio::test(start_paused = true)]
async fn a_challenge_waits_for_a_person_no_longer_than_its_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    let rules = vec![Rule { hold: Some(Duration::from_secs(60)), ..model::rule(Answer::Ask) }];
    let context = Context::of(Config::of(Vec::new(), rules), &folder.path().join("journal"));
    let config = Arc::clone(&context.config.borrow());
    context.state.set_config(&config);
    let process = PinnedProcess::open(SubjectPid::new(std::process::id()).unwrap()).unwrap();
    let subject = Subject::of(model::facts());
    for (patience, waited) in [(Duration::from_secs(5), 5), (Duration::from_secs(300), 60), (Duration::ZERO, 0)] {
        let verdict = context.state.decide(&config, &subject.facts, Instant::now());
        // The clock of the runtime, which the test has stopped, moves only by waiting.
        let began = tokio::time::Instant::now();
        let verdict = wait_for_approval(&context, &config, verdict, &process, &subject, patience).await;
        assert_eq!((verdict.answer(), began.elapsed().as_secs()), (Answer::Ask, waited));
    }
}
