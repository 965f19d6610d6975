//! Rules that ask an operator: pending requests, and what an approval is for.

use polkit_tests::agent;
use polkit_tests::agent::asking::{asking, bed, pending, run, served, the_one};
use polkit_tests::agent::by_hand::{Agent, CONFIG_FILE, MANAGE, POOL_CGROUP, ask, builder, light, until_served};
use polkit_tests::agent::{AGENT_RULE, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Process, Root, libvirt_probe, on_each_suite_with_rules};
use serde_json::Value;

on_each_suite_with_rules! {
    a_question_is_refused_at_once_and_waits
    test_says_that_a_person_is_asked
    an_approval_is_for_one_answer
    an_approval_for_a_time_ends_with_it_and_with_a_reload
    no_user_approves_a_request_of_that_user
    another_program_of_the_unit_is_another_question
    an_approval_can_be_taken_back
    a_full_queue_still_knows_what_waits_in_it
    one_user_does_not_push_out_the_questions_of_another
    two_hundred_requests_do_not_block_libvirtd
}

fn a_question_is_refused_at_once_and_waits(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    assert_eq!(agent.decision(MANAGE).verdict(), ("ask", "pool", "rule"));
    assert_eq!(agent.decision(MANAGE).get("IDENTITY"), "", "no identity");
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "refused");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let waiting = pending(&bed);
    assert_eq!((waiting.len(), &waiting[0]["times"]), (1, &Value::from(2)), "{waiting:?}");
    for (key, value) in [("rule", "pool"), ("action", MANAGE), ("user", "www-data"), ("unit", "pool.service")] {
        assert_eq!(waiting[0][key], value);
    }
    assert!(waiting[0]["command_line"].as_str().is_some_and(|words| words.contains("sleep")), "{waiting:?}");
    let status: Value = serde_json::from_str(run(&bed, "root", &["status", "--json"]).success().text()).unwrap();
    assert_eq!(status["pending"], 1);
    let _ = run(&bed, "root", &["deny", &the_one(&bed)]).success();
    assert!(pending(&bed).is_empty());
    assert_eq!(run(&bed, "root", &["deny", "ffffffff"]).code(), Some(1));
}

fn test_says_that_a_person_is_asked(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, asking(""));
    let test = ["polkit-service-agent", "test", "--action", MANAGE, "--user", "www-data", "--json"];
    let known = bed.exec(test.iter().chain(&["--unit", "pool.service"])).failure();
    let expected = (Some(4), "{\"verdict\":\"ask\",\"rule\":\"pool\",\"reason\":\"rule\"}");
    assert_eq!((known.code(), known.text()), expected);
    let unknown = bed.exec(test).failure();
    let expected = (Some(1), "{\"verdict\":\"deny\",\"rule\":\"pool\",\"reason\":\"unknown\"}");
    assert_eq!((unknown.code(), unknown.text()), expected);
}

fn an_approval_is_for_one_answer(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let _ = run(&bed, "games", &["approve", &the_one(&bed)]).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let decisions = agent.decisions(MANAGE);
    assert_eq!(decisions[1].verdict(), ("allow", "pool", "approved"));
    let games = bed.exec(["id", "-u", "games"]).success().text().to_owned();
    assert_eq!(decisions[1].get("APPROVER"), games);
    let word = agent.records().into_iter().find(|record| record.get("ENTRY") == "approval").expect("a record");
    assert_eq!((word.get("APPROVER"), word.get("RULE"), word.get("SECONDS")), (games.as_str(), "pool", ""));
}

fn an_approval_for_a_time_ends_with_it_and_with_a_reload(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    let asked = || ask(&bed, process.pid(), MANAGE);
    let approve = |time: &str| {
        assert_eq!(asked(), Verdict::Dismissed);
        let _ = run(&bed, "games", &["approve", &the_one(&bed), "--for", time]).success();
    };
    approve("2s");
    assert_eq!(asked(), Verdict::Yes);
    until(|| asked() == Verdict::Dismissed);
    let _ = run(&bed, "games", &["deny", &the_one(&bed)]).success();
    approve("10m");
    assert_eq!([asked(), asked(), asked()], [Verdict::Yes; 3]);
    agent.reload(&bed, &asking(""));
    until(|| agent.said().contains("the new configuration is in force"));
    assert_eq!(asked(), Verdict::Dismissed);
    assert_eq!(run(&bed, "games", &["approve", &the_one(&bed), "--for", "61m"]).code(), Some(2), "an hour at most");
    let name = "io.github.polkit_service_agent.Agent1";
    let path = "/io/github/polkit_service_agent/Agent1";
    let call = ["busctl", "--system", "call", name, path, name, "Approve", "st", &the_one(&bed), "3660"];
    let refused = bed.exec_as("games", call);
    assert!(!refused.status.success() && refused.stderr.contains("hour"), "the agent has the same limit: {refused}");
    assert_eq!(run(&bed, "games", &["approve", &the_one(&bed), "--for", "soon"]).code(), Some(2));
    drop(agent);
    let _again = Agent::start(&bed, &asking(""));
    until_served(&bed, process.pid());
    assert!(pending(&bed).is_empty(), "a restart forgets");
}

fn no_user_approves_a_request_of_that_user(root: &Root) {
    let bed = bed(root);
    let (_agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let own = run(&bed, "www-data", &["approve", &the_one(&bed)]);
    assert!(own.code() == Some(1) && own.stderr.contains("a request of your own user"), "{own}");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
}

fn another_program_of_the_unit_is_another_question(root: &Root) {
    let bed = bed(root);
    let (_agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let _ = run(&bed, "games", &["approve", &the_one(&bed), "--for", "10m"]).success();
    let other = bed.spawn_as("www-data", ["tail", "-f", "/dev/null"]);
    bed.move_to_cgroup(other.pid(), POOL_CGROUP);
    until_served(&bed, other.pid());
    assert_eq!(ask(&bed, other.pid(), MANAGE), Verdict::Dismissed);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
}

fn an_approval_can_be_taken_back(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let id = the_one(&bed);
    let _ = run(&bed, "games", &["approve", &id, "--for", "1h"]).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let shown = run(&bed, "root", &["pending", "--approved"]).success();
    assert!(shown.stdout.starts_with(&id) && shown.stdout.contains("for any number of requests"), "{shown}");
    assert!(shown.stdout.contains("it claims to run: sleep"), "{shown}");
    let told = run(&bed, "games", &["pending", "--approved", "--json"]).success();
    assert!(told.stdout.contains("\"command_line\":null"), "command lines are for root: {told}");
    assert_eq!(run(&bed, "daemon", &["pending", "--approved"]).code(), Some(3));
    assert_eq!(run(&bed, "www-data", &["deny", &id]).code(), Some(1), "one's own");
    let _ = run(&bed, "root", &["deny", &id]).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
    assert_eq!(run(&bed, "root", &["pending", "--approved", "--json"]).success().text(), "[]");
    let denial = agent.records().into_iter().find(|record| record.get("ENTRY") == "denial").expect("a record");
    assert_eq!((denial.get("RECORD"), denial.get("APPROVER")), (id.as_str(), "0"));
}

/// Programs of one's own are questions of one's own.
fn a_full_queue_still_knows_what_waits_in_it(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let script = "for n in $(seq 32); do cp /bin/sleep /tmp/sleep-$n; /tmp/sleep-$n 1000 & echo $!; done; wait";
    let mut others = bed.spawn_as("www-data", ["sh", "-c", script]);
    for _ in 0..32 {
        let pid = others.line().parse().expect("a pid");
        bed.move_to_cgroup(pid, POOL_CGROUP);
        until_served(&bed, pid);
        assert_eq!(ask(&bed, pid, MANAGE), Verdict::Dismissed, "{}", agent.said());
    }
    assert_eq!(pending(&bed).len(), 32, "the last one has no room");
    assert_eq!(agent.decisions(MANAGE).last().expect("a decision").get("REASON"), "queue-full");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    assert_eq!(agent.decisions(MANAGE).last().expect("a decision").verdict(), ("ask", "pool", "rule"));
    assert!(pending(&bed).iter().any(|question| question["times"] == 2), "it is one with the first");
}

fn one_user_does_not_push_out_the_questions_of_another(root: &Root) {
    let bed = bed(root);
    let config = "[[serve]]\nuser = \"www-data\"\n[[serve]]\nuser = \"daemon\"\n[[rule]]\nid = \"all\"\naction = \"org.*\"\n\
                  user = \"www-data\"\nunbound = true\nroot_equivalent = true\nanswer = \"ask\"\n[[rule]]\nid = \"d\"\naction = \"org.*\"\nuser = \"daemon\"\n\
                  unbound = true\nroot_equivalent = true\nanswer = \"ask\"\n";
    let flooding = bed.spawn_as("www-data", ["sleep", "1000"]);
    let other = bed.spawn_as("daemon", ["sleep", "1000"]);
    let agent = Agent::start(&bed, config);
    until_served(&bed, flooding.pid());
    let actions = bed.exec(["pkaction"]).success();
    let mut asked = 0;
    for action in actions.stdout.lines().filter(|action| action.starts_with("org.")) {
        asked += usize::from(ask(&bed, flooding.pid(), action) == Verdict::Dismissed);
    }
    assert!(asked > 33, "{asked} questions are too few for this test");
    assert_eq!(pending(&bed).len(), 32);
    let full = agent.records().into_iter().filter(|record| record.get("REASON") == "queue-full").count();
    assert!(full > 0, "what is beyond the room is refused, on record");
    let daemon = polkit_tests::Polkit::of(&bed);
    until(|| {
        daemon.check(&polkit_tests::polkit::subject(&bed, other.pid(), 1), agent::by_hand::PROBE) == Verdict::Dismissed
    });
    assert_eq!(pending(&bed).iter().filter(|question| question["user"] == "daemon").count(), 1);
}

const PROBE: &str = "/usr/local/bin/libvirt-probe";
const SOCKET: &str = "/run/libvirt/libvirt-sock";
const WEB: &str = r#"
[[serve]]
unit = "web-test.service"

[[rule]]
id = "web"
action = "org.libvirt.unix.manage"
unit = "web-test.service"
user = "www-data"
answer = "allow"
"#;

fn two_hundred_requests_do_not_block_libvirtd(root: &Root) {
    let bed = builder(root)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, AGENT_RULE)
        .file(PROBE, 0o755, std::fs::read(libvirt_probe()).unwrap())
        .start();
    let agent = Agent::start(&bed, &format!("{}{WEB}", asking("")));
    // Each waits for a line, so that it is registered when it asks.
    let ready = |unit: &str, times: u32| {
        let script = format!("read go; exec {PROBE} --often {times} {SOCKET}");
        let process = bed.spawn_as("www-data", ["sh", "-c", &script]);
        bed.move_to_cgroup(process.pid(), &format!("system.slice/{unit}"));
        until_served(&bed, process.pid());
        process
    };
    let mut pool: Vec<Process> = (0..10).map(|_| ready("pool.service", 20)).collect();
    let (mut web, mut later) = (ready("web-test.service", 20), ready("pool.service", 1));
    pool.iter_mut().for_each(|process| process.say("go"));
    web.say("go");
    assert_eq!(web.wait().success().text(), "20 0", "another process is served meanwhile: {}", agent.said());
    for process in pool {
        assert_eq!(process.wait().text(), "0 20", "{}", agent.said());
    }
    let asked = agent.decisions(MANAGE).iter().filter(|record| record.get("VERDICT") == "ask").count();
    assert_eq!(asked, 200, "each has a record");
    let waiting = pending(&bed);
    assert_eq!((waiting.len(), &waiting[0]["times"]), (1, &Value::from(200)), "they wait as one question");
    let _ = run(&bed, "root", &["approve", &the_one(&bed), "--for", "10m"]).success();
    later.say("go");
    assert_eq!(later.wait().success().text(), "1 0", "{}", agent.said());
}
