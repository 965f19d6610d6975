//! What distributions ship is right for `check`.

use polkit_tests::doctor::healthy;
use polkit_tests::policy_gen::policy_gen as run;
use polkit_tests::{Root, Suite, on_each_suite_with_rules};

on_each_suite_with_rules! {
    check_finds_nothing_in_what_packages_ship
}

/// The packages are not installed: their policy is put where they have it, dpkg's lists name these files, and their group is made.
fn check_finds_nothing_in_what_packages_ship(root: &Root) {
    let bed = healthy(root, |builder| builder);
    let script = format!(
        "cd {} && cp -a . / && find . -type f | sed 's/^.//' > /var/lib/dpkg/info/shipped.list
         getent group netdev || groupadd --system netdev",
        Suite::SHIPPED_POLICY
    );
    let _ = bed.exec(["sh", "-ec", &script]).success();
    let actions = run(&bed, &["actions"]).success().stdout;
    let known = ["packagekit", "NetworkManager", "udisks2", "color-manager", "Flatpak", "fwupd", "ModemManager1"];
    for name in known {
        assert!(actions.contains(&format!("org.freedesktop.{name}.")), "{name} is not there");
    }
    let checked = run(&bed, &["check", "--strict"]);
    assert_eq!((checked.code(), checked.all().as_str()), (Some(0), ""), "{checked}");
    // The check does look.
    bed.write("/etc/polkit-1/rules.d/10-own.rules", 0o644, "polkit.addRule(function () { return true; });\n");
    assert_eq!(run(&bed, &["check", "--strict"]).code(), Some(1));
}
