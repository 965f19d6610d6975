//! Each way to break a healthy bed: the doctor names the cause first, the first fix that the doctor can carry out is carried out, what
//! failed then works, and a user who should have nothing still has nothing.

use polkit_tests::doctor::scenarios::{self, all, with_systemd};
use polkit_tests::doctor::{ALL, RULES, WITH_RULES, doctor, follow, healthy, healthy_full, look, run_all, virsh};
use polkit_tests::{Bed, Root, Suite, on_each_suite, product, require};

on_each_suite! {
    sockets_of_systemd_are_mended
    units_of_systemd_are_mended
    several_faults_are_mended_by_following
    several_faults_with_systemd_are_mended_by_following
    memberships_are_mended
    misplaced_rules_are_mended
    unreadable_and_broken_rules_are_mended
    sessions_sockets_and_actions_are_mended
    access_control_and_rules_that_fail_are_mended
    wrong_connections_and_unsafe_rules_are_mended
}

/// The scenarios by the beginning of their names: each list is one test for each suite, so that they run side by side.
const MEMBERSHIPS: &[&str] = &["C1 ", "C2 ", "C3 "];
const MISPLACED: &[&str] = &["C4 "];
const UNREADABLE: &[&str] = &["C5 "];
const SOCKETS: &[&str] = &["C6 ", "C7 ", "C8 ", "C9 "];
const ACCESS_CONTROL: &[&str] = &["C10 ", "C11 ", "rule: "];
const CONNECTIONS: &[&str] = &["C12 ", "unsafe: ", "seed: "];
const SYSTEMD_SOCKETS: &[&str] = &["C7 the socket "];
const SYSTEMD_UNITS: &[&str] =
    &["C7 a socket ", "C7 SocketMode", "C7 groups ", "C7 unix_sock_group ", "C8 ", "unsafe: "];

fn memberships_are_mended(root: &Root) {
    run_all(root, &all(), MEMBERSHIPS);
}

fn misplaced_rules_are_mended(root: &Root) {
    run_all(root, &all(), MISPLACED);
}

fn unreadable_and_broken_rules_are_mended(root: &Root) {
    run_all(root, &all(), UNREADABLE);
}

fn sessions_sockets_and_actions_are_mended(root: &Root) {
    run_all(root, &all(), SOCKETS);
}

fn access_control_and_rules_that_fail_are_mended(root: &Root) {
    run_all(root, &all(), ACCESS_CONTROL);
}

fn wrong_connections_and_unsafe_rules_are_mended(root: &Root) {
    run_all(root, &all(), CONNECTIONS);
}

fn sockets_of_systemd_are_mended(root: &Root) {
    run_all(root, &with_systemd(), SYSTEMD_SOCKETS);
}

fn units_of_systemd_are_mended(root: &Root) {
    run_all(root, &with_systemd(), SYSTEMD_UNITS);
}

#[test]
fn each_scenario_is_in_one_test() {
    let light = [MEMBERSHIPS, MISPLACED, UNREADABLE, SOCKETS, ACCESS_CONTROL, CONNECTIONS].concat();
    for (scenarios, beginnings) in [(all(), light), (with_systemd(), [SYSTEMD_SOCKETS, SYSTEMD_UNITS].concat())] {
        for scenario in &scenarios {
            let tests = beginnings.iter().filter(|beginning| scenario.name.starts_with(**beginning)).count();
            assert_eq!(tests, 1, "{}", scenario.name);
        }
        for beginning in beginnings {
            assert!(
                scenarios.iter().any(|scenario| scenario.name.starts_with(beginning)),
                "no scenario of {beginning:?}"
            );
        }
    }
}

/// Several things that are wrong at once.
type Faults = (&'static str, &'static [Suite], bool, &'static [fn(&Bed)]);

const VM: &str = "polkit.addRule(function (action, subject) {\n    if (action.id == \"org.libvirt.unix.manage\" && \
                  subject.user == \"www-data\") {\n        return polkit.Result.YES;\n    }\n});\n";

fn unreadable(bed: &Bed) {
    bed.write(format!("{RULES}/50-vm.rules"), 0o600, VM);
}

fn broken(bed: &Bed) {
    bed.write(format!("{RULES}/40-old.rules"), 0o644, format!("{VM}}}\n"));
}

fn throwing(bed: &Bed) {
    bed.write(format!("{RULES}/10-x.rules"), 0o644, "polkit.addRule(function (action) { return action.no.such; });\n");
}

fn misnamed(bed: &Bed) {
    bed.write(format!("{RULES}/50-web.rule"), 0o644, VM);
}

fn closed(bed: &Bed) {
    let _ = bed.exec(["sh", "-c", &format!("chown root:root {RULES}; chmod 0700 {RULES}")]).success();
}

fn hidden(bed: &Bed) {
    let _ = bed.exec(["mount", "-o", "remount,hidepid=2", "/proc"]).success();
}

fn shut(bed: &Bed) {
    let _ = bed.exec(["chmod", "0700", "/run/libvirt"]).success();
}

fn everybody(bed: &Bed) {
    bed.write(format!("{RULES}/60-all.rules"), 0o644, VM.replace("subject.user == \"www-data\"", "true"));
}

fn masked(bed: &Bed) {
    let _ = bed.exec(["systemctl", "mask", "--now", "polkit.service"]).success();
}

fn stopped(bed: &Bed) {
    let script = "systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service";
    let _ = bed.exec(["sh", "-c", script]).success();
}

fn narrow(bed: &Bed) {
    scenarios::socket(bed, "SocketMode=0600", "");
}

fn in_kvm(bed: &Bed) {
    scenarios::join(bed, "kvm");
}

const SEVERAL: &[Faults] = &[
    ("unreadable, /proc hides", WITH_RULES, false, &[unreadable, hidden]),
    ("throws, not in the group", WITH_RULES, false, &[throwing]),
    ("throws, does not compile", &[Suite::Trixie], false, &[throwing, broken]),
    ("misnamed, directory closed", WITH_RULES, false, &[misnamed, closed]),
    ("/run/libvirt closed, wrong group", ALL, false, &[shut, in_kvm]),
    ("everybody, unreadable", &[Suite::Bookworm, Suite::Forky], false, &[everybody, unreadable]),
    ("throws, /run/libvirt closed, hides", WITH_RULES, false, &[throwing, shut, hidden]),
    ("masked, not in the group", ALL, true, &[masked]),
    ("stopped, wrong group", ALL, true, &[stopped, in_kvm]),
    ("SocketMode, unreadable", WITH_RULES, true, &[narrow, unreadable]),
    ("masked, stopped, does not compile", &[Suite::Bookworm, Suite::Forky], true, &[masked, stopped, broken]),
];

fn several_faults_are_mended_by_following(root: &Root) {
    follow_several(root, false);
}

fn several_faults_with_systemd_are_mended_by_following(root: &Root) {
    follow_several(root, true);
}

/// Follows the doctor through the lists of faults that occur on this suite: those with systemd, or the others.
fn follow_several(root: &Root, with_systemd: bool) {
    let mut wrong = Vec::new();
    let here = |(_, suites, full, _): &&Faults| suites.contains(&root.suite()) && *full == with_systemd;
    for (name, _, full, faults) in SEVERAL.iter().filter(here) {
        let (light_bed, full_bed);
        let bed: &Bed = if *full {
            full_bed = healthy_full(root, |builder| builder);
            &full_bed
        } else {
            light_bed = healthy(root, |builder| builder);
            &light_bed
        };
        faults.iter().for_each(|fault| fault(bed));
        let asked = ["--user", "www-data"];
        let done = follow(bed, &asked);
        let left = look(bed, &asked);
        let end = (virsh(bed, "www-data"), virsh(bed, "alice"), left.exit);
        eprintln!("{name:36} {:9} {} rounds: {done:?}", root.suite().to_string(), done.as_ref().map_or(0, Vec::len));
        if done.is_err() || end != (true, false, 0) {
            wrong.push(format!("{name} on {}: {done:?} {end:?} {:#}", root.suite(), left.json));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Processes of web.service get in by the agent, and no others of their user.
fn the_rule_for_one_unit_is_for_that_unit_alone(root: &Root) {
    let bed = healthy_full(root, |builder| {
        product::files().iter().fold(builder, |bed, (path, mode, content)| bed.file(path, *mode, content))
    });
    let unit = "[Service]\nType=exec\nUser=www-data\nEnvironment=LIBVIRT_DEFAULT_URI=qemu:///system\nExecStart=/bin/sleep 1000\n";
    bed.write("/etc/systemd/system/web.service", 0o644, unit);
    let _ = bed.exec(["sh", "-ec", "systemctl daemon-reload; systemctl start web"]).success();
    let asked = ["--unit", "web"];
    let found = look(&bed, &asked);
    assert_eq!((found.codes(), found.first_fix()), (vec!["not-in-group"], Some("hook-rule")), "{:#}", found.json);
    let _ = doctor(&bed, &[&asked[..], &["--fix", "hook-rule", "--yes"]].concat()).success();
    let script = "echo $$ > /sys/fs/cgroup/system.slice/web.service/cgroup.procs
        exec setpriv --reuid=www-data --regid=www-data --init-groups \
            sh -c 'sleep 1; exec virsh -q -c qemu:///system list'";
    let inside = bed.exec(["sh", "-c", script]);
    assert!(inside.status.success(), "{inside}");
    assert!(!virsh(&bed, "www-data") && !virsh(&bed, "alice"));
    // Of the user without the unit it is still refused, and said so.
    assert_eq!(look(&bed, &["--user", "www-data"]).exit, 1);
}

#[test]
fn the_rule_for_one_unit_is_for_that_unit_alone_in_trixie() {
    if let Some(root) = require(Suite::Trixie) {
        the_rule_for_one_unit_is_for_that_unit_alone(&root);
    }
}

#[test]
fn the_rule_for_one_unit_is_for_that_unit_alone_in_bookworm() {
    if let Some(root) = require(Suite::Bookworm) {
        the_rule_for_one_unit_is_for_that_unit_alone(&root);
    }
}
