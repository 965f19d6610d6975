//! The rule that policy-gen writes for the hook: what it asks, what it makes of what the program prints, and that nothing
//! in it disturbs another user. The program is a script here.

use polkit_tests::policy_gen::{
    RUN, STOP, bed, difference, install, policy_gen as run, rows, sleeper, state, uid_of, verdict, verdicts,
};
use polkit_tests::polkit::Verdict::{No, NoAgent, Yes};
use polkit_tests::{LightBed, Output, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    only_the_two_words_are_an_answer
    the_program_is_told_the_subject_the_action_and_its_details
    the_hook_is_asked_before_what_is_granted
}

const PROGRAM: &str = "/usr/libexec/polkit-service-agent-hook";
const OTHER: &str = "org.freedesktop.policykit.exec";

const POLICY: &str = "[[hook]]\nactions = ['org.example.psa.run']\n\
                      [[hook]]\nactions = ['org.example.psa.stop']\non_failure = 'no'\n";

fn program(bed: &LightBed, script: &str) {
    bed.write(PROGRAM, 0o755, format!("#!/bin/sh\n{script}\n"));
}

fn only_the_two_words_are_an_answer(root: &Root) {
    let bed = bed(root);
    let absent = install(&bed, POLICY, &[]).success();
    assert!(absent.stderr.contains("`hook 1` has no effect: there is no program"), "{absent}");
    let of_all = || [RUN, STOP, OTHER].map(|action| verdict(&bed, "alice", action));
    assert_eq!(of_all(), [NoAgent, No, NoAgent], "without the program");
    for (script, expected) in [("echo yes", Yes), ("echo no", No)] {
        program(&bed, script);
        assert_eq!(of_all(), [expected, expected, NoAgent], "{script}");
    }
    for script in [
        "true",
        "echo",
        "printf yes",
        "printf no",
        "echo YES",
        "echo ' yes'",
        "printf 'yes\\r\\n'",
        "printf 'yes\\n\\n'",
        "echo yes; echo yes",
        "echo auth_self",
        "echo true",
        "printf '\\377\\376yes\\n'",
        "echo yes; exit 1",
        "echo yes; kill -9 $$",
        "head -c 300000 /dev/zero",
        "yes | head -c 300000",
    ] {
        program(&bed, script);
        assert_eq!(of_all(), [NoAgent, No, NoAgent], "{script}");
    }
    bed.write(PROGRAM, 0o644, "#!/bin/sh\necho yes\n");
    assert_eq!(of_all(), [NoAgent, No, NoAgent], "not executable");
    bed.write(PROGRAM, 0o755, "\u{7f}ELF");
    assert_eq!(of_all(), [NoAgent, No, NoAgent], "no program");
    // polkit itself ends a program after 10 s.
    program(&bed, "sleep 60; echo yes");
    assert_eq!(verdict(&bed, "alice", RUN), NoAgent);
    assert_eq!(verdict(&bed, "alice", OTHER), NoAgent);
    bed.remove(PROGRAM);
    let _ = bed.exec(["mkdir", PROGRAM]).success();
    assert_eq!(of_all(), [NoAgent, No, NoAgent], "a directory");
}

/// The words that the program was called with for a check by root with these details.
fn asked(bed: &LightBed, user: &str, action: &str, details: &[&str]) -> (u32, Vec<String>) {
    bed.remove("/tmp/asked");
    let process = sleeper(bed, user);
    let started = bed.start_time(process.pid()).unwrap();
    let subject = format!("{},{started},{}", process.pid(), uid_of(bed, user));
    let mut argv = vec!["pkcheck", "--action-id", action, "--process", &subject];
    for pair in details.chunks(2) {
        argv.extend([&["--detail"], pair].concat());
    }
    let checked: Output = bed.exec(argv);
    assert_eq!(checked.code(), Some(2), "{checked}");
    let words = if bed.exists("/tmp/asked") { bed.read("/tmp/asked") } else { String::new() };
    (process.pid(), words.split_terminator('\0').map(str::to_owned).collect())
}

fn the_program_is_told_the_subject_the_action_and_its_details(root: &Root) {
    const UNITS: &str = "org.freedesktop.systemd1.manage-units";
    const START: &str = "org.libvirt.api.domain.set-password";
    let bed = bed(root);
    // Written whole, by one who may not be the owner of an older one.
    program(&bed, "printf '%s\\0' \"$@\" > /tmp/asked");
    let policy = format!(
        "[[hook]]\nactions = ['{RUN}', '{UNITS}']\n[[hook]]\nactions = ['{STOP}']\ndetails = ['k\u{f6}y', 'unit']\n"
    );
    let _ = install(&bed, &policy, &[]).success();

    let (pid, words) = asked(&bed, "alice", RUN, &["unit", "x.service", "domain_name", "web-1"]);
    assert_eq!(words, [&pid.to_string(), "alice", RUN], "what is not known to belong to the action is not told");
    let letters = "\u{1f600}\u{10ffff}\u{f6}\u{2028}\n\t\"'\\$(id)`id`%s";
    let (pid, words) = asked(&bed, "www-data", UNITS, &["verb", letters, "polkit.message", "m", "unit", "-x .service"]);
    assert_eq!(words, [&pid.to_string(), "www-data", UNITS, "unit", "-x .service", "verb", letters]);
    let (pid, words) = asked(&bed, "bob", STOP, &["unit", "", "k\u{f6}y", "v"]);
    assert_eq!(words, [&pid.to_string(), "bob", STOP, "k\u{f6}y", "v", "unit", ""]);
    let (pid, words) = asked(&bed, "bob", STOP, &["toString", "x", "__proto__", "y"]);
    assert_eq!(words, [&pid.to_string(), "bob", STOP]);
    // Not in the policy: not asked.
    let (_, words) = asked(&bed, "bob", OTHER, &["unit", "x.service"]);
    assert_eq!(words, [""; 0]);

    // libvirt's own action, with what belongs to a domain.
    let _ = install(&bed, &format!("[[hook]]\nactions = ['{START}']\n"), &[]).success();
    let process = sleeper(&bed, "bob");
    let subject = format!("{},{},{}", process.pid(), bed.start_time(process.pid()).unwrap(), uid_of(&bed, "bob"));
    let details =
        ["--detail", "domain_name", "web-1", "--detail", "connect_driver", "QEMU", "--detail", "pool_name", "p"];
    let check = [&["pkcheck", "--action-id", START, "--process", &subject][..], &details].concat();
    bed.remove("/tmp/asked");
    assert_eq!(bed.exec(check).code(), Some(1));
    let words = bed.read("/tmp/asked");
    let words: Vec<&str> = words.split_terminator('\0').skip(2).collect();
    assert_eq!(words, [START, "connect_driver", "QEMU", "domain_name", "web-1"]);
}

fn the_hook_is_asked_before_what_is_granted(root: &Root) {
    let bed = bed(root);
    program(&bed, "test \"$2\" = dave && echo yes; test \"$2\" = bob && echo no; exit 0");
    let before = state(&bed);
    let policy = format!(
        "{POLICY}[[grant]]\nname = 'machines'\nactions = ['{RUN}', '{STOP}']\ngroups = ['vm']\nusers = ['bob']\nresult = 'yes'\n"
    );
    let installed = install(&bed, &policy, &[]).success();
    assert!(!installed.stderr.contains("has no effect"), "{installed}");
    assert!(
        installed.stderr.contains("`machines` never decides org.example.psa.stop: `hook 2` comes first"),
        "{installed}"
    );
    let asked = rows(&installed.stdout);
    for expected in [
        format!("hook 1: {RUN} nobody the agent must authenticate"),
        format!("hook 2: {STOP} nobody the agent, else no no"),
        format!("machines: {RUN} bob the agent, else yes no"),
        format!("machines: {RUN} nobody the agent must authenticate"),
        format!("machines: {STOP} bob the agent, else no no"),
    ] {
        assert!(asked.contains(&expected), "{expected}: {installed}");
    }
    let users = ["alice", "bob", "carol", "dave"];
    let expected = [("alice", Yes), ("bob", No), ("carol", NoAgent), ("dave", Yes)];
    assert_eq!(verdicts(&bed, RUN, &users), expected.into());
    let expected = [("alice", No), ("bob", No), ("carol", No), ("dave", Yes)];
    assert_eq!(verdicts(&bed, STOP, &users), expected.into());
    let _ = run(&bed, &["remove"]).success();
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}
