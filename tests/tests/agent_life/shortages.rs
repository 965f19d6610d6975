//! Shortages: no descriptors, no memory, or a process that has another agent already.

use polkit_tests::agent::by_hand::{
    Agent, MANAGE, POOL, POOL_CGROUP, PROBE, WWW_DATA, ask, light, process_in, until_served,
};
use polkit_tests::agent::peer::Peer;
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, Root, on_each_suite_with_rules};
use std::collections::HashMap;
use zbus::Variant;

on_each_suite_with_rules! {
    a_process_with_another_agent_is_said_and_served_once_that_one_is_gone
    another_agent_of_the_same_user_keeps_ours_away_and_can_grant_nothing
    an_agent_without_descriptors_refuses_and_goes_on_when_it_has_some
    an_agent_without_memory_allows_nothing_that_no_rule_allows
}

/// Registers for a process of www-data, and does not answer.
fn register(peer: &Peer, bed: &Bed, pid: u32) {
    let start = bed.start_time(pid).expect("it runs");
    let details = HashMap::from([
        ("pid", Variant::from(pid)),
        ("start-time", Variant::from(start)),
        ("uid", Variant::from(i32::try_from(WWW_DATA).expect("a small uid"))),
    ]);
    let body = (("unix-process", details), "C", "/other/agent");
    let _ = peer.call(POLKIT, PATH, INTERFACE, "RegisterAuthenticationAgent", &body).expect("registered");
}

const POLKIT: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

fn a_process_with_another_agent_is_said_and_served_once_that_one_is_gone(root: &Root) {
    let bed = light(root);
    let (first, second) = (process_in(&bed, "www-data", POOL_CGROUP), process_in(&bed, "www-data", POOL_CGROUP));
    let other = Peer::of(&bed, "root");
    register(&other, &bed, first.pid());
    let agent = Agent::start(&bed, POOL);
    until_served(&bed, second.pid());
    let said = format!("cannot register pid {}: another agent is registered for this process", first.pid());
    until(|| agent.said().contains(&said));
    assert_eq!(ask(&bed, second.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    drop(other);
    until(|| ask(&bed, first.pid(), MANAGE) == Verdict::Yes);
    assert_eq!(agent.said().matches("another agent is registered").count(), 1, "{}", agent.said());
}

/// polkit lets any process register for another of its own user. Who does so keeps that process from its service; a yes, polkitd takes
/// from root alone; for every other user PAM must authenticate that user.
fn another_agent_of_the_same_user_keeps_ours_away_and_can_grant_nothing(root: &Root) {
    let bed = light(root);
    let (first, second) = (process_in(&bed, "www-data", POOL_CGROUP), process_in(&bed, "www-data", POOL_CGROUP));
    let rival = Peer::of(&bed, "www-data");
    register(&rival, &bed, first.pid());
    let agent = Agent::start(&bed, POOL);
    until_served(&bed, second.pid());
    let said = format!("cannot register pid {}: another agent is registered for this process", first.pid());
    until(|| agent.said().contains(&said));
    let identity = || ("unix-user", HashMap::from([("uid", Variant::from(WWW_DATA))]));
    let yes = (WWW_DATA, "a cookie", identity());
    let refused = rival.call(POLKIT, PATH, INTERFACE, "AuthenticationAgentResponse2", &yes).expect_err("refused");
    assert!(refused.to_string().contains("Only uid 0 may invoke this method"), "{refused}");
    let old = ("a cookie", identity());
    let refused = rival.call(POLKIT, PATH, INTERFACE, "AuthenticationAgentResponse", &old).expect_err("refused");
    assert!(refused.to_string().contains("Only uid 0 may invoke this method"), "{refused}");
    assert_eq!(ask(&bed, second.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    drop(rival);
    until(|| ask(&bed, first.pid(), MANAGE) == Verdict::Yes);
}

fn an_agent_without_descriptors_refuses_and_goes_on_when_it_has_some(root: &Root) {
    let bed = light(root);
    let client = process_in(&bed, "www-data", POOL_CGROUP);
    let mut agent = Agent::start(&bed, POOL);
    until_served(&bed, client.pid());
    let limit = |least: u32| {
        let own = agent.pid().to_string();
        let _ = bed.exec(["prlimit", "--pid", &own, &format!("--nofile={least}:1024")]).success();
    };
    limit(3);
    // Scans find no process.
    agent.until_scans(&bed, 10);
    assert_eq!(ask(&bed, client.pid(), MANAGE), Verdict::No, "{}", agent.said());
    let refused = agent.decision(MANAGE);
    assert_eq!(refused.get("VERDICT"), "deny", "{refused:?}");
    let late = process_in(&bed, "www-data", POOL_CGROUP);
    // Scans do not find the new process.
    agent.until_scans(&bed, 10);
    assert_eq!(ask(&bed, late.pid(), MANAGE), Verdict::NoAgent, "{}", agent.said());
    limit(1024);
    until(|| ask(&bed, client.pid(), MANAGE) == Verdict::Yes);
    until(|| ask(&bed, late.pid(), MANAGE) == Verdict::Yes);
    assert!(!agent.has_ended());
}

/// The agent may end: the service manager starts it again. In each round the shortage ends the agent, or leaves requests without a
/// yes, or has no effect; over all rounds it has an effect.
fn an_agent_without_memory_allows_nothing_that_no_rule_allows(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let mut agent = Agent::start(&bed, POOL);
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let (mut yes, mut decided, mut ended, mut others) = (0, 0, 0, 0);
    for _ in 0..5 {
        // Less than it has: it gets not one page more.
        let own = agent.pid().to_string();
        let _ = bed.exec(["prlimit", "--pid", &own, "--as=1048576", "--data=1048576"]).success();
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..48)
                .map(|number| if number % 2 == 0 { MANAGE } else { PROBE })
                .map(|action| (action, scope.spawn(|| ask(&bed, process.pid(), action))))
                .collect();
            for (action, asked) in asked {
                match (action, asked.join().expect("an answer")) {
                    (MANAGE, Verdict::Yes) => yes += 1,
                    (_, Verdict::Yes) => others += 1,
                    _ => {}
                }
            }
        });
        decided += agent.decisions(MANAGE).iter().filter(|decision| decision.get("VERDICT") == "allow").count();
        if agent.has_ended() {
            ended += 1;
        } else {
            let _ = bed.exec(["kill", "-KILL", &own]).success();
        }
        agent = Agent::start(&bed, POOL);
        until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    }
    eprintln!(
        "{}: of 120 questions that are allowed {yes} were, {decided} times on record; it ended {ended} times",
        root.suite()
    );
    assert_eq!(others, 0, "what no rule allows");
    assert!(yes <= decided, "each yes is on record: {yes} of {decided}");
    assert!(yes < 120 || ended > 0, "the limit has no effect: {yes} of 120 were allowed");
}
