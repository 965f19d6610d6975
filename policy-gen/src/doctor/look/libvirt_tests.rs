use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use super::*;

fn with(text: &str) -> Daemon {
    let mut daemon = Daemon::default();
    settings(text, &mut daemon);
    daemon
}

#[test]
fn the_settings_of_a_daemon_are_read_from_its_configuration() {
    let text = "auth_unix_rw = \"none\"\nunix_sock_group = \"vm\"\nunix_sock_rw_perms = 0770\naccess_drivers = [ \"polkit\" ]\n";
    let daemon = with(text);
    assert_eq!((daemon.auth.as_deref(), daemon.group.as_deref()), (Some("none"), Some("vm")));
    assert_eq!((daemon.perms.as_deref(), daemon.drivers.as_slice()), (Some("0770"), &["polkit".to_owned()][..]));
    assert_eq!(daemon.broken, None);
    assert_eq!(with("# auth_unix_rw = \"none\"\n"), Daemon::default());
    assert_eq!(with("access_drivers = \"polkit\"\n").drivers, [""; 0], "no list");
    let broken = with("auth_unix_rw = \"none\n");
    assert!(broken.broken.is_some() && broken.auth.is_none(), "{broken:?}");
}

#[test]
fn a_daemon_has_a_socket_and_a_read_only_socket() {
    let paths =
        |name: &str| sockets(name, "").into_iter().map(|socket| (socket.path, socket.read_only)).collect::<Vec<_>>();
    let both = |stem: &str| {
        [("", false), ("-ro", true)].map(|(end, read_only)| (format!("/run/libvirt/{stem}-sock{end}"), read_only))
    };
    assert_eq!([paths("libvirtd"), paths("virtproxyd")], [both("libvirt"), both("libvirt")]);
    assert_eq!(paths("virtqemud"), both("virtqemud"));
}

#[test]
fn a_socket_has_its_mode_and_that_of_its_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-sock");
    let text = path.to_str().unwrap();
    let absent = socket(text, true, "");
    assert!(absent.there.is_none() && absent.read_only && !absent.listened && absent.path == text);
    std::fs::write(&path, "").unwrap();
    assert_eq!(socket(text, false, "").there, None, "a file is no socket");
    std::fs::remove_file(&path).unwrap();
    let _listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o710)).unwrap();
    let found = socket(text, false, "");
    let own = rustix::process::geteuid().as_raw();
    assert_eq!(found.there.map(|(mode, uid, _)| (mode, uid)), Some((0o640, own)));
    assert_eq!(found.above.map(|(mode, uid, _)| (mode, uid)), Some((0o710, own)));
    assert!(!found.read_only);
}

#[test]
fn a_socket_is_listened_on_if_the_kernel_says_so() {
    let line = |flags: &str, path: &str| format!("0000000000000000: 00000002 00000000 {flags} 0001 01 12345 {path}\n");
    let listened = |text: &str| socket("/run/libvirt/libvirt-sock", false, text).listened;
    let header = "Num       RefCount Protocol Flags    Type St Inode Path\n";
    assert!(listened(&format!("{header}{}", line("00010000", "/run/libvirt/libvirt-sock"))));
    assert!(listened(&line("00010000", "/var/run/libvirt/libvirt-sock")));
    assert!(!listened(&line("00000000", "/run/libvirt/libvirt-sock")), "a connection");
    assert!(!listened(&line("00010000", "/run/libvirt/libvirt-sock-ro")) && !listened(header));
}

#[test]
fn a_file_with_settings_that_no_daemon_reads_is_misnamed() {
    let misnamed = |name: &str, text: &str, daemons: &[&str]| {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(CONF)).unwrap();
        std::fs::write(root.path().join(CONF).join(name), text).unwrap();
        let mut facts = Facts::default();
        let daemon = |conf: &&str| Daemon { conf: (*conf).to_owned(), ..Daemon::default() };
        facts.libvirt.daemons = daemons.iter().map(daemon).collect();
        super::misnamed(&Tree::open(Some(root.path())).unwrap(), &mut facts);
        facts.libvirt.misnamed
    };
    let text = "  auth_unix_rw = \"none\"\n";
    let expected = |meant: &str| [("/etc/libvirt/libvirtdconf".to_owned(), meant.to_owned())];
    assert_eq!(misnamed("libvirtdconf", text, &[]), expected("/etc/libvirt/libvirtd.conf"));
    let modular = ["etc/libvirt/virtqemud.conf", "etc/libvirt/virtproxyd.conf"];
    assert_eq!(misnamed("libvirtdconf", text, &modular), expected("/etc/libvirt/virtqemud.conf"));
    for key in KEYS {
        assert_eq!(misnamed("libvirtdconf", &format!("{key}=1\n"), &[]).len(), 1, "{key}");
    }
    for name in ["libvirtd.conf", "virtqemud.conf", "libvirtd.conf~", "libvirtd.conf.bak", "x.set-aside"] {
        assert_eq!(misnamed(name, text, &[]), [], "{name}");
    }
    for text in ["", "# auth_unix_rw = \"none\"\n", "auth_unix_rw_x = 1\n", "x auth_unix_rw = 1\n"] {
        assert_eq!(misnamed("libvirtdconf", text, &[]), [], "{text}");
    }
}

#[test]
fn the_states_of_units_are_separated_by_empty_lines() {
    let text = "Id=a.socket\nLoadState=masked\nActiveState=inactive\nUnitFileState=enabled\n\nActiveState=failed\nId=a.service\n";
    let state = |load: &str, active: &str, enabled: &str| UnitState {
        load: load.to_owned(),
        active: active.to_owned(),
        enabled: enabled.to_owned(),
    };
    let expected = [
        ("a.socket".to_owned(), state("masked", "inactive", "enabled")),
        ("a.service".to_owned(), state("", "failed", "")),
    ];
    assert_eq!(states_of(text), expected);
}

#[test]
fn a_daemon_has_the_states_of_its_own_units_and_its_settings() {
    let state = |active: &str| UnitState { active: active.to_owned(), ..UnitState::default() };
    let states = ["virtqemud.socket", "virtqemud.service", "libvirtd.socket"].map(str::to_owned);
    let states: Vec<_> = states.into_iter().zip(["active", "inactive", "failed"].map(state)).collect();
    let known = daemons::DAEMONS.iter().find(|daemon| daemon.name == "virtqemud").unwrap();
    let conf = "auth_unix_rw = \"none\"\n".to_owned();
    let found = InstalledDaemon { daemon: known, activated: false, conf, later: Vec::new() };
    let of = |states: &[(String, UnitState)], has_systemd| daemon(&found, states, "", has_systemd);
    let whole = of(&states, true);
    assert_eq!((whole.name.as_str(), whole.conf.as_str()), ("virtqemud", "etc/libvirt/virtqemud.conf"));
    assert_eq!((whole.socket_unit.active.as_str(), whole.service.active.as_str()), ("active", "inactive"));
    assert_eq!((whole.activated, whole.auth.as_deref(), whole.sockets.len()), (Some(true), Some("none"), 2));
    assert_eq!(of(&[], true).activated, Some(false));
    assert_eq!(of(&[], false).activated, None);
}
