use super::*;
use crate::rules::{facts::ApproverUid, verdict::tests as model};

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
fn of_root() -> Described {
    Described { exe: Some("/usr/bin/php".into()), ..Described::default() }
}

fn question(facts: &Facts, now: Instant) -> Waiting {
    let binding = Binding::new("r", facts, None).unwrap();
    Waiting { binding, pid: SubjectPid::new(7).unwrap(), described: of_root(), first: now, times: 1 }
}

fn rules() -> [Rule; 1] {
    [Rule { user: None, ..model::rule(Answer::Ask) }]
}

/// Whether a question of those facts is approved now.
fn is_approved(questions: &Questions, facts: &Facts, now: Instant) -> bool {
    !questions.approved(&rules(), facts, None, now).is_empty()
}

#[test]
fn an_approval_is_for_that_question_and_no_other() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    assert!(!is_approved(&questions, &asked, now));
    questions.approve("a", approver(1000), Some(LONGEST), now);
    assert!(is_approved(&questions, &asked, now));
    assert_eq!(questions.approved(&rules(), &asked, None, now).get("r"), Some(&approver(1000)));
    let others = [
        facts(34, "org.example.x"),
        facts(33, "org.example.y"),
        Facts { unit: Fact::Known(None), ..asked.clone() },
        Facts { unit: Fact::Unknown, ..asked.clone() },
        Facts { exe: Fact::Known(FileId { device: 1, inode: 3 }), ..asked.clone() },
        Facts { exe: Fact::Unknown, ..asked.clone() },
        Facts { content: Fact::Unknown, ..asked.clone() },
        Facts { login: LoginUid::parse("1000"), ..asked.clone() },
    ];
    for other in others {
        assert!(!is_approved(&questions, &other, now), "{other:?}");
    }
    assert!(questions.approved(&rules(), &asked, Some("c1"), now).is_empty(), "in a session");
    let renamed = [Rule { id: "s".into(), ..rules()[0].clone() }];
    assert!(questions.approved(&renamed, &asked, None, now).is_empty());
}

#[test]
fn an_approval_is_for_one_answer_or_for_its_time() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let binding = Binding::new("r", &asked, None).unwrap();
    let _ = questions.wait("a".into(), question(&asked, now), now);
    questions.approve("a", approver(0), None, now);
    assert!(is_approved(&questions, &asked, now) && !is_approved(&questions, &asked, now + LONGEST));
    questions.spend(&binding);
    assert!(!is_approved(&questions, &asked, now));

    let _ = questions.wait("b".into(), question(&asked, now), now);
    questions.approve("b", approver(0), Some(Duration::from_secs(600)), now);
    questions.spend(&binding);
    assert!(is_approved(&questions, &asked, now + Duration::from_secs(599)));
    assert!(!is_approved(&questions, &asked, now + Duration::from_secs(600)));
}

#[test]
fn equal_questions_wait_as_one() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    assert_eq!(questions.wait("a".into(), question(&asked, now), now).0, Some("a".to_owned()));
    assert_eq!(questions.wait("b".into(), question(&asked, now), now).0, None);
    let all: Vec<_> = questions.list(now).map(|(id, question)| (id.to_owned(), question.times)).collect();
    assert_eq!(all, [("a".to_owned(), 2)]);
}

#[test]
fn one_user_does_not_take_the_room_of_another() {
    let (mut questions, now) = (Questions::default(), Instant::now());
    let of = |uid, number: usize| facts(uid, &format!("org.example.a{number}"));
    for number in 0..MOST_OF_USER {
        assert!(questions.has_room(&of(33, number), None, now));
        let _ = questions.wait(format!("{number}"), question(&of(33, number), now), now);
    }
    assert!(!questions.has_room(&of(33, MOST_OF_USER), None, now));
    assert!(questions.has_room(&of(33, 0), None, now), "what waits already needs no more room");
    assert!(!questions.has_room(&of(33, 0), Some("c1"), now), "in a session it is another question");
    assert!(questions.has_room(&of(34, 0), None, now));
    assert!(questions.has_room(&of(33, MOST_OF_USER), None, now + LONGEST), "an old question is forgotten");
}

#[test]
fn what_was_approved_can_be_denied_by_the_same_id() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    assert!(questions.approve("a", approver(0), Some(LONGEST), now));
    assert_eq!(questions.approvals(now).map(|approval| approval.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(questions.deniable("a", approver(33), now).map(drop), Err(Refusal::Own));
    assert_eq!(questions.deniable("a", approver(1000), now).map(drop), Ok(()));
    questions.deny("a");
    assert!(!is_approved(&questions, &asked, now));
    assert_eq!(questions.deniable("a", approver(1000), now).map(drop), Err(Refusal::Unknown));
}

#[test]
fn a_question_that_is_gone_is_not_approved() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    questions.clear();
    assert!(!questions.approve("a", approver(0), Some(LONGEST), now));
    assert!(!is_approved(&questions, &asked, now));
}

#[test]
fn nobody_approves_his_own_question_or_for_long_or_twice() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    let hour = |uid| (approver(uid), LONGEST);
    let mut may = |id: &str, (uid, length): (Approver, Duration)| questions.answerable(id, uid, length, now).map(drop);
    assert_eq!(may("a", hour(33)), Err(Refusal::Own));
    assert_eq!(may("a", (approver(0), LONGEST + Duration::from_secs(1))), Err(Refusal::TooLong));
    assert_eq!(may("b", hour(0)), Err(Refusal::Unknown));
    assert_eq!(may("a", hour(0)), Ok(()));
    questions.approve("a", approver(0), None, now);
    assert_eq!(questions.answerable("a", approver(0), LONGEST, now).map(drop), Err(Refusal::Unknown));
}

#[test]
fn an_approval_is_for_the_program_s_content() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    questions.approve("a", approver(0), Some(LONGEST), now);
    let written = Content { size: 3, modified: (4, 5), changed: (6, 7) };
    assert!(is_approved(&questions, &Facts { content: Fact::Known(written), ..asked.clone() }, now));
    let others = [
        Content { size: 4, ..written },
        Content { modified: (4, 6), ..written },
        Content { changed: (7, 7), ..written },
    ];
    for other in others {
        let rewritten = Facts { content: Fact::Known(other), ..asked.clone() };
        assert!(!is_approved(&questions, &rewritten, now), "{other:?}");
    }
}

#[test]
fn nobody_approves_as_another_user_what_the_same_login_asks() {
    let (mut questions, now) = (Questions::default(), Instant::now());
    let asked = Facts { login: LoginUid::parse("1000\n"), ..facts(1000, "org.example.x") };
    let _ = questions.wait("a".into(), question(&asked, now), now);
    let mut may = |approver| questions.answerable("a", approver, Duration::ZERO, now).map(drop);
    assert_eq!(may(logged_in(0, "1000")), Err(Refusal::SameLogin), "by sudo");
    assert_eq!(may(logged_in(0, "1001")), Ok(()));
    assert_eq!(may(logged_in(0, "4294967295")), Ok(()), "of no login: the uids differ");
    questions.approve("a", approver(0), Some(LONGEST), now);
    assert_eq!(questions.deniable("a", logged_in(0, "1000"), now).map(drop), Err(Refusal::SameLogin));
    // Of no login neither: there is nothing to compare.
    let _ = questions.wait("b".into(), question(&facts(33, "org.example.x"), now), now);
    assert_eq!(questions.answerable("b", logged_in(0, "4294967295"), Duration::ZERO, now).map(drop), Ok(()));
}

#[test]
fn a_program_that_root_alone_does_not_control_is_approved_for_one_answer_alone() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let claimed = Described { exe_claimed: Some("/usr/bin/php".into()), ..Described::default() };
    let _ = questions.wait("a".into(), Waiting { described: claimed, ..question(&asked, now) }, now);
    let mut may = |length| questions.answerable("a", approver(0), length, now).map(drop);
    assert_eq!(may(Duration::from_secs(1)), Err(Refusal::Writable));
    assert_eq!(may(Duration::ZERO), Ok(()));
}

#[test]
fn another_configuration_ends_questions_and_approvals() {
    let (mut questions, now, asked) = (Questions::default(), Instant::now(), facts(33, "org.example.x"));
    let _ = questions.wait("a".into(), question(&asked, now), now);
    questions.approve("a", approver(0), Some(LONGEST), now);
    let _ = questions.wait("b".into(), question(&asked, now), now);
    questions.clear();
    assert!(!is_approved(&questions, &asked, now) && questions.count(now) == 0);
}

#[test]
fn four_are_held_at_a_time() {
    let mut questions = Questions::default();
    assert!((0..MOST_HELD).all(|_| questions.hold()) && !questions.hold());
    questions.release();
    assert!(questions.hold() && !questions.hold());
}
