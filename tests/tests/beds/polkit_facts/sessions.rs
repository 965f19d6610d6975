//! Registering for a logind session, in full beds with a real logind.

use polkit_tests::{FullBed, Output, Root, on_each_suite};

use super::common::saw;

on_each_suite! {
    the_registration_for_a_session_is_refused_from_outside_to_root_too_and_taken_from_inside
}

fn the_registration_for_a_session_is_refused_from_outside_to_root_too_and_taken_from_inside(root: &Root) {
    let bed = FullBed::on(root).without_libvirtd().start();
    let _ = bed.exec(["useradd", "--create-home", "kiosk"]).success();
    let login = ["--unit=kiosk-login", "--property=User=kiosk", "--property=PAMName=login", "sleep", "1000"];
    let _ = bed.exec(["systemd-run", "--quiet"].into_iter().chain(login)).success();
    let scope = scope(&bed);
    let outside = register(&bed, &scope, "");
    assert!(outside.all().contains("Cannot determine session the caller is in"), "{outside}");
    let inside = register(&bed, &scope, &format!("echo $$ > /sys/fs/cgroup{scope}/cgroup.procs; "));
    assert!(inside.status.success(), "{inside}");
    saw(bed.suite(), "root registers for a session from outside", "refused");
    saw(bed.suite(), "root registers for a session from its cgroup", "taken");
}

/// The cgroup of the session of kiosk-login, for which it waits.
fn scope(bed: &FullBed) -> String {
    for _ in 0..200 {
        let pid = bed.exec(["systemctl", "show", "--value", "--property=MainPID", "kiosk-login"]).success();
        let cgroup = bed.exec(["sed", "-n", "s/^0:://p", &format!("/proc/{}/cgroup", pid.text())]);
        if cgroup.text().ends_with(".scope") {
            return cgroup.text().to_owned();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no user is logged in");
}

fn register(bed: &FullBed, scope: &str, before: &str) -> Output {
    let name = scope.rsplit('/').next().unwrap_or_default();
    let id = name.trim_start_matches("session-").trim_end_matches(".scope");
    let script = format!(
        "{before}exec busctl call org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority \
         org.freedesktop.PolicyKit1.Authority RegisterAuthenticationAgent '(sa{{sv}})ss' \
         unix-session 1 session-id s {id} C /org/example/Agent"
    );
    bed.exec(["sh", "-c", &script])
}
