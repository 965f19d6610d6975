use std::{
    os::unix::{net::UnixDatagram, process::CommandExt},
    path::Path,
    sync::Arc,
};

use polkit_agent_rules::{
    model,
    rule::{Answer, Rule},
};
use polkit_config::names::Tree;
use zbus::fdo::ConnectionCredentials;

use super::*;
use crate::{config::Config, kernel::subject::snapshot::Subject};

fn refused(uid: u32) -> String {
    let passwd = "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n\
                  carol:x:1002:900::/:/bin/sh\n";
    let group = "polkit-approvers:x:900:alice\nalice:x:1000:\nbob:x:1001:\n";
    let names = Names::Root(Tree::parse(passwd, group));
    may_approve(uid, &names).map_or_else(|why| why.to_string(), |()| String::new())
}

#[test]
fn root_and_members_by_the_user_database_approve() {
    assert_eq!([refused(0), refused(1000), refused(1002)], [""; 3]);
}

#[test]
fn a_user_without_membership_or_entry_does_not_approve() {
    assert!(refused(1001).contains("`bob` is not a member"), "{}", refused(1001));
    assert!(refused(100_007).contains("uid 100007 has no entry"), "{}", refused(100_007));
}

#[test]
fn without_the_group_root_alone_approves() {
    let names = Names::Root(Tree::parse("alice:x:1000:1000::/:/bin/sh\n", ""));
    assert!(may_approve(0, &names).is_ok() && may_approve(1000, &names).is_err());
}

#[test]
fn the_process_of_the_caller_must_have_the_uid_that_the_bus_names() {
    let own = rustix::process::getuid().as_raw();
    let of = |uid: u32, pid: u32| {
        let credentials = ConnectionCredentials::default().set_unix_user_id(uid).set_process_id(pid);
        let names = Names::Root(Tree::parse(&format!("own:x:{own}:900::/:/bin/sh\n"), "polkit-approvers:x:900:\n"));
        examine(&credentials, &names).map_err(|why| why.to_string())
    };
    assert_eq!(of(own, std::process::id()).unwrap().uid, ApproverUid::new(own));
    let error = of(own + 1, std::process::id()).unwrap_err();
    assert_eq!(error, format!("the caller has uid {} on the bus, but its process has uid {own}", own + 1));
    assert!(of(own, i32::MAX.cast_unsigned()).unwrap_err().contains("cannot read the process"));
    let nameless = examine(&ConnectionCredentials::default(), &Names::Host).unwrap_err().to_string();
    assert_eq!(nameless, "cannot identify the caller by the bus: no uid");
}

#[test]
fn a_process_with_the_pid_of_an_ended_caller_does_not_approve() {
    let own = rustix::process::getuid().as_raw();
    let names = Names::Root(Tree::parse(&format!("own:x:{own}:900::/:/bin/sh\n"), "polkit-approvers:x:900:\n"));
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pidfd = || {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap()
    };
    let of = |fd: std::os::fd::OwnedFd| {
        let credentials = ConnectionCredentials::default().set_unix_user_id(own).set_process_id(std::process::id());
        examine(&credentials.set_process_fd(fd.into()), &names).map(drop).map_err(|why| why.to_string())
    };
    let (first, second) = (pidfd(), pidfd());
    let of_living = of(first);
    child.kill().unwrap();
    child.wait().unwrap();
    let of_ended = of(second).unwrap_err();
    assert_eq!(of_living, Ok(()));
    assert!(of_ended.contains("cannot read the process of the caller"), "{of_ended}");
}

#[test]
fn a_process_of_another_user_cannot_use_a_connection_of_root() {
    // Only root can start a process of another user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut child = std::process::Command::new("sleep").arg("60").uid(33).spawn().unwrap();
    let of = |bus: u32| {
        let credentials = ConnectionCredentials::default().set_unix_user_id(bus).set_process_id(child.id());
        examine(&credentials, &Names::Root(Tree::default())).map(drop).map_err(|why| why.to_string())
    };
    let (of_root, of_its_user) = (of(0), of(33));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(of_root, Err("the caller has uid 0 on the bus, but its process has uid 33".into()));
    assert!(of_its_user.unwrap_err().contains("uid 33 has no entry in the user database"));
}

/// A context with one request that waits for root, and its id.
fn waiting(folder: &Path) -> (Context, String) {
    let config = Config::of(Vec::new(), vec![Rule { id: "r".into(), ..model::rule(Answer::Ask) }]);
    let context = Context::of(config, &folder.join("journal"));
    let config = Arc::clone(&context.config.borrow());
    context.state.set_config(&config);
    let verdict = context.state.decide(&config, &model::facts(), Instant::now());
    let subject = Subject::of(model::facts());
    let (id, _) = context.state.enqueue(&verdict, &subject, SubjectPid::new(7).unwrap(), Instant::now()).unwrap();
    (context, id.unwrap())
}

fn counts(context: &Context) -> (usize, usize) {
    let now = Instant::now();
    context.state.queue(|queue| (queue.list(now).count(), queue.approvals(now).count()))
}

fn root() -> Approver {
    Approver { uid: ApproverUid::new(0), login: None }
}

#[tokio::test]
async fn an_approval_without_a_record_does_not_count_and_the_request_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (context, id) = waiting(folder.path());
    let error = approve_as(&context, root(), &id, None).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot record it: "), "{error}");
    assert_eq!(counts(&context), (1, 0));
}

#[tokio::test]
async fn an_approval_is_recorded_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (context, id) = waiting(folder.path());
    let journal = UnixDatagram::bind(folder.path().join("journal")).unwrap();
    approve_as(&context, root(), &id, Some(Duration::from_secs(60))).await.unwrap();
    assert_eq!(counts(&context), (0, 1));
    let mut buffer = [0; 4096];
    let length = journal.recv(&mut buffer).unwrap();
    let record = String::from_utf8_lossy(&buffer[..length]);
    assert!(
        record.contains("POLKIT_AGENT_ENTRY=approval\n") && record.contains("POLKIT_AGENT_SECONDS=60\n"),
        "{record}"
    );
}

#[tokio::test]
async fn a_denial_counts_and_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (context, id) = waiting(folder.path());
    let error = deny_as(&context, root(), &id).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot record it: "), "{error}");
    assert_eq!(counts(&context), (0, 0), "a refusal needs no record");
    let (context, id) = waiting(folder.path());
    let journal = UnixDatagram::bind(folder.path().join("journal")).unwrap();
    deny_as(&context, root(), &id).await.unwrap();
    assert_eq!(counts(&context), (0, 0));
    let mut buffer = [0; 4096];
    let length = journal.recv(&mut buffer).unwrap();
    assert!(String::from_utf8_lossy(&buffer[..length]).contains("POLKIT_AGENT_ENTRY=denial\n"));
}

#[tokio::test]
async fn a_request_of_the_caller_s_own_user_is_refused_without_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (context, id) = waiting(folder.path());
    let own = Approver { uid: ApproverUid::new(33), login: None };
    let errors = [approve_as(&context, own, &id, None).await, deny_as(&context, own, &id).await];
    assert!(errors.iter().all(|error| matches!(error, Err(ApprovalError::Refusal(Refusal::Own)))), "{errors:?}");
    let unknown = approve_as(&context, root(), "no-such-id", None).await;
    assert!(matches!(unknown, Err(ApprovalError::Refusal(Refusal::Unknown))), "{unknown:?}");
    assert_eq!(counts(&context), (1, 0));
}
