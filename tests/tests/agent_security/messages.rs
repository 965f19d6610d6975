//! A polkitd that sends what a real one never would. Each ends in a refusal, with a record.

use std::collections::HashMap;

use polkit_tests::agent::by_hand::{MANAGE, POOL, POOL_CGROUP, WWW_DATA, process_in};
use polkit_tests::agent::double::{FAILED, Response, question, user, with_double};
use polkit_tests::agent::record::Record;
use polkit_tests::agent::until;
use polkit_tests::{Root, on_each_suite_with_rules};
use zbus::Variant;

on_each_suite_with_rules! {
    a_challenge_about_another_process_is_refused
    malformed_challenges_are_refused_and_the_agent_lives
    a_forged_list_of_identities_is_refused
    huge_lists_are_refused_and_huge_texts_are_not_recorded
    a_huge_action_is_refused_with_a_short_record
    an_answer_that_polkitd_refuses_is_a_refusal
    a_yes_without_a_user_to_answer_as_is_a_refusal_and_recorded_as_that
    an_answer_that_polkitd_does_not_take_in_time_is_a_refusal
}

fn a_challenge_about_another_process_is_refused(root: &Root) {
    let (bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let other = process_in(&bed, "www-data", POOL_CGROUP);
    let mut questions = vec![question(MANAGE, other.pid(), "wrong-pid"), question(MANAGE, process.pid(), "no-pid")];
    questions[1].3.remove("polkit.subject-pid");
    for question in &questions {
        assert_eq!(double.begin(&registered, question), Err(FAILED.to_owned()));
    }
    let reasons: Vec<_> = agent.decisions(MANAGE).iter().map(|record| record.get("REASON").to_owned()).collect();
    assert_eq!(reasons, ["other-subject", "other-subject"], "{}", agent.said());
    assert_eq!(double.answers(), [], "nothing was answered");
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "right-pid")), Ok(()));
}

fn malformed_challenges_are_refused_and_the_agent_lives(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let good = || question(MANAGE, process.pid(), "a-cookie");
    let with_identity = |kind: &'static str, details| {
        let mut question = good();
        question.5 = vec![(kind, details)];
        question
    };
    let with_pid = |text: &str| {
        let mut question = good();
        question.3.insert("polkit.subject-pid", text.to_owned());
        question
    };
    let empty = HashMap::new;
    let malformed = [
        question("", process.pid(), "a-cookie"),
        question(MANAGE, process.pid(), ""),
        with_identity("unix-user", empty()),
        with_identity("unix-user", HashMap::from([("uid", Variant::I32(33))])),
        with_identity("unix-user", HashMap::from([("uid", Variant::U32(u32::MAX))])),
        with_identity("unix-user", HashMap::from([("uid", Variant::from("33"))])),
        with_identity("unix-group", empty()),
        with_identity("unix-netgroup", HashMap::from([("name", Variant::U32(1))])),
        with_identity("martian", HashMap::from([("uid", Variant::U32(33))])),
        with_pid("0"),
        with_pid("-1"),
        with_pid("many"),
        with_pid("4294967296"),
    ];
    for question in &malformed {
        assert_eq!(double.begin(&registered, question), Err(FAILED.to_owned()), "{question:?}");
    }
    assert_eq!(double.begin(&registered, &()), Err(FAILED.to_owned()));
    assert_eq!(double.begin(&registered, &(MANAGE, 7u32)), Err(FAILED.to_owned()));
    // Equal ones beyond ten a second have one record together.
    let refused = || {
        let records = agent.records();
        let refused = records.iter().filter(|record| record.verdict() == ("deny", "", "malformed"));
        refused.map(Record::times).sum::<usize>()
    };
    until(|| refused() >= malformed.len() + 2);
    assert_eq!(refused(), malformed.len() + 2, "{}", agent.said());
    assert_eq!(double.answers(), [], "nothing was answered");
    assert_eq!(double.begin(&registered, &good()), Ok(()), "{}", agent.said());
    let mut empty_list = good();
    empty_list.5.clear();
    assert_eq!(double.begin(&registered, &empty_list), Err(FAILED.to_owned()), "no identity is offered");
    let mut two = good();
    two.5.push(user(0));
    assert_eq!(double.begin(&registered, &two), Err(FAILED.to_owned()), "two identities are offered: unbound");
    until(|| agent.decisions(MANAGE).pop().unwrap().verdict() == ("deny", "pool", "unbound"));
}

fn a_forged_list_of_identities_is_refused(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let group = || ("unix-group", HashMap::from([("gid", Variant::U32(33))]));
    let lists = [
        vec![user(0)],
        vec![user(5)],
        vec![user(33), user(0)],
        vec![user(0), user(33)],
        vec![user(33), user(33)],
        vec![user(33), group()],
        vec![group()],
        Vec::new(),
    ];
    for (number, list) in lists.into_iter().enumerate() {
        let mut question = question(MANAGE, process.pid(), "a-cookie");
        question.5 = list;
        assert_eq!(double.begin(&registered, &question), Err(FAILED.to_owned()), "list {number}");
    }
    assert_eq!(double.answers(), [], "nothing was answered");
    let decisions = agent.decisions(MANAGE);
    assert_eq!(decisions.len(), 8, "{}", agent.said());
    assert!(decisions.iter().all(|decision| decision.verdict() == ("deny", "pool", "unbound")), "{}", agent.said());
}

fn huge_lists_are_refused_and_huge_texts_are_not_recorded(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let mut crowd = question(MANAGE, process.pid(), "a-cookie");
    crowd.5 = vec![user(33); 100_000];
    assert_eq!(double.begin(&registered, &crowd), Err(FAILED.to_owned()));
    let mut wordy = question(MANAGE, process.pid(), "a-cookie");
    wordy.1 = Box::leak("words ".repeat(500_000).into_boxed_str());
    wordy.3.extend((0..50_000).map(|number| (&*Box::leak(format!("key{number}").into_boxed_str()), "x".repeat(20))));
    assert_eq!(double.begin(&registered, &wordy), Ok(()), "{}", agent.said());
    until(|| agent.decisions(MANAGE).len() == 2);
    let verdicts: Vec<_> = agent.decisions(MANAGE).iter().map(|record| record.verdict().2.to_owned()).collect();
    assert_eq!(verdicts, ["unbound", "rule"], "{}", agent.said());
    assert!(agent.said().lines().all(|line| line.len() < 4096), "{}", agent.said());
    assert!(!agent.said().contains("words") && !agent.said().contains("key7"));
}

fn a_huge_action_is_refused_with_a_short_record(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let huge: &'static str = Box::leak("org.example.".repeat(100_000).into_boxed_str());
    assert_eq!(double.begin(&registered, &question(huge, process.pid(), "a-cookie")), Err(FAILED.to_owned()));
    until(|| agent.records().len() == 2);
    let records = agent.records();
    assert_eq!(records[0].verdict(), ("deny", "", "no-rule"));
    assert!(records[0].get("ACTION").starts_with("org.example.org.example."), "{}", agent.said());
    assert!(agent.said().lines().all(|line| line.len() < 4096), "{}", agent.said());
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "a-cookie")), Ok(()));
}

fn an_answer_that_polkitd_refuses_is_a_refusal(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Refuse, POOL);
    let registered = double.registered(process.pid());
    let question = question(MANAGE, process.pid(), "a-cookie");
    assert_eq!(double.begin(&registered, &question), Err(FAILED.to_owned()));
    assert_eq!(double.answers(), [(WWW_DATA, "a-cookie".to_owned())]);
    let outcome = agent.outcome(MANAGE);
    assert_eq!(outcome.get("OUTCOME"), "refused-by-polkitd");
    assert!(outcome.get("ERROR").contains("the double refuses"), "{outcome:?}");
}

fn a_yes_without_a_user_to_answer_as_is_a_refusal_and_recorded_as_that(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, &format!("{POOL}unbound = true\n"));
    let registered = double.registered(process.pid());
    let mut of_a_group = question(MANAGE, process.pid(), "a-cookie");
    of_a_group.5 = vec![("unix-group", HashMap::from([("gid", Variant::U32(33))]))];
    assert_eq!(double.begin(&registered, &of_a_group), Err(FAILED.to_owned()));
    assert_eq!(double.answers(), []);
    let outcome = agent.outcome(MANAGE);
    assert_eq!((outcome.get("OUTCOME"), outcome.get("ERROR")), ("no-identity", ""), "{}", agent.said());
}

fn an_answer_that_polkitd_does_not_take_in_time_is_a_refusal(root: &Root) {
    let config = format!("[agent]\nanswer_within = \"500ms\"\n{POOL}");
    let (_bed, double, agent, process) = with_double(root, Response::Hold, &config);
    let registered = double.registered(process.pid());
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "a-cookie")), Err(FAILED.to_owned()));
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"));
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "deadline");
    assert!(!agent.said().contains("a-cookie"), "a cookie is a secret: {}", agent.said());
}
