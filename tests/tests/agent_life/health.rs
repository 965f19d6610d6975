//! What the watchdog is fed for, and what the agent says of a polkitd that does not answer.

use polkit_tests::agent::by_hand::{CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, ask, full, process_in, until_served};
use polkit_tests::agent::{AGENT_RULE, start_agent, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{FullBed, Root, on_each_suite_with_rules};
use serde_json::Value;

on_each_suite_with_rules! {
    a_polkitd_that_does_not_answer_is_called_slow_and_outlived
    a_polkitd_that_does_not_start_is_waited_for
    the_watchdog_is_fed_only_while_a_record_would_be_taken
}

fn bed(root: &Root) -> FullBed {
    let bed = full(root)
        .file(CONFIG_FILE, 0o644, POOL)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE)
        .file("/etc/systemd/system/polkit-service-agent.service.d/watchdog.conf", 0o644, "[Service]\nWatchdogSec=2s\n")
        .start();
    start_agent(&bed);
    bed
}

fn show(bed: &FullBed, unit: &str, property: &str) -> String {
    let property = format!("--property={property}");
    bed.exec(["systemctl", "show", "--value", &property, unit]).success().text().to_owned()
}

fn polkit(bed: &FullBed, key: &str) -> Value {
    let output = bed.exec(["polkit-service-agent", "status", "--json"]).success();
    let status: Value = serde_json::from_str(output.text()).expect("an object");
    status["polkit"][key].clone()
}

fn a_polkitd_that_does_not_answer_is_called_slow_and_outlived(root: &Root) {
    let bed = bed(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    let agent = show(&bed, "polkit-service-agent", "MainPID");
    let polkitd = show(&bed, "polkit", "MainPID");
    assert_eq!(polkit(&bed, "health"), "well");
    let _ = bed.exec(["kill", "-STOP", &polkitd]).success();
    until(|| polkit(&bed, "health") == "slow");
    until(|| show(&bed, "polkit-service-agent", "StatusText").starts_with("polkitd does not respond"));
    let _ = bed.exec(["kill", "-CONT", &polkitd]).success();
    until(|| polkit(&bed, "health") == "well");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "what was registered stays so");
    assert_eq!(show(&bed, "polkit-service-agent", "MainPID"), agent);
    assert_eq!(show(&bed, "polkit", "MainPID"), polkitd);
}

fn a_polkitd_that_does_not_start_is_waited_for(root: &Root) {
    let bed = bed(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    let agent = show(&bed, "polkit-service-agent", "MainPID");
    let _ = bed.exec(["systemctl", "mask", "--runtime", "polkit"]).success();
    let _ = bed.exec(["systemctl", "stop", "polkit"]).success();
    until(|| polkit(&bed, "health") == "absent" && polkit(&bed, "error").is_string());
    until(|| show(&bed, "polkit-service-agent", "StatusText").starts_with("waiting for polkitd: "));
    let text = bed.exec(["polkit-service-agent", "status"]).success();
    assert!(text.stdout.starts_with("polkitd is not running: the agent cannot serve\nthe bus reports: "), "{text}");
    let _ = bed.exec(["systemctl", "unmask", "--runtime", "polkit"]).success();
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
    assert_eq!(polkit(&bed, "error"), Value::Null);
    assert_eq!(show(&bed, "polkit-service-agent", "MainPID"), agent);
}

fn the_watchdog_is_fed_only_while_a_record_would_be_taken(root: &Root) {
    let bed = bed(root);
    let agent = show(&bed, "polkit-service-agent", "MainPID");
    // Fed for twice as long as the watchdog waits.
    let fed =
        || -> u64 { show(&bed, "polkit-service-agent", "WatchdogTimestampMonotonic").parse().expect("microseconds") };
    let before = fed();
    until(|| fed() >= before + 4_000_000);
    assert_eq!(show(&bed, "polkit-service-agent", "MainPID"), agent);
    let socket = "/run/systemd/journal/socket";
    let _ = bed.exec(["mv", socket, "/run/elsewhere"]).success();
    until(|| show(&bed, "polkit-service-agent", "NRestarts") != "0");
    let _ = bed.exec(["mv", "/run/elsewhere", socket]).success();
    let _ = bed.exec(["systemctl", "restart", "polkit-service-agent"]).success();
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
}
