//! Units with `DynamicUser=`: the user exists only while the unit runs.

use polkit_tests::agent::{journal, start_agent, until};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{FullBed, Polkit, Root, on_each_suite_with_rules, product};

on_each_suite_with_rules! {
    a_unit_with_a_dynamic_user_is_served_by_its_name_alone
}

const MANAGE: &str = "org.libvirt.unix.manage";

const CONFIG: &str = r#"
[[serve]]
unit = "dyn-*.service"
way = "hook"

[[rule]]
id = "dyn"
action = "org.libvirt.unix.manage"
unit = "dyn-ci.service"
answer = "allow"
"#;

/// What polkit decides about the process of the unit.
fn decided(bed: &FullBed, unit: &str) -> Verdict {
    let name = format!("--unit={unit}");
    let run = ["systemd-run", "--quiet", "--collect", &name, "--property=DynamicUser=yes", "sleep", "1000"];
    let _ = bed.exec(run).success();
    let shown = bed.exec(["systemctl", "show", "--property=MainPID", "--value", unit]).success();
    let pid: u32 = shown.text().parse().expect("a pid");
    let uid = bed.exec(["stat", "--format=%u", &format!("/proc/{pid}")]).success();
    let verdict = Polkit::of(bed).check(&subject(bed, pid, uid.text().parse().expect("a uid")), MANAGE);
    let _ = bed.exec(["systemctl", "stop", unit]).success();
    verdict
}

fn a_unit_with_a_dynamic_user_is_served_by_its_name_alone(root: &Root) {
    let bed = product::full(root)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/etc/polkit-policy-gen/policy.toml", 0o644, "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\n")
        .start();
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    start_agent(&bed);
    // Without nss-systemd polkit knows only the uid, and with it the name.
    for databases in ["files", "files systemd"] {
        let script = format!(
            "sed -i 's/^\\(passwd\\|group\\):.*/\\1: {databases}/' /etc/nsswitch.conf; systemctl restart polkit"
        );
        let _ = bed.exec(["sh", "-c", &script]).success();
        until(|| bed.exec(["systemctl", "is-active", "polkit-service-agent"]).text() == "active");
        assert_eq!(decided(&bed, "dyn-ci.service"), Verdict::Yes, "{databases}: {}", journal(&bed));
        assert_ne!(decided(&bed, "dyn-other.service"), Verdict::Yes, "{databases}");
        assert_ne!(decided(&bed, "strange.service"), Verdict::Yes, "{databases}");
        let records = journal(&bed);
        assert!(records.contains("dyn-ci.service") && !records.contains("strange.service"), "{records}");
        assert!(records.contains("\"POLKIT_AGENT_USER\":\"dyn-ci\""), "{records}");
    }
}
