//! The hook: a rule that policy-gen writes asks the agent, and nothing is registered.

use polkit_tests::agent;
use polkit_tests::{FullBed, Output, Polkit, Root, Suite, on_each_suite_with_rules, product};

use polkit_tests::agent::{NO_AGENT, in_unit, journal, page, start_agent};
use polkit_tests::policy_gen::rows;
use polkit_tests::polkit::{Verdict, subject};

on_each_suite_with_rules! {
    the_hook_works_inside_the_sandbox_of_polkit
    a_unit_that_the_hook_does_not_serve_is_as_before
    polkit_goes_on_in_every_state_of_the_daemon
    a_daemon_that_answers_garbage_or_nothing_is_not_handled
    the_agent_is_told_the_unit_and_the_verb
    letters_beyond_ffff_reach_the_agent_as_they_are
    who_is_entitled_by_others_keeps_his_verdict
    a_refusing_hook_is_a_fence_with_and_without_the_daemon
}

const CONFIG: &str = r#"
[[serve]]
unit = "apache2.service"
way = "hook"

[[serve]]
unit = "web-*.service"
way = "hook"

[[rule]]
id = "web-panel"
action = "org.libvirt.unix.manage"
unit = "apache2.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "web-test"
action = "org.libvirt.unix.manage"
unit = "web-test.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "web-closed"
action = "org.libvirt.unix.manage"
unit = "web-closed.service"
answer = "deny"

[[rule]]
id = "restart-x"
action = "org.freedesktop.systemd1.manage-units"
unit = "web-*.service"
user = "www-data"
details = { unit = "x.service", verb = "restart" }
root_equivalent = true
answer = "allow"

[[rule]]
id = "smile"
action = "org.freedesktop.systemd1.manage-units"
unit = "web-*.service"
user = "www-data"
details = { unit = "😀\U0010FFFFö.service", "k\u00f6ln" = "\u20ac \"'\\" }
root_equivalent = true
answer = "allow"
"#;

const POLICY: &str = r#"
[[hook]]
actions = ["org.libvirt.unix.manage"]

[[hook]]
actions = ["org.freedesktop.systemd1.manage-units"]
details = ["k\u00f6ln"]
"#;

const POLICY_FILE: &str = "/etc/polkit-policy-gen/policy.toml";
const SOCKET: &str = "/run/polkit-service-agent/hook.sock";
const MANAGE: &str = "org.libvirt.unix.manage";
const MANAGE_UNITS: &str = "org.freedesktop.systemd1.manage-units";
const WWW_DATA: u32 = 33;

/// The hook ends within two seconds in every case, as its manual says.
const CONTRACT: f64 = 2.0;

fn bed(root: &Root) -> FullBed {
    let bed = product::full(root)
        .file(product::PAGE_FILE, 0o644, product::PAGE)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/etc/systemd/system/x.service", 0o644, "[Service]\nExecStart=sleep infinity\n")
        .file("/etc/systemd/system/y.service", 0o644, "[Service]\nExecStart=sleep infinity\n")
        .start();
    let _ = install(&bed, POLICY);
    bed
}

fn install(bed: &FullBed, policy: &str) -> Output {
    bed.write(POLICY_FILE, 0o644, policy);
    bed.exec(["polkit-policy-gen", "install"]).success()
}

/// polkit's verdict on a process of that user, which belongs to no unit.
fn verdict(bed: &FullBed, user: &str, uid: u32, action: &str) -> Verdict {
    let process = bed.spawn_as(user, ["sleep", "1000"]);
    Polkit::of(bed).check(&subject(bed, process.pid(), uid), action)
}

/// Waits until a run of the hook keeps to its [`CONTRACT`]: under load the kernel may start or continue a program late, but not
/// each time. Every run must succeed and print nothing.
fn until_the_hook_is_in_time(bed: &FullBed, what: &str) {
    const MEASURE: &str = "use Time::HiRes; my $began = Time::HiRes::time; system @ARGV; \
                           die $? if $?; printf qq(%.3f\n), Time::HiRes::time - $began";
    let process = bed.spawn_as("www-data", ["sleep", "1000"]);
    let pid = process.pid().to_string();
    agent::until(|| {
        let hook = ["/usr/libexec/polkit-service-agent-hook", &pid, "www-data", MANAGE];
        let output = bed.exec_as("polkitd", [&["perl", "-e", MEASURE][..], &hook].concat()).success();
        let took: f64 = output.text().parse().unwrap_or_else(|_| panic!("{what}: the hook has printed: {output}"));
        took <= CONTRACT
    });
}

fn the_hook_works_inside_the_sandbox_of_polkit(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    if root.suite() != Suite::Forky {
        assert_eq!(page(&bed), "domain: test");
    }
    let allowed = in_unit(&bed, "web-test.service");
    assert!(
        allowed.contains("running"),
        "{allowed}\n{}\n{}",
        bed.journal(["--unit=polkit-service-agent", "--output=cat"]),
        bed.journal(["--unit=polkit", "--output=cat"])
    );
    let records = journal(&bed);
    assert!(records.contains("\"POLKIT_AGENT_WAY\":\"hook\""), "{records}");
    assert!(!records.contains("\"POLKIT_AGENT_WAY\":\"challenge\""), "{records}");
    let refused = in_unit(&bed, "web-closed.service");
    assert!(refused.contains("access denied by policy"), "{refused}");
    let socket = bed.exec(["stat", "--format=%U %a", SOCKET]).success();
    assert_eq!(socket.text(), "polkitd 600");
    let removed = bed.exec(["polkit-policy-gen", "remove"]).success();
    assert!(removed.stdout.contains("removed /etc/polkit-1/rules.d/44-polkit-policy-gen-hook.rules"), "{removed}");
    agent::until(|| in_unit(&bed, "web-test.service").contains(NO_AGENT));
}

fn a_unit_that_the_hook_does_not_serve_is_as_before(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    let other = in_unit(&bed, "strange.service");
    assert!(other.contains(NO_AGENT), "{other}");
    let unmatched = in_unit(&bed, "web-other.service");
    assert!(unmatched.contains(NO_AGENT), "{unmatched}");
    let records = journal(&bed);
    assert!(!records.contains("strange.service"), "a stranger has a record: {records}");
    assert!(records.contains("web-other.service"), "a served unit has none: {records}");
}

fn polkit_goes_on_in_every_state_of_the_daemon(root: &Root) {
    let bed = bed(root);
    let stopped = in_unit(&bed, "web-test.service");
    assert!(stopped.contains(NO_AGENT), "{stopped}");
    start_agent(&bed);
    let _ = bed.exec(["systemctl", "kill", "--signal=STOP", "polkit-service-agent"]).success();
    assert_eq!(verdict(&bed, "www-data", WWW_DATA, MANAGE), Verdict::NoAgent);
    until_the_hook_is_in_time(&bed, "a stopped daemon");
    let hanging = in_unit(&bed, "web-test.service");
    assert!(hanging.contains(NO_AGENT), "{hanging}");
    let _ = bed.exec(["systemctl", "kill", "--signal=CONT", "polkit-service-agent"]).success();
    agent::until(|| in_unit(&bed, "web-test.service").contains("running"));
    // A program that is missing or cannot be run is an exception in the rule, and refuses no user.
    let _ = bed.exec(["chmod", "0600", "/usr/libexec/polkit-service-agent-hook"]).success();
    assert!(in_unit(&bed, "web-test.service").contains(NO_AGENT));
    bed.remove("/usr/libexec/polkit-service-agent-hook");
    assert!(in_unit(&bed, "web-test.service").contains(NO_AGENT));
}

/// A daemon that does as the first argument says: what it sends, without an end if it begins with a star; or that sends a letter
/// now and then; or that accepts and says nothing; or whose backlog is full. It says `ready`.
const FAKE_DAEMON: &str = r#"
use IO::Socket::UNIX;
my $path = '/run/polkit-service-agent/hook.sock';
unlink $path;
my $does = shift;
my $listener = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => $does eq 'full' ? 1 : 16) or die $!;
chown((getpwnam 'polkitd')[2], 0, $path);
chmod 0600, $path;
$| = 1;
if ($does eq 'full') {
    while (my $waiting = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path, Blocking => 0)) { push @all, $waiting }
}
$SIG{PIPE} = 'IGNORE';
print "ready\n";
sleep 1000 if $does eq 'full';
while (my $client = $listener->accept) {
    if ($does eq 'silent') { push @all, $client; next }
    if ($does eq 'drip') { syswrite($client, 'y'), select(undef, undef, undef, 0.5) for 1 .. 7; next }
    1 while sysread $client, my $question, 4096;
    my $word = $does =~ s/^\*//r;
    do { $sent = syswrite $client, $word } while ($sent && $does =~ /^\*/);
    close $client;
}
"#;

fn a_daemon_that_answers_garbage_or_nothing_is_not_handled(root: &Root) {
    let bed = bed(root);
    bed.write("/root/daemon.pl", 0o644, FAKE_DAEMON);
    let _ = bed.exec(["mkdir", "-p", "/run/polkit-service-agent"]).success();
    // The replies of this daemon are heard at all.
    for (word, expected) in [("yes\n", Verdict::Yes), ("no\n", Verdict::No)] {
        let mut daemon = bed.spawn_as("root", ["perl", "/root/daemon.pl", word]);
        assert_eq!(daemon.line(), "ready", "{}", daemon.stderr());
        assert_eq!(verdict(&bed, "www-data", WWW_DATA, MANAGE), expected);
    }
    let garbage = [
        "yes",
        "YES\n",
        "yes\nyes\n",
        "yes\n\n",
        "\u{fffd}\u{1}",
        "maybe\n",
        "*yes\n",
        "*\u{1}",
        "drip",
        "silent",
        "full",
    ];
    for does in garbage {
        let mut daemon = bed.spawn_as("root", ["perl", "/root/daemon.pl", does]);
        assert_eq!(daemon.line(), "ready", "{}", daemon.stderr());
        assert_eq!(verdict(&bed, "www-data", WWW_DATA, MANAGE), Verdict::NoAgent, "{does:?}");
        until_the_hook_is_in_time(&bed, does);
        // No other check is disturbed.
        assert_eq!(verdict(&bed, "www-data", WWW_DATA, "org.libvirt.unix.monitor"), Verdict::Yes, "{does:?}");
    }
}

fn the_agent_is_told_the_unit_and_the_verb(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    let _ = bed.exec(["systemctl", "start", "x.service", "y.service"]).success();
    let pid = |unit: &str| bed.exec(["systemctl", "show", "--property=MainPID", "--value", unit]).text().to_owned();
    let in_unit = |unit: &str, verb: &str, what: &str| {
        let unit = format!("--unit={unit}");
        let arguments = [&unit, "--property=User=www-data", "systemctl", "--no-ask-password", verb, what];
        bed.systemd_run(arguments)
    };
    let (before, other) = (pid("x.service"), pid("y.service"));
    let allowed = in_unit("web-deploy.service", "restart", "x.service");
    assert!(allowed.status.success(), "{allowed}\n{}", journal(&bed));
    assert_ne!(pid("x.service"), before);
    for (unit, verb, what) in [
        ("web-deploy.service", "restart", "y.service"),
        ("web-deploy.service", "stop", "x.service"),
        ("strange.service", "restart", "x.service"),
    ] {
        let refused = in_unit(unit, verb, what).failure();
        let wants = ["Interactive authentication required", "requires interactive authentication"];
        assert!(wants.iter().any(|words| refused.stderr.contains(words)), "{refused}");
    }
    assert_eq!(pid("y.service"), other);
    let records = journal(&bed);
    assert!(records.contains("\"POLKIT_AGENT_RULE\":\"restart-x\""), "{records}");
}

fn letters_beyond_ffff_reach_the_agent_as_they_are(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    let mut process = bed.spawn_as("www-data", ["sh", "-c", "read go; exec sleep 1000"]);
    bed.move_to_cgroup(process.pid(), "system.slice/web-letters.service");
    process.say("go");
    let started = bed.start_time(process.pid()).unwrap();
    let subject = format!("{},{started},{WWW_DATA}", process.pid());
    let check = |unit: &str, other: &str| {
        let details = ["--detail", "unit", unit, "--detail", "k\u{f6}ln", other, "--detail", "unnamed", "x"];
        let subject = ["pkcheck", "--action-id", MANAGE_UNITS, "--process", &subject];
        bed.exec([&subject[..], &details].concat())
    };
    let (unit, other) = ("\u{1f600}\u{10ffff}\u{f6}.service", "\u{20ac} \"'\\");
    let allowed = check(unit, other);
    assert_eq!(allowed.code(), Some(0), "{allowed}\n{}", journal(&bed));
    for (unit, other) in [("\u{1f601}\u{10ffff}\u{f6}.service", other), (unit, "\u{20ac}"), ("", "")] {
        let refused = check(unit, other);
        assert_eq!(refused.code(), Some(2), "{refused}");
    }
    // More than the hook takes.
    let long = check(&"a".repeat(100_000), other);
    assert_eq!(long.code(), Some(2), "{}", long.stderr);
}

fn who_is_entitled_by_others_keeps_his_verdict(root: &Root) {
    const REBOOT: &str = "org.freedesktop.login1.reboot";
    let bed = bed(root);
    let _ = bed.exec(["useradd", "--uid=3001", "--groups=libvirt", "anna"]).success();
    let _ = bed.exec(["useradd", "--uid=3002", "otto"]).success();
    bed.write(
        "/usr/local/bin/may-reboot",
        0o755,
        format!("#!/bin/sh\nexec pkcheck --action-id {REBOOT} --process $$\n"),
    );
    // At the seat one may reboot, elsewhere one may not.
    let at_the_seat = || {
        let seat =
            ["XDG_SEAT=seat0", "XDG_SESSION_TYPE=x11", "XDG_SESSION_CLASS=user"].map(|set| format!("--setenv={set}"));
        let session = ["--property=PAMName=login", "--property=User=otto"].map(str::to_owned);
        bed.systemd_run([&session[..], &seat, &["/usr/local/bin/may-reboot".to_owned()]].concat()).code()
    };
    let actions = [MANAGE, "org.libvirt.unix.monitor", MANAGE_UNITS, REBOOT];
    let all = || -> (Vec<Verdict>, Option<i32>) {
        let users = [("anna", 3001), ("otto", 3002)];
        let verdicts = users.iter().flat_map(|(user, uid)| actions.map(|action| verdict(&bed, user, *uid, action)));
        (verdicts.collect(), at_the_seat())
    };
    let _ = bed.exec(["polkit-policy-gen", "remove"]).success();
    agent::until(|| in_unit(&bed, "web-closed.service").contains(NO_AGENT));
    let before = all();
    assert_eq!(before.0[..2], [Verdict::Yes, Verdict::Yes]);
    assert_eq!((before.0[7], before.1), (Verdict::NoAgent, Some(0)));
    let _ = install(&bed, &format!("{POLICY}[[hook]]\nactions = ['org.libvirt.unix.monitor', '{REBOOT}']\n"));
    assert_eq!(all(), before, "without the daemon");
    start_agent(&bed);
    agent::until(|| in_unit(&bed, "web-closed.service").contains("access denied by policy"));
    assert_eq!(all(), before, "with the daemon");
    let records = journal(&bed);
    let of = |user: &str| records.contains(&format!("\"POLKIT_AGENT_USER\":\"{user}\""));
    assert!(of("www-data") && !of("anna") && !of("otto"), "{records}");
}

fn a_refusing_hook_is_a_fence_with_and_without_the_daemon(root: &Root) {
    let bed = bed(root);
    let _ = bed.exec(["useradd", "--uid=3001", "--groups=libvirt", "anna"]).success();
    let installed = install(&bed, "[[hook]]\nactions = ['org.libvirt.unix.manage']\non_failure = 'no'\n");
    assert!(installed.stderr.contains("`hook 1` refuses its actions to every user except root"), "{installed}");
    assert_eq!(rows(&installed.stdout), [format!("hook 1: {MANAGE} nobody the agent, else no no")]);
    let denied = |unit: &str| in_unit(&bed, unit).contains("access denied by policy");
    let fenced = |when: &str| {
        assert!(denied("strange.service") && denied("web-closed.service") && denied("web-other.service"), "{when}");
        assert_eq!(verdict(&bed, "anna", 3001, MANAGE), Verdict::No, "{when}");
        assert_eq!(verdict(&bed, "anna", 3001, "org.libvirt.unix.monitor"), Verdict::Yes, "{when}");
        assert_eq!(verdict(&bed, "anna", 3001, MANAGE_UNITS), Verdict::NoAgent, "{when}");
        let root = bed.exec(["virsh", "-c", product::TEST_URI, "list"]);
        assert!(root.stdout.contains("running"), "{when}: {root}");
    };
    fenced("before the daemon's start");
    assert!(denied("web-test.service"));
    start_agent(&bed);
    assert!(in_unit(&bed, "web-test.service").contains("running"));
    fenced("with the daemon");
    let _ = bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
    assert!(denied("web-test.service"));
    fenced("after the daemon's end");
    bed.remove("/usr/libexec/polkit-service-agent-hook");
    assert!(denied("web-test.service"));
    fenced("without the program");
}
