//! `[[allow]]`: the named sets against the actions of real systems, and their effect in real polkits and on real daemons.

use std::collections::BTreeSet;

use polkit_policy_gen::mechanisms::table;
use polkit_tests::agent::until;
use polkit_tests::policy_gen::{POLICY, bed, difference, install, policy_gen as run, rows, state, verdict};
use polkit_tests::polkit::Verdict::{No, NoAgent, Yes};
use polkit_tests::{FullBed, Root, Suite, on_each_suite_with_rules, program, require};
use serde_json::Value;

on_each_suite_with_rules! {
    the_actions_of_the_sets_are_registered_where_their_daemon_is_installed
    a_set_is_granted_to_its_subjects_and_everybody_else_is_refused
    sets_allow_the_commands_of_their_purpose
}

fn the_actions_of_the_sets_are_registered_where_their_daemon_is_installed(root: &Root) {
    let bed = bed(root);
    let listed = run(&bed, &["actions", "--json"]).success();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let ids: BTreeSet<&str> =
        listed["actions"].as_array().unwrap().iter().map(|action| action["id"].as_str().unwrap()).collect();
    let mut compared = Vec::new();
    for (mechanism, set) in table::sets().filter(|(mechanism, _)| ids.iter().any(|id| mechanism.has_action(id))) {
        for action in set.all_actions() {
            assert!(ids.contains(action), "{}: {} has no action {action}", set.name, mechanism.name);
        }
        compared.push(set.name.as_str());
    }
    for expected in ["reboot", "restart-unit", "set-time", "set-hostname", "vm-manage", "machine-shell"] {
        assert!(compared.contains(&expected), "{compared:?}");
    }
    // A single action names its sets.
    let shown = run(&bed, &["actions", "org.freedesktop.login1.reboot"]).success();
    assert!(shown.stdout.contains("named sets with this action ([[allow]]): reboot"), "{shown}");
}

fn a_set_is_granted_to_its_subjects_and_everybody_else_is_refused(root: &Root) {
    let bed = bed(root);
    let before = state(&bed);
    let policy = "[[allow]]\nname = 'operators'\nwhat = 'reboot'\ngroups = 'vm'\n\
                  [[allow]]\nwhat = 'power-off'\nusers = 'bob'\nignore_inhibit = true\n\
                  [[grant]]\nname = 'the rest'\nactions = ['org.freedesktop.login1.*']\neverybody = true\nresult = 'no'\n";
    let installed = install(&bed, policy, &[]).success();
    let found = rows(&installed.stdout);
    assert!(
        found.contains(&"operators (reboot): org.freedesktop.login1.reboot alice yes yes".to_owned()),
        "{found:#?}"
    );
    let of = |user: &str, action: &str| verdict(&bed, user, &format!("org.freedesktop.login1.{action}"));
    for action in ["reboot", "reboot-multiple-sessions"] {
        assert_eq!([of("alice", action), of("bob", action)], [Yes, No], "{action}");
    }
    for action in ["power-off", "power-off-multiple-sessions", "power-off-ignore-inhibit"] {
        assert_eq!([of("alice", action), of("bob", action)], [No, Yes], "{action}");
    }
    assert_eq!([of("alice", "reboot-ignore-inhibit"), of("alice", "lock-sessions")], [No, No]);
    assert_eq!(verdict(&bed, "alice", "org.freedesktop.timedate1.set-time"), NoAgent);
    let listed = run(&bed, &["list"]).success();
    assert!(listed.stdout.contains("grant \"operators (reboot)\": org.freedesktop.login1.reboot"), "{listed}");
    let rules = bed.read("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    assert!(rules.contains("// Grant: operators (reboot)\n"), "{rules}");
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

/// Commands of www-data, each with whether it works.
const COMMANDS: [(&str, bool); 8] = [
    ("systemctl --no-ask-password restart web.service", true),
    ("systemctl --no-ask-password reload-or-restart web.service", true),
    ("systemctl --no-ask-password stop web.service", false),
    ("systemctl --no-ask-password restart cron.service", false),
    ("timedatectl --no-ask-password set-timezone Europe/Rome", true),
    ("hostnamectl --no-ask-password --static set-hostname panel", true),
    ("loginctl --no-ask-password lock-sessions", false),
    ("systemctl --no-ask-password reboot", false),
];

fn sets_allow_the_commands_of_their_purpose(root: &Root) {
    let unit = "[Service]\nExecStart=/bin/sleep infinity\n";
    let bed = FullBed::on(root).without_libvirtd().file("/etc/systemd/system/web.service", 0o644, unit).start();
    bed.copy_in(program("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    let works = |user: &str, command: &str| bed.exec_as(user, command.split(' ')).status.success();
    for (command, _) in COMMANDS {
        assert!(!works("www-data", command), "{}: before: {command}", root.suite());
    }
    let policy = "[[allow]]\nwhat = 'restart-unit'\nunits = 'web.service'\nusers = 'www-data'\n\
                  [[allow]]\nwhat = 'set-timezone'\nusers = 'www-data'\nsession = 'none'\n\
                  [[allow]]\nwhat = 'set-hostname'\nusers = 'www-data'\n\
                  [[allow]]\nwhat = 'set-time'\nusers = 'www-data'\nsession = 'local'\n";
    bed.write(POLICY, 0o600, policy);
    let installed = bed.exec(["polkit-policy-gen", "install", POLICY]).success();
    let found = rows(&installed.stdout);
    let row =
        "allow 2 (set-timezone): org.freedesktop.timedate1.set-timezone www-data, polkit-policy-gen-probe.service";
    assert!(found.contains(&format!("{row} yes yes")), "{found:#?}");
    let row = "allow 4 (set-time): org.freedesktop.timedate1.set-time - - not tested: install has no session at a seat";
    assert!(found.iter().any(|found| found == row), "{found:#?}");
    for (command, expected) in COMMANDS {
        assert!(!works("games", command), "{}: another user: {command}", root.suite());
        assert_eq!(works("www-data", command), expected, "{}: {command}", root.suite());
    }
    assert!(!works("www-data", "timedatectl --no-ask-password set-ntp false"), "only in a session at a seat");
    let _ = bed.exec(["polkit-policy-gen", "remove"]).success();
    until(|| !works("www-data", COMMANDS[0].0));
}

/// What users of pkla cannot have is refused by name.
#[test]
fn a_set_for_some_sessions_is_refused_in_pkla() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = bed(&root);
    let text = |session: &str| format!("[[allow]]\nwhat = 'reboot'\nusers = 'bob'\nsession = '{session}'\n");
    bed.write(POLICY, 0o600, text("none"));
    let refused = run(&bed, &["generate", POLICY, "--target", "debian:11"]);
    assert!(
        refused.code() == Some(1) && refused.stderr.contains("pkla cannot express `allow 1 (reboot)`"),
        "{refused}"
    );
    bed.write(POLICY, 0o600, text("any"));
    let made = run(&bed, &["generate", POLICY, "--target", "debian:11"]).success();
    assert!(
        made.stdout.contains("Action=org.freedesktop.login1.reboot;org.freedesktop.login1.reboot-multiple-sessions"),
        "{made}"
    );
}
