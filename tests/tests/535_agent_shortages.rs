//! When something is not to be had: descriptors, or the place of an agent that another one has.

#[macro_use]
mod agent;

use agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, WWW_DATA, ask, light, process_in, until_served};
use agent::peer::Peer;
use agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, Root};
use std::collections::HashMap;
use zbus::Variant;

on_each_suite_with_rules! {
    a_process_with_another_agent_is_said_and_served_once_that_one_is_gone
    an_agent_without_descriptors_refuses_and_goes_on_when_it_has_some
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
    let polkit = "org.freedesktop.PolicyKit1";
    let path = "/org/freedesktop/PolicyKit1/Authority";
    let interface = "org.freedesktop.PolicyKit1.Authority";
    let _ = peer.call(polkit, path, interface, "RegisterAuthenticationAgent", &body).expect("registered");
}

fn a_process_with_another_agent_is_said_and_served_once_that_one_is_gone(root: &Root) {
    let bed = light(root);
    let (first, second) = (process_in(&bed, "www-data", POOL_CGROUP), process_in(&bed, "www-data", POOL_CGROUP));
    let other = Peer::of(&bed, "root");
    register(&other, &bed, first.pid());
    let agent = Agent::start(&bed, POOL);
    until_served(&bed, second.pid());
    let said = format!("pid {} has another agent, which was there first", first.pid());
    until(|| agent.said().contains(&said));
    assert_eq!(ask(&bed, second.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    drop(other);
    until(|| ask(&bed, first.pid(), MANAGE) == Verdict::Yes);
    assert_eq!(agent.said().matches("has another agent").count(), 1, "{}", agent.said());
}

fn an_agent_without_descriptors_refuses_and_goes_on_when_it_has_some(root: &Root) {
    let bed = light(root);
    let asker = process_in(&bed, "www-data", POOL_CGROUP);
    let mut agent = Agent::start(&bed, POOL);
    until_served(&bed, asker.pid());
    let limit = |least: u32| {
        let own = agent.pid().to_string();
        let _ = bed.exec(["prlimit", "--pid", &own, &format!("--nofile={least}:1024")]).success();
    };
    limit(3);
    assert_eq!(ask(&bed, asker.pid(), MANAGE), Verdict::No, "{}", agent.said());
    let refused = agent.decision(MANAGE);
    assert_eq!(refused.get("VERDICT"), "deny", "{refused:?}");
    let late = process_in(&bed, "www-data", POOL_CGROUP);
    // Two scans see it, and cannot hold it.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(ask(&bed, late.pid(), MANAGE), Verdict::NobodyToAsk, "{}", agent.said());
    limit(1024);
    until(|| ask(&bed, asker.pid(), MANAGE) == Verdict::Yes);
    until(|| ask(&bed, late.pid(), MANAGE) == Verdict::Yes);
    assert!(!agent.has_ended());
}
