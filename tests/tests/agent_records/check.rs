//! What the agent's `check` finds on the host.

use polkit_tests::agent::by_hand::{CONFIG_FILE, full};
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    check_names_units_and_actions_that_the_host_does_not_know
    check_names_a_grant_for_which_polkit_requests_an_administrator
}

const UNIT: &str = "[Service]\nType=exec\nUser=www-data\nExecStart=sleep 10000\n[Install]\nAlias=front.service\n";

fn config(unit: &str, action: &str) -> String {
    format!(
        "[[serve]]\nunit = \"{unit}\"\n\n[[rule]]\nid = \"web\"\naction = \"{action}\"\nunit = \"{unit}\"\nuser = \"www-data\"\n\
         answer = \"allow\"\n"
    )
}

fn check_names_units_and_actions_that_the_host_does_not_know(root: &Root) {
    let bed = full(root).file("/etc/systemd/system/web.service", 0o644, UNIT).start();
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let _ = bed.exec(["systemctl", "enable", "--now", "web.service"]).success();
    let check = |unit: &str, action: &str| {
        bed.write(CONFIG_FILE, 0o644, config(unit, action));
        bed.exec(["polkit-service-agent", "check"]).success().stdout
    };
    let mechanism =
        "name = \"newd\"\nactions = [\"org.example.new.*\"]\nsubject = \"process\"\ninteraction = \"never\"\n";
    bed.write("/etc/polkit-policy-gen/mechanisms.d/newd.toml", 0o644, mechanism);
    let manage = "org.libvirt.unix.manage";
    let right = check("web.service", manage);
    assert!(!right.contains("systemd does not know") && !right.contains("polkitd knows no such"), "{right}");
    for (unit, action, found) in [
        ("wbe.service", manage, "names wbe.service, which systemd does not know. Did you mean web.service?"),
        ("front.service", manage, "names front.service, which is another name of web.service"),
        (
            "web.service",
            "org.libvirt.unix.mange",
            "polkitd knows no such action. Did you mean org.libvirt.unix.manage?",
        ),
        ("web.service", "org.example.nothing", "names org.example.nothing, and polkitd knows no such action"),
        (
            "web.service",
            "org.freedesktop.RealtimeKit1.acquire-real-time",
            "names an action of rtkit-daemon, which never lets polkit ask an agent",
        ),
        ("web.service", "org.example.new.run", "names an action of newd, which never lets polkit ask an agent"),
    ] {
        let shown = check(unit, action);
        assert!(shown.contains(found), "{unit} {action}: {shown}");
    }
}

fn check_names_a_grant_for_which_polkit_requests_an_administrator(root: &Root) {
    let bed = full(root).file("/etc/systemd/system/web.service", 0o644, UNIT).start();
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    bed.write(CONFIG_FILE, 0o644, config("web.service", "org.libvirt.unix.manage"));
    let note = "grants org.libvirt.unix.manage to www-data, but polkit requests an administrator for it";
    let before = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(before.stdout.contains(note) && before.stdout.contains("[[agent]]"), "{before}");
    let agent = "[[agent]]\nactions = [\"org.libvirt.unix.manage\"]\nusers = [\"www-data\"]\n";
    bed.write("/etc/polkit-policy-gen/policy.toml", 0o644, agent);
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    let after = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(!after.stdout.contains("but polkit requests"), "{after}");
}
