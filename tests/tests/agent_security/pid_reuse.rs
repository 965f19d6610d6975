//! Pids that pass from one process to another, and processes that become others, around a question.

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, ask, builder, light, until_served};
use polkit_tests::agent::journal::{before_the_answer, until_outcome, with_journal, with_journal_by};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{LightBed, Process, Root, libvirt_probe, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_stranger_with_a_reused_pid_is_refused_as_unbound
    a_stranger_with_a_reused_pid_is_refused_without_the_rule_too
    a_stranger_with_a_reused_pid_gets_in_where_a_rule_says_unbound
    a_pid_reused_within_one_user_gets_in
    an_honest_client_of_the_same_unit_is_allowed
    a_process_that_changes_its_unit_before_its_answer_is_refused
    a_process_that_becomes_another_program_before_its_answer_is_refused
    a_pid_that_passes_on_before_its_answer_is_refused
    a_process_that_became_another_program_is_judged_by_that_one
}

// A pid reused between a client's connect and its authentication.

fn a_stranger_with_a_reused_pid_is_refused_as_unbound(root: &Root) {
    let (bed, agent) = libvirt(root, true, POOL);
    let says = steal_pid(&bed, "games");
    assert!(says.starts_with("refused: "), "{says}");
    let decision = agent.decision(MANAGE);
    assert_eq!(decision.verdict(), ("deny", "pool", "unbound"), "{}", agent.said());
    assert_eq!((decision.get("UNIT"), decision.get("USER")), ("pool.service", "www-data"));
}

fn a_stranger_with_a_reused_pid_is_refused_without_the_rule_too(root: &Root) {
    let (bed, agent) = libvirt(root, false, POOL);
    let says = steal_pid(&bed, "games");
    assert!(says.starts_with("refused: "), "{says}");
    assert_eq!(agent.decision(MANAGE).verdict(), ("deny", "pool", "unbound"), "{}", agent.said());
}

/// What that key risks; and the attack of these tests works.
fn a_stranger_with_a_reused_pid_gets_in_where_a_rule_says_unbound(root: &Root) {
    let (bed, agent) = libvirt(root, false, &format!("{POOL}unbound = true\n"));
    assert_eq!(steal_pid(&bed, "games"), "authorized");
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"), "{}", agent.said());
}

/// What cannot be seen, and is said in the manual: who runs as that user already can have the pid of an allowed process.
fn a_pid_reused_within_one_user_gets_in(root: &Root) {
    let (bed, agent) = libvirt(root, true, POOL);
    assert_eq!(steal_pid(&bed, "www-data"), "authorized");
    let decision = agent.decision(MANAGE);
    assert_eq!((decision.verdict(), decision.get("UNIT")), (("allow", "pool", "rule"), "pool.service"));
}

fn an_honest_client_of_the_same_unit_is_allowed(root: &Root) {
    let (bed, agent) = libvirt(root, true, POOL);
    let mut client = bed.spawn_as("www-data", [LIBVIRT_PROBE, LIBVIRT_SOCKET]);
    assert_eq!(client.line(), "connected");
    bed.move_to_cgroup(client.pid(), POOL_CGROUP);
    until_served(&bed, client.pid());
    client.say("go");
    assert_eq!(client.line(), "authorized", "{}", agent.said());
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"));
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "sent");
}

const LIBVIRT_PROBE: &str = "/usr/local/bin/libvirt-probe";
const LIBVIRT_SOCKET: &str = "/run/libvirt/libvirt-sock";

fn libvirt(root: &Root, bound: bool, config: &str) -> (LightBed, Agent) {
    let mut bed = builder(root).file(LIBVIRT_PROBE, 0o755, std::fs::read(libvirt_probe()).unwrap());
    if bound {
        bed = bed.file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE);
    }
    let bed = bed.start();
    let agent = Agent::start(&bed, config);
    (bed, agent)
}

/// A stranger connects and leaves its pid to a process of www-data in the unit that is served; what it is told in the end.
fn steal_pid(bed: &LightBed, user: &str) -> String {
    let mut stranger = bed.spawn_as(user, [LIBVIRT_PROBE, "--leave", LIBVIRT_SOCKET]);
    assert_eq!(stranger.line(), "connected");
    let pid = stranger.pid();
    until(|| bed.start_time(pid).is_none());
    let _served = bed.take_pid(pid);
    bed.move_to_cgroup(pid, POOL_CGROUP);
    until_served(bed, pid);
    stranger.say("go");
    stranger.line()
}

// Between the decision and the answer: a record that waits for the journal gives time.

fn a_process_that_changes_its_unit_before_its_answer_is_refused(root: &Root) {
    // The process stays served: the agent gives up the requests of a process that is not.
    let (served, all) = ("[[serve]]\nunit = \"pool.service\"", "[[serve]]\nunit = \"pool*.service\"");
    assert!(POOL.contains(served));
    let (bed, _read, agent, process) = with_journal_by(root, &POOL.replace(served, all));
    let (verdict, mut journal) = before_the_answer(&bed, &agent, process.pid(), || {
        bed.move_to_cgroup(process.pid(), "system.slice/pool-other.service");
    });
    assert_eq!(verdict, Verdict::No, "{}", agent.said());
    let records = until_outcome(&mut journal);
    assert!(
        records.contains("POLKIT_AGENT_VERDICT=allow\n") && records.contains("POLKIT_AGENT_OUTCOME=changed\n"),
        "{records}"
    );
}

fn a_process_that_becomes_another_program_before_its_answer_is_refused(root: &Root) {
    let (bed, _read, agent, _process) = with_journal(root);
    let mut process = shell(&bed);
    let (verdict, mut journal) = before_the_answer(&bed, &agent, process.pid(), || become_sleep(&bed, &mut process));
    assert_eq!(verdict, Verdict::No, "{}", agent.said());
    let records = until_outcome(&mut journal);
    assert!(
        records.contains("POLKIT_AGENT_VERDICT=allow\n") && records.contains("POLKIT_AGENT_OUTCOME=changed\n"),
        "{records}"
    );
}

fn a_pid_that_passes_on_before_its_answer_is_refused(root: &Root) {
    let (bed, _read, agent, first) = with_journal(root);
    let pid = first.pid();
    let mut second = None;
    let (verdict, mut journal) = before_the_answer(&bed, &agent, pid, || {
        first.kill();
        second = Some(bed.take_pid(pid));
        bed.move_to_cgroup(pid, POOL_CGROUP);
    });
    assert_ne!(verdict, Verdict::Yes, "{}", agent.said());
    // The second is a process of its own, and may what it may.
    until_served(&bed, pid);
    assert_eq!(ask(&bed, pid, MANAGE), Verdict::Yes);
    let start = bed.start_time(pid).unwrap();
    let mut records = String::new();
    while !records.contains("_OUTCOME=sent\n") {
        records += &until_outcome(&mut journal);
    }
    let sent: Vec<&str> =
        records.split("END\n").filter(|entry| entry.contains("POLKIT_AGENT_OUTCOME=sent\n")).collect();
    let of_second = format!("POLKIT_AGENT_SUBJECT_START={start}\n");
    let decision =
        records.split("END\n").find(|entry| entry.contains(&of_second) && entry.contains("_VERDICT=allow\n"));
    let id = |entry: &str| entry.lines().find(|line| line.starts_with("POLKIT_AGENT_RECORD=")).map(str::to_owned);
    assert_eq!(sent.iter().map(|entry| id(entry)).collect::<Vec<_>>(), [decision.and_then(id)], "{records}");
}

// Between the registration and the question.

fn a_process_that_became_another_program_is_judged_by_that_one(root: &Root) {
    let bed = light(root);
    let _ = bed.exec(["cp", "/bin/sh", "/usr/local/bin/panel"]).success();
    let agent = Agent::start(&bed, &format!("{POOL}exe = \"/usr/local/bin/panel\"\n"));
    let mut panel = bed.spawn_as("www-data", ["/usr/local/bin/panel", "-c", "read line; exec sleep 1000"]);
    bed.move_to_cgroup(panel.pid(), POOL_CGROUP);
    until_served(&bed, panel.pid());
    assert_eq!(ask(&bed, panel.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    become_sleep(&bed, &mut panel);
    assert_eq!(ask(&bed, panel.pid(), MANAGE), Verdict::No);
    let decision = agent.decisions(MANAGE).pop().unwrap();
    assert_eq!(decision.verdict(), ("deny", "", "no-rule"));
    assert!(decision.get("EXE").ends_with("/sleep"), "{decision:?}");
}

/// A shell of www-data in the unit, which becomes another program at a word.
fn shell(bed: &LightBed) -> Process {
    let shell = bed.spawn_as("www-data", ["sh", "-c", "read line; exec sleep 1000"]);
    bed.move_to_cgroup(shell.pid(), POOL_CGROUP);
    until_served(bed, shell.pid());
    shell
}

fn become_sleep(bed: &LightBed, process: &mut Process) {
    process.say("go");
    let link = format!("/proc/{}/exe", process.pid());
    until(|| bed.exec(["readlink", &link]).text().ends_with("/sleep"));
}
