//! The processes that the agent serves: patterns, users, and what `status` says of them.

use polkit_tests::agent;
use polkit_tests::{FullBed, Root, on_each_suite_with_rules, product};

use polkit_tests::agent::{NO_AGENT, as_unit, in_served_unit, is_registered, list_once, start_agent, until};

on_each_suite_with_rules! {
    a_pattern_serves_units_that_come_and_go
    a_user_is_served_in_every_unit_and_not_in_a_session
    status_says_what_is_served_and_by_which_way
}

const RULES: &str = r#"
[[rule]]
id = "apps"
action = "org.libvirt.unix.manage"
unit = "app@*.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "service-of-the-user"
action = "org.libvirt.unix.manage"
user = "www-data"
session = "none"
answer = "allow"
"#;

fn bed(root: &Root, serve: &str) -> FullBed {
    let bed = product::full(root)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, format!("{serve}{RULES}"))
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE)
        .start();
    start_agent(&bed);
    bed
}

fn status(bed: &FullBed) -> String {
    bed.exec(["polkit-service-agent", "status", "--json"]).success().stdout
}

fn a_pattern_serves_units_that_come_and_go(root: &Root) {
    let bed = bed(root, "[[serve]]\nunit = \"app@*.service\"\n");
    for unit in ["app@1.service", "app@2.service", "app@1.service"] {
        let listed = in_served_unit(&bed, unit);
        assert!(listed.contains("running"), "{unit}: {listed}");
    }
    // The agent has found a process that is younger than the other unit's.
    let other = list_once(&bed, "root", &as_unit("application.service"), |_| {
        let listed = in_served_unit(&bed, "app@2.service");
        assert!(listed.contains("running"), "{listed}");
    });
    assert!(other.contains(NO_AGENT), "{other}");
}

fn a_user_is_served_in_every_unit_and_not_in_a_session(root: &Root) {
    let bed = bed(root, "[[serve]]\nuser = \"www-data\"\n");
    let once_registered = |pid| until(|| is_registered(&bed, pid));
    let listed = list_once(&bed, "root", &as_unit("any.service"), once_registered);
    assert!(listed.contains("running"), "{listed}");
    let outside = list_once(&bed, "www-data", &[], once_registered);
    assert!(outside.contains("running"), "{outside}");
    let mut session = as_unit("session-test.service");
    session.push("--property=PAMName=login".to_owned());
    // The agent has found a process that is younger than the session's.
    let in_session = list_once(&bed, "root", &session, |_| {
        let listed = list_once(&bed, "root", &as_unit("any.service"), once_registered);
        assert!(listed.contains("running"), "{listed}");
    });
    assert!(in_session.contains(NO_AGENT), "{in_session}");
}

fn status_says_what_is_served_and_by_which_way(root: &Root) {
    let serve = "[[serve]]\nunit = \"long.service\"\n\n[[serve]]\nunit = \"pool.service\"\nway = \"hook\"\n";
    let bed = bed(root, serve);
    let unit = ["systemd-run", "--quiet", "--unit=long.service", "--property=User=www-data", "sleep", "600"];
    let _ = bed.exec(unit).success();
    until(|| status(&bed).contains("\"registrations\":1"));
    let json = status(&bed);
    for part in [
        // Process events cannot be had in a network namespace of its own.
        "{\"what\":\"long.service\",\"way\":\"rescan\",\"processes\":1,\"leaked\":0,\"over_limit\":0,\"since\":",
        "{\"what\":\"pool.service\",\"way\":\"hook\",\"processes\":0,\"leaked\":0,\"over_limit\":0,\"since\":",
        &format!("\"polkit\":{{\"version\":\"{}\",", bed.suite().polkit()),
        "\"leaked\":0",
        "\"pending\":0",
    ] {
        assert!(json.contains(part), "{part} is missing: {json}");
    }
    let text = bed.exec(["polkit-service-agent", "status"]).success().stdout;
    assert!(text.contains("long.service (rescan): 1 process,"), "{text}");
    let _ = bed.exec_as("www-data", ["polkit-service-agent", "status"]).failure();
    let _ = bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
    let gone = bed.exec(["polkit-service-agent", "status"]).failure();
    assert_eq!(gone.code(), Some(3), "{gone}");
}
