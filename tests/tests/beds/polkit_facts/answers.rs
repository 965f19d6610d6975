//! What an agent may answer, and what becomes of it.

use polkit_dbus::AuthorityError;
use polkit_tests::polkit::Verdict::{self, Dismissed, No, Yes};
use polkit_tests::{Polkit, Root, Script, StandIn, on_each_suite};

use super::common::{ADMIN, bed, right_uid, saw, served, wrong_uid};

on_each_suite! {
    response2_wants_the_registering_uid_up_to_124_and_the_subject_s_from_125
    a_wrong_uid_does_not_spoil_the_challenge
    a_return_without_an_answer_is_a_refusal
    error_cancelled_is_dismissal
    any_other_error_is_a_refusal
    an_error_after_an_accepted_answer_is_a_refusal
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
