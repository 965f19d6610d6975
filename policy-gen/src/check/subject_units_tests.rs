use polkit_config::report::Source;

use super::*;
use crate::policy::Draft;

const REBOOT: &str = "org.freedesktop.login1.reboot";
const MANAGE: &str = "org.libvirt.unix.manage";

fn found(actions: &[&str], version: u32, tree: Option<&Tree>) -> String {
    let text = format!("[[grant]]\nactions = {actions:?}\nunit = 'panel.service'\nresult = 'yes'\n");
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (policy, report) = draft.parts();
    subject_units(policy, Version(version), tree, report);
    report.lines().join("\n")
}

#[test]
fn a_unit_is_refused_where_polkit_never_knows_it() {
    assert_eq!(found(&[REBOOT], 124, None), "");
    let old = found(&[REBOOT], 122, None);
    assert!(
        old.starts_with("p.toml:3:8: polkit 122 does not know the unit of a subject, so `unit` can never match (`unit` needs polkit 124"),
        "{old}"
    );
    assert!(old.contains("use a [[hook]]") && found(&[REBOOT], 105, None).contains("use [[agent]] here"), "{old}");
    let libvirt = found(&[MANAGE], 126, None);
    assert!(
        libvirt.starts_with(
            "p.toml:3:8: `unit` can never match org.libvirt.unix.manage: libvirt passes a process by its pid, without its unit"
        ),
        "{libvirt}"
    );
    for action in [
        "org.libvirt.*",
        "org.libvirt.unix.*",
        "org.freedesktop.NetworkManager.reload",
        "org.debian.pcsc-lite.access_card",
        "org.freedesktop.policykit.exec",
    ] {
        assert!(found(&[action], 126, None).contains("can never match"), "{action}");
    }
    // Each action has its own problem.
    assert_eq!(found(&[REBOOT, MANAGE, "org.debian.pcsc-lite.access_pcsc"], 126, None).lines().count(), 2);
}

#[test]
fn a_pattern_that_covers_such_a_mechanism_in_part_is_a_warning() {
    let wide = found(&["org.freedesktop.*"], 126, None);
    assert!(wide.contains("never match the actions of") && wide.contains("NetworkManager"), "{wide}");
    assert!(wide.contains("among org.freedesktop.*") && !wide.contains("libvirt"), "{wide}");
    assert_eq!(found(&["org.freedesktop.login1.*"], 126, None), "");
}

#[test]
fn an_unknown_mechanism_is_a_note() {
    let mut draft = Draft::read(
        &[Source::new("p.toml", "[[grant]]\nactions = 'org.example.run'\nunit = 'a.service'\nresult = 'yes'\n")],
        Report::new(),
    );
    let (policy, report) = draft.parts();
    subject_units(policy, Version(126), None, report);
    let problems = report.problems();
    assert_eq!(problems[0].level, polkit_config::report::Level::Note);
    assert!(
        problems[0].message.starts_with("it is not known whether the mechanism of org.example.run"),
        "{problems:?}"
    );
}

#[test]
fn a_bus_tells_the_pidfd_of_a_client_from_a_version_on() {
    for (package, version, expected) in [
        ("dbus-daemon", "1.14.10-1~deb12u1", Some(false)),
        ("dbus-daemon", "1.15.6", Some(false)),
        ("dbus-daemon", "1.15.8-1", Some(true)),
        ("dbus", "1.16.2-2", Some(true)),
        ("dbus-broker", "33", Some(false)),
        ("dbus-broker", "34-1", Some(true)),
        ("dbus-broker", "unknown", None),
        ("systemd", "257", None),
    ] {
        assert_eq!(tells_pidfd(package, version), expected, "{package} {version}");
    }
}

#[test]
fn a_unit_is_refused_on_a_bus_that_tells_no_pidfd() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("var/lib/dpkg")).unwrap();
    let tree = Tree::open(Some(folder.path())).unwrap();
    let with = |packages: &[(&str, &str)]| {
        let stanza = |(name, version): &(&str, &str)| {
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n")
        };
        std::fs::write(folder.path().join(STATUS), packages.iter().map(stanza).collect::<String>()).unwrap();
        found(&["org.freedesktop.systemd1.manage-units"], 126, Some(&tree))
    };
    let old = with(&[("dbus-daemon", "1.14.10-4ubuntu4"), ("dbus", "1.14.10-4ubuntu4")]);
    assert!(old.contains("dbus-daemon 1.14.10-4ubuntu4 does not tell polkit the pidfd of a client"), "{old}");
    assert!(with(&[("dbus-broker", "33-1")]).contains("dbus-broker 33-1 does not"));
    for packages in [
        &[("dbus-daemon", "1.16.2-2"), ("dbus", "1.16.2-2")][..],
        &[("dbus-daemon", "1.14.10-1"), ("dbus-broker", "37-1")],
        &[("dbus-daemon", "unknown")],
        &[],
    ] {
        assert_eq!(with(packages), "", "{packages:?}");
    }
    let _ = with(&[("dbus-daemon", "1.14.10-4ubuntu4")]);
    let varlink = found(&[REBOOT], 126, Some(&tree));
    assert!(varlink.contains("only for clients by Varlink: dbus-daemon 1.14.10-4ubuntu4 does not"), "{varlink}");
}
