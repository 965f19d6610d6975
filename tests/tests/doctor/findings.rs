//! The doctor names the cause, in beds that are broken in one way, and nothing in those that are not; what it says without rights,
//! without polkitd, of an error alone; and what it refuses to do. Beds that it puts right are in `follow`.

use polkit_tests::doctor::{MANAGE, RULES, doctor as ask, healthy, healthy_full, look, look_as, sh, virsh};
use polkit_tests::light::LightBuilder;
use polkit_tests::{LightBed, Root, Suite, on_each_suite, require};

on_each_suite! {
    a_healthy_bed_gives_no_finding
    a_polkitd_that_cannot_be_asked_is_named
    a_shipped_policy_file_that_was_edited_is_named
    a_client_connects_where_its_environment_and_its_user_s_file_say
    a_call_without_authentication_is_told_so
}

const BUS_STARTS_POLKITD: &str = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";

fn with_pkla(builder: LightBuilder) -> LightBuilder {
    builder.with_pkla()
}

fn plain(builder: LightBuilder) -> LightBuilder {
    builder
}

#[track_caller]
fn nothing(bed: &LightBed, user: &str, arguments: &[&str]) {
    let found = look_as(bed, user, arguments);
    assert_eq!((found.exit, found.codes().len()), (0, 0), "{user} {arguments:?}: {:#}", found.json);
}

/// The first finding, and that there is one.
#[track_caller]
fn first(bed: &LightBed, code: &str, arguments: &[&str]) {
    let found = look(bed, arguments);
    assert_eq!((found.exit, found.codes().first().copied()), (1, Some(code)), "{arguments:?}: {:#}", found.json);
}

fn a_healthy_bed_gives_no_finding(root: &Root) {
    let bed = healthy(root, with_pkla);
    nothing(&bed, "root", &[]);
    nothing(&bed, "root", &["--user", "carol"]);
    nothing(&bed, "root", &["--user", "alice", "--action", "org.libvirt.unix.monitor"]);
    // Another user has no right to look everywhere.
    let seen = look_as(&bed, "carol", &[]);
    assert_eq!((seen.exit, seen.codes().len()), (3, 0), "{:#}", seen.json);
    nothing(&bed, "carol", &["--action", MANAGE]);
    first(&bed, "not-in-group", &["--user", "alice"]);
    // Without the engine, nothing follows from the rules.
    sh(&bed, "mv /usr/libexec/polkit-policy-gen-js /tmp/js 2>/dev/null || true");
    if bed.exists("/tmp/js") {
        let found = look(&bed, &["--user", "alice"]);
        assert_eq!((found.codes(), found.first_fix()), (vec!["rules-not-run"], None), "{:#}", found.json);
        sh(&bed, "mv /tmp/js /usr/libexec/polkit-policy-gen-js");
    }
    // A daemon that authenticates by SASL does not ask polkit.
    sh(&bed, "echo 'auth_unix_rw = \"sasl\"' >> /etc/libvirt/libvirtd.conf");
    let found = look(&bed, &["--user", "alice"]);
    assert_eq!((found.codes(), found.first_fix()), (vec!["sasl-not-polkit"], None), "{:#}", found.json);
    sh(&bed, "sed -i '/\"sasl\"/d' /etc/libvirt/libvirtd.conf");
    // Without libvirt, too.
    sh(&bed, "rm -rf /usr/sbin/libvirtd /lib/systemd/system/libvirtd* /usr/lib/systemd/system/libvirtd*");
    nothing(&bed, "root", &[]);
}

#[test]
fn a_healthy_host_with_systemd_gives_no_finding() {
    for suite in Suite::ALL {
        let Some(root) = require(suite) else { continue };
        let bed = healthy_full(&root, |builder| builder);
        for arguments in [&[][..], &["--user", "carol"], &["--unit", "libvirtd"]] {
            let found = look(&bed, arguments);
            assert_eq!((found.exit, found.codes().len()), (0, 0), "{suite} {arguments:?}: {:#}", found.json);
        }
        let found = look(&bed, &["--unit", "apache2.service", "--action", MANAGE]);
        assert_eq!(found.codes(), ["not-in-group"], "{suite}: {:#}", found.json);
        // Apache has loaded PHP's libvirt module, which is a sign of libvirt. Debian 14 has no such module.
        let found = look(&bed, &["--unit", "apache2.service"]);
        let code = if suite == Suite::Forky { "action-unknown" } else { "not-in-group" };
        assert_eq!(found.codes(), [code], "{suite}: {:#}", found.json);
        assert_eq!(
            found.json.to_string().contains("it has loaded"),
            suite != Suite::Forky,
            "{suite}: {:#}",
            found.json
        );
        // Nothing about another unit speaks of libvirt, or of another service.
        bed.write(
            "/run/systemd/system/deployer.service",
            0o644,
            "[Service]\nType=exec\nUser=bob\nExecStart=/bin/sleep 1000\n",
        );
        sh(&bed, "systemctl daemon-reload; systemctl start deployer");
        let found = look(&bed, &["--unit", "deployer"]);
        assert_eq!(found.codes(), ["action-unknown"], "{suite}: {:#}", found.json);
        // libvirtd refuses a client of the unit.
        assert!(!virsh(&bed, "bob"));
        sh(&bed, "journalctl --sync");
        let found = look(&bed, &["--unit", "deployer"]);
        assert_eq!(found.codes(), ["not-in-group"], "{suite}: {:#}", found.json);
    }
}

fn a_polkitd_that_cannot_be_asked_is_named(root: &Root) {
    let bed = healthy(root, |builder| builder.without(BUS_STARTS_POLKITD));
    bed.stop_polkitd();
    first(&bed, "polkitd-not-running", &[]);
    first(&bed, "polkitd-not-running", &["--user", "carol"]);
    sh(&bed, "rm -f /usr/lib/polkit-1/polkitd /usr/libexec/polkitd /usr/lib/policykit-1/polkitd");
    first(&bed, "polkitd-not-installed", &[]);
    bed.write("/.dockerenv", 0o644, "");
    first(&bed, "container", &[]);
    sh(&bed, "kill $(pidof dbus-daemon); rm -f /run/dbus/system_bus_socket");
    first(&bed, "container", &["--user", "carol"]);
    bed.remove("/.dockerenv");
    first(&bed, "no-bus", &[]);
}

fn a_shipped_policy_file_that_was_edited_is_named(root: &Root) {
    let bed = healthy(root, plain);
    sh(&bed, "sed -i s/auth_admin_keep/yes/ /usr/share/polkit-1/actions/org.libvirt.unix.policy; sleep 0.1");
    first(&bed, "policy-edited", &[]);
}

/// What the doctor rests on: of virsh(1) itself.
fn a_client_connects_where_its_environment_and_its_user_s_file_say(root: &Root) {
    let bed = healthy(root, plain);
    let uri = |user: &str, variables: &str| {
        let output = bed.exec_as(user, ["sh", "-c", &format!("{variables} timeout 15 virsh -q uri")]);
        output.stdout.trim().to_owned() + output.stderr.trim()
    };
    let (system, session) = ("qemu:///system", "qemu:///session");
    let file = |directory: &str, uri: &str| {
        let script =
            format!("mkdir -p {directory}/libvirt; echo 'uri_default = \"{uri}\"' > {directory}/libvirt/libvirt.conf");
        sh(&bed, &script);
    };
    assert_eq!(uri("carol", ""), session);
    file("/etc", system);
    assert_eq!(uri("carol", ""), session, "a user's client does not read the host's");
    file("/home/carol/.config", system);
    file("/home/carol/other", "qemu+tcp://localhost/system");
    assert_eq!(uri("carol", ""), system);
    assert_eq!(uri("carol", "LIBVIRT_DEFAULT_URI="), system);
    assert_eq!(uri("carol", "LIBVIRT_DEFAULT_URI=qemu:///session"), session);
    assert_eq!(uri("carol", "VIRSH_DEFAULT_CONNECT_URI=qemu:///session LIBVIRT_DEFAULT_URI=qemu:///system"), session);
    let elsewhere = uri("carol", "XDG_CONFIG_HOME=/home/carol/other");
    assert!(elsewhere.contains("'localhost:16509'"), "{elsewhere}");
    file("/etc", "qemu+tcp://localhost/system");
    let elsewhere = uri("root", "");
    assert!(elsewhere.contains("'localhost:16509'"), "{elsewhere}");
    sh(&bed, "install -d -m 0700 /run/user /run/user/0; chmod 0755 /run/user; rm -r /home/carol/.config");
    let refused = uri("carol", "XDG_RUNTIME_DIR=/run/user/0");
    assert!(refused.contains("'/run/user/0/libvirt': Permission denied"), "{refused}");
}

/// virConnectOpen's first call, by hand.
fn a_call_without_authentication_is_told_so(root: &Root) {
    let bed = healthy(root, plain);
    let script = r#"use strict; use IO::Socket::UNIX;
        my $socket = IO::Socket::UNIX->new(Peer => "/run/libvirt/libvirt-sock") or die $!;
        my $uri = "qemu:///system";
        my $body = pack("NN", 1, length $uri) . $uri . "\0" x (-length($uri) % 4) . pack("N", 0);
        my $call = pack("NNNNNN", 0x20008086, 1, 1, 0, 1, 0) . $body;
        print $socket pack("N", 4 + length $call) . $call; $socket->flush;
        sysread($socket, my $reply, 4096); print join("\n", $reply =~ /([ -~]{8,})/g), "\n";"#;
    let said = bed.exec_as("carol", ["perl", "-e", script]).success();
    let line = said.stdout.lines().find(|line| line.contains("authentication")).unwrap_or_default();
    assert_eq!(line, "authentication required", "{said}");
    first(&bed, "client-without-polkit", &["--error", line]);
}

#[test]
fn an_error_leads_to_its_class_for_every_user() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    let socket = |path: &str, errno: &str| format!("error: Failed to connect socket to '{path}': {errno}");
    for (text, code) in [
        (socket("/run/user/1000/libvirt/virtqemud-sock", "No such file or directory"), "session-not-system"),
        (socket("/var/run/libvirt/virtqemud-sock", "No such file or directory"), "other-daemon"),
        ("error: internal error: No UNIX process ID available".to_owned(), "remote-client"),
        ("error: authentication cancelled: user cancelled authentication process".to_owned(), "dismissed"),
        ("error: access denied: 'QEMU' denied access".to_owned(), "acl-refuses"),
        (format!("no polkit agent available to authenticate action '{MANAGE}'"), "must-authenticate"),
        (format!("ein Agent fehlt: „{MANAGE}“"), "must-authenticate"),
    ] {
        first(&bed, code, &["--error", &text]);
    }
    // What is well now is said to be so.
    let old = format!("no polkit agent available to authenticate action '{MANAGE}'");
    nothing(&bed, "root", &["--user", "carol", "--error", &old]);
    // A denial counts on the day that it happens.
    let denial = "comm=\"apache2\" name=\"libvirt-sock\" scontext=system_u:system_r:httpd_t:s0";
    let line = format!("echo 'type=AVC msg=audit('$(date +%s)'.1:2): avc:  denied  {{ write }} for {denial}'");
    sh(&bed, &format!("mkdir -p /var/log/audit; {line} > /var/log/audit/audit.log"));
    first(&bed, "mac-denied", &[]);
    sh(&bed, "sed -i 's/audit([0-9]*/audit(1700000000/' /var/log/audit/audit.log");
    nothing(&bed, "root", &[]);
}

#[test]
fn what_a_text_or_a_name_holds_does_not_reach_the_terminal() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    let text = format!("\u{1b}[2J\u{202e} no polkit agent available to authenticate action '{MANAGE}' \u{7}");
    bed.write(format!("{RULES}/50-\u{1b}[31m.rules"), 0o600, "x");
    let output = ask(&bed, &["--user", "alice", "--error", &text]);
    assert!(output.stdout.contains("\\x1b[2J\\u{202e}") && output.stdout.contains("50-\\x1b[31m"), "{output}");
    assert!(!output.all().contains(['\u{1b}', '\u{202e}', '\u{7}']), "{output}");
}

#[test]
fn what_a_process_has_around_it_is_neither_believed_nor_waited_for() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    sh(&bed, "usermod -aG libvirt alice; install -d -o alice -g alice /home/alice/.config /home/alice/.config/libvirt");
    sh(&bed, "mkfifo -m 0666 /home/alice/.config/libvirt/libvirt.conf");
    let sleeper = |uri: &str| bed.spawn_as("alice", ["env", uri, "sleep", "1000"]);
    let quiet = sleeper("X=Y");
    let of_quiet = quiet.pid().to_string();
    nothing(&bed, "root", &["--pid", &of_quiet, "--action", MANAGE]);
    first(&bed, "action-unknown", &["--pid", &of_quiet]);
    let hostile = sleeper("LIBVIRT_DEFAULT_URI=qemu://\u{1b}[2J\u{202e}/session");
    let output = ask(&bed, &["--pid", &hostile.pid().to_string()]);
    assert!(output.stdout.contains("session-not-system") && output.stdout.contains("\\x1b[2J"), "{output}");
    assert!(!output.all().contains(['\u{1b}', '\u{202e}']), "{output}");
    // A file of the user's counts where no variable is set, and only for him.
    sh(
        &bed,
        "cd /home/alice/.config/libvirt; rm libvirt.conf; echo 'uri_default = \"qemu+tls://h/system\"' > libvirt.conf",
    );
    first(&bed, "remote-client", &["--pid", &quiet.pid().to_string()]);
}

#[test]
fn a_service_of_a_users_own_manager_is_not_the_systems() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy_full(&root, |builder| builder);
    sh(&bed, "systemctl start user@3001.service");
    let started = [
        "env",
        "XDG_RUNTIME_DIR=/run/user/3001",
        "systemd-run",
        "--user",
        "--slice=system.slice",
        "--unit=apache2.service",
        "sleep",
        "1000",
    ];
    let _ = bed.exec_as("alice", started).success();
    let _ = bed.exec(["systemd-run", "--unit=web.service", "--property=User=alice", "sleep", "1000"]).success();
    let pid = |command: &str| {
        let shown = bed.exec(["sh", "-c", command]).success();
        shown.text().to_owned()
    };
    let of_user = pid(
        "cat /sys/fs/cgroup/user.slice/user-3001.slice/user@3001.service/system.slice/apache2.service/cgroup.procs",
    );
    let of_system = pid("systemctl show --property=MainPID --value web.service");
    let advice = |pid: &str| ask(&bed, &["--pid", pid, "--action", MANAGE]).all();
    assert!(advice(&of_system).contains("web.service"), "{}", advice(&of_system));
    assert!(!advice(&of_user).contains("apache2"), "{}", advice(&of_user));
}

#[test]
fn without_rights_it_says_what_it_could_not_see() {
    for suite in [Suite::Bookworm, Suite::Forky] {
        let Some(root) = require(suite) else { continue };
        let bed = healthy(&root, plain);
        let found = look_as(&bed, "alice", &["--action", MANAGE]);
        // A rule in what only polkitd may read can be about alice: that membership would be enough is not known.
        assert_eq!((found.exit, found.codes()[0]), (1, "must-authenticate"), "{suite}: {:#}", found.json);
        assert!(!found.json["unseen"].as_array().unwrap().is_empty());
    }
}

#[test]
fn nothing_is_changed_without_a_yes_or_a_right_to_it() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    let state = || {
        let script =
            "find /etc -type f -exec sha256sum {} +; find /etc /var/lib ! -path '/*/libvirt/*' -printf '%p %m\n'";
        bed.exec(["sh", "-c", script]).stdout
    };
    let before = state();
    for (arguments, code, said) in [
        (&["--fix", "join-group"][..], 1, "use --yes"),
        (&["--fix", "open-read-only", "--yes"], 1, "must be done by hand"),
        (&["--fix", "no-such", "--yes"], 2, "the fixes are: "),
        (&["--yes"], 2, "--fix"),
        (&["--fix", "join-group", "--json"], 2, "--json"),
    ] {
        let output = ask(&bed, &[&["--user", "www-data"], arguments].concat());
        assert!(output.code() == Some(code) && output.all().contains(said), "{output}");
    }
    for arguments in [&["--user", "no-such-user"][..], &["--pid", "999999"], &["--unit", "no-such.service"]] {
        assert_eq!(ask(&bed, arguments).code(), Some(3), "{arguments:?}");
    }
    let words = ["polkit-policy-gen", "doctor", "--action", MANAGE, "--fix", "grant-user", "--yes"];
    let refused = bed.exec_as("bob", words);
    assert!(refused.code() == Some(1) && refused.stderr.contains("as root"), "{refused}");
    assert_eq!(state(), before);
    // The membership is what it says, and is taken back by what it says.
    let joined = ask(&bed, &["--user", "www-data", "--fix", "join-group", "--yes"]);
    assert!(joined.code() == Some(0) && joined.stdout.contains("fixed: not-in-group is gone"), "{joined}");
    sh(&bed, "gpasswd --delete www-data libvirt");
    assert_eq!(look(&bed, &["--user", "www-data"]).codes(), ["not-in-group"]);
}

#[test]
fn a_policy_that_waits_to_be_installed_is_not_installed_by_the_way() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    let policy = "[[grant]]\nactions = ['org.libvirt.unix.manage']\nusers = ['alice']\nresult = 'yes'\n";
    bed.write("/etc/polkit-policy-gen/policy.toml", 0o644, policy);
    let refused = ask(&bed, &["--user", "www-data", "--fix", "grant-user", "--yes"]);
    assert!(refused.code() == Some(1) && refused.stderr.contains("has changes that are not installed"), "{refused}");
    assert!(
        !bed.exists("/etc/polkit-policy-gen/policy.d") && !bed.exists(format!("{RULES}/45-polkit-policy-gen.rules"))
    );
}

#[test]
fn a_service_that_complained_in_the_journal_is_named() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy_full(&root, |builder| builder);
    bed.write("/root/panel.sh", 0o755, "#!/bin/sh\nvirsh -q -c qemu:///system list\nsleep 0.5\n");
    sh(
        &bed,
        "cp /root/panel.sh /usr/local/bin/panel; systemd-run --quiet --unit=panel -p User=www-data --wait /usr/local/bin/panel",
    );
    sh(&bed, "systemd-run --quiet --unit=fine -p User=carol --wait /usr/local/bin/panel; journalctl --sync");
    let found = look(&bed, &[]);
    assert_eq!(found.codes(), ["refused-lately"], "{:#}", found.json);
    let text = found.json.to_string();
    assert!(text.contains("panel.service") && !text.contains("fine.service"), "{text}");
    sh(&bed, "usermod -aG libvirt www-data");
    // libvirtd's journal has the refusal, and not the client.
    let found = look(&bed, &[]);
    assert_eq!(found.codes(), ["refused-by-libvirt"], "{:#}", found.json);
    let cause = &found.json["findings"][0]["cause"];
    assert!(
        cause.as_str().unwrap().starts_with("libvirt refused one request in the last hour (the last at 2"),
        "{cause}"
    );
}

#[test]
fn fifty_more_files_of_rules_change_no_finding() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, plain);
    let questions = [&[][..], &["--user", "www-data"]];
    let found = || questions.map(|arguments| look(&bed, arguments)).map(|found| (found.exit, found.codes().join(" ")));
    let before = found();
    for number in 0..50 {
        let rule = format!(
            "polkit.addRule(function (action, subject) {{ if (action.id == 'org.x.y{number}') {{ return 'no'; }} }});\n"
        );
        bed.write(format!("{RULES}/7{number}-x.rules"), 0o644, rule);
    }
    assert_eq!(found(), before);
    assert_eq!(before, [(0, String::new()), (1, "not-in-group".to_owned())]);
}
