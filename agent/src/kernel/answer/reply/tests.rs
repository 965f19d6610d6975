use polkit_agent_rules::{
    facts::Fact,
    history::History,
    model::{facts, rule},
    verdict::decide,
};

use super::*;

/// The reply to a hook request under these rules.
fn hook(rules: &[Rule]) -> Reply {
    let verdict = decide(rules, &facts(), &History::default());
    Reply::of(Way::Hook, &verdict, rules, Some(&facts()))
}

#[test]
fn each_verdict_has_its_reply() {
    for (answer, challenge, by_hook) in [
        (Answer::Allow, Reply::Yes, Reply::Yes),
        (Answer::Deny, Reply::No, Reply::No),
        (Answer::Dismiss, Reply::Dismissed, Reply::No),
        (Answer::Ask, Reply::Dismissed, Reply::Nothing),
        (Answer::Authenticate, Reply::Yes, Reply::Nothing),
    ] {
        let rules = [rule(answer)];
        let verdict = decide(&rules, &facts(), &History::default());
        assert_eq!(Reply::of(Way::Challenge, &verdict, &rules, Some(&facts())), challenge, "{answer:?}");
        assert_eq!(hook(&rules), by_hook, "{answer:?}");
    }
}

#[test]
fn a_request_that_no_rule_matches_is_refused_and_left_to_polkit_by_the_hook() {
    let verdict = Verdict::default();
    assert_eq!(Reply::of(Way::Challenge, &verdict, &[], None), Reply::No);
    assert_eq!(hook(&[]), Reply::Nothing);
}

#[test]
fn a_limit_refuses_by_the_hook() {
    let rules = [rule(Answer::Allow)];
    let history = History { rate_limited: ["r".to_owned()].into(), ..History::default() };
    let verdict = decide(&rules, &facts(), &history);
    assert_eq!(Reply::of(Way::Hook, &verdict, &rules, Some(&facts())), Reply::No);
}

#[test]
fn an_unknown_fact_does_not_exempt_a_subject_from_a_later_refusal() {
    let ask = Rule { exe: Some("/usr/bin/x".into()), ..rule(Answer::Ask) };
    let verdict = decide(std::slice::from_ref(&ask), &Facts { exe: Fact::Unknown, ..facts() }, &History::default());
    assert_eq!(verdict.reason(), Reason::Unknown);
    assert_eq!(hook(&[ask.clone(), rule(Answer::Deny)]), Reply::No);
    assert_eq!(hook(&[ask]), Reply::Nothing);
}

#[test]
fn only_a_yes_that_arrived_is_a_yes() {
    let outcomes = [
        Outcome::Refused,
        Outcome::Passed,
        Outcome::Changed,
        Outcome::PolkitdGone,
        Outcome::NoIdentity,
        Outcome::RefusedByPolkitd("x".into()),
        Outcome::NotAuthenticated("x".into()),
        Outcome::Cancelled,
        Outcome::Deadline,
        Outcome::Fault,
    ];
    for outcome in outcomes {
        let expected = if outcome == Outcome::Cancelled { Reply::Dismissed } else { Reply::No };
        assert_eq!(Reply::Yes.after(Way::Challenge, &outcome), expected, "{outcome:?}");
        assert_eq!(Reply::Yes.after(Way::Hook, &outcome), Reply::Nothing, "{outcome:?}");
        for way in [Way::Challenge, Way::Hook] {
            for reply in [Reply::No, Reply::Dismissed, Reply::Nothing] {
                let is_cancelled = way == Way::Challenge && outcome == Outcome::Cancelled;
                assert_eq!(reply.after(way, &outcome), if is_cancelled { Reply::Dismissed } else { reply });
            }
        }
    }
    for way in [Way::Challenge, Way::Hook] {
        assert_eq!(Reply::Yes.after(way, &Outcome::Sent), Reply::Yes);
        assert_eq!(Reply::No.after(way, &Outcome::Sent), Reply::No, "an outcome makes no yes");
    }
}

#[test]
fn without_a_record_there_is_no_yes_and_a_refusal_of_the_hook_stays() {
    for reply in [Reply::Yes, Reply::No, Reply::Dismissed, Reply::Nothing] {
        assert_eq!(reply.unrecorded(Way::Challenge), Reply::No);
        let expected = if reply == Reply::No { Reply::No } else { Reply::Nothing };
        assert_eq!(reply.unrecorded(Way::Hook), expected);
    }
}

#[test]
fn polkitd_and_the_hook_get_the_reply_in_their_own_words() {
    assert_eq!(Reply::Yes.to_polkitd(), polkit_dbus::Reply::Done);
    assert_eq!(Reply::No.to_polkitd(), polkit_dbus::Reply::Refused);
    assert_eq!(Reply::Dismissed.to_polkitd(), polkit_dbus::Reply::Dismissed);
    assert_eq!(Reply::Nothing.to_polkitd(), polkit_dbus::Reply::Refused);
    assert_eq!(
        [Reply::Yes, Reply::No, Reply::Dismissed, Reply::Nothing].map(Reply::to_hook),
        [HookReply::Yes, HookReply::No, HookReply::No, HookReply::Nothing]
    );
}
