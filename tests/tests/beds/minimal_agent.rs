//! The example of the crate `dbus`, as its README shows it.

use polkit_tests::agent::by_hand::{POOL_CGROUP, PROBE, WWW_DATA, ask, light, process_in};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Root, on_each_suite_with_rules, program};

on_each_suite_with_rules! {
    the_minimal_agent_prints_a_challenge_and_dismisses_it
}

fn the_minimal_agent_prints_a_challenge_and_dismisses_it(root: &Root) {
    let bed = light(root);
    bed.copy_in(program("examples/minimal-agent"), "/usr/local/bin/minimal-agent", 0o755);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let start = bed.start_time(process.pid()).expect("it runs").to_string();
    let arguments = ["minimal-agent", &process.pid().to_string(), &start, &WWW_DATA.to_string()];
    let mut agent = bed.spawn_as("root", arguments);
    assert_eq!(agent.line(), "registered", "{}", agent.stderr());
    assert_eq!(ask(&bed, process.pid(), PROBE), Verdict::Dismissed, "{}", agent.stderr());
    assert!(agent.line().starts_with(&format!("{PROBE}: ")), "{}", agent.stderr());
    agent.kill();
}
