//! `trace`: what polkitd refused is learned from the bus, and the policy from it allows that and nothing else.

use polkit_tests::agent::until;
use polkit_tests::doctor::healthy_full;
use polkit_tests::full::FullBuilder;
use polkit_tests::policy_gen::difference;
use polkit_tests::{
    Bed, FullBed, Output, Root, Suite, broker, daemons, on_each_suite, on_each_suite_with_rules, product,
};
use serde_json::Value;

use crate::recipes::{remove, state};

on_each_suite_with_rules! {
    a_trace_of_the_real_daemons_gives_a_policy_that_suffices_and_no_more
    a_trace_of_a_unit_grants_the_unit_where_polkit_knows_it
    the_log_of_a_policy_rule_reaches_no_journal
}

on_each_suite! {
    a_trace_counts_no_request_that_a_user_made_up
    a_trace_that_is_killed_leaves_nothing_behind
    an_action_without_details_is_granted_on_each_polkit
}

const SLEEP: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// A trace that runs in a bed.
struct Trace<'a> {
    bed: &'a Bed,
}

impl<'a> Trace<'a> {
    fn start(bed: &'a Bed, options: &str) -> Self {
        let script = format!(
            "rm -f /tmp/learned /tmp/live; systemd-run --quiet --unit=tracing sh -c \
             'exec polkit-policy-gen trace {options} > /tmp/learned 2> /tmp/live'"
        );
        let _ = bed.exec(["sh", "-ec", &script]).success();
        let trace = Self { bed };
        until(|| trace.live().starts_with("watching"));
        trace
    }

    fn live(&self) -> String {
        if self.bed.exists("/tmp/live") { self.bed.read("/tmp/live") } else { String::new() }
    }

    /// Runs a command as a user until the trace has a request about the action. On a busy machine the process can end before the trace
    /// reads it: the trace then says so, and the command is repeated, as it advises.
    fn sees(&self, user: &str, command: &str, action: &str) -> Output {
        let mut output = None;
        until(|| {
            output = Some(self.bed.exec_as(user, ["sh", "-c", &format!("LC_ALL=C timeout 20 {command} </dev/null")]));
            until(|| self.live().contains(action));
            let live = self.live();
            let lines: Vec<&str> = live.split_inclusive('\n').collect();
            let requests = lines.chunk_by(|_, line| line.starts_with(' ')).map(<[&str]>::concat);
            requests.filter(|request| request.contains(action)).any(|request| !request.contains("the process ended"))
        });
        output.expect("the command was run")
    }

    /// Ends the trace as Ctrl-C does. Returns its standard output.
    fn end(self) -> String {
        let _ = self.bed.exec(["systemctl", "kill", "--signal=INT", "tracing"]).success();
        until(|| self.bed.exec(["systemctl", "is-active", "tracing"]).text() != "active");
        eprintln!("{}", self.live());
        self.bed.read("/tmp/learned")
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn refused(output: &Output) -> bool {
    let text = output.all().to_lowercase();
    ["not authorized", "insufficient privileges", "authentication required", "access denied", "failed to obtain auth"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Installs a policy that a trace printed.
fn install(bed: &Bed, policy: &str) {
    bed.write("/etc/polkit-policy-gen/policy.d/50-trace.toml", 0o644, policy);
    let output = bed.exec(["polkit-policy-gen", "install"]);
    assert_eq!(output.code(), Some(0), "{output}\n{policy}");
}

fn a_trace_of_the_real_daemons_gives_a_policy_that_suffices_and_no_more(root: &Root) {
    let Some(root) = daemons::with_daemons(root) else { return };
    let bed = daemons::start(product::full(&root).without_libvirtd());
    let _ = bed.exec(["sh", "-ec", "useradd alice; useradd bob"]).success();
    let before = state(&bed);
    let commands = [
        ("nmcli general reload", "org.freedesktop.NetworkManager.reload"),
        ("nmcli radio wifi off", "org.freedesktop.NetworkManager.enable-disable-wifi"),
        ("udisksctl loop-setup --file /var/tmp/image", "org.freedesktop.udisks2.loop-setup"),
        (
            if root.suite() == Suite::Forky { "pkgcli refresh" } else { "pkcon refresh force" },
            "org.freedesktop.packagekit.system-sources-refresh",
        ),
    ];
    let trace = Trace::start(&bed, "--user alice");
    for (command, action) in commands {
        let output = trace.sees("alice", command, action);
        assert!(refused(&output), "{command}: {output}");
        let _ = bed.exec_as("bob", ["sh", "-c", &format!("LC_ALL=C timeout 20 {command} </dev/null")]);
    }
    // pcscd does not run as root, but is an owner of its actions. Debian 12 builds it without polkit.
    let has_pcscd = root.suite() != Suite::Bookworm;
    let sees_the_reader = |user| bed.exec_as(user, ["opensc-tool", "--list-readers"]).stdout.contains("Virtual PCD");
    if has_pcscd {
        let _ = trace.sees("alice", "opensc-tool --list-readers", "org.debian.pcsc-lite.access_pcsc");
        assert!(!sees_the_reader("alice"));
    }
    let policy = trace.end();
    eprintln!("{}: {policy}", root.suite());
    assert!(!policy.contains("bob"), "{policy}");
    install(&bed, &policy);
    until(|| !has_pcscd || sees_the_reader("alice"));
    for (command, _) in commands {
        let run = |user| bed.exec_as(user, ["sh", "-c", &format!("LC_ALL=C timeout 20 {command} </dev/null")]);
        until(|| !refused(&run("alice")));
        assert!(refused(&run("bob")), "bob: {command}");
    }
    let other = bed.exec_as("alice", ["nmcli", "networking", "off"]);
    assert!(refused(&other), "an action that was not seen: {other}");
    // The test cases of the policy, as they are written in it.
    let cases =
        policy.lines().filter_map(|line| line.strip_prefix("# polkit-policy-gen explain")?.rsplit_once("    # "));
    let cases: Vec<(&str, &str)> = cases.collect();
    assert!(cases.len() >= 2 * commands.len(), "{policy}");
    for (arguments, expected) in cases {
        let verdict = bed.exec(["sh", "-c", &format!("polkit-policy-gen explain{arguments}")]);
        assert!(verdict.stdout.starts_with(expected), "{arguments}: {expected}: {verdict}");
    }
    remove(&bed);
    // NetworkManager writes this file when it reads its configuration again.
    let mut changed = difference(&before, &state(&bed));
    changed.retain(|line| !line.contains("/etc/resolv.conf"));
    assert_eq!(changed, [""; 0]);
}

fn a_trace_of_a_unit_grants_the_unit_where_polkit_knows_it(root: &Root) {
    let knows_unit = root.suite() != Suite::Bookworm;
    let builder = || {
        let builder = product::full(root).file("/etc/systemd/system/web.service", 0o644, SLEEP);
        builder.file("/etc/systemd/system/db.service", 0o644, SLEEP).without_libvirtd()
    };
    let beds = [Some(builder()), broker::on_broker(builder(), root)];
    for bed in beds.into_iter().flatten().map(|builder| builder.start()) {
        let _ = bed.exec(["sh", "-ec", "useradd alice; systemctl daemon-reload; systemctl start web db"]).success();
        let restart = |from: &str, unit: &str| {
            let unit_option = format!("--unit={from}");
            bed.systemd_run([
                "--uid=alice",
                &unit_option,
                "sh",
                "-c",
                &format!("systemctl --no-ask-password restart {unit}"),
            ])
        };
        let trace = Trace::start(&bed, "--unit panel --apply --yes");
        assert!(refused(&restart("other.service", "web.service")));
        until(|| {
            assert!(refused(&restart("panel.service", "web.service")));
            until(|| trace.live().contains("unit=web.service"));
            trace.live().contains("by alice in panel.service: ")
        });
        let printed = trace.end();
        eprintln!("{}: {printed}", root.suite());
        if !knows_unit {
            let enable =
                "polkit-service-agent enable panel.service --user alice --action org.freedesktop.systemd1.manage-units";
            assert!(printed.contains(enable) && printed.contains("nothing to apply"), "{printed}");
            assert!(!bed.exists("/etc/polkit-policy-gen"));
            continue;
        }
        until(|| restart("panel.service", "web.service").status.success());
        assert!(refused(&restart("panel.service", "db.service")), "another unit as the object");
        assert!(refused(&restart("other.service", "web.service")), "another unit as the subject");
        let policy = bed.read("/etc/polkit-policy-gen/policy.d/50-trace-panel.toml");
        for line in
            ["units = [\"web.service\"]", "verbs = [\"restart\"]", "users = [\"alice\"]", "unit = \"panel.service\""]
        {
            assert!(policy.lines().any(|own| own == line), "{line}: {policy}");
        }
    }
}

fn a_trace_counts_no_request_that_a_user_made_up(root: &Root) {
    let bed = healthy_full(root, FullBuilder::without_libvirtd);
    let trace = Trace::start(&bed, "--json");
    let pkcheck = "pkcheck --action-id org.freedesktop.login1.reboot --process $$";
    let _ = trace.sees("alice", &format!("sh -c '{pkcheck}'"), "org.freedesktop.login1.reboot");
    let learned = json(&trace.end());
    let left_out = learned.pointer("/left_out/0/why").and_then(Value::as_str).unwrap_or_default();
    assert!(left_out.contains("any user can make up such a request"), "{learned:#}");
    assert_eq!(learned.pointer("/grants"), Some(&Value::Array(Vec::new())), "{learned:#}");
    assert_eq!(learned.pointer("/requests/0/user").and_then(Value::as_str), Some("alice"), "{learned:#}");
    // Only root may watch.
    let output = bed.exec_as("alice", ["polkit-policy-gen", "trace"]);
    assert!(output.code() == Some(1) && output.stderr.contains("run this as root"), "{output}");
    let output = bed.exec(["sh", "-c", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere polkit-policy-gen trace"]);
    assert_eq!(output.code(), Some(3), "{output}");
}

/// polkit 0.105 reads pkla files, which name a user and no details.
fn an_action_without_details_is_granted_on_each_polkit(root: &Root) {
    let bed = healthy_full(root, |bed| bed.file("/etc/systemd/system/web.service", 0o644, SLEEP).without_libvirtd());
    let _ = bed.exec(["sh", "-ec", "systemctl daemon-reload; systemctl start web"]).success();
    let (set_zone, restart) =
        ("timedatectl --no-ask-password set-timezone UTC", "systemctl --no-ask-password restart web");
    let trace = Trace::start(&bed, "--user alice --apply --yes");
    assert!(refused(&trace.sees("alice", set_zone, "org.freedesktop.timedate1.set-timezone")));
    assert!(refused(&trace.sees("alice", restart, "org.freedesktop.systemd1.manage-units")));
    let printed = trace.end();
    until(|| bed.exec_as("alice", set_zone.split(' ')).status.success());
    let by_pkla = root.suite() == Suite::Bullseye;
    assert_eq!(printed.contains("a pkla file cannot compare details"), by_pkla, "{printed}");
    assert_eq!(bed.exec_as("alice", restart.split(' ')).status.success(), !by_pkla);
}

fn a_trace_that_is_killed_leaves_nothing_behind(root: &Root) {
    let bed = healthy_full(root, FullBuilder::without_libvirtd);
    let before = state(&bed);
    let runtime = || bed.exec(["sh", "-c", "find /run/polkit-1 /etc/polkit-1 /etc/polkit-policy-gen | sort"]).stdout;
    let files = runtime();
    let _trace = Trace::start(&bed, "--for 1h");
    assert_eq!(runtime(), files, "a trace installs nothing");
    let _ = bed.exec(["systemctl", "kill", "--signal=KILL", "tracing"]).success();
    until(|| bed.exec(["systemctl", "is-active", "tracing"]).text() != "active");
    assert_eq!((difference(&before, &state(&bed)), runtime()), (Vec::new(), files));
}

/// Why trace watches the bus and installs no rule that logs: the unit of polkitd has `--no-debug`, which closes its standard error, and
/// polkit.log writes there with Duktape (polkit 122 to 128).
fn the_log_of_a_policy_rule_reaches_no_journal(root: &Root) {
    let rule = "polkit.addRule(function(action, subject) { polkit.log(\"seen \" + action.id); return null; });\n";
    let bed: FullBed =
        product::full(root).file("/etc/polkit-1/rules.d/00-log.rules", 0o644, rule).without_libvirtd().start();
    let _ = bed.exec(["useradd", "alice"]).success();
    let asked = bed.exec_as("alice", ["sh", "-c", "pkcheck --action-id org.freedesktop.login1.reboot --process $$"]);
    assert_ne!(asked.code(), Some(0));
    let _ = bed.exec(["journalctl", "--sync"]).success();
    assert!(!bed.journal(["--boot"]).contains("seen org.freedesktop.login1.reboot"));
    // Without the option the same rule is heard.
    let _ = bed.exec(["sh", "-ec", "mkdir -p /run/systemd/system/polkit.service.d; \
        start=$(systemctl cat polkit | sed -n 's/^ExecStart=//p' | sed 's/--no-debug//'); \
        printf '[Service]\\nExecStart=\\nExecStart=%s\\n' \"$start\" > /run/systemd/system/polkit.service.d/debug.conf; \
        systemctl daemon-reload; systemctl restart polkit"]).success();
    until(|| {
        let _ = bed.exec_as("alice", ["sh", "-c", "pkcheck --action-id org.freedesktop.login1.reboot --process $$"]);
        let _ = bed.exec(["journalctl", "--sync"]);
        bed.journal(["--boot"]).contains("seen org.freedesktop.login1.reboot")
    });
}
