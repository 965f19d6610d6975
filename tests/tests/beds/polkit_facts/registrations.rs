//! The subjects that an agent can register for, and how a registration ends.

use polkit_dbus::{AuthorityError, Registration};
use polkit_tests::polkit::Verdict::{No, NoAgent};
use polkit_tests::polkit::subject_started_at;
use polkit_tests::{Polkit, Root, Script, StandIn, on_each_suite};

use super::common::{ADMIN, SERVED, bed, saw, served};

on_each_suite! {
    a_process_without_an_agent_is_refused_at_once_and_told_so
    a_vanished_connection_drops_one_registration_only
    a_fallback_registration_never_serves_a_session_less_process
    a_wrong_start_time_is_refused
    a_dead_process_cannot_be_unregistered
}

fn a_process_without_an_agent_is_refused_at_once_and_told_so(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (_process, subject) = served(&bed);
    assert_eq!(polkit.check(&subject, ADMIN), NoAgent);
    saw(bed.suite(), "no agent", "no agent to ask");
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
    // A refusal without any agent: polkitd has called the name that is gone.
    assert_eq!(left, [No, No, NoAgent]);
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
    assert_eq!(polkit.check(&subject, ADMIN), NoAgent);
    assert_eq!(fallback.seen().len(), 0);
    fallback.unregister(&subject).unwrap();
    let sole = StandIn::of(&polkit, &subject, Script::Nothing);
    assert_eq!(polkit.check(&subject, ADMIN), No);
    assert_eq!(sole.seen().len(), 1);
    saw(bed.suite(), "a fallback agent of a session-less process is asked", "never");
}

/// Upstream from 0.115 (CVE-2018-1116); Debian's 0.105 has the same correction.
fn a_wrong_start_time_is_refused(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, subject) = served(&bed);
    let agent = StandIn::new(&polkit, Script::Nothing);
    let true_start = bed.start_time(process.pid()).unwrap();
    for wrong in [true_start - 1, true_start + 1] {
        let registered = agent.register(&subject_started_at(process.pid(), wrong, SERVED), Registration::Sole);
        assert!(matches!(registered, Err(AuthorityError::NoSuchSubject)), "{registered:?}");
    }
    assert_eq!(polkit.check(&subject, ADMIN), NoAgent);
    saw(bed.suite(), "registering with a wrong start time", "refused");
}

/// As the wrong start time: from 0.115, and in Debian's 0.105.
fn a_dead_process_cannot_be_unregistered(root: &Root) {
    let bed = bed(root);
    let polkit = Polkit::of(&bed);
    let (process, subject) = served(&bed);
    let agent = StandIn::of(&polkit, &subject, Script::Nothing);
    let pid = process.pid();
    process.kill();
    assert_eq!(bed.start_time(pid), None);
    let unregistered = agent.unregister(&subject);
    assert!(matches!(unregistered, Err(AuthorityError::NoSuchSubject)), "{unregistered:?}");
    saw(bed.suite(), "unregistering a dead process", "refused");
}
