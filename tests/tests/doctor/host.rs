//! The doctor finds facts of the host: the policy of the bus, groups that do not exist, and files in directories that nothing reads.

use polkit_tests::agent::until;
use polkit_tests::doctor::{MANAGE, RULES, healthy, look, sh};
use polkit_tests::{LightBed, Root, Suite, on_each_suite};

on_each_suite! {
    a_bus_that_refuses_calls_to_the_service_is_named
    groups_that_do_not_exist_are_named
    files_in_mistyped_directories_are_named
}

const REBOOT: &str = "org.freedesktop.login1.reboot";

fn a_bus_that_refuses_calls_to_the_service_is_named(root: &Root) {
    let bed = healthy(root, |builder| builder);
    let asked = ["--user", "alice", "--action", REBOOT];
    let denied = || look(&bed, &asked).codes().contains(&"bus-policy-denies");
    // What the bus itself does.
    let refuses = |user: &str| {
        let call =
            ["--dest=org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager.CanReboot"];
        let output = bed.exec_as(user, [&["dbus-send", "--system", "--print-reply"], &call[..]].concat());
        output.stderr.contains("AccessDenied")
    };
    assert!(!denied() && !refuses("alice"));
    let policy = |policies: &str| {
        let text = format!("<busconfig>\n{policies}\n</busconfig>\n");
        bed.write("/etc/dbus-1/system.d/local.conf", 0o644, text);
        sh(&bed, "kill -HUP $(pidof dbus-daemon)");
    };
    policy("<policy context=\"default\">\n<deny send_destination=\"org.freedesktop.login1\"/>\n</policy>");
    until(|| refuses("alice"));
    let found = look(&bed, &asked);
    assert_eq!(found.codes().first(), Some(&"bus-policy-denies"), "{:#}", found.json);
    let evidence = found.json["findings"][0]["evidence"].to_string();
    assert!(evidence.contains("/etc/dbus-1/system.d/local.conf:3"), "{evidence}");
    // A policy that denies another user, and one that allows a part.
    policy("<policy user=\"bob\">\n<deny send_destination=\"org.freedesktop.login1\"/>\n</policy>");
    until(|| !refuses("alice") && refuses("bob"));
    assert!(!denied());
    assert!(look(&bed, &["--user", "bob", "--action", REBOOT]).codes().contains(&"bus-policy-denies"));
}

/// The codes without a subject.
fn codes(bed: &LightBed) -> Vec<String> {
    look(bed, &[]).codes().into_iter().map(str::to_owned).collect()
}

fn groups_that_do_not_exist_are_named(root: &Root) {
    if root.suite() == Suite::Bullseye {
        return;
    }
    let bed = healthy(root, |builder| builder);
    let rule = |group: &str| {
        let condition = format!("action.id == \"{MANAGE}\" && subject.isInGroup(\"{group}\")");
        let text = format!(
            "polkit.addRule(function (action, subject) {{\n  if ({condition}) {{ return polkit.Result.YES; }}\n}});\n"
        );
        bed.write(format!("{RULES}/40-group.rules"), 0o644, text);
    };
    rule("virt-users");
    let found = look(&bed, &[]);
    assert_eq!(found.codes(), ["unknown-group"], "{:#}", found.json);
    let evidence = found.json["findings"][0]["evidence"].to_string();
    assert!(evidence.contains(&format!("virt-users: {RULES}/40-group.rules:2")), "{evidence}");
    rule("libvirt");
    assert_eq!(codes(&bed), [""; 0]);
}

fn files_in_mistyped_directories_are_named(root: &Root) {
    let suite = root.suite();
    let bed = healthy(root, |builder| builder);
    let rule = "polkit.addRule(function (action, subject) { return null; });\n";
    let entry = format!("[a]\nIdentity=unix-user:bob\nAction={MANAGE}\nResultAny=yes\n");
    let paths = [
        ("/etc/polkit-1/rule.d/50-x.rules", rule),
        ("/etc/polkit-1/50-x.rules", rule),
        ("/etc/polkit/50-x.rules", rule),
        ("/etc/polkit.d/50-x.rules", rule),
        ("/usr/share/polkit-1/50-x.rules", rule),
        ("/etc/polkit-1/x.pkla", &entry),
        ("/etc/polkit-1/localauthority/x.pkla", &entry),
        ("/etc/polkit-1/localauthority.d/x.pkla", &entry),
    ];
    for (path, text) in paths {
        bed.write(path, 0o644, text);
        let found = look(&bed, &[]);
        assert_eq!(found.codes(), ["rule-misplaced"], "{suite} {path}: {:#}", found.json);
        assert!(found.json.to_string().contains(path), "{suite} {path}");
        bed.remove(path);
    }
    assert_eq!(codes(&bed), [""; 0], "{suite}");
}
