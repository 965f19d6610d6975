//! A configuration with errors, a reload, and users who do not exist.

use polkit_tests::{FullBed, Root, on_each_suite_with_rules, product};

on_each_suite_with_rules! {
    a_configuration_with_errors_makes_the_unit_fail_without_a_restart
    a_reload_returns_when_the_new_configuration_is_in_force
    an_entry_for_a_missing_user_is_skipped_and_the_others_are_served
}

const CONFIG: &str = "/etc/polkit-service-agent/agent.toml";
const UNIT: &str = "polkit-service-agent.service";

fn show(bed: &FullBed, property: &str) -> String {
    let shown = bed.exec(["systemctl", "show", "--value", &format!("--property={property}"), UNIT]).success();
    shown.text().trim().to_owned()
}

fn systemctl(bed: &FullBed, verb: &str) -> bool {
    bed.exec(["systemctl", verb, UNIT]).status.success()
}

/// A rule for a unit, and an entry that serves it.
fn config(unit: &str, answer: &str) -> String {
    format!(
        "[[serve]]\nunit = \"{unit}\"\n[[rule]]\nid = \"a\"\naction = \"org.example.x\"\nunit = \"{unit}\"\nanswer = \
         \"{answer}\"\n"
    )
}

fn a_configuration_with_errors_makes_the_unit_fail_without_a_restart(root: &Root) {
    let bed = product::full(root).file(CONFIG, 0o600, "[agent]\nno-such-key = 1\n").start();
    assert!(!systemctl(&bed, "start"));
    assert_eq!(
        [show(&bed, "ActiveState"), show(&bed, "ExecMainStatus"), show(&bed, "NRestarts")],
        ["failed", "78", "0"]
    );
    let failed = bed.exec(["systemctl", "--failed", "--no-legend", "--plain"]).success();
    assert!(failed.stdout.contains(UNIT), "{failed}");
    // After the correction the unit starts.
    bed.write(CONFIG, 0o600, config("a.service", "deny"));
    assert!(systemctl(&bed, "start"));
}

fn a_reload_returns_when_the_new_configuration_is_in_force(root: &Root) {
    let bed = product::full(root).file(CONFIG, 0o600, config("unit-0.service", "deny")).start();
    assert!(systemctl(&bed, "start"));
    let status = || bed.exec(["polkit-service-agent", "status", "--json"]).success().stdout;
    for number in 1..=8 {
        let unit = format!("unit-{number}.service");
        bed.write(CONFIG, 0o600, config(&unit, "deny"));
        assert!(systemctl(&bed, "reload"));
        let in_force = bed.journal(["--unit", UNIT, "--output=cat", "--grep=the new configuration is in force"]);
        assert_eq!(in_force.lines().count(), number, "{in_force}");
    }
    // The reload fails if the new configuration is not in force, and the old one stays.
    bed.write(CONFIG, 0o600, "[agent]\nno-such-key = 1\n");
    assert!(!systemctl(&bed, "reload"));
    assert!(status().contains("unit-8.service"), "{}", status());
    let call = ["call", NAME, PATH, NAME, "Reload"];
    let refused = bed.exec([&["busctl", "--system"][..], &call].concat());
    assert!(!refused.status.success() && refused.stderr.contains("the new configuration has errors"), "{refused}");
    // Only root may call it, also of the users that the bus policy lets in.
    let script = "groupadd --system polkit-approvers 2>/dev/null; usermod -aG polkit-approvers www-data
        systemctl reload dbus 2>/dev/null || true; sleep 0.3";
    let _ = bed.exec(["sh", "-c", script]);
    let other = bed.exec_as("www-data", [&["busctl", "--system"][..], &call].concat());
    let is_refused = ["only root may reload", "denied"].iter().any(|text| other.stderr.contains(text));
    assert!(!other.status.success() && is_refused, "{other}");
}

const NAME: &str = "io.github.polkit_service_agent.Agent1";
const PATH: &str = "/io/github/polkit_service_agent/Agent1";

fn an_entry_for_a_missing_user_is_skipped_and_the_others_are_served(root: &Root) {
    let missing = "[[serve]]\nuser = \"no-such-user\"\n[[rule]]\nid = \"b\"\naction = \"org.example.x\"\nuser = \
                   \"no-such-user\"\nanswer = \"allow\"\n";
    let text = format!("{missing}{}", config("web.service", "deny"));
    let bed = product::full(root).file(CONFIG, 0o600, &text).start();
    let check = bed.exec(["polkit-service-agent", "check"]).success();
    assert_eq!(check.stderr.matches("there is no user `no-such-user` on this host").count(), 2, "{check}");
    assert!(!check.stdout.contains("\"b\""), "{check}");
    assert!(systemctl(&bed, "start"));
    let status = bed.exec(["polkit-service-agent", "status", "--json"]).success();
    assert!(status.stdout.contains("web.service") && !status.stdout.contains("no-such-user"), "{status}");
    // A refusal could miss the user later: it must name a user who exists.
    bed.write(CONFIG, 0o600, text.replace("\"allow\"", "\"deny\""));
    let check = bed.exec(["polkit-service-agent", "check"]);
    assert!(check.code() == Some(1) && check.stderr.contains("there is no user `no-such-user`"), "{check}");
}
