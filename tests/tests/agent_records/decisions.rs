//! `decisions`: what was decided, by the journal's own word for who says so.

use polkit_tests::agent::by_hand::{CONFIG_FILE, full};
use polkit_tests::agent::{AGENT_RULE, NO_AGENT, in_served_unit, start_agent, until};
use polkit_tests::{Bed, FullBed, Root, on_each_suite_with_rules, product};
use serde_json::Value;

on_each_suite_with_rules! {
    decisions_are_shown_with_their_outcomes
    a_suggestion_pasted_allows_what_was_refused_and_nothing_else
    forged_entries_are_neither_shown_nor_suggested
    followed_decisions_come_as_they_are_made
    the_catalogue_explains_a_decision
}

const SERVED: &str = "[[serve]]\nunit = \"web-test.service\"\n";
const ALLOWED: &str = "[[rule]]\nid = \"web-test\"\naction = \"org.libvirt.unix.manage\"\nunit = \"web-test.service\"\n\
                       user = \"www-data\"\nanswer = \"allow\"\n";

fn bed(root: &Root, config: &str) -> FullBed {
    let bed = full(root)
        .file(CONFIG_FILE, 0o644, config)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE)
        .start();
    start_agent(&bed);
    bed
}

fn decisions(bed: &Bed, arguments: &[&str]) -> String {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    bed.exec(["polkit-service-agent", "decisions"].iter().chain(arguments)).success().stdout
}

fn objects(bed: &Bed) -> Vec<Value> {
    decisions(bed, &["--json"]).lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn decisions_are_shown_with_their_outcomes(root: &Root) {
    let bed = bed(root, &format!("{SERVED}{ALLOWED}"));
    let said = in_served_unit(&bed, "web-test.service");
    assert!(said.contains("running"), "{said}");
    let all = objects(&bed);
    let allowed = all.iter().find(|one| one["verdict"] == "allow").unwrap_or_else(|| panic!("{all:?}"));
    for (key, value) in [
        ("way", "challenge"),
        ("action", "org.libvirt.unix.manage"),
        ("rule", "web-test"),
        ("reason", "rule"),
        ("user", "www-data"),
        ("unit", "web-test.service"),
        ("outcome", "sent"),
    ] {
        assert_eq!(allowed[key], value, "{key} in {allowed}");
    }
    assert_eq!(allowed["uid"], 33);
    for key in ["pid", "microseconds", "time"] {
        assert!(allowed[key].as_f64().is_some_and(|number| number > 0.0), "{key} in {allowed}");
    }
    let text = decisions(&bed, &[]);
    assert!(text.contains("allow   org.libvirt.unix.manage www-data web-test.service pid "), "{text}");
    assert!(text.contains("(rule \"web-test\"; sent)"), "{text}");
    assert_eq!(decisions(&bed, &["--since", "2100-01-01"]), "");
    let wrong = bed.exec(["polkit-service-agent", "decisions", "--since", "when it rained"]);
    assert!(wrong.code() == Some(3) && !wrong.stderr.is_empty(), "{wrong}");
}

fn a_suggestion_pasted_allows_what_was_refused_and_nothing_else(root: &Root) {
    let bed = bed(root, SERVED);
    for _ in 0..2 {
        let said = in_served_unit(&bed, "web-test.service");
        assert!(said.contains("access denied by policy"), "{said}");
    }
    let suggested = decisions(&bed, &["--suggest"]);
    let (warning, rule) = ("# WARNING: root-equivalent", "[[rule]]\nid = \"web-test-unix-manage\"");
    // virsh asks several times when it is refused.
    let times = suggested.split_once(" times: org.libvirt.unix.manage for www-data, in web-test.service");
    let times = times.and_then(|(before, _)| before.strip_prefix("# Refused ")).map(str::parse::<u32>);
    assert!(times.is_some_and(|times| times.is_ok_and(|times| times >= 2)), "{suggested}");
    assert!(suggested.contains(warning) && suggested.contains(rule), "{suggested}");
    bed.write(CONFIG_FILE, 0o644, format!("{SERVED}{suggested}"));
    let _ = bed.exec(["systemctl", "reload", "polkit-service-agent"]).success();
    until(|| in_served_unit(&bed, "web-test.service").contains("running"));
    let outside = bed.exec_as("www-data", ["virsh", "-c", product::TEST_URI, "list"]).failure();
    assert!(outside.stderr.contains(NO_AGENT), "{outside}");
}

/// What any user can write into the journal: our fields, our MESSAGE_ID, and the fields that journald itself would add.
const FORGED: &str = "MESSAGE=forged\nMESSAGE_ID=062650a6bb21482cb26e15a767235462\nPOLKIT_AGENT_RECORD=forged\n\
                      POLKIT_AGENT_ENTRY=decision\nPOLKIT_AGENT_WAY=challenge\nPOLKIT_AGENT_ACTION=org.example.forged\n\
                      POLKIT_AGENT_VERDICT=deny\nPOLKIT_AGENT_REASON=no-rule\nPOLKIT_AGENT_SUBJECT_UID=33\n_UID=0\n\
                      _SYSTEMD_UNIT=polkit-service-agent.service\nOBJECT_PID=1\n";

fn forged_entries_are_neither_shown_nor_suggested(root: &Root) {
    let bed = bed(root, SERVED);
    bed.write("/tmp/forged", 0o644, FORGED);
    // As another user, and as root from another unit.
    for user in ["daemon", "root"] {
        let _ = bed.exec_as(user, ["logger", "--journald=/tmp/forged"]).success();
    }
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let there = bed.journal(["--output=cat", "POLKIT_AGENT_RECORD=forged"]);
    assert_eq!(there.matches("forged").count(), 2, "journald took both");
    for arguments in [&[][..], &["--json"], &["--suggest"]] {
        let said = decisions(&bed, arguments);
        assert!(!said.contains("forged"), "{said}");
    }
}

fn followed_decisions_come_as_they_are_made(root: &Root) {
    let bed = bed(root, &format!("{SERVED}{ALLOWED}"));
    let mut following = bed.spawn_as("root", ["polkit-service-agent", "decisions", "--follow", "--json"]);
    let _ = in_served_unit(&bed, "web-test.service");
    let line = following.line();
    assert!(line.contains("\"verdict\":\"allow\"") && line.contains("\"outcome\":\"sent\""), "{line}");
    let _ = in_served_unit(&bed, "web-test.service");
    let next = following.line();
    assert!(next.contains("\"outcome\":\"sent\"") && next != line, "{next}");
}

fn the_catalogue_explains_a_decision(root: &Root) {
    let bed = bed(root, SERVED);
    let _ = in_served_unit(&bed, "web-test.service");
    let _ = bed.exec(["journalctl", "--update-catalog"]).success();
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let said = bed.journal(["--catalog", "--output=short", "POLKIT_AGENT_VERDICT=deny"]);
    assert!(said.contains("Decision about a polkit request"), "{said}");
    assert!(said.contains("action:  org.libvirt.unix.manage") && said.contains("reason:  no-rule"), "{said}");
}
