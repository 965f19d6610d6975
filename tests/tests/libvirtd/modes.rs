//! The four ways to libvirt, each installed in a bed with systemd, libvirtd and Apache: who gets what, seen by virsh and a page, and
//! nothing left behind. In bullseye the program works on the bed's tree from outside.

use polkit_tests::libvirt::Seen::{Closed, Denied, NoAgent, Yes};
use polkit_tests::libvirt::{
    POLICY, Seen, TRIES, bed, by_page, by_virsh, difference, etc, install, policy_gen, remove,
};
use polkit_tests::policy_gen::rows;
use polkit_tests::{FullBed, Root, Suite, on_each_suite, on_each_suite_with_rules, require};

/// With `members` the page's user is put into the group.
const MEMBER: &str = "\n[[member]]\nuser = 'www-data'\ngroup = 'ops'\n";
const POLKIT: &str = "[libvirt]\nmode = 'polkit'\ngroups = 'ops'\n";
const SOCKET: &str = "[libvirt]\nmode = 'socket'\ngroups = 'ops'\n";
const ROLE: &str = "[libvirt]\nmode = 'acl'\n[[libvirt_role]]\nrole = 'operator'\ngroups = 'ops'\ndomains = 'web-*'\n";

/// Prints what was expected and seen, and demands that it is the same.
fn expect(bed: &FullBed, mode: &str, expected: &[(&str, [Seen; 4])]) {
    let mut wrong = Vec::new();
    for (who, expected) in expected {
        let seen = if *who == "page" { by_page(bed) } else { by_virsh(bed, who) };
        for ((words, expected), seen) in TRIES.iter().zip(expected).zip(&seen) {
            let line = format!(
                "{:8} {mode:10} {who:6} {:12} expected {expected:?}, seen {seen:?}",
                bed.suite(),
                words.join(" ")
            );
            println!("{line}");
            if expected != seen {
                wrong.push(line);
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Installs, looks, installs again, removes.
fn mode(bed: &FullBed, name: &str, policy: &str, expected: &[(&str, [Seen; 4])]) {
    let before = etc(bed);
    let installed = install(bed, policy, &[]).success();
    let again = install(bed, policy, &[]).success();
    assert!(again.stdout.starts_with("nothing to change\n"), "{installed}{again}");
    expect(bed, name, expected);
    if name == "acl" {
        let asked = rows(&installed.stdout);
        let answers: Vec<&str> =
            asked.iter().filter(|row| row.starts_with("operator 1")).filter_map(|row| row.rsplit(' ').next()).collect();
        assert_eq!(answers, ["yes", "no"], "{installed}");
        // Who is in a role sees its own and no more, by either socket; in no role, everything.
        for (user, option, seen) in [("alice", "-q", "web-1"), ("alice", "-r", "web-1"), ("carol", "-q", "db-1\nweb-1")]
        {
            let list =
                bed.exec_as(user, ["virsh", option, "-c", "qemu:///system", "list", "--all", "--name"]).success();
            assert_eq!(list.text(), seen, "{user} {option}");
        }
    }
    remove(bed);
    assert_eq!(difference(&before, &etc(bed)), [""; 0], "{name}");
    assert!(!bed.exists("/var/lib/polkit-policy-gen"));
}

const STRANGER: [Seen; 4] = [Yes, NoAgent, NoAgent, NoAgent];
const ROOT: (&str, [Seen; 4]) = ("root", [Yes; 4]);

fn read_only(bed: &FullBed) {
    mode(bed, "read-only", "[libvirt]\nmode = 'read-only'\n", &[("alice", STRANGER), ("page", STRANGER)]);
}

fn by_polkit(bed: &FullBed) {
    let manage = [("alice", [Yes; 4]), ("bob", STRANGER), ROOT, ("page", [Yes; 4])];
    mode(bed, "polkit", &format!("{POLKIT}{MEMBER}"), &manage);
}

fn by_socket(bed: &FullBed) {
    let shut = [Yes, Closed, Closed, Closed];
    let socket = [("alice", [Yes; 4]), ("bob", shut), ("carol", shut), ("page", [Yes; 4])];
    mode(bed, "socket", &format!("{SOCKET}{MEMBER}"), &socket);
}

fn by_role(bed: &FullBed) {
    let own = [Yes, Yes, Yes, Denied];
    let acl = [("alice", own), ("bob", STRANGER), ("carol", [Yes, Yes, Denied, Denied]), ROOT, ("page", own)];
    mode(bed, "acl", &format!("{ROLE}{MEMBER}"), &acl);
}

on_each_suite! {
    the_mode_read_only_gives_what_it_says
    the_mode_polkit_gives_what_it_says
    the_mode_socket_gives_what_it_says
}

on_each_suite_with_rules! {
    the_mode_acl_gives_what_it_says
}

fn the_mode_read_only_gives_what_it_says(root: &Root) {
    read_only(&bed(root, false));
}

fn the_mode_polkit_gives_what_it_says(root: &Root) {
    by_polkit(&bed(root, false));
}

fn the_mode_socket_gives_what_it_says(root: &Root) {
    by_socket(&bed(root, false));
}

fn the_mode_acl_gives_what_it_says(root: &Root) {
    by_role(&bed(root, false));
}

/// One mode after another in one bed, with the package that reads pkla files.
#[test]
fn the_modes_read_only_and_polkit_give_what_they_say_in_bookworm_with_pkla() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = bed(&root, true);
    read_only(&bed);
    by_polkit(&bed);
}

#[test]
fn the_modes_socket_and_acl_give_what_they_say_in_bookworm_with_pkla() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = bed(&root, true);
    by_socket(&bed);
    by_role(&bed);
}

#[test]
fn roles_are_refused_where_only_pkla_is_read() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let bed = bed(&root, false);
    let before = etc(&bed);
    let refused = install(&bed, ROLE, &[]).failure();
    assert!(
        refused.stderr.contains("pkla cannot express `operator 1`: pkla has no details such as domain names"),
        "{refused}"
    );
    assert_eq!(difference(&before, &etc(&bed)), [""; 0]);
}

#[test]
fn a_daemon_that_runs_with_its_old_settings_stops_an_installation_that_would_be_open_until_it_is_restarted() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root, false);
    let before = etc(&bed);
    for policy in [ROLE, SOCKET] {
        bed.write(POLICY, 0o600, policy);
        let refused = policy_gen(&bed, &["install", POLICY]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains("libvirtd runs with its old settings"), "{refused}");
        assert_eq!(difference(&before, &etc(&bed)), [""; 0]);
    }
    // With all of it stopped there is nothing to wait for.
    let _ = bed.exec(["sh", "-c", "systemctl stop 'libvirtd*.socket' libvirtd.service"]).success();
    let installed = policy_gen(&bed, &["install", POLICY]).success();
    assert!(installed.stderr.contains("systemctl daemon-reload\n"), "{installed}");
    // The directory systemd/system/libvirtd.socket.d was ours.
    let _ = policy_gen(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &etc(&bed)), [""; 0]);
}
