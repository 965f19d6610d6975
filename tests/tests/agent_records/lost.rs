//! No record, no answer; and records in a flood of questions.

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, PROBE, WWW_DATA, ask, full, light, process_in,
};
use polkit_tests::agent::journal::{JOURNAL, fill, journal, with_journal};
use polkit_tests::agent::{NO_AGENT, in_unit, record, until};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{FullBed, Polkit, Process, Root, on_each_suite_with_rules, product, program};

on_each_suite_with_rules! {
    a_journal_that_is_gone_means_no_answer
    a_journal_without_a_reader_means_no_answer
    a_standard_error_that_is_full_gives_no_yes_and_does_not_stop_the_agent
    a_hook_request_that_cannot_be_recorded_gets_nothing
    a_flood_of_one_user_s_requests_loses_no_other_record
}

fn a_journal_that_is_gone_means_no_answer(root: &Root) {
    let (bed, dead, agent, process) = with_journal(root);
    dead.kill();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "a socket without a reader");
    bed.remove(JOURNAL);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "no socket");
    assert_eq!(agent.said().matches("cannot record a decision").count(), 2, "{}", agent.said());
    // The next journal is taken as it comes.
    let _journal = journal(&bed, "at once");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
}

fn a_journal_without_a_reader_means_no_answer(root: &Root) {
    let (bed, _read, agent, process) = with_journal(root);
    let _deaf = journal(&bed, "never");
    fill(&bed);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No);
    assert!(agent.said().contains("cannot record a decision"), "{}", agent.said());
}

/// Without a journal the records go to standard error: here to a pipe that is open, full and not read.
fn a_standard_error_that_is_full_gives_no_yes_and_does_not_stop_the_agent(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, POOL);
    let script = "mkfifo /run/said; exec 3<>/run/said; exec polkit-service-agent run 2>/run/said";
    let mut agent = bed.spawn_as("root", ["sh", "-c", script]);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    let _ = bed.exec(["dd", "if=/dev/zero", "of=/run/said", "bs=1", "oflag=nonblock", "status=none"]).failure();
    // No process reads: neither the record nor the message about it can be written.
    for _ in 0..2 {
        assert_ne!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
    }
    let _reading = bed.spawn_as("root", ["sh", "-c", "exec cat /run/said >/run/read"]);
    until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    assert!(!agent.has_ended());
}

/// No record, no word: polkit then goes on with its other rules.
fn a_hook_request_that_cannot_be_recorded_gets_nothing(root: &Root) {
    let bed = hook_bed(root);
    assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", agent::journal(&bed));
    let units = ["systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket"];
    let _ = bed.exec(["systemctl", "stop"].iter().chain(&units));
    bed.remove(JOURNAL);
    assert!(in_unit(&bed, "web-test.service").contains(NO_AGENT));
}

// A flood.

/// So many refusals that journald could not take them one by one, and meanwhile another user who is allowed and a third who is
/// refused.
fn a_flood_of_one_user_s_requests_loses_no_other_record(root: &Root) {
    let bed = full(root)
        .without_libvirtd()
        .file("/usr/bin/bench-client", 0o755, std::fs::read(program("bench-client")).unwrap())
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE)
        .file(CONFIG_FILE, 0o644, POOL)
        .start();
    agent::start_agent(&bed);
    let [flooder, allowed, refused] = ["games", "www-data", "man"].map(|user| process_in(&bed, user, POOL_CGROUP));
    for (process, uid) in [(&flooder, 5), (&allowed, WWW_DATA), (&refused, 6)] {
        until(|| Polkit::of(&bed).check(&subject(&bed, process.pid(), uid), CLOSED) == Verdict::No);
    }
    let ask = |process: &Process, action: &str, uid: u32, times: usize, at_once: usize| {
        let mut client = bed.spawn_as("root", ["bench-client", "check"]);
        assert_eq!(client.line(), "ready");
        client.say(&format!("{action} {} {uid} {times} {at_once}", process.pid()));
        client.line().rsplit(' ').next().and_then(|yes| yes.parse::<usize>().ok()).expect("a number")
    };
    let answered: Vec<usize> = std::thread::scope(|scope| {
        let flood = scope.spawn(|| ask(&flooder, PROBE, 5, 1500, 16));
        let yes = scope.spawn(|| ask(&allowed, MANAGE, WWW_DATA, 100, 1));
        let no = scope.spawn(|| ask(&refused, PROBE, 6, 100, 1));
        [flood, yes, no].into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(answered, [0, 100, 0]);
    let recorded = |user: &str, action: &str, verdict: &str| {
        let decisions = record::decisions(record::from_journal(&bed), action);
        let of_user = decisions.iter().filter(|record| record.get("USER") == user && record.get("VERDICT") == verdict);
        of_user.map(record::Record::times).sum::<usize>()
    };
    let all =
        || [recorded("games", PROBE, "deny"), recorded("www-data", MANAGE, "allow"), recorded("man", PROBE, "deny")];
    // What is counted is written once a second.
    until(|| all() == [1500, 100, 100]);
}

/// Asked about when it is waited for: so it is in no count.
const CLOSED: &str = "org.freedesktop.systemd1.manage-units";

/// A bed whose rules ask the agent, which allows www-data in web-test.service.
fn hook_bed(root: &Root) -> FullBed {
    let config =
        POOL.replace("pool.service", "web-test.service").replace("\n\n[[rule]]", "\nway = \"hook\"\n\n[[rule]]");
    let bed = product::full(root)
        .file(CONFIG_FILE, 0o644, config)
        .file("/etc/polkit-policy-gen/policy.toml", 0o644, "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\n")
        .start();
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    agent::start_agent(&bed);
    bed
}
