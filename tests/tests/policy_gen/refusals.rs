//! What policy-gen refuses to install, and that nothing has changed then.

use polkit_tests::policy_gen::{ALL, GRANT, RUN, bed, difference, install, policy_gen as run, state, verdict};
use polkit_tests::polkit::Verdict::Yes;
use polkit_tests::{Suite, require};

#[test]
fn a_mistyped_member_creates_no_user() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    for (user, group) in [("bbo", "vm"), ("bob", "vmm")] {
        let policy = format!("{GRANT}\n[[member]]\nuser = \"{user}\"\ngroup = \"{group}\"\n");
        let refused = install(&bed, &policy, &[]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(
            refused.stderr.contains("error: there is no ") && refused.stderr.contains("/root/policy.toml:9:"),
            "{refused}"
        );
        assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    }
}

#[test]
fn an_agent_s_user_must_have_no_password() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    let policy = format!("[[agent]]\nactions = ['{RUN}']\nusers = ['www-data', 'carol', 'no-such-user']\n");
    let refused = install(&bed, &policy, &[]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("error: `carol` has a usable password\n --> /root/policy.toml:3:22"), "{refused}");
    assert!(refused.stderr.contains("error: there is no user `no-such-user`"), "{refused}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn what_cannot_be_written_is_named_and_nothing_changes() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    let rules_d = "/etc/polkit-1/rules.d";
    let many = GRANT.replace("[\"vm\"]", &format!("[{}]", (0..1000).map(|n| format!("'g{n}', ")).collect::<String>()));
    let cases = [
        (
            format!("mount --bind {rules_d} {rules_d} && mount -o remount,bind,ro {rules_d}"),
            rules_d,
            "Read-only file system",
        ),
        (format!("mount -t tmpfs -o size=4k,mode=750 none {rules_d}"), rules_d, "No space left on device"),
        (
            "mount -t tmpfs -o size=4k,mode=755 none /etc/sysusers.d && fallocate -l 4096 /etc/sysusers.d/full".into(),
            "/etc/sysusers.d",
            "No space",
        ),
        (
            "mount -t tmpfs -o ro,mode=755 none /var/lib/polkit-policy-gen".into(),
            "/var/lib/polkit-policy-gen",
            "Read-only file system",
        ),
        (
            "mount -t tmpfs -o size=4k,mode=755 none /var/lib/polkit-policy-gen".into(),
            "/var/lib/polkit-policy-gen",
            "No space left on device",
        ),
    ];
    for (mount, place, error) in cases {
        let _ = bed.exec(["sh", "-c", &format!("mkdir -p {place}; {mount}")]).success();
        let during = state(&bed);
        let members = "[[member]]\nuser = 'bob'\ngroup = 'vm'\n";
        let refused = install(&bed, &format!("{many}{members}"), &[]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(
            refused.stderr.contains(&format!("cannot write {place}/")) && refused.stderr.contains(error),
            "{refused}"
        );
        assert!(refused.stderr.contains("Nothing was changed."), "{refused}");
        assert_eq!(difference(&during, &state(&bed)), [""; 0], "{mount}");
        let _ = bed.exec(["umount", place]).success();
        let _ =
            bed.exec(["sh", "-c", &format!("rmdir --ignore-fail-on-non-empty {place}; mkdir -p {rules_d}")]).success();
    }
    let _ = bed.exec(["sh", "-c", &format!("chown root:polkitd {rules_d}; chmod 750 {rules_d}")]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn without_root_nothing_is_installed_and_it_says_so() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    bed.write("/tmp/policy.toml", 0o644, GRANT);
    for command in ["install", "diff"] {
        let refused = bed.exec_as("alice", ["polkit-policy-gen", command, "/tmp/policy.toml"]).failure();
        assert!(
            refused.stderr.contains("Permission denied") && refused.stderr.contains("Run this as root."),
            "{refused}"
        );
    }
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn without_a_polkitd_it_says_how_to_get_one_and_a_tree_needs_none() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    bed.remove("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service");
    bed.stop_polkitd();
    let before = state(&bed);
    let refused = install(&bed, GRANT, &[]);
    assert_eq!(refused.code(), Some(3), "{refused}");
    assert!(refused.stderr.contains("apt install polkitd"), "{refused}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    // The same tree, as a user who builds an image sees it.
    let _ = bed.exec(["sh", "-c", "mkdir /mnt/image && mount --rbind / /mnt/image"]).success();
    let _ = install(&bed, GRANT, &["--root", "/mnt/image"]).success();
    assert!(bed.exists("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules"));
    let _ = run(&bed, &["remove", "--root", "/mnt/image"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn a_missing_rules_directory_is_refused_or_made_as_the_package_makes_it() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let Some(root) = require(suite) else { return };
        let bed = bed(&root);
        let before = state(&bed);
        let _ = bed.exec(["rmdir", "/etc/polkit-1/rules.d"]).success();
        let without = state(&bed);
        let refused = install(&bed, GRANT, &[]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(
            refused.stderr.contains("/etc/polkit-1/rules.d does not exist") && refused.stderr.contains("--mkdir"),
            "{refused}"
        );
        assert_eq!(difference(&without, &state(&bed)), [""; 0]);
        // polkitd watches the directories that were there when it started.
        let _ = install(&bed, GRANT, &["--mkdir"]);
        bed.restart_polkitd();
        assert_eq!(verdict(&bed, "alice", RUN), Yes);
        let mode =
            |state: &str| state.lines().find(|line| line.starts_with("/etc/polkit-1/rules.d d ")).map(str::to_owned);
        assert_eq!(mode(&state(&bed)), mode(&before));
        let _ = run(&bed, &["remove"]).success();
        assert_eq!(difference(&without, &state(&bed)), [""; 0]);
    }
}

#[test]
fn a_membership_is_taken_back_when_what_follows_fails() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let _ = install(&bed, GRANT, &[]).success();
    let before = state(&bed);
    // The second name of the record, which is the last to be written, is taken.
    let _ = bed.exec(["mkdir", "-p", "/var/lib/polkit-policy-gen/.state.json.old/x"]).success();
    let refused = install(&bed, ALL, &[]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        refused.stderr.contains("state.json: File exists") && refused.stderr.contains("Nothing was changed."),
        "{refused}"
    );
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    let _ = bed.exec(["rm", "-r", "/var/lib/polkit-policy-gen/.state.json.old"]).success();
    let _ = install(&bed, ALL, &[]).success();
}

#[test]
fn without_a_tool_for_memberships_nothing_is_installed() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    for tool in ["/usr/bin/systemd-sysusers", "/usr/bin/gpasswd", "/usr/sbin/usermod"] {
        bed.remove(tool);
    }
    let before = state(&bed);
    let refused = install(&bed, ALL, &[]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("none of gpasswd, usermod is installed"), "{refused}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}
