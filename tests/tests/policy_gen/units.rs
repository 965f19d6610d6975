//! Grants by the unit of the client, with a real systemd, on dbus-daemon and dbus-broker.

use polkit_tests::agent::until;
use polkit_tests::full::FullBuilder;
use polkit_tests::policy_gen::{POLICY, rows};
use polkit_tests::{FullBed, Root, Suite, broker, product, require};

const WEB: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const POLICY_TEXT: &str = r#"
[[systemd]]
name = "panel restarts web"
units = ["web.service"]
verbs = ["restart"]
users = ["www-data"]
unit = "panel.service"

[[grant]]
name = "each user of the panels"
actions = ["org.freedesktop.timedate1.set-timezone"]
unit = ["panel.service", "panel@*.service"]
result = "yes"

[[grant]]
name = "only without new privileges"
actions = ["org.freedesktop.hostname1.set-machine-info"]
unit = "panel.service"
no_new_privileges = true
result = "yes"
"#;

const RESTART: &str = "systemctl --no-ask-password restart web.service";
/// A value that is already set needs no authorization, so the refused commands set other values.
const TIMEZONE: &str = "timedatectl --no-ask-password set-timezone Europe/Rome";
const OTHER_TIMEZONE: &str = "timedatectl --no-ask-password set-timezone Europe/Paris";
const DEPLOYMENT: &str = "hostnamectl --no-ask-password deployment staging";
const OTHER_DEPLOYMENT: &str = "hostnamectl --no-ask-password deployment production";

fn start(builder: FullBuilder) -> FullBed {
    let bed = builder.without_libvirtd().file("/etc/systemd/system/web.service", 0o644, WEB).start();
    let _ = bed.exec(["useradd", "--system", "other"]).success();
    bed
}

/// Whether a command of that user in that unit works.
fn works(bed: &FullBed, user: &str, unit: &str, options: &[&str], command: &str) -> bool {
    let (user, unit) = (format!("--uid={user}"), format!("--unit={unit}"));
    bed.systemd_run([&[user.as_str(), unit.as_str()], options, &command.split(' ').collect::<Vec<_>>()].concat())
        .status
        .success()
}

fn check_decisions(bed: &FullBed) {
    for (user, unit, command, expected) in [
        ("www-data", "panel.service", RESTART, true),
        ("www-data", "other.service", RESTART, false),
        ("other", "panel.service", RESTART, false),
        ("www-data", "panel.service", "systemctl --no-ask-password stop web.service", false),
        ("other", "panel.service", TIMEZONE, true),
        ("other", "panel@7.service", TIMEZONE, true),
        ("www-data", "other.service", OTHER_TIMEZONE, false),
        ("www-data", "panel.service", OTHER_DEPLOYMENT, false),
    ] {
        assert_eq!(works(bed, user, unit, &[], command), expected, "{}: {user} in {unit}: {command}", bed.suite());
    }
    let strict = ["--property=NoNewPrivileges=yes"];
    assert!(works(bed, "www-data", "panel.service", &strict, DEPLOYMENT));
    assert!(!works(bed, "www-data", "other.service", &strict, OTHER_DEPLOYMENT));
    // A unit of the user's own manager with the same name.
    let group = "/sys/fs/cgroup/user.slice/user-33.slice/user@33.service/app.slice/panel.service";
    let script = format!(
        "mkdir -p {group} && echo $$ > {group}/cgroup.procs &&
         exec setpriv --reuid=www-data --regid=www-data --clear-groups {RESTART}"
    );
    let imitated = bed.exec(["sh", "-c", &script]);
    assert!(!imitated.status.success() && imitated.stderr.contains("authentication"), "{imitated}");
    // A process outside of all units of services.
    assert!(!bed.exec_as("www-data", RESTART.split(' ')).status.success());
}

fn a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused(bed: &FullBed) {
    bed.write(POLICY, 0o600, POLICY_TEXT);
    let installed = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    let found = rows(&installed.stdout);
    for expected in [
        "panel restarts web: org.freedesktop.systemd1.manage-units unit=web.service verb=restart www-data, panel.service yes yes",
        "panel restarts web: org.freedesktop.systemd1.manage-units unit=web.service verb=restart www-data - must authenticate",
        "each user of the panels: org.freedesktop.timedate1.set-timezone nobody, panel.service yes yes",
        "each user of the panels: org.freedesktop.timedate1.set-timezone nobody - must authenticate",
        "only without new privileges: org.freedesktop.hostname1.set-machine-info nobody, panel.service yes yes",
    ] {
        assert!(found.iter().any(|row| row == expected), "{expected} in {installed}");
    }
    // The transient unit of the test is gone.
    until(|| !bed.exec(["systemctl", "is-active", "--quiet", "panel.service"]).status.success());
    check_decisions(bed);
    let explain = |unit: &[&str], user: &str| {
        let action = "org.freedesktop.systemd1.manage-units";
        let words = ["polkit-policy-gen", "explain", "--user", user, "--action", action];
        bed.exec([&words[..], &["--detail", "unit=web.service", "--detail", "verb=restart"], unit].concat())
    };
    let yes = explain(&["--unit", "panel.service"], "www-data").success();
    assert!(
        yes.stdout.contains("the grant \"panel restarts web\"") && yes.stdout.contains("of panel.service"),
        "{yes}"
    );
    assert_eq!(explain(&["--unit", "other.service"], "www-data").code(), Some(4));
    assert_eq!(explain(&["--unit", "panel.service"], "other").code(), Some(4));
    let unknown = explain(&[], "www-data");
    assert!(unknown.code() == Some(5) && unknown.stdout.contains("`explain --unit` names it"), "{unknown}");
    assert_eq!(bed.exec(["polkit-policy-gen", "diff", POLICY]).code(), Some(0));
    let checked = bed.exec(["polkit-policy-gen", "check"]);
    assert_eq!(checked.code(), Some(0), "{checked}");
    // More than 32 grants become tables.
    let filler =
        "[[grant]]\nactions = ['org.freedesktop.hostname1.set-hostname']\nusers = ['root']\nresult = 'no'\n".repeat(40);
    bed.write(POLICY, 0o600, format!("{POLICY_TEXT}{filler}"));
    let _ = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    assert!(bed.read("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules").contains("addGrants("));
    check_decisions(bed);
    let yes = explain(&["--unit", "panel.service"], "www-data").success();
    assert!(yes.stdout.contains("the grant \"panel restarts web\""), "{yes}");
    let _ = bed.exec(["polkit-policy-gen", "remove"]).success();
    until(|| !works(bed, "www-data", "panel.service", &[], RESTART));
}

fn on_dbus_daemon(suite: Suite) {
    let Some(root) = require(suite) else { return };
    a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused(&start(product::full(&root)));
}

fn on_dbus_broker(suite: Suite) {
    let Some(root) = require(suite) else { return };
    let Some(builder) = broker::on_broker(product::full(&root), &root) else { return };
    let bed = start(builder);
    let running = bed.exec(["pgrep", "--count", "--exact", "dbus-broker"]);
    assert_eq!(running.text(), "1", "{running}");
    a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused(&bed);
}

#[test]
fn a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused_in_trixie() {
    on_dbus_daemon(Suite::Trixie);
}

#[test]
fn a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused_in_forky() {
    on_dbus_daemon(Suite::Forky);
}

#[test]
fn a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused_on_dbus_broker_in_trixie() {
    on_dbus_broker(Suite::Trixie);
}

#[test]
fn a_unit_is_allowed_and_another_unit_of_the_same_user_is_refused_on_dbus_broker_in_forky() {
    on_dbus_broker(Suite::Forky);
}

/// A unit with a file is not imitated: its own processes are asked about, or the table says that it was not tested.
#[test]
fn install_asks_about_the_processes_of_a_unit_that_runs() {
    let Some(root) = require(Suite::Trixie) else { return };
    let panel = "[Service]\nType=exec\nUser=www-data\nExecStart=/bin/sleep infinity\n";
    let builder = product::full(&root).file("/etc/systemd/system/panel.service", 0o644, panel);
    let bed = start(builder);
    bed.write(POLICY, 0o600, POLICY_TEXT);
    let title = "each user of the panels: org.freedesktop.timedate1.set-timezone";
    let install = || rows(&bed.exec(["polkit-policy-gen", "install", POLICY]).success().stdout);
    let found = install();
    let row = format!(
        "{title} nobody, panel.service - not tested: panel.service does not run; start it, and run install again"
    );
    assert!(found.contains(&row), "{found:#?}");
    let _ = bed.exec(["systemctl", "start", "panel.service"]).success();
    let found = install();
    assert!(found.contains(&format!("{title} www-data, panel.service yes yes")), "{found:#?}");
    let row = "only without new privileges: org.freedesktop.hostname1.set-machine-info www-data, panel.service - must authenticate";
    assert!(found.iter().any(|found| found == row), "{found:#?}");
    assert!(bed.exec(["systemctl", "is-active", "--quiet", "panel.service"]).status.success(), "it still runs");
}

/// What polkitd reads from systemd, `explain` and the doctor read as well.
#[test]
fn explain_and_the_doctor_know_whether_a_unit_has_no_new_privileges() {
    let Some(root) = require(Suite::Trixie) else { return };
    let unit = |set: &str| format!("[Service]\nUser=www-data\nExecStart=/bin/sleep infinity\nNoNewPrivileges={set}\n");
    let bed = start(product::full(&root).file("/etc/systemd/system/strict.service", 0o644, unit("yes")).file(
        "/etc/systemd/system/loose.service",
        0o644,
        unit("no"),
    ));
    let _ = bed.exec(["systemctl", "start", "strict.service", "loose.service"]).success();
    let action = "org.freedesktop.hostname1.set-machine-info";
    let text = format!(
        "[[grant]]\nname = 'strict'\nactions = ['{action}']\nunit = ['strict.service', 'loose.service', 'gone.service']\n\
         no_new_privileges = true\nresult = 'yes'\n"
    );
    bed.write(POLICY, 0o600, text);
    let _ = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    for (unit, explained) in [("strict.service", 0), ("loose.service", 4), ("gone.service", 5)] {
        let words = ["polkit-policy-gen", "explain", "--user", "www-data", "--action", action, "--unit", unit];
        let output = bed.exec(words);
        assert_eq!(output.code(), Some(explained), "{output}");
    }
    let doctor = |unit: &str| {
        let output = bed.exec(["polkit-policy-gen", "doctor", "--json", "--unit", unit, "--action", action]);
        let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
        (output.code(), found.to_string())
    };
    let (code, found) = doctor("strict.service");
    assert_eq!(code, Some(0), "{found}");
    // The verdict from the files is that of polkitd, and names the condition that fails.
    let (code, found) = doctor("loose.service");
    assert!(code == Some(1) && found.contains("loose.service has NoNewPrivileges=no"), "{found}");
    assert!(!found.contains("files-and-polkitd-differ") && !found.contains("polkitd-differs"), "{found}");
}

fn a_unit_is_refused_by_name(root: &Root, why: &str) {
    let bed = start(product::full(root));
    let text = "[[grant]]\nactions = ['org.libvirt.unix.manage']\nunit = 'panel.service'\nresult = 'yes'\n";
    bed.write(POLICY, 0o600, text);
    for command in ["install", "diff"] {
        let refused = bed.exec(["polkit-policy-gen", command, POLICY]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains(why) && refused.stderr.contains(&format!("{POLICY}:3:8")), "{refused}");
        assert!(refused.stderr.contains("use a [[hook]]"), "{refused}");
    }
    assert!(!bed.exists("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules"));
    let checked = bed.exec(["polkit-policy-gen", "check", POLICY]);
    assert!(checked.code() == Some(1) && checked.stdout.contains(why), "{checked}");
}

#[test]
fn a_unit_for_libvirt_is_refused_by_name() {
    let Some(root) = require(Suite::Trixie) else { return };
    a_unit_is_refused_by_name(
        &root,
        "`unit` can never match org.libvirt.unix.manage: libvirt passes a process by its pid",
    );
}

#[test]
fn a_unit_is_refused_on_polkit_122() {
    let Some(root) = require(Suite::Bookworm) else { return };
    a_unit_is_refused_by_name(&root, "polkit 122 does not know the unit of a subject, so `unit` can never match");
}
