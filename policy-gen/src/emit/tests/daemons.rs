//! The changes of libvirt's configuration and sockets.

use super::*;
use crate::emit::daemons::{DaemonChanges, changes};
use crate::libvirt::conf::{DesiredValue, Value};
use crate::libvirt::daemons::{Daemon, InstalledDaemon};

/// The changes of a mode for libvirtd and virtqemud. systemd creates the socket of the first one.
fn changed(mode: &str, more: &str) -> DaemonChanges {
    let role = "[[libvirt_role]]\nrole = 'viewer'\ngroups = ['ops']\ndomains = ['web']\n";
    let role = if mode == "acl" { role } else { "" };
    let text = format!("[libvirt]\nmode = '{mode}'\n{more}\n{role}");
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (policy, report) = draft.parts();
    assert!(!report.has_errors(), "{:?}", report.lines());
    let installed = |name: &str, activated| InstalledDaemon {
        daemon: Daemon::named(name).unwrap(),
        activated,
        conf: String::new(),
        later: Vec::new(),
    };
    let found = [installed("libvirtd", true), installed("virtqemud", false)];
    changes(policy.libvirt.as_ref().unwrap(), &found, &Origin::Files("/etc/p.toml".to_owned()))
}

/// The path of each edited file, with the names of its keys.
fn keys(changes: &DaemonChanges) -> Vec<(&str, Vec<&'static str>)> {
    let names = |edit: &crate::libvirt::conf::Edit| edit.keys.iter().map(|key| key.name).collect();
    changes.edits.iter().map(|edit| (edit.path.as_str(), names(edit))).collect()
}

const LIBVIRTD: &str = "etc/libvirt/libvirtd.conf";
const VIRTQEMUD: &str = "etc/libvirt/virtqemud.conf";

#[test]
fn only_a_daemon_that_makes_its_socket_has_settings_of_the_socket() {
    let both = ["auth_unix_rw", "access_drivers"];
    let all = ["auth_unix_rw", "access_drivers", "unix_sock_group", "unix_sock_rw_perms"];
    for (mode, more) in [("polkit", "groups = ['vm']"), ("acl", ""), ("socket", "groups = ['vm']")] {
        let changes = changed(mode, more);
        assert_eq!(keys(&changes), [(LIBVIRTD, both.to_vec()), (VIRTQEMUD, all.to_vec())], "{mode}");
    }
    assert_eq!(keys(&changed("read-only", "")), []);
    let one = changed("acl", "daemons = ['virtqemud']");
    assert_eq!(keys(&one), [(VIRTQEMUD, all.to_vec())]);
}

#[test]
fn the_mode_socket_sets_the_group_of_each_socket_once() {
    let changes = changed("socket", "groups = ['vm']");
    let [file] = changes.files.as_slice() else { panic!("{changes:?}") };
    assert_eq!(file.path(), "etc/systemd/system/libvirtd.socket.d/50-polkit-policy-gen.conf");
    assert!(file.text.ends_with("[Socket]\nSocketMode=0660\nSocketGroup=vm\n"), "{}", file.text);
    let set = |place: usize| changes.edits[1].keys[place].want.clone();
    let text = |text: &str| DesiredValue::Set(Value::Text(text.to_owned()));
    assert_eq!([set(0), set(2), set(3)], [text("none"), text("vm"), text("0660")]);
    for (mode, more) in [("polkit", "groups = ['vm']"), ("acl", ""), ("read-only", "")] {
        assert!(changed(mode, more).files.is_empty(), "{mode}");
    }
}

#[test]
fn the_mode_acl_needs_the_access_driver_and_the_others_need_none() {
    let driver = |mode, more| changed(mode, more).edits[0].keys[1].want.clone();
    let list = |items: Vec<Value>| Value::List(items);
    assert_eq!(driver("acl", ""), DesiredValue::Set(list(vec![Value::Text("polkit".to_owned())])));
    for mode in ["polkit", "socket"] {
        assert_eq!(driver(mode, "groups = ['vm']"), DesiredValue::Default(list(Vec::new())), "{mode}");
    }
}
