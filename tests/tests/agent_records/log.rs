//! The log of the agent: its level changes while the agent runs, and at level debug it follows one request from arrival to reply.

use polkit_tests::agent::{AGENT_RULE, CONFIG, in_served_unit, start_agent};
use polkit_tests::{FullBed, Root, on_each_suite_with_rules, product};

on_each_suite_with_rules! {
    systemctl_changes_the_log_level_of_the_running_agent
    only_root_changes_the_log_level
}

const UNIT: &str = "polkit-service-agent";

fn bed(root: &Root) -> FullBed {
    let bed = product::full(root)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE)
        .start();
    start_agent(&bed);
    bed
}

/// The log without the records.
fn log(bed: &FullBed) -> String {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    bed.journal(["--unit=polkit-service-agent", "--output=cat", "_TRANSPORT=stdout"])
}

fn systemctl_changes_the_log_level_of_the_running_agent(root: &Root) {
    let bed = bed(root);
    let level = || bed.exec(["systemctl", "service-log-level", UNIT]).success().text().to_owned();
    assert_eq!(level(), "notice");
    assert!(in_served_unit(&bed, "web-test.service").contains("running"));
    assert!(!log(&bed).contains("request arrived"), "{}", log(&bed));

    let _ = bed.exec(["systemctl", "service-log-level", UNIT, "debug"]).success();
    assert_eq!(level(), "debug");
    assert!(in_served_unit(&bed, "web-test.service").contains("running"));
    let log = log(&bed);
    let arrived = log.lines().find(|line| line.contains("request arrived")).unwrap_or_else(|| panic!("{log}"));
    let record = arrived.split_whitespace().find(|word| word.starts_with("record=")).unwrap_or_else(|| panic!("{log}"));
    // One request, from its arrival to its reply, under the id of its record.
    let stages = ["request arrived", "subject read", "decided", "replying"];
    let found = log.lines().filter(|line| line.contains(record));
    let found: Vec<&str> = found.filter_map(|line| stages.into_iter().find(|stage| line.contains(stage))).collect();
    assert_eq!(found, stages, "{log}");
    assert!(log.lines().any(|line| line.contains(record) && line.contains("verdict=allow")), "{log}");
    let id = record.trim_start_matches("record=");
    let records = bed.journal(["--output=cat", &format!("POLKIT_AGENT_RECORD={id}")]);
    assert!(records.contains("Allowed org.libvirt.unix.manage"), "{records}");
    let priorities = bed.journal(["--unit=polkit-service-agent", "--output=json", "PRIORITY=7"]);
    assert!(priorities.contains("request arrived"), "{priorities}");

    let wrong = bed.exec(["busctl", "set-property", NAME, PATH, INTERFACE, "LogLevel", "s", "loud"]).failure();
    assert!(wrong.stderr.contains("unknown level"), "{wrong}");
    let _ = bed.exec(["systemctl", "service-log-level", UNIT, "notice"]).success();
    assert_eq!(level(), "notice");
    assert_eq!(bed.exec(["systemctl", "service-log-target", UNIT]).success().text(), "auto");
}

const NAME: &str = "io.github.polkit_service_agent.Agent1";
const PATH: &str = "/org/freedesktop/LogControl1";
const INTERFACE: &str = "org.freedesktop.LogControl1";

fn only_root_changes_the_log_level(root: &Root) {
    let bed = bed(root);
    let _ = bed.exec(["systemd-sysusers", "/usr/lib/sysusers.d/polkit-service-agent.conf"]).success();
    let _ = bed.exec(["usermod", "-a", "-G", "polkit-approvers", "games"]).success();
    let _ = bed.exec(["systemctl", "reload", "dbus"]).success();
    for user in ["games", "daemon"] {
        for (property, value) in [("LogLevel", "debug"), ("LogTarget", "null")] {
            let set = ["busctl", "set-property", NAME, PATH, INTERFACE, property, "s", value];
            let refused = bed.exec_as(user, set).failure();
            let denied = refused.stderr.contains("denied") || refused.stderr.contains("only root");
            assert!(denied, "{user} {property}: {refused}");
        }
    }
    assert_eq!(bed.exec(["systemctl", "service-log-level", UNIT]).success().text(), "notice");
    assert_eq!(bed.exec(["systemctl", "service-log-target", UNIT]).success().text(), "auto");
}
