//! Where a mechanism passes the flag ALWAYS_CHECK, polkitd and `explain` decide about root as about other users.

use polkit_tests::{Bed, LightBed, Root, Suite, product, require};

const ACTION: &str = "org.freedesktop.login1.reboot-ignore-inhibit";
const GRANT: &str =
    "[[grant]]\nactions = [\"org.freedesktop.login1.reboot-ignore-inhibit\"]\nusers = [\"root\"]\nresult = \"yes\"\n";

/// The reply of polkitd about a process of root, with these flags.
fn asked(bed: &Bed, pid: u32, action: &str, flags: u32) -> String {
    let call = format!(
        "busctl --system call org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority \
         org.freedesktop.PolicyKit1.Authority CheckAuthorization '(sa{{sv}})sa{{ss}}us' unix-process 3 pid u {pid} start-time t 0 \
         uid i 0 {action} 0 {flags} ''"
    );
    bed.exec(["sh", "-c", &call]).success().text().to_owned()
}

fn explained(bed: &Bed, action: &str) -> String {
    let output = bed.exec(["polkit-policy-gen", "explain", "--user", "root", "--action", action]);
    output.stdout.split_whitespace().next().unwrap_or_default().to_owned()
}

fn root_is_asked_about_where_logind_passes_the_flag(root: &Root) {
    let bed: LightBed = product::light(root).without_libvirtd().start();
    let process = bed.spawn_as("root", ["sleep", "1000"]);
    let pid = process.pid();
    assert!(asked(&bed, pid, ACTION, 0).starts_with("(bba{ss}) true"), "without the flag root is exempt");
    assert!(asked(&bed, pid, ACTION, 2).starts_with("(bba{ss}) false true"), "with it polkit requests authentication");
    assert_eq!(explained(&bed, ACTION), "auth_admin_keep");
    assert_eq!(explained(&bed, "org.freedesktop.login1.reboot"), "yes");
    bed.write("/etc/polkit-policy-gen/policy.toml", 0o644, GRANT);
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    polkit_tests::agent::until(|| asked(&bed, pid, ACTION, 2).starts_with("(bba{ss}) true"));
    assert_eq!(explained(&bed, ACTION), "yes");
}

#[test]
fn root_is_asked_about_where_logind_passes_the_flag_in_trixie() {
    let Some(root) = require(Suite::Trixie) else { return };
    root_is_asked_about_where_logind_passes_the_flag(&root);
}

#[test]
fn root_is_asked_about_where_logind_passes_the_flag_in_forky() {
    let Some(root) = require(Suite::Forky) else { return };
    root_is_asked_about_where_logind_passes_the_flag(&root);
}

#[test]
fn before_polkit_125_root_is_always_exempt() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed: LightBed = product::light(&root).without_libvirtd().start();
    assert_eq!(explained(&bed, ACTION), "yes");
}
