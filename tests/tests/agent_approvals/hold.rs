//! Challenges that are held open while a person is asked.

use polkit_tests::agent;
use polkit_tests::agent::asking::{asking, bed, pending, run, served, the_one};
use polkit_tests::agent::by_hand::{MANAGE, ask};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_held_challenge_is_allowed_when_it_is_approved
    four_challenges_are_held_and_the_fifth_is_refused_at_once
    a_held_challenge_that_is_taken_back_ends
    a_hold_without_a_reply_ends_with_its_rule_before_the_deadline
}

fn a_held_challenge_is_allowed_when_it_is_approved(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking("hold = \"15s\""));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&bed, process.pid(), MANAGE));
        until(|| pending(&bed).len() == 1);
        let _ = run(&bed, "games", &["approve", &the_one(&bed)]).success();
        assert_eq!(asked.join().unwrap(), Verdict::Yes);
    });
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "approved"));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&bed, process.pid(), MANAGE));
        until(|| pending(&bed).len() == 1);
        let _ = run(&bed, "games", &["deny", &the_one(&bed)]).success();
        assert_eq!(asked.join().unwrap(), Verdict::Dismissed);
    });
}

fn four_challenges_are_held_and_the_fifth_is_refused_at_once(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking("hold = \"15s\""));
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..4).map(|_| scope.spawn(|| ask(&bed, process.pid(), MANAGE))).collect();
        until(|| pending(&bed).first().is_some_and(|question| question["times"] == 4));
        assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
        assert_eq!(agent.decisions(MANAGE).len(), 1, "the four still wait");
        let _ = run(&bed, "games", &["approve", &the_one(&bed), "--for", "10m"]).success();
        for one in held {
            assert_eq!(one.join().unwrap(), Verdict::Yes);
        }
    });
}

fn a_held_challenge_that_is_taken_back_ends(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking("hold = \"15s\""));
    let start = bed.start_time(process.pid()).expect("it lives");
    let subject = format!("{},{start},{}", process.pid(), agent::by_hand::WWW_DATA);
    let client = ["pkcheck", "--allow-user-interaction", "--action-id", MANAGE, "--process", &subject];
    let client = bed.spawn_as("root", client);
    until(|| pending(&bed).len() == 1);
    assert!(agent.decisions(MANAGE).is_empty(), "it is not decided yet");
    client.kill();
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "cancelled");
    assert_ne!(agent.decision(MANAGE).get("VERDICT"), "allow");
    // What is approved now is for the next time.
    let _ = run(&bed, "games", &["approve", &the_one(&bed)]).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}

/// What is held longer than an answer may take would else end by the deadline, and its record would name no rule.
fn a_hold_without_a_reply_ends_with_its_rule_before_the_deadline(root: &Root) {
    let bed = bed(root);
    let config = format!("[agent]\nanswer_within = \"2s\"\n{}", asking("hold = \"15s\""));
    let (agent, process) = served(&bed, &config);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    assert_eq!(agent.decision(MANAGE).verdict(), ("ask", "pool", "rule"), "{}", agent.said());
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "refused");
    assert_eq!(pending(&bed).len(), 1, "it waits all the same");
}
