//! What a grant to a unit separates, and what it does not.

use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, ask, full, light, process_in, until_served,
};
use polkit_tests::agent::record::{decisions, from_journal};
use polkit_tests::agent::{journal, start_agent, until};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{FullBed, Polkit, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    another_unit_and_another_user_are_refused
    a_grant_to_a_delegated_unit_needs_consent
    a_process_that_joins_a_delegated_unit_is_refused_without_consent
    a_user_with_a_process_elsewhere_is_refused_where_a_rule_requires_its_own
    a_grant_to_a_unit_that_opens_sessions_is_warned_about
}

const UID: u32 = 3003;

/// Serves ci.service and its neighbour by the hook, and allows the first.
const CI: &str = r#"
[[serve]]
unit = "ci.service"
way = "hook"

[[rule]]
id = "ci"
action = "org.libvirt.unix.manage"
unit = "ci.service"
user = "ci"
answer = "allow"
"#;

fn another_unit_and_another_user_are_refused(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, &POOL.replacen("pool.service", "*.service", 1));
    let served = process_in(&bed, "www-data", POOL_CGROUP);
    let other_unit = process_in(&bed, "www-data", "system.slice/other.service");
    let other_user = process_in(&bed, "games", POOL_CGROUP);
    until_served(&bed, served.pid());
    until_served(&bed, other_unit.pid());
    assert_eq!(ask(&bed, served.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    assert_eq!(ask(&bed, other_unit.pid(), MANAGE), Verdict::No, "{}", agent.said());
    let other = Polkit::of(&bed).check(&subject(&bed, other_user.pid(), 5), MANAGE);
    assert_ne!(other, Verdict::Yes, "{}", agent.said());
}

/// A bed with the user ci and its unit, which sleeps, and rules that ask the agent. `unit` is more of the unit.
fn bed(root: &Root, config: &str, unit: &str) -> FullBed {
    let bed = full(root)
        .file(CONFIG_FILE, 0o644, config)
        .file("/etc/polkit-policy-gen/policy.toml", 0o644, "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\n")
        .start();
    let _ = bed.exec(["useradd", "--uid=3003", "--shell=/usr/sbin/nologin", "ci"]).success();
    for name in ["ci", "evil"] {
        let more = if name == "ci" { unit } else { "" };
        // With PAMName= systemd 252 waits in vain for a service of Type=exec: the process of PAM keeps the pipe open.
        let kind = if more.contains("PAMName=") { "simple" } else { "exec" };
        let text = format!("[Service]\nType={kind}\nUser=ci\nExecStart=sleep 10000\n{more}\n");
        bed.write(format!("/etc/systemd/system/{name}.service"), 0o644, text);
    }
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let _ = bed.exec(["systemctl", "start", "ci"]).success();
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    bed
}

fn main_pid(bed: &FullBed, unit: &str) -> u32 {
    let shown = bed.exec(["systemctl", "show", "--property=MainPID", "--value", unit]).success();
    shown.text().parse().expect("a pid")
}

fn verdict(bed: &FullBed, pid: u32) -> Verdict {
    Polkit::of(bed).check(&subject(bed, pid, UID), MANAGE)
}

fn last_reason(bed: &FullBed) -> String {
    decisions(from_journal(bed), MANAGE).last().map(|record| record.get("REASON").to_owned()).unwrap_or_default()
}

fn a_grant_to_a_delegated_unit_needs_consent(root: &Root) {
    let bed = bed(root, CI, "Delegate=yes");
    let refused = bed.exec(["polkit-service-agent", "check"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("`ci.service` is delegated"), "{refused}");
    assert!(refused.stderr.contains("`delegated = true`"), "{refused}");
    bed.write(CONFIG_FILE, 0o644, format!("{CI}delegated = true\n"));
    let accepted = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(accepted.stdout.contains("A unit separates programs, but does not stop an attacker"), "{accepted}");
    assert!(
        accepted.stdout.contains("delegated, so any process of its user can move into it: ci.service"),
        "{accepted}"
    );
    start_agent(&bed);
    assert_eq!(verdict(&bed, main_pid(&bed, "ci")), Verdict::Yes, "{}", journal(&bed));
}

/// The name of such a unit need not be known: systemd tells.
fn a_grant_to_a_unit_that_opens_sessions_is_warned_about(root: &Root) {
    let bed = bed(root, CI, "PAMName=login");
    let warned = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(warned.stderr.contains("`ci.service` opens login sessions (PAMName=)"), "{warned}");
    bed.write("/etc/systemd/system/ci.service", 0o644, "[Service]\nType=exec\nUser=ci\nExecStart=sleep 10000\n");
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let silent = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(!silent.stderr.contains("PAMName="), "{silent}");
}

/// The unit is delegated when the agent runs already. One call puts a process of the same user into it.
fn a_process_that_joins_a_delegated_unit_is_refused_without_consent(root: &Root) {
    let bed = bed(root, CI, "");
    start_agent(&bed);
    assert_eq!(verdict(&bed, main_pid(&bed, "ci")), Verdict::Yes, "{}", journal(&bed));
    bed.write("/etc/systemd/system/ci.service.d/x.conf", 0o644, "[Service]\nDelegate=yes\n");
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let _ = bed.exec(["systemctl", "restart", "ci"]).success();
    let attach = "exec busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                  org.freedesktop.systemd1.Manager AttachProcessesToUnit ssau ci.service '' 1 \"$1\"";
    let _ = bed.exec(["systemctl", "start", "evil"]).success();
    let evil = main_pid(&bed, "evil");
    assert_eq!(verdict(&bed, evil), Verdict::NoAgent, "outside of the unit");
    let attached = bed.exec_as("ci", ["sh", "-c", attach, "sh", &evil.to_string()]);
    assert_eq!(attached.code(), Some(0), "{attached}");
    until(|| bed.read(format!("/proc/{evil}/cgroup")).contains("ci.service"));
    assert_ne!(verdict(&bed, evil), Verdict::Yes, "{}", journal(&bed));
    assert_eq!(last_reason(&bed), "delegated", "{}", journal(&bed));
}

fn a_user_with_a_process_elsewhere_is_refused_where_a_rule_requires_its_own(root: &Root) {
    let config = format!("{CI}require_own_user = true\n");
    let bed = bed(root, &config, "");
    // Another unit of that user is found when the configuration is read, if systemd has loaded it.
    let _ = bed.exec(["systemctl", "start", "evil"]).success();
    let shared = bed.exec(["polkit-service-agent", "check"]);
    assert_eq!(shared.code(), Some(1), "{shared}");
    assert!(shared.stderr.contains("`ci` is also used by evil.service"), "{shared}");
    let _ = bed.exec(["systemctl", "stop", "evil"]).success();
    bed.remove("/etc/systemd/system/evil.service");
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let alone = bed.exec(["polkit-service-agent", "check"]).success();
    assert!(alone.stdout.contains("no other unit, login or crontab uses ci"), "{alone}");
    start_agent(&bed);
    assert_eq!(verdict(&bed, main_pid(&bed, "ci")), Verdict::Yes, "{}", journal(&bed));
    let elsewhere = bed.spawn_as("ci", ["sleep", "1000"]);
    assert_ne!(verdict(&bed, main_pid(&bed, "ci")), Verdict::Yes, "{}", journal(&bed));
    assert_eq!(last_reason(&bed), "shared-user", "{}", journal(&bed));
    elsewhere.kill();
    until(|| verdict(&bed, main_pid(&bed, "ci")) == Verdict::Yes);
}
