//! What `[[grant]]` and `[[systemd]]` say beyond users and groups, on real polkits and a real systemd; and that the mistakes of
//! other generators are not made.

use polkit_tests::agent::until;
use polkit_tests::policy_gen;
use polkit_tests::policy_gen::{POLICY, RUN, STOP, append, bed, install, policy_gen as run, rows, verdict, verdicts};
use polkit_tests::polkit::Verdict::{NoAgent, Yes};
use polkit_tests::polkit::subject;
use polkit_tests::{
    FullBed, LightBed, Polkit, Root, Script, StandIn, Suite, on_each_suite_with_rules, program, require,
};

on_each_suite_with_rules! {
    a_user_restarts_the_units_that_he_is_granted_and_no_others
    the_right_to_start_a_pattern_of_units_makes_a_new_unit_where_systemd_tells_the_name
    after_installing_polkitd_is_asked_with_details_netgroups_and_patterns
    the_mistakes_of_other_generators_are_not_made
    a_refusal_with_details_does_not_end_a_kept_authorization
}

/// Tells the details of what systemd asks about, and leaves the answer to others.
const WATCH: &str = r#"polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.freedesktop.systemd1.") === 0) {
        polkit.log("SAW " + action.id + " " + action.lookup("unit") + " " + action.lookup("verb") + ".");
    }
    return null;
});
"#;
const UNIT: &str =
    "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

fn a_user_restarts_the_units_that_he_is_granted_and_no_others(root: &Root) {
    let bed = FullBed::on(root)
        .without_libvirtd()
        .file("/etc/polkit-1/rules.d/10-watch.rules", 0o644, WATCH)
        .file("/etc/systemd/system/web.service", 0o644, UNIT)
        .file("/etc/systemd/system/app@.service", 0o644, UNIT)
        .start();
    bed.copy_in(program("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    let _ = bed.exec(["ln", "-s", "web.service", "/etc/systemd/system/site.service"]).success();
    // With this option polkitd writes nothing.
    let unit = "sed -i 's/--no-debug//' /usr/lib/systemd/system/polkit.service && systemctl daemon-reload";
    let _ = bed.exec(["sh", "-c", &format!("{unit} && systemctl restart polkit")]).success();
    let policy =
        "[[systemd]]\nunits = ['web.service', 'app@*.service']\nverbs = ['restart', 'reload']\nusers = ['www-data']\n";
    bed.write(POLICY, 0o600, policy);
    let installed = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    let row = "systemd 1: org.freedesktop.systemd1.manage-units unit=web.service verb=restart www-data yes yes";
    assert!(rows(&installed.stdout).iter().any(|asked| asked == row), "{installed}");
    let try_it = |user: &str, command: &[&str]| bed.exec_as(user, command).status.success();
    let systemctl = |user: &str, verb: &str, unit: &str| try_it(user, &["systemctl", "--no-ask-password", verb, unit]);
    for (verb, unit) in [("restart", "web.service"), ("reload", "web.service"), ("restart", "app@7.service")] {
        assert!(systemctl("www-data", verb, unit), "{verb} {unit}");
        assert!(!systemctl("nobody", verb, unit), "{verb} {unit} by nobody");
    }
    // Of a unit with two names the detail is the first one, also if the other was named.
    assert!(systemctl("www-data", "restart", "site.service"));
    for (verb, unit) in [
        ("stop", "web.service"),
        ("reload-or-restart", "web.service"),
        ("restart", "cron.service"),
        ("enable", "web.service"),
        ("set-property", "web.service"),
    ] {
        let words = ["systemctl", "--no-ask-password", verb, unit, "CPUWeight=7"];
        let count = if verb == "set-property" { 5 } else { 4 };
        assert!(!try_it("www-data", &words[..count]), "{verb} {unit}");
    }
    for all_at_once in ["daemon-reload", "reset-failed"] {
        assert!(!try_it("www-data", &["systemctl", "--no-ask-password", all_at_once]));
    }
    assert!(!try_it("www-data", &["systemd-run", "--no-ask-password", "true"]));
    // What systemd tells polkit, and where it tells nothing.
    let log = bed.exec(["journalctl", "--unit=polkit", "--output=cat"]).success().stdout;
    for expected in [
        "SAW org.freedesktop.systemd1.manage-units web.service restart.",
        "SAW org.freedesktop.systemd1.manage-units web.service reload-or-restart.",
        "SAW org.freedesktop.systemd1.manage-units web.service set-property.",
        "SAW org.freedesktop.systemd1.manage-units app@7.service restart.",
        "SAW org.freedesktop.systemd1.manage-units undefined undefined.",
        "SAW org.freedesktop.systemd1.manage-unit-files undefined undefined.",
        "SAW org.freedesktop.systemd1.reload-daemon undefined undefined.",
    ] {
        assert!(log.contains(expected), "{expected} in {log}");
    }
    assert!(!log.contains("site.service"), "{log}");
    // A transient unit came without details once; it is told like any other from systemd 257 on, under the name that its maker
    // chose.
    let transient = |line: &str| line.starts_with("SAW org.freedesktop.systemd1.manage-units run-");
    assert_eq!(log.lines().any(transient), root.suite().polkit() >= 126, "{log}");
    let _ = bed.exec(["polkit-policy-gen", "remove"]).success();
    until(|| !systemctl("www-data", "restart", "web.service"));
}

/// A unit that does not exist can be made, by who may start it, with any program as root. One with a file cannot, nor an instance
/// of a template with a file.
fn the_right_to_start_a_pattern_of_units_makes_a_new_unit_where_systemd_tells_the_name(root: &Root) {
    let bed = FullBed::on(root)
        .without_libvirtd()
        .file("/etc/systemd/system/web.service", 0o644, UNIT)
        .file("/etc/systemd/system/app@.service", 0o644, UNIT)
        .start();
    bed.copy_in(program("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    let policy = "[[systemd]]\nunits = ['web.service', 'app@*.service', 'site-*.service', 'gone.service']\nverbs = ['start']\nusers = ['www-data']\n";
    bed.write(POLICY, 0o600, policy);
    let installed = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    assert!(installed.stderr.contains("note: starting `site-*.service` is root-equivalent"), "{installed}");
    assert!(
        !installed.stderr.contains("to start `web.service`") && !installed.stderr.contains("to start `app@"),
        "{installed}"
    );
    let made = |unit: &str| {
        let unit = format!("--unit={unit}");
        let _ = bed.exec_as("www-data", ["systemd-run", "--no-ask-password", "--wait", &unit, "touch", "/root/made"]);
        let made = bed.exists("/root/made");
        bed.remove("/root/made");
        made
    };
    assert!(!made("web.service") && !made("app@7.service"));
    assert!(installed.stderr.contains("warning: there is no unit `gone.service`"), "{installed}");
    assert_eq!(installed.stderr.matches("there is no unit").count(), 1, "{installed}");
    assert_eq!(made("gone.service"), root.suite().polkit() >= 126);
    assert_eq!(made("site-x.service"), root.suite().polkit() >= 126);
}

fn after_installing_polkitd_is_asked_with_details_netgroups_and_patterns(root: &Root) {
    let bed = bed(root);
    bed.write("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nnetgroup: files\n");
    bed.write("/etc/netgroup", 0o644, "ops (,bob,) (,dave,)\n");
    bed.restart_polkitd();
    let policy = r#"
[[grant]]
actions = ["org.example.psa.*"]
netgroups = ["ops"]
result = "yes"

[[grant]]
name = "one program"
actions = ["org.freedesktop.policykit.exec"]
groups = ["vm"]
details = { program = ["/usr/bin/true", "/opt/*"], user = "root" }
result = "yes"

[[grant]]
actions = ["org.example.none.*"]
users = ["alice"]
result = "yes"

[[grant]]
actions = ["*"]
users = ["carol"]
result = "no"
"#;
    let installed = install(&bed, policy, &[]).success();
    let rows = rows(&installed.stdout);
    for expected in [
        "grant 1: org.example.psa.run bob yes yes",
        "grant 1: org.example.psa.run nobody - must authenticate",
        "one program: org.freedesktop.policykit.exec program=/usr/bin/true user=root alice yes yes",
        "one program: org.freedesktop.policykit.exec program=/usr/bin/true user=root nobody - must authenticate",
        "grant 3: org.example.none.* - - not tested: no registered action, or no such user",
    ] {
        assert!(rows.iter().any(|row| row == expected), "{expected} in {installed}");
    }
    assert!(rows.iter().any(|row| row.starts_with("grant 4: ") && row.ends_with(" carol no no")), "{installed}");
    assert!(installed.stderr.contains("`org.freedesktop.policykit.exec` is root-equivalent"), "{installed}");
    let users = ["alice", "bob", "dave"];
    assert_eq!(verdicts(&bed, STOP, &users), [("alice", NoAgent), ("bob", Yes), ("dave", Yes)].into());
    // A user who leaves the netgroup loses the grant at once.
    bed.write("/etc/netgroup", 0o644, "ops (,dave,)\n");
    assert_eq!(verdict(&bed, "bob", RUN), NoAgent);
}

/// Names of the global object, as a file of rules sees them when it is loaded.
fn globals(name: &str) -> String {
    format!(
        "polkit.log(\"GLOBALS {name} \" + Object.getOwnPropertyNames((function () {{ return this; }}())).sort().join());\n"
    )
}

/// simp's template joins several names with `&&`; PolkitConfConverter calls what actions do not have, which denies everything on
/// the host; adsys began a file of JavaScript with `#`; polkit-default-privs sets a global in every check.
fn the_mistakes_of_other_generators_are_not_made(root: &Root) {
    let bed = bed(root);
    append(&bed, "/etc/group", "both:x:3200:bob,dave\n");
    bed.write("/etc/polkit-1/rules.d/10-before.rules", 0o644, globals("before"));
    bed.write("/etc/polkit-1/rules.d/90-after.rules", 0o644, globals("after"));
    let policy = format!(
        "[[grant]]\nactions = ['{RUN}']\nusers = ['alice', 'carol']\ngroups = ['vm', 'both']\nresult = 'yes'\n\
         [[grant]]\nactions = ['org.freedesktop.login1.*']\nusers = ['alice']\ndetails = {{ nothing = 'x' }}\nresult = 'yes'\n"
    );
    let _ = install(&bed, &policy, &[]).success();
    // Each of several names is enough.
    let users = ["alice", "bob", "carol", "dave", "www-data"];
    let expected = [("alice", Yes), ("bob", Yes), ("carol", Yes), ("dave", Yes), ("www-data", NoAgent)];
    assert_eq!(verdicts(&bed, RUN, &users), expected.into());
    // Nothing throws where there are no details, nor for actions that the policy does not name.
    assert_eq!(verdict(&bed, "alice", STOP), NoAgent);
    assert_eq!(verdict(&bed, "alice", "org.freedesktop.login1.reboot"), NoAgent);
    let log = bed.polkitd_log();
    assert!(!log.contains("Error compiling") && !log.contains("Error evaluating"), "{log}");
    let of = |name: &str| {
        let at = format!("GLOBALS {name} ");
        log.lines().rev().find_map(|line| line.split(at.as_str()).nth(1)).unwrap_or_else(|| panic!("{log}")).to_owned()
    };
    assert_eq!(of("before"), of("after"));
    let file = bed.read("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    assert!(file.lines().all(|line| !line.starts_with('#')), "{file}");
    let _ = run(&bed, &["remove"]).success();
}

/// Why the generator warns of the one and refuses the other: polkit keeps an authorization for the action, and does not compare details.
fn a_refusal_with_details_does_not_end_a_kept_authorization(root: &Root) {
    let bed = bed(root);
    let policy = format!(
        "[[grant]]\nname = 'fence'\nactions = ['{RUN}']\nusers = ['alice']\ndetails = {{ unit = 'db.*' }}\nresult = 'no'\n\
         [[grant]]\nname = 'rest'\nactions = ['{RUN}']\nusers = ['alice']\nresult = 'auth_self_keep'\n"
    );
    let installed = install(&bed, &policy, &[]).success();
    assert!(
        installed.stderr.contains("a user who has authenticated for `rest` bypasses `fence` for some minutes"),
        "{installed}"
    );
    let (polkit, process) = (Polkit::of(&bed), policy_gen::sleeper(&bed, "alice"));
    let uid = policy_gen::uid_of(&bed, "alice");
    let subject = subject(&bed, process.pid(), uid);
    let about_db = || {
        let started = bed.start_time(process.pid()).expect("it is alive");
        let process = format!("{},{started},{uid}", process.pid());
        bed.exec(["pkcheck", "--action-id", RUN, "--process", &process, "--detail", "unit", "db.service"]).code()
    };
    assert_eq!(about_db(), Some(1));
    let _agent = StandIn::of(&polkit, &subject, Script::Answer(vec![0, uid]));
    assert_eq!(polkit.check(&subject, RUN), Yes);
    assert_eq!(about_db(), Some(0), "the kept authorization counts");
}

#[test]
fn pkla_says_netgroups_and_patterns_and_refuses_details_by_name() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed: LightBed = policy_gen::bed_with_pkla(&root);
    bed.write("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nnetgroup: files\n");
    bed.write("/etc/netgroup", 0o644, "ops (,bob,)\n");
    let policy = "[[grant]]\nactions = ['org.example.psa.*']\nnetgroups = ['ops']\nresult = 'yes'\n";
    let _ = install(&bed, policy, &["--format", "pkla"]).success();
    assert_eq!(verdicts(&bed, RUN, &["alice", "bob"]), [("alice", NoAgent), ("bob", Yes)].into());
    let before = policy_gen::state(&bed);
    let narrowed = "[[systemd]]\nname = 'deployment'\nunits = ['web.service']\nusers = ['bob']\n";
    let refused = install(&bed, narrowed, &["--format", "pkla"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("pkla cannot express `deployment`: pkla has no details"), "{refused}");
    assert_eq!(policy_gen::difference(&before, &policy_gen::state(&bed)), [""; 0]);
}
