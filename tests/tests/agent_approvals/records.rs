//! No record, no approval.

use polkit_tests::agent::asking::{asking, bed, pending, run, served, the_one};
use polkit_tests::agent::by_hand::{MANAGE, ask};
use polkit_tests::agent::journal::{JOURNAL, journal};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    without_a_journal_an_approval_is_an_error_and_the_request_stays
}

fn without_a_journal_an_approval_is_an_error_and_the_request_stays(root: &Root) {
    let bed = bed(root);
    let dead = journal(&bed, "at once");
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
    let id = the_one(&bed);
    dead.kill();
    for without in ["a socket without a reader", "no socket"] {
        let refused = run(&bed, "games", &["approve", &id]).failure();
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{without}: {refused}");
        assert_eq!(the_one(&bed), id, "{without}: the request stays");
        let approved = run(&bed, "root", &["pending", "--approved", "--json"]).success();
        assert_eq!(approved.text(), "[]", "{without}");
        bed.remove(JOURNAL);
    }
    let _journal = journal(&bed, "at once");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "nothing was approved: {}", agent.said());
    let _ = run(&bed, "games", &["approve", &id]).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    assert_eq!(pending(&bed).len(), 0);
}
