//! Recipes for daemons that are not in the root file systems: the commands of each recipe, followed to the letter, lead from a refusal to
//! what the recipe promises; other users are still refused, and removal ends it.

use polkit_tests::agent::until;
use polkit_tests::policy_gen::difference;
use polkit_tests::{Bed, FullBed, Root, Suite, daemons, on_each_suite_with_rules, product};

use crate::recipes::{follow, remove, state, works};

on_each_suite_with_rules! {
    recipes_of_other_daemons_give_what_they_promise_and_no_more
}

const UNIT: &str = "[Service]\nType=exec\nUser=alice\nExecStart=/bin/sleep infinity\n";
const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000002";

fn recipes_of_other_daemons_give_what_they_promise_and_no_more(root: &Root) {
    let Some(root) = daemons::with_daemons(root) else { return };
    let builder = product::full(&root).file("/etc/systemd/system/panel.service", 0o644, UNIT);
    let bed = daemons::start(builder.without_libvirtd());
    let _ =
        bed.exec(["sh", "-ec", "useradd alice; useradd bob; systemctl daemon-reload; systemctl start panel"]).success();
    let before = state(&bed);
    a_panel_switches_wifi(&bed);
    // Debian 12 builds pcscd without polkit.
    if root.suite() != Suite::Bookworm {
        a_service_sees_the_readers(&bed);
    }
    a_backup_job_mounts_its_disk(&bed);
    a_remote_desktop_asks_for_no_password(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

fn a_panel_switches_wifi(bed: &FullBed) {
    let in_panel = || {
        let script = "echo $$ > /sys/fs/cgroup/system.slice/panel.service/cgroup.procs
            exec setpriv --reuid=alice --regid=alice --init-groups nmcli radio wifi off";
        bed.exec(["sh", "-c", script]).status.success()
    };
    assert!(!in_panel());
    follow(bed, "wifi-panel unit=panel.service user=alice");
    assert!(in_panel());
    for user in ["alice", "bob"] {
        assert!(!works(bed, user, "nmcli radio wifi off"), "{user} outside of the unit");
    }
    remove(bed);
    until(|| !in_panel());
}

fn a_service_sees_the_readers(bed: &Bed) {
    let sees = |user| bed.exec_as(user, ["opensc-tool", "--list-readers"]).stdout.contains("Virtual PCD");
    assert!(!sees("alice"));
    follow(bed, "smart-card-service user=alice reader='Virtual*'");
    until(|| sees("alice"));
    assert!(!sees("bob"));
    remove(bed);
    until(|| !sees("alice"));
}

/// The exit code of pkcheck about a process of alice: 0 yes, 1 no, 2 authentication.
fn pkcheck(bed: &Bed, action: &str, details: &[&str]) -> Option<i32> {
    let pid = bed.exec(["systemctl", "show", "--property=MainPID", "--value", "panel.service"]).success();
    bed.exec([&["pkcheck", "--action-id", action, "--process", pid.text()], details].concat()).code()
}

fn a_backup_job_mounts_its_disk(bed: &Bed) {
    let mount = |uuid: &str| {
        pkcheck(bed, "org.freedesktop.udisks2.filesystem-mount-other-seat", &["--detail", "id.uuid", uuid])
    };
    assert_eq!(mount(UUID), Some(2));
    follow(bed, &format!("backup-disk user=alice uuid={UUID}"));
    until(|| mount(UUID) == Some(0));
    assert_eq!(mount("0a1b2c3d-0000-4000-8000-000000000003"), Some(2), "another disk");
    remove(bed);
    until(|| mount(UUID) == Some(2));
}

fn a_remote_desktop_asks_for_no_password(bed: &Bed) {
    let asks = || {
        ["org.freedesktop.color-manager.create-device", "org.freedesktop.packagekit.system-sources-refresh"]
            .map(|action| pkcheck(bed, action, &[]))
    };
    assert_eq!(asks(), [Some(2); 2]);
    follow(bed, "remote-desktop");
    until(|| asks() == [Some(1); 2]);
    remove(bed);
    until(|| asks() == [Some(2); 2]);
}
