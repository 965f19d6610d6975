//! Following forks: the kernel's process events, in beds that share the host's pid and network namespaces.

use std::time::{Duration, Instant};

use polkit_tests::{Root, on_each_suite_with_rules};

use polkit_tests::agent::by_hand::{Agent, POOL, POOL_CGROUP, WWW_DATA, builder, has_agent, until_served};
use polkit_tests::agent::{AGENT_RULE, until};

on_each_suite_with_rules! {
    children_of_a_served_process_are_registered_without_looking_at_the_unit_again
}

fn children_of_a_served_process_are_registered_without_looking_at_the_unit_again(root: &Root) {
    let bed = builder(root).file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE).sharing_host_pids().start();
    let agent = Agent::start(&bed, POOL);
    assert!(!agent.said().contains("no process events"), "{}", agent.said());
    let mut parent = bed.spawn_as("www-data", ["sh", "-c", "while read line; do sleep 1000 & echo $!; done"]);
    bed.move_to_cgroup(parent.pid(), POOL_CGROUP);
    until_served(&bed, parent.pid());
    let began = Instant::now();
    for _ in 0..5 {
        parent.say("fork");
        let child = parent.line().parse().expect("a pid");
        until(|| has_agent(&bed, child, WWW_DATA));
    }
    // With events the unit is looked at every two seconds: five children one after the other would take eight at least.
    assert!(began.elapsed() < Duration::from_secs(6), "{}", agent.said());
}
