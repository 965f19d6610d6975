//! Which buses tell polkit the pidfd of a client, and what a grant by unit is on a bus that does not.

use polkit_policy_gen::check::subject_units::tells_pidfd;
use polkit_tests::policy_gen::POLICY;
use polkit_tests::{FullBed, Root, Suite, broker, on_each_suite_with_rules, product, require};

on_each_suite_with_rules! {
    the_buses_of_a_suite_tell_the_pidfd_of_a_client_from_the_versions_on_that_the_check_knows
}

const CREDENTIALS: [&str; 8] = [
    "busctl",
    "call",
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
    "GetConnectionCredentials",
    "s",
    "org.freedesktop.systemd1",
];
const RULES: &str = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
const POLICY_TEXT: &str = "[[grant]]\nactions = ['org.freedesktop.timedate1.set-timezone']\nunit = 'panel.service'\n\
                           result = 'yes'\n";

/// The version that a bus prints of itself.
fn version(bed: &FullBed, program: &str) -> String {
    let output = bed.exec([program, "--version"]).success();
    let first = output.stdout.lines().next().unwrap_or_default().to_owned();
    first.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Compares what the bus of a bed tells of systemd with what the check expects of this version.
fn compare(bed: &FullBed, package: &str) {
    let running = bed.exec(["pgrep", "--count", "--exact", package]);
    assert_eq!(running.text(), "1", "{running}");
    let credentials = bed.exec(CREDENTIALS).success();
    assert!(credentials.stdout.contains("\"UnixUserID\""), "{credentials}");
    let tells = credentials.stdout.contains("\"ProcessFD\"");
    let version = version(bed, package);
    println!("BUS\t{}\t{package} {version}\tProcessFD: {tells}", bed.suite());
    assert_eq!(tells_pidfd(package, &version), Some(tells), "{} {package} {version}", bed.suite());
}

fn the_buses_of_a_suite_tell_the_pidfd_of_a_client_from_the_versions_on_that_the_check_knows(root: &Root) {
    let builder = || FullBed::on(root).without_libvirtd();
    compare(&builder().start(), "dbus-daemon");
    let Some(builder) = broker::on_broker(builder(), root) else { return };
    compare(&builder.start(), "dbus-broker");
}

/// Whether a unit can set the time zone.
fn sets(bed: &FullBed, zone: &str) -> bool {
    bed.systemd_run([
        "--uid=www-data",
        "--unit=panel.service",
        "timedatectl",
        "--no-ask-password",
        "set-timezone",
        &format!("Europe/{zone}"),
    ])
    .status
    .success()
}

/// polkit 126 on dbus-broker 33: the same rule that allows the unit on the bus of the suite never matches.
#[test]
fn a_grant_by_unit_is_refused_on_a_bus_that_tells_no_pidfd_because_it_never_matches() {
    let Some(root) = require(Suite::Trixie) else { return };
    let builder = product::full(&root).without_libvirtd();
    let Some(old) = broker::on_broker_of(builder.clone(), Suite::Bookworm) else { return };
    for (bed, matches) in [(builder.start(), true), (old.start(), false)] {
        bed.write(POLICY, 0o600, POLICY_TEXT);
        let generated = bed.exec(["polkit-policy-gen", "generate", POLICY, "--target", "debian:13"]).success();
        bed.write(RULES, 0o644, &generated.stdout);
        let _ = bed.exec(["systemctl", "restart", "polkit"]).success();
        assert_eq!(sets(&bed, "Rome"), matches, "{}", bed.journal(["--unit=polkit.service"]));
        bed.remove(RULES);
        if matches {
            continue;
        }
        compare(&bed, "dbus-broker");
        // The packages of a host with this bus.
        let script = "sed -i '/^Package: dbus/,/^$/d' /var/lib/dpkg/status &&
            printf 'Package: dbus-broker\nStatus: install ok installed\nVersion: 33-1\n\n' >> /var/lib/dpkg/status";
        let _ = bed.exec(["sh", "-ec", script]).success();
        for command in ["install", "check"] {
            let refused = bed.exec(["polkit-policy-gen", command, POLICY]);
            let why = "`unit` can never match org.freedesktop.timedate1.set-timezone here: dbus-broker 33-1 does not tell polkit";
            assert!(refused.code() == Some(1) && refused.all().contains(why), "{refused}");
            assert!(refused.all().contains("use dbus-daemon 1.15.8 or dbus-broker 34 or later"), "{refused}");
        }
        assert!(!bed.exists(RULES));
    }
}
