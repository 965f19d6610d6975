//! What policy-gen writes decides in a real polkitd, what it installs it can take away, and what it cannot do it leaves.

use polkit_dbus::Identity;
use polkit_tests::policy_gen::{
    ALL, GRANT, POLICY, RUN, STOP, add_user, append, bed, bed_with_pkla, difference, install, policy_gen as run, rows,
    sleeper, state, uid_of, verdict, verdicts,
};
use polkit_tests::polkit::Verdict::{No, NoAgent, Yes};
use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Polkit, Root, Script, StandIn, Suite, on_each_suite_with_rules, require};

on_each_suite_with_rules! {
    an_installed_policy_decides_and_its_removal_leaves_nothing
    the_agent_s_rule_offers_the_served_user_and_no_other_user
    the_first_grant_that_names_the_subject_counts
    names_of_any_letters_are_only_names
    a_hundred_thousand_names_are_loaded_and_decide
}

fn an_installed_policy_decides_and_its_removal_leaves_nothing(root: &Root) {
    let bed = bed(root);
    let before = state(&bed);
    let users = ["alice", "bob", "dave", "www-data"];
    assert!(verdicts(&bed, RUN, &users).values().all(|verdict| *verdict == NoAgent));

    let shown = install(&bed, ALL, &["--dry-run"]);
    assert_eq!(shown.code(), Some(4), "{shown}");
    assert!(shown.stdout.contains("+++ b/etc/polkit-1/rules.d/45-polkit-policy-gen.rules"), "{shown}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);

    let installed = install(&bed, ALL, &[]).success();
    let asked = rows(&installed.stdout);
    assert!(asked.contains(&format!("machines: {RUN} alice yes yes")), "{installed}");
    assert!(asked.contains(&format!("machines: {RUN} nobody - must authenticate")), "{installed}");
    assert!(asked.contains(&format!("agent 1: {STOP} www-data auth_self must authenticate")), "{installed}");
    assert!(bed.read("/etc/group").contains("vm:x:3100:alice,bob\n"));
    let files = bed.exec(["sh", "-c", "stat -c '%a %U:%G %n' /etc/polkit-1/rules.d/4* /etc/sysusers.d/*"]).success();
    assert!(
        files.stdout.lines().count() == 3 && files.stdout.lines().all(|line| line.starts_with("644 root:root ")),
        "{files}"
    );
    let expected = [("alice", Yes), ("bob", Yes), ("dave", NoAgent), ("www-data", NoAgent)];
    assert_eq!(verdicts(&bed, RUN, &users), expected.into());

    let installed = state(&bed);
    let again = install(&bed, ALL, &[]).success();
    assert!(again.stdout.starts_with("nothing to change\n"), "{again}");
    assert_eq!(run(&bed, &["diff", POLICY]).code(), Some(0));
    assert_eq!(difference(&installed, &state(&bed)), [""; 0]);

    let removed = run(&bed, &["remove"]).success();
    assert!(removed.stdout.contains("removed bob from vm"), "{removed}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    assert!(!bed.exists("/var/lib/polkit-policy-gen"));
    wait_for(&bed, "alice", RUN, NoAgent);
    assert_eq!(run(&bed, &["remove"]).success().text(), "nothing is installed");
}

fn the_agent_s_rule_offers_the_served_user_and_no_other_user(root: &Root) {
    let bed = bed(root);
    let _ = install(&bed, ALL, &[]).success();
    let polkit = Polkit::of(&bed);
    let offered = |user: &str| {
        let process = sleeper(&bed, user);
        let subject = subject(&bed, process.pid(), uid_of(&bed, user));
        let agent = StandIn::of(&polkit, &subject, Script::Dismiss);
        let _ = polkit.check(&subject, STOP);
        agent.seen()[0].challenge.identities.clone()
    };
    let uids = |identities: Vec<Identity>| -> Vec<u32> {
        let uid = |identity| match identity {
            Identity::User(uid) => uid.get(),
            other => panic!("{other:?}"),
        };
        identities.into_iter().map(uid).collect()
    };
    assert_eq!(uids(offered("www-data")), [33]);
    assert_eq!(uids(offered("dave")), [0]);
}

fn the_first_grant_that_names_the_subject_counts(root: &Root) {
    let bed = bed(root);
    let policy = r#"
[[grant]]
actions = ["org.example.psa.run"]
users = ["alice"]
result = "no"

[[grant]]
actions = ["org.example.psa.run", "org.example.psa.stop"]
groups = ["vm"]
users = ["bob"]
result = { any = "yes", inactive = "no", active = "no" }

[[grant]]
actions = ["org.example.psa.run"]
users = ["bob", "dave"]
result = { any = "no", inactive = "yes", active = "yes" }
"#;
    let _ = install(&bed, policy, &[]).success();
    let users = ["alice", "bob", "carol", "dave"];
    assert_eq!(verdicts(&bed, RUN, &users), [("alice", No), ("bob", Yes), ("carol", NoAgent), ("dave", No)].into());
    assert_eq!(
        verdicts(&bed, STOP, &users),
        [("alice", Yes), ("bob", Yes), ("carol", NoAgent), ("dave", NoAgent)].into()
    );
}

/// Names that would be more than names if they were pasted into a program, or found on every object of one.
const ODD: &[&str] = &[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "o'brien",
    "say\"hi\"",
    "back\\slash",
    "k\u{f6}ln",
    "\u{6f22}\u{5b57}",
    "</script>x",
];

fn names_of_any_letters_are_only_names(root: &Root) {
    let bed = bed(root);
    // No account has a slash in its name.
    let odd: Vec<&str> = ODD.iter().copied().filter(|name| !name.contains('/')).collect();
    for (number, name) in odd.iter().enumerate() {
        let uid = 4000 + u32::try_from(number).unwrap();
        add_user(&bed, name, uid);
        append(&bed, "/etc/group", &format!("{name}-group:x:{uid}:\n{name}-x:x:{}:dave\n", uid + 1000));
    }
    let toml = |names: &[&str]| names.iter().map(|name| format!("'''{name}'''")).collect::<Vec<_>>().join(", ");
    // Every second one is named as a user.
    let named: Vec<&str> = odd.iter().copied().step_by(2).collect();
    let policy = format!("[[grant]]\nactions = ['{RUN}']\nusers = [{}]\nresult = 'yes'\n", toml(&named));
    let _ = install(&bed, &policy, &[]).success();
    for name in &odd {
        let expected = if named.contains(name) { Yes } else { NoAgent };
        assert_eq!(verdict(&bed, name, RUN), expected, "the user {name}");
    }
    assert_eq!(verdict(&bed, "dave", RUN), NoAgent);
    // And each as a group, of which dave alone is a member.
    for name in &odd {
        let policy = format!("[[grant]]\nactions = ['{STOP}']\ngroups = ['''{name}-x''']\nresult = 'yes'\n");
        let _ = install(&bed, &policy, &[]).success();
        assert_eq!((verdict(&bed, "dave", STOP), verdict(&bed, "bob", STOP)), (Yes, NoAgent), "the group {name}-x");
    }
    assert!(bed.read("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules").is_ascii());
}

fn a_hundred_thousand_names_are_loaded_and_decide(root: &Root) {
    let bed = bed(root);
    let grant = |number: usize| {
        let names: Vec<String> = (0..10).map(|name| format!("'u{number}x{name}'")).collect();
        format!(
            "[[grant]]\nactions = ['{RUN}']\nusers = [{}]\ngroups = ['g{number}']\nresult = 'no'\n",
            names.join(", ")
        )
    };
    let policy: String = (0..10_000).map(grant).collect();
    let policy = format!("{policy}[[grant]]\nactions = ['{RUN}']\ngroups = ['vm']\nresult = 'yes'\n");
    // A policy file may have 1 MiB; this one is installed in parts.
    let parts: Vec<&str> = policy.split_inclusive("result = 'no'\n").collect();
    for (number, part) in parts.chunks(4000).enumerate() {
        bed.write(format!("/etc/polkit-policy-gen/policy.d/{number}.toml"), 0o644, part.concat());
    }
    let _ = run(&bed, &["install"]).success();
    assert_eq!((verdict(&bed, "alice", RUN), verdict(&bed, "dave", RUN)), (Yes, NoAgent), "{}", bed.polkitd_log());
}

/// polkitd notices within a moment that a file is gone.
fn wait_for(bed: &LightBed, user: &str, action: &str, expected: polkit_tests::polkit::Verdict) {
    for _ in 0..100 {
        if verdict(bed, user, action) == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(verdict(bed, user, action), expected);
}

#[test]
fn a_file_that_was_changed_by_hand_is_shown_and_not_changed() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    let _ = install(&bed, ALL, &[]).success();
    let rules = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
    append(&bed, rules, "// mine\n");
    let changed = state(&bed);
    let other = GRANT.replace("\"yes\"", "\"no\"");
    for refused in [install(&bed, &other, &[]), run(&bed, &["remove"])] {
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains("changed by hand") && refused.stderr.contains("\n+// mine\n"), "{refused}");
        assert_eq!(difference(&changed, &state(&bed)), [""; 0]);
    }
    let forced = install(&bed, &other, &["--force"]).success();
    assert!(!bed.read(rules).contains("// mine"), "{forced}");
    // The memberships and the rule for the agent are no longer in the policy.
    assert!(bed.read("/etc/group").contains("vm:x:3100:alice\n") && !bed.exists("/etc/sysusers.d"), "{forced}");
    bed.remove(rules);
    assert_eq!(install(&bed, &other, &[]).code(), Some(1));
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn a_file_of_another_author_comes_back_when_ours_is_removed() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    bed.write("/etc/polkit-1/rules.d/45-polkit-policy-gen.rules", 0o640, "// theirs\n");
    let before = state(&bed);
    assert_eq!(install(&bed, GRANT, &[]).code(), Some(1));
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    let _ = install(&bed, GRANT, &["--force"]).success();
    assert_eq!(verdict(&bed, "alice", RUN), Yes);
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn a_membership_that_was_there_before_stays() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    let _ = install(&bed, "[[member]]\nuser = \"alice\"\ngroup = \"vm\"\n", &[]).success();
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn pkla_decides_on_polkit_0_105() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let bed = bed(&root);
    let before = state(&bed);
    let tree = format!("/proc/{}/root", bed.pid1());
    let host = |arguments: &[&str]| {
        let program = polkit_tests::program("polkit-policy-gen");
        std::process::Command::new(program).args(arguments).args(["--root", &tree]).output().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, ALL).unwrap();
    let policy = policy.to_str().unwrap();
    let installed = host(&["install", policy]);
    assert!(installed.status.success(), "{installed:?}");
    assert!(bed.exists("/etc/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla"));
    wait_for(&bed, "alice", RUN, Yes);
    let users = ["alice", "bob", "dave", "www-data"];
    let expected = [("alice", Yes), ("bob", Yes), ("dave", NoAgent), ("www-data", NoAgent)];
    assert_eq!(verdicts(&bed, RUN, &users), expected.into());
    let polkit = Polkit::of(&bed);
    let process = sleeper(&bed, "www-data");
    let subject = subject(&bed, process.pid(), 33);
    let agent = StandIn::of(&polkit, &subject, Script::Answer(vec![0]));
    assert_eq!(polkit.check(&subject, STOP), Yes);
    assert_eq!(agent.seen()[0].challenge.identities.len(), 1);
    let removed = host(&["remove"]);
    assert!(removed.status.success(), "{removed:?}");
    wait_for(&bed, "alice", RUN, NoAgent);
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

#[test]
fn pkla_decides_through_polkit_pkla_compat_and_names_are_only_names() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = bed_with_pkla(&root);
    let before = state(&bed);
    let names = ["o'brien", "say\"hi\"", "back\\slash", "k\u{f6}ln", "a b", "[x]"];
    for (number, name) in names.iter().enumerate() {
        add_user(&bed, name, 4000 + u32::try_from(number).unwrap());
    }
    let seeded = state(&bed);
    let list: Vec<String> = names.iter().map(|name| format!("'''{name}'''")).collect();
    let policy = format!(
        "[[grant]]\nname = 'k\u{f6}ln ]['\nactions = ['{RUN}']\nusers = [{}]\nresult = 'yes'\n{ALL}",
        list.join(", ")
    );
    let _ = install(&bed, &policy, &["--format", "pkla"]).success();
    for name in names {
        assert_eq!(verdict(&bed, name, RUN), Yes, "{name}");
    }
    let users = ["alice", "bob", "dave"];
    assert_eq!(verdicts(&bed, RUN, &users), [("alice", Yes), ("bob", Yes), ("dave", NoAgent)].into());
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&seeded, &state(&bed)), [""; 0]);
    assert_ne!(before, seeded);
}

#[test]
fn a_rule_that_answers_before_ours_is_told() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    bed.write("/etc/polkit-1/rules.d/10-no.rules", 0o644, "polkit.addRule(function () { return 'no'; });\n");
    let installed = install(&bed, GRANT, &[]);
    assert_eq!(installed.code(), Some(1), "{installed}");
    assert!(installed.stdout.contains("  yes     no  <- not as expected"), "{installed}");
    assert!(installed.stderr.contains("An earlier rule may decide first"), "{installed}");
}

#[test]
fn the_process_that_is_asked_about_has_no_environment_and_no_terminal_of_ours() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    bed.write(POLICY, 0o600, GRANT);
    // polkitd is stopped in its tracks, so that the process stays long enough to be looked at.
    let script = "
        kill -STOP $(pidof polkitd)
        SECRET=1 script -qec 'SECRET=1 polkit-policy-gen install --target debian:13 /root/policy.toml' /dev/null &
        for try in $(seq 200); do pid=$(pgrep -u alice sleep) && break; sleep 0.02; done
        tr '\\0' '\\n' < /proc/$pid/environ
        awk '{print \"tty\", $7}' /proc/$pid/stat
        kill -CONT $(pidof polkitd)
        wait";
    let seen = bed.exec(["sh", "-c", script]);
    assert!(seen.stdout.contains("PATH=/usr/sbin:") && seen.stdout.contains("tty 0\n"), "{seen}");
    assert!(!seen.stdout.contains("SECRET"), "{seen}");
}

#[test]
fn an_image_s_users_are_created_only_when_asked_for() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = bed(&root);
    let files = "mkdir -p /img/etc/polkit-1/rules.d && echo root:x:0:0::/root:/bin/sh > /img/etc/passwd
        echo root:x:0: > /img/etc/group";
    let _ = bed.exec(["sh", "-c", files]).success();
    let member = "[[member]]\nuser = 'panel'\ngroup = 'machines'\n";
    let refused = install(&bed, member, &["--root", "/img"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert_eq!(bed.read("/img/etc/group"), "root:x:0:\n");
    let _ = install(&bed, member, &["--root", "/img", "--create"]).success();
    let group = bed.read("/img/etc/group");
    assert!(group.lines().any(|line| line.starts_with("machines:x:") && line.ends_with(":panel")), "{group}");
    assert!(bed.read("/img/etc/passwd").contains("\npanel:x:"));
    let _ = run(&bed, &["remove", "--root", "/img"]).success();
    assert!(!bed.read("/img/etc/group").contains(":panel"));
}
