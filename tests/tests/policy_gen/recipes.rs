//! `recipe`: the commands at the top of each recipe, followed to the letter, lead from a refusal to what the recipe promises; other users
//! are still refused, and removal leaves nothing.

use polkit_tests::agent::kiosk::Session;
use polkit_tests::agent::until;
use polkit_tests::libvirt::{Seen, by_virsh, prepare};
use polkit_tests::policy_gen::difference;
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, FullBed, Polkit, Root, Suite, broker, on_each_suite_with_rules, product, require};

on_each_suite_with_rules! {
    a_dashboard_restarts_its_units
    a_deploy_user_starts_and_stops_its_service
    a_panel_lists_the_machines_of_libvirt
    an_exporter_reads_without_a_grant
    a_ci_runner_controls_its_own_machines
    a_kiosk_has_its_power_and_no_dialogs
}

const SLEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// Files, owners and modes of the configuration. The folders of the policy stay when their files are removed.
pub fn state(bed: &Bed) -> String {
    let script = "find /etc /usr/share/polkit-1 /var/lib/polkit-1 -printf '%p %y %m %U:%G %l\\n' | sort
        find /etc /usr/share/polkit-1 /var/lib/polkit-1 -type f -exec sha256sum {} + | sort";
    let stays = |line: &&str| {
        ["/polkit-policy-gen", "/polkit-service-agent", "/etc/libvirt/", "/etc/systemd/system/multi-user.target.wants"]
            .iter()
            .all(|part| !line.contains(part))
    };
    bed.exec(["sh", "-c", script]).stdout.lines().filter(stays).collect::<Vec<_>>().join("\n")
}

/// Runs the commands that the recipe prints.
pub fn follow(bed: &Bed, recipe: &str) {
    let printed = bed.exec(["sh", "-c", &format!("polkit-policy-gen recipe {recipe}")]).success();
    let commands: Vec<&str> = printed.stdout.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    assert!(commands.len() >= 3, "{printed}");
    for command in commands {
        let _ = bed.exec(["sh", "-c", command]).success();
    }
}

/// Takes the policy back.
pub fn remove(bed: &Bed) {
    let script = "rm -f /etc/polkit-policy-gen/policy.d/*.toml /etc/polkit-service-agent/agent.d/*.toml
        polkit-policy-gen remove --restart && { systemctl disable --now polkit-service-agent 2>/dev/null || true; }";
    let _ = bed.exec(["sh", "-c", script]).success();
}

pub fn works(bed: &Bed, user: &str, command: &str) -> bool {
    bed.exec_as(user, command.split(' ')).status.success()
}

fn start(root: &Root, units: &[&str]) -> FullBed {
    let builder = units
        .iter()
        .fold(product::full(root), |bed, unit| bed.file(&format!("/etc/systemd/system/{unit}"), 0o644, SLEEP));
    builder.without_libvirtd().start()
}

fn a_dashboard_restarts_its_units(root: &Root) {
    let bed = start(root, &["a.service", "b.service"]);
    let before = state(&bed);
    let restart = |user: &str, unit: &str| works(&bed, user, &format!("systemctl --no-ask-password restart {unit}"));
    assert!(!restart("www-data", "a.service"));
    follow(&bed, "dashboard user=www-data units=a.service,b.service");
    assert!(restart("www-data", "a.service") && restart("www-data", "b.service"));
    assert!(!restart("www-data", "cron.service") && !restart("games", "a.service"));
    assert!(!works(&bed, "www-data", "systemctl --no-ask-password stop a.service"));
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    until(|| !restart("www-data", "a.service"));
}

fn a_deploy_user_starts_and_stops_its_service(root: &Root) {
    let bed = start(root, &["app.service"]);
    let _ = bed.exec(["useradd", "--system", "deploy"]).success();
    let before = state(&bed);
    let systemctl = |user: &str, words: &str| works(&bed, user, &format!("systemctl --no-ask-password {words}"));
    assert!(!systemctl("deploy", "start app.service"));
    follow(&bed, "deploy");
    for verb in ["start", "restart", "stop"] {
        assert!(systemctl("deploy", &format!("{verb} app.service")), "{verb}");
        assert!(!systemctl("games", &format!("{verb} app.service")), "{verb}");
    }
    for words in ["daemon-reload", "enable app.service", "stop cron.service", "set-property app.service CPUWeight=7"] {
        assert!(!systemctl("deploy", words), "{words}");
    }
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

fn a_panel_lists_the_machines_of_libvirt(root: &Root) {
    let bed = product::full(root).file(product::PAGE_FILE, 0o644, product::PAGE).start();
    let before = state(&bed);
    // forky has no PHP for libvirt.
    let list = || {
        let script = "echo $$ > /sys/fs/cgroup/system.slice/apache2.service/cgroup.procs
            exec setpriv --reuid=www-data --regid=www-data --init-groups virsh -q -c qemu:///system list";
        bed.exec(["sh", "-c", script]).status.success()
    };
    assert!(!list());
    follow(&bed, "libvirt-panel");
    assert!(list());
    if root.suite() != Suite::Forky {
        assert_eq!(bed.exec(["curl", "-sS", product::PAGE_URL]).success().stdout.trim_end(), "domain: test");
    }
    for user in ["www-data", "games"] {
        assert!(!works(&bed, user, "virsh -q -c qemu:///system list"), "{user} outside the unit");
    }
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    until(|| !list());
}

fn an_exporter_reads_without_a_grant(root: &Root) {
    let bed = product::full(root).start();
    let before = state(&bed);
    follow(&bed, "exporter");
    assert!(works(&bed, "games", "virsh -q -r -c qemu:///system list"));
    assert!(!works(&bed, "games", "virsh -q -c qemu:///system list"));
    assert_eq!(difference(&before, &state(&bed)), [""; 0], "it writes no rule");
    remove(&bed);
}

fn a_ci_runner_controls_its_own_machines(root: &Root) {
    let bed = product::full(root).start();
    prepare(&bed);
    let before = state(&bed);
    assert_eq!(by_virsh(&bed, "bob")[1..], [Seen::NoAgent; 3]);
    follow(&bed, "ci-runner user=bob 'domains=web-*'");
    assert_eq!(by_virsh(&bed, "bob"), [Seen::Yes, Seen::Yes, Seen::Yes, Seen::Denied]);
    assert_eq!(by_virsh(&bed, "alice")[1..], [Seen::NoAgent; 3]);
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    assert_eq!(by_virsh(&bed, "bob")[1..], [Seen::NoAgent; 3]);
}

fn a_kiosk_has_its_power_and_no_dialogs(root: &Root) {
    let bed = product::full(root).without_libvirtd().start();
    let users = "useradd --create-home --uid 2000 kiosk && useradd --create-home --uid 2001 guest";
    let _ = bed.exec(["sh", "-c", users]).success();
    let before = state(&bed);
    let seat = Session::of(&bed, "kiosk", "at-seat");
    let other = Session::without_a_seat(&bed, "guest", "by-ssh");
    let polkit = Polkit::of(&bed);
    let at_seat = |action: &str| polkit.check(&subject(&bed, seat.pid, 2000), action);
    let by_ssh = |action: &str| polkit.check(&subject(&bed, other.pid, 2001), action);
    let (zone, off) = ("org.freedesktop.timedate1.set-timezone", "org.freedesktop.login1.power-off");
    assert_eq!(at_seat(zone), Verdict::NoAgent, "a dialog would ask");
    follow(&bed, "kiosk");
    assert_eq!([at_seat(off), at_seat("org.freedesktop.login1.reboot-multiple-sessions")], [Verdict::Yes; 2]);
    for action in [zone, "org.freedesktop.login1.reboot-ignore-inhibit", "org.freedesktop.policykit.exec"] {
        assert_eq!(at_seat(action), Verdict::No, "{action}");
        assert_eq!(by_ssh(action), Verdict::NoAgent, "{action}");
    }
    assert_eq!(by_ssh(off), Verdict::NoAgent);
    // The kiosk's user without a session gets no power, and no dialog.
    let background = bed.spawn_as("kiosk", ["sleep", "100"]);
    assert_eq!(polkit.check(&subject(&bed, background.pid(), 2000), off), Verdict::NoAgent);
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

fn a_panel_with_a_dynamic_user_restarts_its_units(suite: Suite) {
    let Some(root) = require(suite) else { return };
    // The dbus-daemon of a bed closes the connections of a user of DynamicUser=.
    let builder = product::full(&root).file("/etc/systemd/system/a.service", 0o644, SLEEP);
    let Some(builder) = broker::on_broker(builder, &root) else { return };
    let bed = builder.without_libvirtd().start();
    let before = state(&bed);
    let restart = |unit: &str, user: &[&str]| {
        let unit = format!("--unit={unit}");
        let command = ["systemctl", "--no-ask-password", "restart", "a.service"];
        bed.systemd_run([&[unit.as_str()], user, &command].concat()).status.success()
    };
    let dynamic = ["--property=DynamicUser=yes"];
    assert!(!restart("panel.service", &dynamic));
    follow(&bed, "dynamic-user-panel unit=panel.service units=a.service");
    assert!(restart("panel.service", &dynamic));
    assert!(!restart("other.service", &dynamic) && !restart("other.service", &["--uid=games"]));
    remove(&bed);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn a_panel_with_a_dynamic_user_restarts_its_units_in_trixie() {
    a_panel_with_a_dynamic_user_restarts_its_units(Suite::Trixie);
}

#[test]
fn a_panel_with_a_dynamic_user_restarts_its_units_in_forky() {
    a_panel_with_a_dynamic_user_restarts_its_units(Suite::Forky);
}

/// The agent's part of each recipe passes the agent's own check.
#[test]
fn the_agent_accepts_its_part_of_each_recipe() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = product::light(&root).without_libvirtd().start();
    for recipe in ["libvirt-panel", "wifi-panel"] {
        let script = format!(
            "polkit-policy-gen recipe {recipe} --agent > /root/agent.toml && polkit-service-agent check --config /root/agent.toml"
        );
        let checked = bed.exec(["sh", "-c", &script]);
        assert_eq!(checked.code(), Some(0), "{recipe} {checked}");
    }
}
