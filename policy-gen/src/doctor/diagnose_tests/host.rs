//! Findings about the bus, polkitd, /proc, and the surroundings of polkit.

use super::*;
use crate::doctor::facts::{Hidepid, RecentRefusal};

/// The first finding on a host without a request.
fn only(change: impl FnOnce(&mut Facts)) -> Finding {
    let facts = changed(|facts| {
        (facts.subject, facts.answer, facts.action) = (None, None, None);
        change(facts);
    });
    diagnose(&facts).remove(0)
}

fn absent(installed: bool, unit: Option<&str>) -> Polkitd {
    Polkitd::Absent { why: "no owner".to_owned(), installed, unit: unit.map(str::to_owned) }
}

#[test]
fn a_missing_bus_is_started_or_outside_the_container() {
    let found = only(|facts| facts.no_bus = Some("no socket".to_owned()));
    assert_eq!(found.evidence, ["cannot connect to the system bus: no socket"]);
    assert_eq!(found.fixes[0].commands, ["systemctl start dbus.socket"]);
    let bare = only(|facts| (facts.no_bus, facts.has_systemd) = (Some("x".to_owned()), false));
    assert_eq!(bare.fixes[0].commands, ["dbus-daemon --system --fork"]);
    let container = only(|facts| {
        facts.no_bus = Some("no socket".to_owned());
        facts.container = Some("/.dockerenv".to_owned());
    });
    assert_eq!(container.evidence, ["/.dockerenv", "cannot connect to the system bus: no socket"]);
    assert_eq!(container.fixes.len(), 1);
}

#[test]
fn an_absent_polkitd_is_installed_unmasked_or_started() {
    let found = only(|facts| facts.polkitd = absent(true, Some("masked")));
    assert_eq!(found.fixes[0].commands, ["systemctl unmask polkit.service", "systemctl start polkit.service"]);
    assert_eq!(found.fixes[0].undo, ["systemctl mask --now polkit.service"]);
    let found = only(|facts| facts.polkitd = absent(true, Some("failed")));
    assert_eq!(found.evidence[1], "polkit.service is failed: journalctl -u polkit.service");
    assert_eq!(found.fixes[0].commands, ["systemctl reset-failed polkit.service", "systemctl start polkit.service"]);
    let found = only(|facts| facts.polkitd = absent(true, None));
    assert_eq!((found.evidence.len(), found.fixes[0].manual), (1, true));
    assert_eq!(found.fixes[0].commands[1], "apt-get install --reinstall polkitd");
    let found = only(|facts| facts.polkitd = absent(false, None));
    assert!(found.fixes[0].commands[0].starts_with("apt-get install polkitd") && found.fixes[0].manual);
    let container = only(|facts| (facts.polkitd, facts.container) = (absent(false, None), Some("docker".to_owned())));
    assert_eq!(container.evidence, ["docker", "error of the bus: no owner"]);
}

#[test]
fn a_polkitd_that_does_not_answer_is_restarted_once() {
    let silent = only(|facts| facts.polkitd = Polkitd::Silent);
    assert_eq!((silent.code, silent.fixes[0].id, silent.evidence.len()), ("polkitd-hangs", "restart-polkitd", 1));
    assert_eq!(codes(&with_answer(|answer| answer.real = Some(RunningResult::Silent))), ["polkitd-hangs"]);
}

#[test]
fn the_mount_option_of_proc_lets_polkitd_see_processes() {
    let with = |gid| {
        let found = only(|facts| facts.hidepid = Some(Hidepid { option: "hidepid=2".to_owned(), gid }));
        assert_eq!(found.evidence, ["/proc is mounted with hidepid=2"]);
        assert_eq!(found.fixes[0].undo, ["mount -o remount,hidepid=2,gid=0 /proc"]);
        assert!(found.fixes[0].commands[1].contains("/etc/fstab") && !found.fixes[0].manual, "{found:?}");
        found.fixes[0].commands[0].clone()
    };
    assert_eq!(with(Some(990)), "mount -o remount,hidepid=2,gid=990 /proc");
    assert_eq!(with(None), "mount -o remount,hidepid=2,gid=GID-OF-POLKITD /proc");
}

#[test]
fn denials_of_the_kernel_are_shown_with_the_tools_that_explain_them() {
    let found = only(|facts| facts.mac = vec!["avc: denied".to_owned()]);
    assert_eq!((found.code, &found.evidence[..]), ("mac-denied", &["avc: denied".to_owned()][..]));
    assert_eq!((found.fixes[0].id, found.fixes[0].commands.len()), ("look-at-the-denial", 2));
}

#[test]
fn a_recent_refusal_names_the_unit_the_user_and_the_action() {
    let found = only(|facts| {
        facts.recent_refusals.push(RecentRefusal {
            unit: "web.service".to_owned(),
            user: "www-data".to_owned(),
            action: "org.a.run".to_owned(),
            line: "refused".to_owned(),
            verdict: "auth_admin".to_owned(),
        });
    });
    assert_eq!(found.cause, "web.service (user www-data) was refused org.a.run recently, and would be refused again");
    assert_eq!(found.evidence, ["the journal: refused", "polkit's decision now: auth_admin"]);
    assert_eq!(found.fixes[0].commands, ["polkit-policy-gen doctor --unit web.service --action org.a.run"]);
    let found = only(|facts| facts.refusals_of_libvirt = (1, u64::MAX));
    assert_eq!(found.cause, "libvirt refused one request in the last hour", "no valid time");
    assert_eq!((found.fixes[0].id, found.fixes[0].commands.len()), ("say-who", 2));
}

#[test]
fn a_missing_group_is_shown_with_each_place() {
    let found = only(|facts| facts.missing_groups = vec![("ops".to_owned(), "/a:2".to_owned())]);
    assert_eq!(found.evidence, ["the group ops: /a:2"]);
    assert!(found.fixes[0].commands[0].starts_with("getent group ops    # "), "{found:?}");
}

#[test]
fn the_policy_of_the_bus_is_changed_in_a_file_of_the_administrator() {
    let facts = changed(|facts| {
        facts.bus_denial = Some(Denial {
            destination: "org.freedesktop.login1".to_owned(),
            place: "/usr/share/dbus-1/system.d/x.conf:4".to_owned(),
            only: None,
        });
    });
    let found = diagnose(&facts).remove(0);
    assert!(found.cause.contains("refuses calls of www-data to org.freedesktop.login1"), "{found:?}");
    let shipped = "/usr/share/dbus-1/system.d/x.conf";
    let edit =
        format!("editor /etc/dbus-1/system.d/x.conf    # allow send_destination for the user; compare {shipped}");
    assert_eq!(found.fixes[0].commands, [edit, "systemctl reload dbus.service".to_owned()]);
    assert!(super::super::bus::denies(&changed(|facts| facts.subject = None)).is_none());
}
