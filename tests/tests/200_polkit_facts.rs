//! The facts about polkit that the agent rests on, shown on each version before the agent itself is tested.

mod facts;

use facts::{ADMIN, ADMIN_KEEP, RULED, SERVED, STRANGER, bed, right_uid, saw, served, wrong_uid};
use polkit_dbus::{AuthorityError, Registration};
use polkit_tests::polkit::Verdict::{self, Dismissed, No, NobodyToAsk, Yes};
use polkit_tests::polkit::{subject, subject_started_at};
use polkit_tests::{Polkit, Root, Script, StandIn, Suite, on_each_suite};

on_each_suite! {
    response2_wants_the_registering_uid_up_to_124_and_the_subject_s_from_125
    a_wrong_uid_does_not_spoil_the_challenge
    a_challenge_names_the_two_pids_and_nothing_else
    without_an_admin_rule_root_is_the_administrator
    a_return_without_an_answer_is_a_refusal
    error_cancelled_is_dismissal
    any_other_error_is_a_refusal
    an_error_after_an_accepted_answer_is_a_refusal
    a_process_without_an_agent_is_refused_at_once_and_told_so
    a_vanished_connection_drops_one_registration_only
    a_fallback_registration_never_serves_a_session_less_process
    a_wrong_start_time_is_refused_from_0_115
    a_dead_process_cannot_be_unregistered_from_0_115
    auth_self_offers_the_claimed_user_alone
    auth_self_keeps_nothing
    a_keep_result_is_kept_and_nobody_is_asked_again
}

fn response2_wants_the_registering_uid_up_to_124_and_the_subject_s_from_125(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Answer(vec![wrong_uid(bed.suite())]));
    assert_eq!(polkit.check(&subject, ADMIN), No);
    let refusal = agent.seen()[0].answers[0].1.clone();
    assert_eq!(refusal, Some(AuthorityError::NoSessionForCookie.to_string()));
    agent.vanish();
    let _agent = StandIn::of(&polkit, &subject, Script::Answer(vec![right_uid(bed.suite())]));
    assert_eq!(polkit.check(&subject, ADMIN), Yes);
    let whose = if right_uid(bed.suite()) == 0 { "the registering uid" } else { "the subject's uid" };
    saw(bed.suite(), "Response2 wants", whose);
}

fn a_wrong_uid_does_not_spoil_the_challenge(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let (wrong, right) = (wrong_uid(bed.suite()), right_uid(bed.suite()));
    let agent = StandIn::of(&polkit, &subject, Script::Answer(vec![wrong, right]));
    assert_eq!(polkit.check(&subject, ADMIN), Yes);
    let refusal = AuthorityError::NoSessionForCookie.to_string();
    assert_eq!(agent.seen()[0].answers, [(wrong, Some(refusal)), (right, None)]);
    saw(bed.suite(), "after Response2 with the wrong uid", "the right one is taken");
}

fn a_challenge_names_the_two_pids_and_nothing_else(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Nothing);
    assert_eq!(polkit.check(&subject, ADMIN), No);
    let details = agent.seen()[0].challenge.details.clone();
    assert_eq!(details.subject_pid.map(|pid| pid.get()), Some(process.pid()));
    assert!(details.other.is_empty(), "{details:?}");
    saw(bed.suite(), "details of a challenge besides the pids", "none");
}

fn without_an_admin_rule_root_is_the_administrator(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Nothing);
    assert_eq!(polkit.check(&subject, ADMIN), No);
    assert_eq!(agent.seen()[0].identities(), [0]);
    saw(bed.suite(), "identities offered for auth_admin", "root alone");
}

fn a_return_without_an_answer_is_a_refusal(root: &Root) {
    ends_with(root, Script::Nothing, No, "a return without an answer");
}

fn error_cancelled_is_dismissal(root: &Root) {
    ends_with(root, Script::Dismiss, Dismissed, "Error.Cancelled");
}

fn any_other_error_is_a_refusal(root: &Root) {
    ends_with(root, Script::Fail, No, "Error.Failed");
    ends_with(root, Script::Absent, No, "UnknownMethod");
}

fn an_error_after_an_accepted_answer_is_a_refusal(root: &Root) {
    let script = Script::AnswerAndFail(vec![right_uid(root.suite())]);
    ends_with(root, script, No, "an accepted answer and then Error.Failed");
}

/// Checks with an agent of that script, and sees that it was asked and what came of it.
fn ends_with(root: &Root, script: Script, expected: Verdict, what: &str) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, script.clone());
    assert_eq!(polkit.check(&subject, ADMIN), expected);
    // An agent that does not have its object notices nothing.
    let seen = agent.seen();
    assert_eq!(seen.len(), usize::from(script != Script::Absent));
    assert!(seen.iter().flat_map(|seen| &seen.answers).all(|(_, error)| error.is_none()), "{seen:?}");
    saw(bed.suite(), what, &format!("{expected:?}"));
}

fn a_process_without_an_agent_is_refused_at_once_and_told_so(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    assert_eq!(polkit.check(&subject, ADMIN), NobodyToAsk);
    saw(bed.suite(), "no agent", "nobody to ask");
}

fn a_vanished_connection_drops_one_registration_only(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let processes = [served(&bed), served(&bed), served(&bed)];
    let agent = StandIn::new(&polkit, Script::Nothing);
    for (_, subject) in &processes {
        agent.register(subject, Registration::Sole).unwrap();
    }
    agent.vanish();
    let mut left: Vec<_> = processes.iter().map(|(_, subject)| polkit.check(subject, ADMIN)).collect();
    left.sort_unstable();
    // No without anybody being there is polkitd asking the name that is gone.
    assert_eq!(left, [No, No, NobodyToAsk]);
    let stale = processes.iter().find(|(_, subject)| polkit.check(subject, ADMIN) == No).unwrap();
    let again = StandIn::new(&polkit, Script::Nothing).register(&stale.1, Registration::Sole);
    assert!(matches!(again, Err(AuthorityError::AlreadyRegistered)), "{again:?}");
    saw(bed.suite(), "registrations dropped of 3 on one connection that vanished", "1");
}

fn a_fallback_registration_never_serves_a_session_less_process(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let fallback = StandIn::new(&polkit, Script::Nothing);
    fallback.register(&subject, Registration::Fallback).unwrap();
    assert_eq!(polkit.check(&subject, ADMIN), NobodyToAsk);
    assert_eq!(fallback.seen().len(), 0);
    fallback.unregister(&subject).unwrap();
    let sole = StandIn::of(&polkit, &subject, Script::Nothing);
    assert_eq!(polkit.check(&subject, ADMIN), No);
    assert_eq!(sole.seen().len(), 1);
    saw(bed.suite(), "a fallback agent of a session-less process is asked", "never");
}

fn a_wrong_start_time_is_refused_from_0_115(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, true_subject) = served(&bed);
    let wrong = subject_started_at(process.pid(), bed.start_time(process.pid()).unwrap() - 1, SERVED);
    let agent = StandIn::new(&polkit, Script::Nothing);
    let registered = agent.register(&wrong, Registration::Sole);
    let seen = if bed.suite() == Suite::Bullseye && registered.is_ok() {
        // Taken, and of no use: the key is pid and start time.
        assert_eq!(polkit.check(&true_subject, ADMIN), NobodyToAsk);
        "taken, serves nobody"
    } else {
        assert!(matches!(registered, Err(AuthorityError::NoSuchSubject)), "{registered:?}");
        "refused"
    };
    saw(bed.suite(), "registering with a wrong start time", seen);
}

fn a_dead_process_cannot_be_unregistered_from_0_115(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Nothing);
    let pid = process.pid();
    process.kill();
    wait_until_reaped(&bed, pid);
    let unregistered = agent.unregister(&subject);
    let seen = if bed.suite() == Suite::Bullseye && unregistered.is_ok() {
        "done"
    } else {
        assert!(matches!(unregistered, Err(AuthorityError::NoSuchSubject)), "{unregistered:?}");
        "refused"
    };
    saw(bed.suite(), "unregistering a dead process", seen);
}

fn auth_self_offers_the_claimed_user_alone(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, true_subject) = served(&bed);
    let agent = StandIn::of(&polkit, &true_subject, Script::Nothing);
    assert_eq!(polkit.check(&true_subject, RULED), No);
    // The mechanism may be wrong about the uid: what it claims is what is offered.
    assert_eq!(polkit.check(&subject(&bed, process.pid(), STRANGER), RULED), No);
    let offered: Vec<_> = agent.seen().iter().map(polkit_tests::Seen::identities).collect();
    assert_eq!(offered, [[SERVED], [STRANGER]]);
    saw(bed.suite(), "identities offered for auth_self", "the claimed user alone");
}

fn auth_self_keeps_nothing(root: &Root) {
    assert_eq!(times_asked(root, RULED), 2);
    saw(root.suite(), "asked for two checks with auth_self", "2 times");
}

fn a_keep_result_is_kept_and_nobody_is_asked_again(root: &Root) {
    assert_eq!(times_asked(root, ADMIN_KEEP), 1);
    saw(root.suite(), "asked for two checks with auth_admin_keep", "1 time");
}

/// How often an agent that says yes is asked for two checks of one process.
fn times_asked(root: &Root, action: &str) -> usize {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Answer(vec![right_uid(bed.suite())]));
    assert_eq!([polkit.check(&subject, action), polkit.check(&subject, action)], [Yes, Yes]);
    agent.seen().len()
}

fn wait_until_reaped(bed: &polkit_tests::Bed, pid: u32) {
    let _ = bed.exec(["sh", "-c", "while [ -e /proc/$1 ]; do sleep 0.01; done", "sh", &pid.to_string()]).success();
}
