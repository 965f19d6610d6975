//! The effect of the libvirt modes on test trees with daemons of all kinds; the host is not changed. No release of Debian packages
//! the modular daemons, so trees with their units and configurations represent them.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ACL: &str = "[libvirt]\nmode = 'acl'\n[[libvirt_role]]\nrole = 'viewer'\ngroups = 'vm'\ndomains = '*'\n";
const SOCKET: &str = "[libvirt]\nmode = 'socket'\ngroups = 'vm'\n";
const POLKIT: &str = "[libvirt]\nmode = 'polkit'\ngroups = 'vm'\n";

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Creates a tree with polkit 126 and these daemons, with their units and configurations.
fn tree(daemons: &[&str], sockets: bool) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/passwd", "root:x:0:0::/root:/bin/sh\nbob:x:3002:3002::/:/bin/sh\n");
    write(root.path(), "etc/group", "root:x:0:\nvm:x:3100:\n");
    write(root.path(), "var/lib/dpkg/status", "Package: polkitd\nStatus: install ok installed\nVersion: 126-2\n");
    fs::create_dir_all(root.path().join("etc/polkit-1/rules.d")).unwrap();
    fs::create_dir_all(root.path().join("etc/systemd/system")).unwrap();
    for daemon in daemons {
        write(root.path(), &format!("usr/lib/systemd/system/{daemon}.service"), "[Service]\n");
        write(
            root.path(),
            &format!("etc/libvirt/{daemon}.conf"),
            "# Sample\n#auth_unix_rw = \"polkit\"\n\nmax_clients = 5\n",
        );
        if sockets {
            write(root.path(), &format!("usr/lib/systemd/system/{daemon}.socket"), "[Socket]\nSocketMode=0666\n");
        }
    }
    root
}

fn run(root: &Path, words: &[&str], policy: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), policy).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(words);
    if !words.contains(&"remove") {
        command.arg(file.path());
    }
    // Each policy is a file of its own.
    if words.contains(&"install") {
        command.arg("--replace");
    }
    command.arg("--root").arg(root);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").output().unwrap()
}

fn done(root: &Path, words: &[&str], policy: &str) -> String {
    let output = run(root, words, policy);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

fn refused(root: &Path, words: &[&str], policy: &str) -> String {
    let output = run(root, words, policy);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Returns every file of a tree with its content.
fn state(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push((path.display().to_string(), Vec::new()));
            found.extend(state(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
    found.sort();
    found
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

#[test]
fn every_modular_daemon_gets_its_key_and_loses_it_on_removal() {
    let modular = ["virtqemud", "virtnetworkd", "virtstoraged", "virtproxyd"];
    let root = tree(&modular, true);
    let before = state(root.path());
    done(root.path(), &["install"], ACL);
    for daemon in modular {
        let conf = read(root.path(), &format!("etc/libvirt/{daemon}.conf"));
        assert!(
            conf.ends_with("max_clients = 5\naccess_drivers = [ \"polkit\" ] # set by polkit-policy-gen\n"),
            "{conf}"
        );
    }
    // Changing the mode without removal in between leaves nothing of the first mode.
    done(root.path(), &["install"], SOCKET);
    for daemon in modular {
        let conf = read(root.path(), &format!("etc/libvirt/{daemon}.conf"));
        assert!(!conf.contains("access_drivers") && conf.contains("\nauth_unix_rw = \"none\" # set by"), "{conf}");
        let drop_in = read(root.path(), &format!("etc/systemd/system/{daemon}.socket.d/50-polkit-policy-gen.conf"));
        assert!(drop_in.contains("[Socket]\nSocketMode=0660\nSocketGroup=vm\n"), "{drop_in}");
    }
    assert!(!root.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules").exists());
    done(root.path(), &["remove"], "");
    assert_eq!(state(root.path()), before);
}

#[test]
fn sockets_that_systemd_does_not_create_are_restricted_in_libvirtd_conf() {
    let root = tree(&["libvirtd"], false);
    let before = state(root.path());
    done(root.path(), &["install"], SOCKET);
    let conf = read(root.path(), "etc/libvirt/libvirtd.conf");
    for line in ["auth_unix_rw = \"none\"", "unix_sock_group = \"vm\"", "unix_sock_rw_perms = \"0660\""] {
        assert!(conf.contains(&format!("\n{line} # set by polkit-policy-gen\n")), "{conf}");
    }
    assert!(!root.path().join("etc/systemd/system/libvirtd.socket.d").exists());
    done(root.path(), &["remove"], "");
    assert_eq!(state(root.path()), before);
}

#[test]
fn a_masked_socket_is_not_created_by_systemd_and_a_masked_daemon_is_ignored() {
    let root = tree(&["libvirtd", "virtqemud"], true);
    for unit in ["libvirtd.socket", "virtqemud.service"] {
        std::os::unix::fs::symlink("/dev/null", root.path().join("etc/systemd/system").join(unit)).unwrap();
    }
    // The program of a masked daemon is there, and does not run.
    write(root.path(), "usr/sbin/virtqemud", "");
    done(root.path(), &["install"], SOCKET);
    assert!(read(root.path(), "etc/libvirt/libvirtd.conf").contains("unix_sock_group = \"vm\""));
    assert!(!read(root.path(), "etc/libvirt/virtqemud.conf").contains("polkit-policy-gen"));
}

#[test]
fn a_manual_setting_stops_the_installation_and_returns_after_a_forced_one() {
    let root = tree(&["libvirtd"], true);
    let four = "unix_sock_group = \"libvirt\"\nunix_sock_rw_perms = \"0770\"\nauth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n";
    write(root.path(), "etc/libvirt/libvirtd.conf", four);
    let before = state(root.path());
    for policy in [POLKIT, ACL, SOCKET] {
        let shown = refused(root.path(), &["install"], policy);
        assert!(shown.contains("libvirtd.conf, line 4: `auth_unix_rw` was set by hand: "), "{shown}");
        assert!(
            shown.contains("unix_sock_group, unix_sock_rw_perms without effect, because systemd creates the socket"),
            "{shown}"
        );
        assert_eq!(state(root.path()), before);
    }
    let shown = done(root.path(), &["install", "--force"], POLKIT);
    assert!(shown.contains("every local user is root-equivalent"), "{shown}");
    assert!(
        read(root.path(), "etc/libvirt/libvirtd.conf")
            .contains("\n# set aside by polkit-policy-gen: auth_unix_rw = \"none\"\n")
    );
    done(root.path(), &["install"], POLKIT);
    done(root.path(), &["remove"], "");
    assert_eq!(state(root.path()), before);
    let shown = done(root.path(), &["install"], "[libvirt]\nmode = 'read-only'\n");
    assert!(
        shown.contains(
            "`auth_unix_rw = \"none\"` and a socket that every user may open make every local user root-equivalent"
        ),
        "{shown}"
    );
}

#[test]
fn a_manual_change_of_another_line_remains_and_one_of_our_line_stops_the_removal() {
    let root = tree(&["libvirtd"], true);
    let conf = "etc/libvirt/libvirtd.conf";
    let before = read(root.path(), conf);
    done(root.path(), &["install"], ACL);
    let changed = read(root.path(), conf).replace("max_clients = 5", "max_clients = 7");
    write(root.path(), conf, &changed);
    done(root.path(), &["install"], ACL);
    write(root.path(), conf, &changed.replace("[ \"polkit\" ] # set", "[] # set"));
    assert!(
        refused(root.path(), &["remove"], "").contains("`access_drivers` was changed by hand since it was installed")
    );
    write(root.path(), conf, &changed);
    done(root.path(), &["remove"], "");
    assert_eq!(read(root.path(), conf), before.replace("max_clients = 5", "max_clients = 7"));
}

#[test]
fn an_open_socket_and_an_unreadable_configuration_stop_the_installation() {
    let root = tree(&["libvirtd"], true);
    write(root.path(), "etc/systemd/system/libvirtd.socket.d/override.conf", "[Socket]\nSocketMode=0666\n");
    assert!(
        refused(root.path(), &["install"], SOCKET)
            .contains("libvirtd.socket.d/override.conf overrides mode or group of the socket after our drop-in")
    );
    let earlier = tree(&["libvirtd"], true);
    write(earlier.path(), "usr/lib/systemd/system/libvirtd.socket.d/10-x.conf", "[Socket]\nSocketMode=0666\n");
    write(earlier.path(), "etc/systemd/system/libvirtd.socket.d/90-x.conf", "[Socket]\nBacklog=7\n");
    done(earlier.path(), &["install"], SOCKET);
    assert!(refused(root.path(), &["install"], &SOCKET.replace("vm", "no-such-name")).contains("there is no group"));
    write(root.path(), "etc/libvirt/libvirtd.conf", "what is this\n");
    let shown = refused(root.path(), &["install", "--force"], ACL);
    assert!(shown.contains("cannot edit /etc/libvirt/libvirtd.conf: libvirt could not parse line 1"), "{shown}");
    assert!(!root.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules").exists());
    let bare = tree(&[], true);
    assert!(refused(bare.path(), &["install"], ACL).contains("changes libvirt's daemons, but none is installed"));
    assert!(
        refused(tree(&["libvirtd"], true).path(), &["install", "--vendor"], ACL).contains("which a package cannot do")
    );
}

#[test]
fn our_own_drop_in_does_not_stop_the_next_installation() {
    let root = tree(&["libvirtd"], true);
    done(root.path(), &["install"], SOCKET);
    done(root.path(), &["install"], SOCKET);
    let drop_in = read(root.path(), "etc/systemd/system/libvirtd.socket.d/50-polkit-policy-gen.conf");
    assert!(drop_in.contains("SocketGroup=vm\n"), "{drop_in}");
}

#[test]
fn the_generated_policy_file_of_each_mode_can_be_installed() {
    let folder = tempfile::tempdir().unwrap();
    for (number, words) in [
        &["--mode", "read-only"][..],
        &["--mode", "polkit", "--group", "vm", "--member", "bob"],
        &["--mode", "socket", "--group", "vm"],
        &["--mode", "acl", "--group", "vm", "--role", "operator", "--domains", "web-*", "db"],
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.toml"));
        let write = || {
            Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"))
                .arg("libvirt")
                .args(words)
                .arg("-o")
                .arg(&path)
                .output()
                .unwrap()
        };
        assert!(write().status.success(), "{words:?}");
        // The file may have been edited since: it is not overwritten.
        assert_eq!(write().status.code(), Some(1));
        let root = tree(&["libvirtd"], true);
        done(root.path(), &["install"], &fs::read_to_string(&path).unwrap());
    }
    let wrong =
        Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen")).args(["libvirt", "--mode", "acl"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
