//! Recipes that are in circulation, typed as their authors wrote them, with what came of it; then one command of ours.

use polkit_tests::libvirt::Seen::{Denied, NoAgent, Yes};
use polkit_tests::libvirt::{POLICY, bed, by_page, by_virsh, difference, etc, install, policy_gen, remove};
use polkit_tests::{Bed, Suite, require};

fn type_in(bed: &Bed, lines: &str) -> polkit_tests::Output {
    bed.exec(["sh", "-c", lines])
}

/// For CentOS 7, of 2019: a group `libvirt` gets a pkla, and the web server joins `libvirtd`; on a Debian that reads no pkla.
#[test]
fn the_recipe_that_mixes_libvirt_with_libvirtd_lets_no_user_in_and_one_command_does() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root, false);
    let typed = "groupadd libvirt
        echo 'unix_sock_group = \"libvirt\"' >> /etc/libvirt/libvirtdconf
        mkdir -p /etc/polkit-1/localauthority/50-local.d
        printf '[libvirtd group Management Access]\\nIdentity=unix-group:libvirt\\nAction=org.libvirt.unix.manage\\nResultAny=yes\\nResultInactive=yes\\nResultActive=yes\\n' \
            > /etc/polkit-1/localauthority/50-local.d/50-org.libvirtd-group-access.pkla
        usermod -a -G libvirtd www-data
        service libvirtd restart";
    let said = type_in(&bed, typed);
    assert!(said.stderr.contains("group 'libvirt' already exists"), "{said}");
    assert!(said.stderr.contains("group 'libvirtd' does not exist"), "{said}");
    assert_eq!(by_page(&bed), [Yes, NoAgent, NoAgent, NoAgent]);

    let before = etc(&bed);
    let wrong = install(&bed, "[libvirt]\nmode = 'polkit'\ngroups = 'libvirtd'\n", &["--dry-run"]);
    assert!(wrong.stderr.contains("60-libvirt.rules names the group `libvirt`"), "{wrong}");
    let policy = policy_gen(&bed, &["libvirt", "--mode", "polkit", "--member", "www-data"]).success();
    assert!(policy.stdout.contains("groups = [\"libvirt\"]"), "{policy}");
    let said = install(&bed, &policy.stdout, &[]).success();
    assert!(
        said.stderr.contains("60-libvirt.rules already allows the group `libvirt`: membership is enough"),
        "{said}"
    );
    assert_eq!(by_page(&bed), [Yes; 4]);
    remove(&bed);
    assert_eq!(difference(&before, &etc(&bed)), [""; 0]);
}

/// Of Debian 7's own configuration: the socket is the group's, and polkit is not asked.
#[test]
fn the_four_lines_of_debian_7_make_everybody_root_and_one_command_closes_that() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = bed(&root, false);
    let typed = "set -e
        sed -i 's/^#unix_sock_group = .*/unix_sock_group = \"libvirt\"/; s/^#unix_sock_rw_perms = .*/unix_sock_rw_perms = \"0770\"/
            s/^#auth_unix_ro = .*/auth_unix_ro = \"none\"/; s/^#auth_unix_rw = .*/auth_unix_rw = \"none\"/' /etc/libvirt/libvirtd.conf
        gpasswd -a alice libvirt
        systemctl restart libvirtd";
    let _ = type_in(&bed, typed).success();
    // bob is in no group at all.
    assert_eq!(by_virsh(&bed, "bob"), [Yes; 4]);

    let policy = "[libvirt]\nmode = 'polkit'\ngroups = 'libvirt'\n";
    let refused = install(&bed, policy, &[]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        refused.stderr.contains("`auth_unix_rw` was set by hand: with `none` only the mode of the socket"),
        "{refused}"
    );
    assert!(refused.stderr.contains("unix_sock_group, unix_sock_rw_perms without effect"), "{refused}");
    let said = install(&bed, policy, &["--force"]).success();
    assert!(said.stdout.contains("wrote /etc/libvirt/libvirtd.conf"), "{said}");
    assert_eq!(by_virsh(&bed, "bob"), [Yes, NoAgent, NoAgent, NoAgent]);
    assert_eq!(by_virsh(&bed, "alice"), [Yes; 4]);
}

/// Of a release note: access control is "enabled in libvirtd.conf", and no more is said. Every user who could connect still sees all, and
/// only root can do anything.
#[test]
fn access_drivers_without_rules_lets_the_group_see_everything_and_start_nothing() {
    let Some(root) = require(Suite::Forky) else { return };
    let bed = bed(&root, false);
    let _ = type_in(
        &bed,
        "echo 'access_drivers = [ \"polkit\" ]' >> /etc/libvirt/libvirtd.conf && systemctl restart libvirtd",
    )
    .success();
    assert_eq!(by_virsh(&bed, "carol"), [Yes, Yes, Denied, Denied]);

    // What was written by hand is what the mode needs: it is left, and the roles are added.
    let before = etc(&bed);
    bed.write(POLICY, 0o600, "");
    let words = ["libvirt", "--mode", "acl", "--group", "libvirt", "--role", "operator", "--domains", "web-*"];
    let policy = policy_gen(&bed, &words).success().stdout;
    let said = install(&bed, &policy, &[]).success();
    assert!(!said.stdout.contains("libvirtd.conf"), "{said}");
    assert_eq!(by_virsh(&bed, "carol"), [Yes, Yes, Yes, Denied]);
    remove(&bed);
    assert_eq!(difference(&before, &etc(&bed)), [""; 0]);
}
