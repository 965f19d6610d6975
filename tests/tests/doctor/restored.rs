//! A conversion of pkla files that fails leaves no rules behind.

use polkit_tests::doctor::{doctor, healthy, look, sh};
use polkit_tests::{Suite, require};

const OLD: &str = "/etc/polkit-1/localauthority/50-local.d/old.pkla";

#[test]
fn a_conversion_whose_files_cannot_be_set_aside_is_taken_back() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, |builder| builder);
    sh(&bed, "gpasswd --delete www-data libvirt || true; mkdir -p /etc/polkit-1/localauthority/50-local.d");
    let entry = "[web]\nIdentity=unix-user:www-data\nAction=org.libvirt.unix.manage\nResultAny=yes\n";
    bed.write(OLD, 0o644, entry);
    let asked = ["--user", "www-data", "--action", "org.libvirt.unix.manage"];
    let found = look(&bed, &asked);
    assert!(found.codes().contains(&"pkla-not-read"), "{:#}", found.json);
    let state = || bed.exec(["sh", "-c", "find /etc/polkit-1 | sort; cat /etc/polkit-1/rules.d/*"]).stdout;
    // The file can be converted, and not be moved.
    bed.write(format!("{OLD}.set-aside"), 0o644, "another file\n");
    let before = state();
    let failed = doctor(&bed, &[&asked[..], &["--fix", "convert-pkla", "--yes"]].concat());
    assert!(failed.code() == Some(1) && failed.stderr.contains("was restored"), "{failed}");
    assert_eq!(state(), before, "{failed}");
}
