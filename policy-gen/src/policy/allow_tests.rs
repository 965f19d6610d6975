use polkit_config::report::Source;

use super::*;
use crate::policy::{Draft, Policy, PolicyRequest, read};

fn problems(text: &str) -> String {
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (_, report) = draft.parts();
    report.lines().join("\n")
}

fn of(text: &str) -> Policy {
    read(&[Source::new("p.toml", text)]).unwrap_or_else(|report| panic!("{:?}", report.lines())).0
}

/// The result for the user `u` without a session.
fn result(policy: &Policy, action: &str, details: &[(&str, &str)]) -> Option<&'static str> {
    let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let none = Default::default();
    let request = PolicyRequest {
        action,
        user: "u",
        groups: &none,
        netgroups: &none,
        details: &details,
        unit: None,
        no_new_privileges: false,
        session: crate::implicit_authorization::Session::None,
    };
    policy.results(&request).map(|results| results.any.text())
}

#[test]
fn a_set_has_all_its_actions_and_those_of_its_options_only_on_request() {
    let plain = of("[[allow]]\nwhat = 'reboot'\nusers = 'u'\n");
    let more = of("[[allow]]\nwhat = 'reboot'\nusers = 'u'\nignore_inhibit = true\n");
    for (action, expected) in [
        ("reboot", [Some("yes"), Some("yes")]),
        ("reboot-multiple-sessions", [Some("yes"), Some("yes")]),
        ("reboot-ignore-inhibit", [None, Some("yes")]),
        ("power-off", [None, None]),
    ] {
        let action = format!("org.freedesktop.login1.{action}");
        assert_eq!([&plain, &more].map(|policy| result(policy, &action, &[])), expected, "{action}");
    }
    assert_eq!(plain.grants[0].label, "allow 1 (reboot)");
    assert_eq!(of("[[allow]]\nname = 'n'\nwhat = 'reboot'\nusers = 'u'\n").grants[0].label, "n (reboot)");
}

#[test]
fn parameters_are_details_of_the_actions_that_carry_them() {
    let units = of("[[allow]]\nwhat = 'restart-unit'\nunits = ['a.service', 'b-*.service']\nusers = 'u'\n");
    let systemd = "org.freedesktop.systemd1.manage-units";
    let with = |unit, verb| result(&units, systemd, &[("unit", unit), ("verb", verb)]);
    assert_eq!([with("a.service", "restart"), with("b-1.service", "reload")], [Some("yes"); 2]);
    assert_eq!([with("a.service", "stop"), with("c.service", "restart")], [None; 2]);
    let stops = of("[[allow]]\nwhat = 'restart-unit'\nunits = 'a.service'\nverbs = 'stop'\nusers = 'u'\n");
    assert_eq!(result(&stops, systemd, &[("unit", "a.service"), ("verb", "stop")]), Some("yes"));
    assert_eq!(result(&stops, systemd, &[("unit", "a.service"), ("verb", "restart")]), None);
    // access_pcsc carries no reader.
    let reader = of("[[allow]]\nwhat = 'smart-card'\nreader = 'Yubi*'\nusers = 'u'\n");
    assert_eq!(result(&reader, "org.debian.pcsc-lite.access_pcsc", &[]), Some("yes"));
    let card = |name| result(&reader, "org.debian.pcsc-lite.access_card", &[("reader", name)]);
    assert_eq!([card("Yubikey 0"), card("Other")], [Some("yes"), None]);
    // Both parameters must match.
    let disk = of("[[allow]]\nwhat = 'mount-disk'\nid_uuid = '1'\nserial = ['2', '3']\nusers = 'u'\n");
    let mount = |uuid, serial| {
        result(&disk, "org.freedesktop.udisks2.filesystem-mount-system", &[("id.uuid", uuid), ("drive.serial", serial)])
    };
    assert_eq!(
        [mount("1", "2"), mount("1", "3"), mount("1", "4"), mount("2", "2")],
        [Some("yes"), Some("yes"), None, None]
    );
    // A set can have details by itself.
    let removable = of("[[allow]]\nwhat = 'mount-removable'\nusers = 'u'\n");
    let mount = |value| {
        result(&removable, "org.freedesktop.udisks2.filesystem-mount-other-seat", &[("drive.removable", value)])
    };
    assert_eq!([mount("true"), mount("false")], [Some("yes"), None]);
}

#[test]
fn the_result_is_that_of_the_set_unless_the_table_says_another() {
    let color = "org.freedesktop.color-manager.create-device";
    assert_eq!(result(&of("[[allow]]\nwhat = 'color-silence'\neverybody = true\n"), color, &[]), Some("no"));
    let other = "[[allow]]\nwhat = 'reboot'\nusers = 'u'\nresult = 'auth_admin'\n[[grant]]\nactions = 'org.freedesktop.login1.*'\n\
                 everybody = true\nresult = 'no'\n";
    let other = of(other);
    assert_eq!(result(&other, "org.freedesktop.login1.reboot", &[]), Some("auth_admin"));
    assert_eq!(result(&other, "org.freedesktop.login1.power-off", &[]), Some("no"));
}

#[test]
fn sessions_restrict_an_allow_table() {
    use crate::implicit_authorization::Session::{Active, Inactive, None as NoSession, Remote};
    let none = Default::default();
    for (scope, covered) in
        [("any", &[NoSession, Remote, Inactive, Active][..]), ("local", &[Inactive, Active]), ("none", &[NoSession])]
    {
        let policy = of(&format!("[[allow]]\nwhat = 'suspend'\nusers = 'u'\nsession = '{scope}'\n"));
        for session in [NoSession, Remote, Inactive, Active] {
            let request = PolicyRequest {
                action: "org.freedesktop.login1.suspend",
                user: "u",
                groups: &none,
                netgroups: &none,
                details: &Default::default(),
                unit: None,
                no_new_privileges: false,
                session,
            };
            assert_eq!(policy.results(&request).is_some(), covered.contains(&session), "{scope} {session:?}");
        }
    }
}

#[test]
fn all_problems_of_an_allow_table_are_reported() {
    let text = r#"
[[allow]]
what = "rebot"
users = "u"
units = "x.service"

[[allow]]
users = "u"

[[allow]]
what = "restart-unit"
verbs = "stop"
session = "ssh"
reader = "x"

[[allow]]
what = "something"
ignore_inhibit = 1
everybody = true

[[allow]]
what = "restart-unit"
units = "nginx"
users = "u"
result = "auth_admin_keep"
"#;
    insta::assert_snapshot!(problems(text), @r#"
    p.toml:3:8: there is no set `rebot` (did you mean `reboot`? `polkit-policy-gen sets` lists all)
    p.toml:7:1: [[allow]] has no `what` (add `what = "…"`)
    p.toml:10:1: [[allow]] has no users, groups, netgroups or unit, and is not for everybody (add `users = ["…"]`, `groups = ["…"]`, `netgroups = ["…"]`, `unit = "….service"` or `everybody = true`)
    p.toml:10:1: `restart-unit` needs `units` (`units`: the units, with * for any characters; required. A user who may start a unit that does not exist is root-equivalent; `verbs`: the operations)
    p.toml:13:11: `ssh` is not a value of `session` (use `any`, `local` for sessions at a seat, or `none` for services and cron)
    p.toml:14:1: unknown key `reader` in [[allow]] (known here: everybody, groups, name, netgroups, no_new_privileges, result, session, unit, units, users, verbs, what)
    p.toml:17:8: there is no set `something` (use one of color-silence, firewall, flatpak, hibernate, install-packages, keep-awake, lock-sessions, machine-shell, modem, mount-disk, mount-removable, network, power-off, realtime-audio, reboot, restart-unit, set-hostname, set-locale, set-time, set-timezone, smart-card, suspend, thunderbolt, update-firmware, update-metadata, vm-manage, wifi)
    p.toml:23:9: `nginx` is neither a unit name nor a unit pattern (use the full name that `systemctl show -p Id` shows: `nginx.service`, `app@*.service`)
    p.toml:25:10: polkit keeps this authorization for the action with any details, so it would also cover other units, domains or programs (with `details`, use the result without `_keep`)
    "#);
}
