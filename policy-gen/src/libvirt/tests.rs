//! What a tree has of libvirt: its daemons, and the groups that packages allow.

use super::daemons::{Daemon, of_tree};
use super::shipped::groups;
use crate::target::Format;
use crate::tree::Tree;

/// A tree with these files. A text that begins with `->` is a link.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text.strip_prefix("->") {
            Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            None => std::fs::write(path, text).unwrap(),
        }
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

/// The names of the daemons, and whether systemd creates their sockets.
fn daemons(files: &[(&str, &str)]) -> Vec<(&'static str, bool)> {
    let (_root, tree) = tree(files);
    of_tree(&tree).unwrap().iter().map(|found| (found.daemon.name, found.activated)).collect()
}

#[test]
fn a_daemon_is_installed_if_it_has_a_unit_or_a_program() {
    assert_eq!(daemons(&[("usr/lib/systemd/system/libvirtd.service", "")]), [("libvirtd", false)]);
    assert_eq!(daemons(&[("usr/sbin/virtqemud", "")]), [("virtqemud", false)]);
    assert_eq!(daemons(&[("usr/bin/virtqemud", "")]), [("virtqemud", false)]);
    assert_eq!(daemons(&[("usr/sbin/libvirt", ""), ("usr/lib/systemd/system/libvirtd.socket", "")]), []);
    let both = [("usr/lib/systemd/system/libvirtd.service", ""), ("lib/systemd/system/libvirtd.socket", "")];
    assert_eq!(daemons(&both), [("libvirtd", true)]);
}

#[test]
fn a_masked_unit_hides_the_unit_of_the_package() {
    let unit = ("usr/lib/systemd/system/libvirtd.service", "");
    let mask = ("etc/systemd/system/libvirtd.service", "->/dev/null");
    assert_eq!(daemons(&[unit, mask]), []);
    assert_eq!(daemons(&[unit, mask, ("usr/sbin/libvirtd", "")]), []);
    let sockets =
        [("usr/lib/systemd/system/libvirtd.socket", ""), ("etc/systemd/system/libvirtd.socket", "->/dev/null")];
    assert_eq!(daemons(&[&[unit][..], &sockets].concat()), [("libvirtd", false)]);
}

#[test]
fn only_a_later_drop_in_about_the_mode_or_the_group_of_the_socket_counts() {
    let drop_in = |name: &str, text: &str| {
        let path = format!("etc/systemd/system/libvirtd.socket.d/{name}");
        let (_root, tree) = tree(&[("usr/lib/systemd/system/libvirtd.service", ""), (&path, text)]);
        of_tree(&tree).unwrap()[0].later.len()
    };
    let mode = "[Socket]\n  SocketMode=0666\n";
    for (name, text, count) in [
        ("60-x.conf", mode, 1),
        ("60-x.conf", "[Socket]\nSocketGroup=vm\n", 1),
        ("60-x.conf", "[Socket]\nBacklog=3\n# SocketMode=\n", 0),
        ("60-x.conf~", mode, 0),
        ("40-x.conf", mode, 0),
        ("50-polkit-policy-gen.conf", mode, 0),
    ] {
        assert_eq!(drop_in(name, text), count, "{name} {text}");
    }
}

#[test]
fn a_daemon_has_its_own_files_and_units() {
    let daemon = Daemon::named("virtqemud").unwrap();
    assert_eq!((daemon.conf, daemon.drop_ins), ("etc/libvirt/virtqemud.conf", "etc/systemd/system/virtqemud.socket.d"));
    assert_eq!(daemon.units().first().map(String::as_str), Some("virtqemud.socket"));
    assert!(daemon.units().contains(&"virtqemud.service".to_owned()) && Daemon::named("virt").is_none());
}

#[test]
fn the_groups_of_packages_are_those_of_rules_about_libvirt() {
    let about =
        "if (action.id == 'org.libvirt.unix.manage' && subject.isInGroup(\"libvirt\") || subject.isInGroup('kvm')) {}";
    let other = "if (action.id == 'org.example.run' && subject.isInGroup('ops')) {}";
    let pkla = "[a]\nIdentity=unix-group:libvirt;unix-user:bob\nAction=org.libvirt.unix.manage\nResultAny=yes\n";
    let (_root, tree) = tree(&[
        ("usr/share/polkit-1/rules.d/60-libvirt.rules", about),
        ("usr/share/polkit-1/rules.d/60-libvirt.txt", about),
        ("usr/share/polkit-1/rules.d/70-other.rules", other),
        ("etc/polkit-1/rules.d/10-own.rules", about),
        ("var/lib/polkit-1/localauthority/10-vendor.d/x.pkla", pkla),
    ]);
    let path = "usr/share/polkit-1/rules.d/60-libvirt.rules";
    let found = |group: &str, path: &str| (group.to_owned(), path.to_owned());
    assert_eq!(groups(&tree, Format::Rules).unwrap(), [found("libvirt", path), found("kvm", path)]);
    let path = "var/lib/polkit-1/localauthority/10-vendor.d/x.pkla";
    assert_eq!(groups(&tree, Format::Pkla).unwrap(), [found("libvirt", path)]);
}
