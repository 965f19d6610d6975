//! The agent on a real polkitd, libvirtd, systemd and Apache.

use polkit_tests::agent;
use polkit_tests::{FullBed, Root, Suite, on_each_suite_with_rules, product};

use polkit_tests::agent::{AGENT_RULE, CONFIG, NO_AGENT, journal, page, start_agent};

/// The suites with a libvirt module for PHP.
fn has_php(root: &Root) -> bool {
    root.suite() != Suite::Forky
}

on_each_suite_with_rules! {
    a_unit_is_served_and_no_other_process_is
    a_broken_configuration_makes_the_reload_fail_and_changes_nothing
}

fn bed(root: &Root) -> FullBed {
    product::full(root)
        .file(product::PAGE_FILE, 0o644, product::PAGE)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE)
        .start()
}

fn a_unit_is_served_and_no_other_process_is(root: &Root) {
    let bed = bed(root);
    if has_php(root) {
        assert_eq!(page(&bed), NO_AGENT);
    }
    start_agent(&bed);
    if has_php(root) {
        assert_eq!(page(&bed), "domain: test");
    } else {
        assert!(agent::in_served_unit(&bed, "web-test.service").contains("running"), "{}", journal(&bed));
    }
    let allowed = journal(&bed);
    assert!(allowed.contains("\"POLKIT_AGENT_VERDICT\":\"allow\""), "{allowed}");
    assert!(allowed.contains("\"_SYSTEMD_UNIT\":\"polkit-service-agent.service\""), "{allowed}");
    assert!(allowed.contains("\"POLKIT_AGENT_OUTCOME\":\"sent\""), "{allowed}");

    let virsh = ["virsh", "-c", product::TEST_URI, "list"];
    let outside = bed.exec_as("www-data", virsh).failure();
    assert!(outside.stderr.contains(NO_AGENT), "{outside}");
    let exec = ["polkit-service-agent", "exec", "--"].into_iter().chain(virsh);
    let refused = bed.exec_as("www-data", exec.clone()).failure();
    assert!(refused.stderr.contains("access denied by policy"), "{refused}");
    let unruled = |line: &str| {
        ["REASON\":\"no-rule\"", "ACTION\":\"org.libvirt.unix.manage\""]
            .iter()
            .all(|field| line.contains(&format!("\"POLKIT_AGENT_{field}")))
    };
    let records = journal(&bed);
    assert!(records.lines().any(unruled), "{records}");
    let stranger = bed.exec_as("daemon", exec).failure();
    assert_eq!(stranger.code(), Some(125), "{stranger}");

    let _ = bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
    if has_php(root) {
        assert_eq!(page(&bed), NO_AGENT);
    }
}

fn a_broken_configuration_makes_the_reload_fail_and_changes_nothing(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    let good = agent::in_served_unit(&bed, "web-test.service");
    assert!(good.contains("running"), "{good}");
    bed.write("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG.replace("allow", "perhaps"));
    let reload = bed.exec(["systemctl", "reload", "polkit-service-agent"]).failure();
    let state = bed.exec(["systemctl", "is-active", "polkit-service-agent"]).success();
    assert_eq!(state.text(), "active", "{reload}");
    let said = bed.journal(["--unit=polkit-service-agent", "--output=cat"]);
    assert!(said.contains("unknown answer `perhaps`"), "{said}");
    let after = agent::in_served_unit(&bed, "web-test.service");
    assert!(after.contains("running"), "{after}");

    bed.write("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG.replace("allow", "deny"));
    let _ = bed.exec(["systemctl", "reload", "polkit-service-agent"]).success();
    agent::until(|| agent::in_served_unit(&bed, "web-test.service").contains("access denied by policy"));
}
