//! `polkit-service-agent enable` and `disable`: a unit gets what it was enabled for and nothing else, other subjects get nothing, and
//! nothing is left of it.

use polkit_tests::agent::until;
use polkit_tests::doctor::{MANAGE, sh};
use polkit_tests::{Bed, Output, Root, Suite, on_each_suite_with_rules, require};

use crate::agent::{UNITS, bed, inside, state};

on_each_suite_with_rules! {
    units_share_a_hook_and_each_is_taken_back_alone
    a_registered_unit_is_authenticated_by_the_agent
    a_person_approves_the_requests_of_a_unit
    details_limit_what_a_unit_gets
}

fn enable(bed: &Bed, arguments: &[&str]) -> Output {
    bed.exec([&["polkit-service-agent", "enable"], arguments].concat())
}

fn disable(bed: &Bed, arguments: &[&str]) -> Output {
    bed.exec([&["polkit-service-agent", "disable"], arguments].concat())
}

fn virsh(bed: &Bed, unit: &str, user: &str) -> bool {
    // A registration needs up to 100 ms after the fork.
    inside(bed, unit, user, "sh -c 'sleep 0.5; exec virsh -q -c qemu:///system list'").status.success()
}

/// The state without the folders of the configurations, which packages bring and which stay.
fn files(bed: &Bed) -> Vec<String> {
    let is_folder = |line: &&str| line.contains("/polkit-policy-gen") || line.contains("/polkit-service-agent");
    state(bed).lines().filter(|line| !is_folder(line)).map(str::to_owned).collect()
}

fn units_share_a_hook_and_each_is_taken_back_alone(root: &Root) {
    let bed = bed(root);
    bed.write("/etc/systemd/system/cd.service", 0o644, "[Service]\nType=exec\nUser=bob\nExecStart=/bin/sleep 1000\n");
    sh(&bed, "systemctl daemon-reload; systemctl start cd");
    let before = files(&bed);
    assert!(!virsh(&bed, "ci.service", "alice"));
    let enabled = enable(&bed, &["ci", "--action", MANAGE, "--yes"]).success();
    for part in [
        "Processes of ci.service with the user alice get org.libvirt.unix.manage.",
        "This is equivalent to root access.",
        "Way: the hook, because it serves each process at once and sees details",
        "+way = \"hook\"",
        "ci.service is enabled. To undo: polkit-service-agent disable ci.service",
        "tried org.libvirt.unix.manage for process",
        ": yes",
    ] {
        assert!(enabled.stdout.contains(part), "{part}: {enabled}");
    }
    assert!(virsh(&bed, "ci.service", "alice"));
    assert!(
        !virsh(&bed, "ci.service", "bob") && !virsh(&bed, "cd.service", "alice") && !virsh(&bed, "cd.service", "bob")
    );
    let again = enable(&bed, &["ci.service", "--action", MANAGE, "--yes"]);
    assert!(again.code() == Some(1) && again.stderr.contains("disable ci.service` first"), "{again}");
    // The second unit uses the hook that is there.
    let second = enable(&bed, &["cd.service", "--what", "vm-manage", "--yes"]).success();
    assert!(!second.stdout.contains("[[hook]]"), "{second}");
    assert!(virsh(&bed, "ci.service", "alice") && virsh(&bed, "cd.service", "bob"));
    // An agent that an administrator stopped stays so.
    sh(&bed, "systemctl disable --now polkit-service-agent");
    let first = disable(&bed, &["ci.service", "--yes"]).success();
    assert!(!first.stdout.contains("[[hook]]"), "{first}");
    assert_eq!(bed.exec(["systemctl", "is-active", "polkit-service-agent"]).text(), "inactive");
    sh(&bed, "systemctl enable --now polkit-service-agent");
    assert!(!virsh(&bed, "ci.service", "alice") && virsh(&bed, "cd.service", "bob"));
    let _ = disable(&bed, &["cd", "--yes"]).success();
    assert!(!virsh(&bed, "cd.service", "bob"));
    assert_eq!(files(&bed), before);
}

fn a_registered_unit_is_authenticated_by_the_agent(root: &Root) {
    let bed = bed(root);
    let before = files(&bed);
    let enabled = enable(&bed, &["ci.service", "--action", MANAGE, "--register", "--yes"]).success();
    for part in ["Way: registration, as requested", "+[[agent]]", "tried org.libvirt.unix.manage for process", ": yes"]
    {
        assert!(enabled.stdout.contains(part), "{part}: {enabled}");
    }
    assert!(!enabled.stdout.contains("hook"), "{enabled}");
    until(|| virsh(&bed, "ci.service", "alice"));
    assert!(!virsh(&bed, "deployed.service", "alice"));
    let _ = disable(&bed, &["ci.service", "--yes"]).success();
    assert!(!virsh(&bed, "ci.service", "alice"));
    assert_eq!(files(&bed), before);
}

fn a_person_approves_the_requests_of_a_unit(root: &Root) {
    let bed = bed(root);
    let enabled = enable(&bed, &["ci.service", "--action", MANAGE, "--ask", "--yes"]).success();
    for part in [
        "may ask a person for org.libvirt.unix.manage",
        "Way: registration, because polkitd does not wait",
        "not tried: org.libvirt.unix.manage, because a person",
    ] {
        assert!(enabled.stdout.contains(part), "{part}: {enabled}");
    }
    let mut id = None;
    until(|| {
        assert!(!virsh(&bed, "ci.service", "alice"));
        let waits = bed.exec(["polkit-service-agent", "pending", "--json"]).success().stdout;
        let waits: serde_json::Value = serde_json::from_str(&waits).unwrap();
        id = waits[0]["id"].as_str().map(str::to_owned);
        id.is_some()
    });
    let _ = bed.exec(["polkit-service-agent", "approve", &id.unwrap()]).success();
    until(|| virsh(&bed, "ci.service", "alice"));
    let _ = disable(&bed, &["ci.service", "--yes"]).success();
}

fn details_limit_what_a_unit_gets(root: &Root) {
    let bed = bed(root);
    let details = ["--detail", "unit=deployed.service", "--detail", "verb=restart"];
    let asked = [&["ci.service", "--action", UNITS], &details[..]].concat();
    let dry = enable(&bed, &[&asked[..], &["--dry-run"]].concat());
    assert!(dry.code() == Some(4) && dry.stdout.contains("+[[rule]]"), "{dry}");
    let _ = enable(&bed, &[&asked[..], &["--yes"]].concat()).success();
    let systemctl = |verb: &str, unit: &str| {
        inside(&bed, "ci.service", "alice", &format!("systemctl {verb} {unit}")).status.success()
    };
    assert!(systemctl("restart", "deployed.service"));
    assert!(!systemctl("stop", "deployed.service") && !systemctl("restart", "ci.service"));
    let _ = disable(&bed, &["ci.service", "--yes"]).success();
    assert!(!systemctl("restart", "deployed.service"));
}

#[test]
fn what_cannot_have_the_intended_effect_is_refused_and_changes_nothing() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    bed.write(
        "/etc/systemd/system/dyn.service",
        0o644,
        "[Service]\nType=exec\nDynamicUser=yes\nExecStart=/bin/sleep 1000\n",
    );
    sh(&bed, "systemctl daemon-reload; systemctl start dyn");
    let before = state(&bed);
    for (arguments, code, said) in [
        (
            &["ci.service", "--action", "org.libvirt.unix.mange", "--yes"][..],
            1,
            "Did you mean org.libvirt.unix.manage?",
        ),
        (&["deployed.service", "--action", MANAGE, "--yes"], 1, "deployed.service runs as root"),
        (&["no-such.service", "--action", MANAGE, "--yes"], 3, "no unit `no-such.service`"),
        (&["ci.target", "--action", MANAGE, "--yes"], 2, "not the name of a unit with processes"),
        (&["ci.service", "--yes"], 2, "--action"),
        (&["ci.service", "--what", "vm-manag", "--yes"], 2, "did you mean `vm-manage`?"),
        (&["ci.service", "--what", "restart-unit", "--yes"], 2, "use --action and --detail"),
        (&["ci.service", "--what", "color-silence", "--yes"], 2, "refuses its actions"),
        (&["ci.service", "--action", MANAGE, "--action", UNITS, "--detail", "a=b", "--yes"], 2, "exactly one --action"),
        (&["ci.service", "--action", UNITS, "--yes"], 1, "add --detail unit="),
        (&["dyn.service", "--action", MANAGE, "--register", "--yes"], 1, "DynamicUser="),
        (&["ci.service", "--action", MANAGE], 1, "use --yes"),
        (
            &["ci.service", "--action", UNITS, "--detail", "unit=a.service", "--register", "--yes"],
            1,
            "only by the hook",
        ),
    ] {
        let output = enable(&bed, arguments);
        assert!(output.code() == Some(code) && output.all().contains(said), "{arguments:?}: {output}");
    }
    for (arguments, code, said) in [
        (&["ci.service", "--yes"][..], 1, "ci.service is not enabled"),
        (&["../x.service", "--yes"], 2, "not the name"),
    ] {
        let output = disable(&bed, arguments);
        assert!(output.code() == Some(code) && output.all().contains(said), "{arguments:?}: {output}");
    }
    let as_user = bed.exec_as("bob", ["polkit-service-agent", "enable", "ci.service", "--action", MANAGE, "--yes"]);
    assert!(as_user.code() == Some(1) && as_user.stderr.contains("as root"), "{as_user}");
    assert_eq!(state(&bed), before);
    // A configuration of the agent that is broken is not made the base of a new one.
    bed.write("/etc/polkit-service-agent/agent.toml", 0o600, "[agent]\nno-such-key = 1\n");
    let before = state(&bed);
    let output = enable(&bed, &["ci.service", "--action", MANAGE, "--yes"]);
    assert!(output.code() == Some(1) && output.stderr.contains("has errors"), "{output}");
    assert_eq!(state(&bed), before);
}
