//! The hole that the bound subject closes, with a real libvirtd.
//!
//! libvirtd takes pid and uid from the socket when a client connects, and reads the start time of that pid only when the
//! client authenticates. A client that connects, leaves its socket to a child and ends can have its pid taken by a process
//! that has an agent. polkitd then puts the client's question before that agent.

use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Polkit, Root, Script, Seen, StandIn, libvirt_probe, on_each_suite};

use super::common::{SERVED, STRANGER, answers_self, right_uid, saw};

const MANAGE: &str = "org.libvirt.unix.manage";
const PROBE: &str = "/usr/local/bin/libvirt-probe";
const SOCKET: &str = "/run/libvirt/libvirt-sock";

on_each_suite! {
    the_agent_of_a_reused_pid_is_asked_about_a_stranger_and_nothing_in_the_challenge_shows_it
    with_auth_self_the_one_identity_offered_is_the_stranger
    with_auth_self_for_the_served_user_alone_a_stranger_s_question_offers_root_and_not_the_served_user
    with_auth_self_an_honest_client_s_question_offers_the_served_user
}

/// The program is static, so all of this is libvirtd's and polkitd's own doing on every suite, bullseye too.
fn the_agent_of_a_reused_pid_is_asked_about_a_stranger_and_nothing_in_the_challenge_shows_it(root: &Root) {
    let bed = bed(root, None);
    let polkit = Polkit::of(&bed);
    let (says, seen) = attack(&bed, &polkit, Script::Answer(vec![right_uid(bed.suite())]));
    assert_eq!(says, "authorized", "the stranger was let in by an agent that answers for the served process");
    // As for a question of the served process itself: its pid, libvirtd's, and the administrator.
    assert!(seen.challenge.details.other.is_empty(), "{seen:?}");
    assert_eq!(seen.identities(), [0]);
    saw(bed.suite(), "a stranger's question by a reused pid, libvirt's default", "reaches the agent, shows nothing");
}

fn with_auth_self_the_one_identity_offered_is_the_stranger(root: &Root) {
    let bed = bed(root, Some("*"));
    let polkit = Polkit::of(&bed);
    let (says, seen) = attack(&bed, &polkit, Script::Nothing);
    assert_eq!(seen.identities(), [STRANGER]);
    assert!(says.starts_with("refused: "), "{says}");
    saw(bed.suite(), "a stranger's question by a reused pid, AUTH_SELF for all", "offers the stranger alone");
}

fn with_auth_self_for_the_served_user_alone_a_stranger_s_question_offers_root_and_not_the_served_user(root: &Root) {
    let bed = bed(root, Some("www-data"));
    let polkit = Polkit::of(&bed);
    let (says, seen) = attack(&bed, &polkit, Script::Nothing);
    assert_eq!(seen.identities(), [0]);
    assert!(says.starts_with("refused: "), "{says}");
    saw(bed.suite(), "a stranger's question by a reused pid, AUTH_SELF for the served user", "offers root alone");
}

fn with_auth_self_an_honest_client_s_question_offers_the_served_user(root: &Root) {
    let bed = bed(root, Some("www-data"));
    let polkit = Polkit::of(&bed);
    let mut probe = bed.spawn_as("www-data", [PROBE, SOCKET]);
    assert_eq!(probe.line(), "connected");
    let served = subject(&bed, probe.pid(), SERVED);
    let agent = StandIn::of(&polkit, &served, Script::Answer(vec![right_uid(bed.suite())]));
    probe.say("go");
    assert_eq!(probe.line(), "authorized");
    assert_eq!(agent.seen()[0].identities(), [SERVED]);
    saw(bed.suite(), "the served process's own question, AUTH_SELF", "offers the served user alone");
}

/// A bed with libvirtd, the probe, and AUTH_SELF for those users, if any.
fn bed(root: &Root, answers_self_for: Option<&str>) -> LightBed {
    let probe = std::fs::read(libvirt_probe()).unwrap();
    let mut bed = LightBed::on(root).file(PROBE, 0o755, probe);
    if let Some(user) = answers_self_for {
        let (path, text) = answers_self(root.suite(), MANAGE, user);
        bed = bed.file(path, 0o644, text);
    }
    bed.start()
}

/// A stranger connects and leaves its pid to a process of www-data that has an agent. What the stranger is told at last, and
/// what the agent saw.
fn attack(bed: &LightBed, polkit: &Polkit<'_>, script: Script) -> (String, Seen) {
    let mut stranger = bed.spawn_as("games", [PROBE, "--leave", SOCKET]);
    assert_eq!(stranger.line(), "connected");
    let pid = stranger.pid();
    while bed.start_time(pid).is_some() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let _served = bed.take_pid(pid);
    let agent = StandIn::of(polkit, &subject(bed, pid, SERVED), script);
    stranger.say("go");
    let says = stranger.line();
    let seen = agent.seen();
    assert_eq!(seen.len(), 1, "the agent of the reused pid was asked once: {says}");
    assert_eq!(seen[0].challenge.action, MANAGE);
    assert_eq!(seen[0].challenge.details.subject_pid.map(|subject| subject.get()), Some(pid));
    (says, seen[0].clone())
}
