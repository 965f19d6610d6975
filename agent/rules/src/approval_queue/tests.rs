use super::*;
use crate::{facts::ApproverUid, model};

type Queue = ApprovalQueue<()>;

fn approver(uid: u32) -> Approver {
    Approver { uid: ApproverUid::new(uid), login: None }
}

fn logged_in(uid: u32, login: &str) -> Approver {
    Approver { login: LoginUid::parse(login), ..approver(uid) }
}

fn facts(uid: u32, action: &str) -> Facts {
    Facts { uid: SubjectUid::new(uid).unwrap(), action: action.into(), ..model::facts() }
}

/// A program that root alone controls.
fn of_root() -> SubjectInfo {
    SubjectInfo { exe: Some("/usr/bin/php".into()), ..SubjectInfo::default() }
}

fn pending(facts: &Facts, now: Instant) -> PendingRequest {
    let scope = ApprovalScope::new("r", facts).unwrap();
    PendingRequest { scope, pid: SubjectPid::new(7).unwrap(), info: of_root(), first: now, times: 1 }
}

/// The same request, by the agent of a session.
fn in_session(facts: &Facts) -> Facts {
    Facts { served_session: Some("c1".into()), ..facts.clone() }
}

fn rules() -> [Rule; 1] {
    [Rule { user: None, ..model::rule(Answer::Ask) }]
}

/// Whether a request with these facts is approved now.
fn is_approved(queue: &Queue, facts: &Facts, now: Instant) -> bool {
    !queue.approved(&rules(), facts, now).is_empty()
}

#[test]
fn an_approval_covers_the_same_request_and_no_other() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    assert!(!is_approved(&queue, &request, now));
    queue.approve("a", approver(1000), Some(LONGEST), now);
    assert!(is_approved(&queue, &request, now));
    assert_eq!(queue.approved(&rules(), &request, now).get("r"), Some(&approver(1000)));
    let others = [
        facts(34, "org.example.x"),
        facts(33, "org.example.y"),
        Facts { unit: Fact::Known(None), ..request.clone() },
        Facts { unit: Fact::Unknown, ..request.clone() },
        Facts { exe: Fact::Known(FileId { device: 1, inode: 3 }), ..request.clone() },
        Facts { exe: Fact::Unknown, ..request.clone() },
        Facts { content: Fact::Unknown, ..request.clone() },
        Facts { login: LoginUid::parse("1000"), ..request.clone() },
    ];
    for other in others {
        assert!(!is_approved(&queue, &other, now), "{other:?}");
    }
    assert!(queue.approved(&rules(), &in_session(&request), now).is_empty(), "in a session");
    let renamed = [Rule { id: "s".into(), ..rules()[0].clone() }];
    assert!(queue.approved(&renamed, &request, now).is_empty());
    let grants = [Rule { answer: Answer::Allow, ..rules()[0].clone() }];
    assert!(queue.approved(&grants, &request, now).is_empty(), "a rule that asks for no approval");
}

#[test]
fn an_approval_is_valid_once_or_for_its_time() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let scope = ApprovalScope::new("r", &request).unwrap();
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    queue.approve("a", approver(0), None, now);
    assert!(is_approved(&queue, &request, now) && !is_approved(&queue, &request, now + LONGEST));
    queue.spend(&scope);
    assert!(!is_approved(&queue, &request, now));

    let _ = queue.wait("b".into(), pending(&request, now), now, || ());
    queue.approve("b", approver(0), Some(Duration::from_secs(600)), now);
    queue.spend(&scope);
    assert!(is_approved(&queue, &request, now + Duration::from_secs(599)));
    assert!(!is_approved(&queue, &request, now + Duration::from_secs(600)));
}

#[test]
fn equal_queue_wait_as_one() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    assert_eq!(queue.wait("a".into(), pending(&request, now), now, || ()).0, Some("a".to_owned()));
    assert_eq!(queue.wait("b".into(), pending(&request, now), now, || ()).0, None);
    let all: Vec<_> = queue.list(now).map(|(id, pending)| (id.to_owned(), pending.times)).collect();
    assert_eq!(all, [("a".to_owned(), 2)]);
}

#[test]
fn one_user_does_not_use_up_the_places_of_another() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let of = |uid, number: usize| facts(uid, &format!("org.example.a{number}"));
    for number in 0..MOST_OF_USER {
        assert!(queue.has_capacity(&of(33, number), now));
        let _ = queue.wait(format!("{number}"), pending(&of(33, number), now), now, || ());
    }
    assert!(!queue.has_capacity(&of(33, MOST_OF_USER), now));
    assert!(queue.has_capacity(&of(33, 0), now), "an equal request waits already");
    assert!(!queue.has_capacity(&in_session(&of(33, 0)), now), "by the agent of a session it is another request");
    assert!(queue.has_capacity(&of(34, 0), now));
    assert!(queue.has_capacity(&of(33, MOST_OF_USER), now + LONGEST), "an old request is forgotten");
}

#[test]
fn an_approval_can_be_revoked_by_the_same_id() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    assert!(queue.approve("a", approver(0), Some(LONGEST), now));
    assert_eq!(queue.approvals(now).map(|approval| approval.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(queue.deniable("a", approver(33), now).map(drop), Err(Refusal::Own));
    assert_eq!(queue.deniable("a", approver(1000), now).map(drop), Ok(()));
    queue.deny("a");
    assert!(!is_approved(&queue, &request, now));
    assert_eq!(queue.deniable("a", approver(1000), now).map(drop), Err(Refusal::Unknown));
}

#[test]
fn a_removed_request_cannot_be_approved() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    queue.clear();
    assert!(!queue.approve("a", approver(0), Some(LONGEST), now));
    assert!(!is_approved(&queue, &request, now));
}

#[test]
fn an_approver_cannot_approve_an_own_request_or_too_long_or_twice() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    let hour = |uid| (approver(uid), LONGEST);
    let mut may = |id: &str, (uid, length): (Approver, Duration)| queue.approvable(id, uid, length, now).map(drop);
    assert_eq!(may("a", hour(33)), Err(Refusal::Own));
    assert_eq!(may("a", (approver(0), LONGEST + Duration::from_secs(1))), Err(Refusal::TooLong));
    assert_eq!(may("b", hour(0)), Err(Refusal::Unknown));
    assert_eq!(may("a", hour(0)), Ok(()));
    queue.approve("a", approver(0), None, now);
    assert_eq!(queue.approvable("a", approver(0), LONGEST, now).map(drop), Err(Refusal::Unknown));
}

#[test]
fn an_approval_is_bound_to_the_content_of_the_program() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    queue.approve("a", approver(0), Some(LONGEST), now);
    let written = Content { size: 3, modified: (4, 5), changed: (6, 7) };
    assert!(is_approved(&queue, &Facts { content: Fact::Known(written), ..request.clone() }, now));
    let others = [
        Content { size: 4, ..written },
        Content { modified: (4, 6), ..written },
        Content { changed: (7, 7), ..written },
    ];
    for other in others {
        let rewritten = Facts { content: Fact::Known(other), ..request.clone() };
        assert!(!is_approved(&queue, &rewritten, now), "{other:?}");
    }
}

#[test]
fn an_approver_cannot_approve_a_request_of_the_same_login_as_another_user() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let request = Facts { login: LoginUid::parse("1000\n"), ..facts(1000, "org.example.x") };
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    let mut may = |approver| queue.approvable("a", approver, Duration::ZERO, now).map(drop);
    assert_eq!(may(logged_in(0, "1000")), Err(Refusal::SameLogin), "by sudo");
    assert_eq!(may(logged_in(0, "1001")), Ok(()));
    assert_eq!(may(logged_in(0, "4294967295")), Ok(()), "no login: the uids differ");
    queue.approve("a", approver(0), Some(LONGEST), now);
    assert_eq!(queue.deniable("a", logged_in(0, "1000"), now).map(drop), Err(Refusal::SameLogin));
    // Neither has a login: the logins are not compared.
    let _ = queue.wait("b".into(), pending(&facts(33, "org.example.x"), now), now, || ());
    assert_eq!(queue.approvable("b", logged_in(0, "4294967295"), Duration::ZERO, now).map(drop), Ok(()));
}

#[test]
fn a_program_that_root_alone_does_not_control_can_be_approved_once_only() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let claimed = SubjectInfo { exe_claimed: Some("/usr/bin/php".into()), ..SubjectInfo::default() };
    let _ = queue.wait("a".into(), PendingRequest { info: claimed, ..pending(&request, now) }, now, || ());
    let mut may = |length| queue.approvable("a", approver(0), length, now).map(drop);
    assert_eq!(may(Duration::from_secs(1)), Err(Refusal::Writable));
    assert_eq!(may(Duration::ZERO), Ok(()));
}

#[test]
fn another_configuration_ends_requests_and_approvals() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    queue.approve("a", approver(0), Some(LONGEST), now);
    let _ = queue.wait("b".into(), pending(&request, now), now, || ());
    queue.clear();
    assert!(!is_approved(&queue, &request, now) && queue.list(now).count() == 0);
}

#[test]
fn four_challenges_stay_open_at_a_time() {
    let mut queue = Queue::default();
    assert!((0..MOST_HELD).all(|_| queue.hold()) && !queue.hold());
    queue.release();
    assert!(queue.hold() && !queue.hold());
}

#[test]
fn a_request_ends_with_its_hour_and_so_does_its_id() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), in_session(&facts(33, "org.example.x")));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    let last = now + LONGEST - Duration::from_secs(1);
    assert_eq!(
        queue.list(last).map(|(_, request)| (request.action(), request.session())).collect::<Vec<_>>(),
        [("org.example.x", Some("c1"))]
    );
    assert!(queue.has_capacity(&request, now + LONGEST));
    assert_eq!(queue.list(now + LONGEST).count(), 0);
    assert_eq!(queue.approvable("a", approver(0), Duration::ZERO, now + LONGEST).map(drop), Err(Refusal::Unknown));
}

#[test]
fn an_approval_is_listed_until_it_ends() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    queue.approve("a", approver(0), Some(Duration::from_secs(60)), now);
    assert_eq!(queue.approvals(now + Duration::from_secs(59)).count(), 1);
    assert_eq!(queue.approvals(now + Duration::from_secs(60)).count(), 0);
}

#[test]
fn the_places_of_all_users_are_limited_as_well() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let uids = MOST / MOST_OF_USER;
    for number in 0..MOST {
        let uid = u32::try_from(number % uids).unwrap() + 1000;
        let request = facts(uid, &format!("org.example.a{number}"));
        assert!(queue.has_capacity(&request, now), "{number}");
        let _ = queue.wait(number.to_string(), pending(&request, now), now, || ());
    }
    assert!(!queue.has_capacity(&facts(5000, "org.example.x"), now));
}

#[test]
fn the_rules_that_share_a_request_have_their_own_approvals() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let of_rule =
        |rule: &str| PendingRequest { scope: ApprovalScope::new(rule, &request).unwrap(), ..pending(&request, now) };
    let _ = queue.wait("a".into(), of_rule("r"), now, || ());
    assert_eq!(queue.wait("b".into(), of_rule("s"), now, || ()).0, Some("b".to_owned()));
    queue.approve("b", approver(1000), Some(LONGEST), now);
    let two = ["r", "s"].map(|id| Rule { id: id.into(), ..rules()[0].clone() });
    let approved = queue.approved(&two, &request, now);
    assert_eq!(approved.keys().collect::<Vec<_>>(), ["s"]);
    queue.approve("a", approver(1001), Some(LONGEST), now);
    queue.deny("b");
    let approved = queue.approved(&two, &request, now);
    assert_eq!(approved.into_iter().collect::<Vec<_>>(), [("r".to_owned(), approver(1001))]);
}

#[test]
fn a_pending_request_shows_the_first_of_its_equal_requests() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    let request = Facts { login: LoginUid::parse("1000"), ..in_session(&facts(33, "org.example.x")) };
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    let later = now + Duration::from_secs(60);
    let again = PendingRequest { pid: SubjectPid::new(8).unwrap(), ..pending(&request, later) };
    let _ = queue.wait("b".into(), again, later, || ());
    let shown: Vec<_> = queue.list(later).map(|(_, request)| request.clone()).collect();
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!((shown.pid, shown.first, shown.times), (SubjectPid::new(7).unwrap(), now, 2));
    assert_eq!((shown.rule(), shown.action(), shown.uid().get()), ("r", "org.example.x", 33));
    assert_eq!((shown.session(), shown.login()), (Some("c1"), LoginUid::parse("1000")));
}

#[test]
fn an_approval_of_exactly_one_hour_is_allowed_and_ends_after_it() {
    let (mut queue, now, request) = (Queue::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = queue.wait("a".into(), pending(&request, now), now, || ());
    assert_eq!(queue.approvable("a", approver(0), LONGEST, now).map(drop), Ok(()));
    queue.approve("a", approver(0), Some(LONGEST), now);
    let hour = Duration::from_secs(3600);
    assert!(is_approved(&queue, &request, now + hour - Duration::from_secs(1)));
    assert!(!is_approved(&queue, &request, now + hour));
}

#[test]
fn a_denial_ends_one_request_and_keeps_the_others() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for (id, uid) in [("a", 33), ("b", 34)] {
        let _ = queue.wait(id.into(), pending(&facts(uid, "org.example.x"), now), now, || ());
    }
    queue.deny("a");
    assert_eq!(queue.list(now).map(|(id, _)| id.to_owned()).collect::<Vec<_>>(), ["b"]);
}
