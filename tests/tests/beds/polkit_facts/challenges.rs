//! What polkitd sends to an agent, and when it sends nothing.

use polkit_tests::polkit::Verdict::{No, Yes};
use polkit_tests::polkit::subject;
use polkit_tests::{Polkit, Root, Script, Seen, StandIn, on_each_suite};

use super::common::{ADMIN, ADMIN_KEEP, RULED, SERVED, STRANGER, bed, right_uid, saw, served};

on_each_suite! {
    a_challenge_names_the_two_pids_and_nothing_else
    without_an_admin_rule_root_is_the_administrator
    auth_self_offers_the_claimed_user_alone
    auth_self_keeps_nothing
    a_keep_result_is_kept_and_no_agent_is_asked_again
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

fn auth_self_offers_the_claimed_user_alone(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, true_subject) = served(&bed);
    let agent = StandIn::of(&polkit, &true_subject, Script::Nothing);
    assert_eq!(polkit.check(&true_subject, RULED), No);
    // The mechanism may be wrong about the uid: what it claims is what is offered.
    assert_eq!(polkit.check(&subject(&bed, process.pid(), STRANGER), RULED), No);
    let offered: Vec<_> = agent.seen().iter().map(Seen::identities).collect();
    assert_eq!(offered, [[SERVED], [STRANGER]]);
    saw(bed.suite(), "identities offered for auth_self", "the claimed user alone");
}

fn auth_self_keeps_nothing(root: &Root) {
    assert_eq!(times_asked(root, RULED), 2);
    saw(root.suite(), "asked for two checks with auth_self", "2 times");
}

fn a_keep_result_is_kept_and_no_agent_is_asked_again(root: &Root) {
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
