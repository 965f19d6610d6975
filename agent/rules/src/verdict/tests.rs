mod sessions;

use std::{collections::BTreeSet, path::PathBuf};

use proptest::prelude::*;

use super::*;
use polkit_types::pattern::{ActionPattern, Glob};

use crate::{
    facts::{Approver, ApproverUid, Fact, FileId, Session},
    model::{facts, rule},
    rule::{Named, SessionKey},
    schedule::{Moment, When},
    unit_pattern::UnitPattern,
};

/// Decides for an agent that has just started.
fn decide<'r>(rules: &'r [Rule], facts: &Facts) -> Verdict<'r> {
    super::decide(rules, facts, &History::default())
}

fn answer(rule: Rule, facts: &Facts) -> Answer {
    decide(&[rule], facts).answer()
}

#[test]
fn the_default_verdict_is_a_refusal() {
    assert_eq!(Verdict::default().answer(), Answer::Deny);
    assert_eq!(Verdict::default().reason(), Reason::NoRule);
}

#[test]
fn without_rules_everything_is_refused() {
    assert_eq!(decide(&[], &facts()), Verdict::default());
}

#[test]
fn a_rule_that_matches_makes_the_verdict() {
    let rules = [rule(Answer::Allow)];
    let verdict = decide(&rules, &facts());
    assert_eq!((verdict.answer(), verdict.rule_id(), verdict.reason()), (Answer::Allow, Some("r"), Reason::Rule));
}

#[test]
fn a_grant_needs_a_known_time_and_a_refusal_does_not() {
    let friday_noon = Moment::new("2026-11-27T12:00:00Z".parse().unwrap(), &jiff::tz::TimeZone::UTC);
    let at_noon = Facts { moment: Fact::Known(friday_noon), ..facts() };
    let within = |answer, hours: &str| Rule {
        when: When { between: Some(hours.parse().unwrap()), ..When::default() },
        ..rule(answer)
    };
    assert_eq!(answer(within(Answer::Allow, "08:00-18:00"), &at_noon), Answer::Allow);
    assert_eq!(answer(within(Answer::Allow, "18:00-20:00"), &at_noon), Answer::Deny);
    assert_eq!(answer(within(Answer::Allow, "08:00-18:00"), &facts()), Answer::Deny, "the time is unknown");
    assert_eq!(answer(within(Answer::Dismiss, "18:00-20:00"), &facts()), Answer::Dismiss);
    assert_eq!(decide(&[within(Answer::Dismiss, "18:00-20:00")], &at_noon), Verdict::default());
}

#[test]
fn an_exhausted_limit_refuses_and_no_later_rule_is_tried() {
    let exhausted = History { rate_limited: ["r".to_owned()].into(), ..History::default() };
    let rules = [rule(Answer::Allow), Rule { id: "later".into(), ..rule(Answer::Allow) }];
    let verdict = super::decide(&rules, &facts(), &exhausted);
    assert_eq!((verdict.answer(), verdict.rule_id(), verdict.reason()), (Answer::Deny, Some("r"), Reason::Limit));
    assert_eq!(super::decide(&[rule(Answer::Dismiss)], &facts(), &exhausted).reason(), Reason::Rule);
}

#[test]
fn a_rule_that_asks_allows_an_approved_request() {
    let rules = [rule(Answer::Ask)];
    assert_eq!(decide(&rules, &facts()).answer(), Answer::Ask);
    let approver = Approver { uid: ApproverUid::new(1000), login: None };
    let approved = |id: &str| History { approved: [(id.to_owned(), approver)].into(), ..History::default() };
    let verdict = super::decide(&rules, &facts(), &approved("r"));
    assert_eq!((verdict.answer(), verdict.rule_id(), verdict.reason()), (Answer::Allow, Some("r"), Reason::Approved));
    assert_eq!(verdict.approver(), Some(approver));
    assert_eq!(super::decide(&rules, &facts(), &approved("another")).answer(), Answer::Ask);
    let full = super::decide(&rules, &facts(), &History { queue_full: true, ..History::default() });
    assert_eq!((full.answer(), full.reason()), (Answer::Dismiss, Reason::QueueFull));
    let unbound = Facts { vouched_for: false, ..facts() };
    assert_eq!(
        super::decide(&rules, &unbound, &approved("r")).answer(),
        Answer::Deny,
        "an approval replaces nothing else"
    );
    let exhausted = History { rate_limited: ["r".to_owned()].into(), ..approved("r") };
    assert_eq!(super::decide(&rules, &facts(), &exhausted).answer(), Answer::Deny);
    assert_eq!(super::decide(&[rule(Answer::Deny)], &facts(), &approved("r")).answer(), Answer::Deny);
}

#[test]
fn the_first_match_wins() {
    let rules = [rule(Answer::Dismiss), rule(Answer::Allow)];
    let verdict = decide(&rules, &facts());
    assert_eq!(verdict.answer(), Answer::Dismiss);
    let other = Rule { actions: vec![ActionPattern::new("org.example.other").unwrap()], ..rule(Answer::Deny) };
    assert_eq!(decide(&[other, rule(Answer::Allow)], &facts()).answer(), Answer::Allow);
}

#[test]
fn a_grant_needs_every_key_to_be_true() {
    let other_unit = Rule { unit: UnitPattern::new("cron.service"), ..rule(Answer::Allow) };
    assert_eq!(answer(other_unit, &facts()), Answer::Deny);
    let other_user = Rule { user: Some(Named { name: "root".into(), id: 0 }), ..rule(Answer::Allow) };
    assert_eq!(answer(other_user, &facts()), Answer::Deny);
    let other_group = Rule { group: Some(Named { name: "kvm".into(), id: 99 }), ..rule(Answer::Allow) };
    assert_eq!(answer(other_group, &facts()), Answer::Deny);
}

#[test]
fn an_unknown_fact_grants_nothing_and_refuses() {
    let unknown = Facts { unit: Fact::Unknown, ..facts() };
    let with_unit = |answer| Rule { unit: UnitPattern::new("apache2.service"), ..rule(answer) };
    assert_eq!(decide(&[with_unit(Answer::Allow)], &unknown), Verdict::default());
    let rules = [with_unit(Answer::Deny), rule(Answer::Allow)];
    let refused = decide(&rules, &unknown);
    assert_eq!((refused.answer(), refused.rule_id()), (Answer::Deny, Some("r")));
}

#[test]
fn a_rule_that_refuses_is_skipped_if_a_key_is_false() {
    let deny = Rule { unit: UnitPattern::new("cron.service"), session: Some(SessionKey::Active), ..rule(Answer::Deny) };
    let session_unknown = Facts { session: Fact::Unknown, ..facts() };
    assert_eq!(decide(&[deny, rule(Answer::Allow)], &session_unknown).answer(), Answer::Allow);
}

#[test]
fn exe_compares_the_file_and_not_its_name() {
    let path = PathBuf::from("/usr/sbin/apache2");
    let with_exe = || Rule { exe: Some(path.clone()), ..rule(Answer::Allow) };
    let on_disk = |id| Facts { named_files: [(path.clone(), id)].into(), ..facts() };
    let same = Fact::Known(FileId { device: 1, inode: 2 });
    let other = Fact::Known(FileId { device: 1, inode: 3 });
    assert_eq!(answer(with_exe(), &on_disk(same)), Answer::Allow);
    assert_eq!(answer(with_exe(), &on_disk(other)), Answer::Deny);
    assert_eq!(answer(with_exe(), &on_disk(Fact::Unknown)), Answer::Deny);
    assert_eq!(answer(with_exe(), &facts()), Answer::Deny);
}

#[test]
fn a_subject_without_a_voucher_is_refused_unless_the_rule_says_unbound() {
    let unbound = Facts { vouched_for: false, ..facts() };
    let rules = [rule(Answer::Allow)];
    let verdict = decide(&rules, &unbound);
    assert_eq!((verdict.answer(), verdict.rule_id(), verdict.reason()), (Answer::Deny, Some("r"), Reason::Unbound));
    let accepting = Rule { unbound: true, ..rule(Answer::Allow) };
    assert_eq!(answer(accepting, &unbound), Answer::Allow);
    assert_eq!(answer(rule(Answer::Dismiss), &unbound), Answer::Dismiss);
}

fn user(uid: u32) -> Identity {
    Identity::User(IdentityUid::new(uid).unwrap())
}

#[test]
fn ask_needs_the_same_facts_as_allow() {
    assert_eq!(answer(rule(Answer::Ask), &facts()), Answer::Ask);
    let with_unit = Rule { unit: UnitPattern::new("apache2.service"), ..rule(Answer::Ask) };
    let rules = [with_unit, rule(Answer::Allow)];
    let unknown = decide(&rules, &Facts { unit: Fact::Unknown, ..facts() });
    assert_eq!((unknown.answer(), unknown.reason()), (Answer::Deny, Reason::Unknown), "no later rule is tried");
    let rules = [rule(Answer::Ask)];
    let unbound = decide(&rules, &Facts { vouched_for: false, ..facts() });
    assert_eq!((unbound.answer(), unbound.reason()), (Answer::Deny, Reason::Unbound));
}

#[test]
fn polkitd_vouches_for_a_subject_by_offering_only_its_real_uid() {
    let www = SubjectUid::new(33).unwrap();
    assert!(is_vouched_for(&[user(33)], www));
    assert!(!is_vouched_for(&[user(1001)], www));
    assert!(!is_vouched_for(&[user(33), user(33)], www));
    assert!(!is_vouched_for(&[user(33), user(0)], www));
    assert!(!is_vouched_for(&[Identity::Group(33)], www));
    assert!(!is_vouched_for(&[], www));
}

#[test]
fn the_agent_answers_as_the_subject_else_as_root_else_as_the_first_user() {
    let www = SubjectUid::new(33).unwrap();
    let identity = |offered: &[Identity]| answering_identity(offered, www).map(IdentityUid::get);
    assert_eq!(identity(&[user(0), user(33)]), Some(33));
    assert_eq!(identity(&[user(1000), user(0)]), Some(0));
    assert_eq!(identity(&[Identity::Group(4), user(1000)]), Some(1000));
    assert_eq!(identity(&[Identity::Group(4)]), None);
}

fn any_fact<T: std::fmt::Debug + Clone + 'static>(value: T) -> impl Strategy<Value = Fact<T>> {
    prop_oneof![Just(Fact::Unknown), Just(Fact::Known(value))]
}

/// How close an answer is to a yes.
fn strength(verdict: &Verdict<'_>) -> u8 {
    match verdict.answer() {
        Answer::Allow => 3,
        Answer::Authenticate => 2,
        Answer::Ask => 1,
        Answer::Deny | Answer::Dismiss => 0,
    }
}

proptest! {
    /// A fact that becomes unknown never turns a refusal into a grant, and never makes a grant wider.
    #[test]
    fn forgetting_a_fact_never_grants(
        unit in any_fact(Some("apache2.service".to_string())),
        groups in any_fact([33u32].into()),
        session in any_fact(Session::None),
        rules in proptest::collection::vec((0..Answer::WORDS.len(), any::<[bool; 3]>()), 0..6),
    ) {
        let rules: Vec<Rule> = rules.into_iter().map(|(answer, [unit, group, session])| Rule {
            unit: unit.then(|| UnitPattern::new("apache2.service").unwrap()),
            group: group.then(|| Named { name: "www-data".into(), id: 33 }),
            session: session.then_some(SessionKey::None),
            ..rule(Answer::WORDS[answer].1)
        }).collect();
        let less = Facts { unit, groups, session, ..facts() };
        prop_assert!(strength(&decide(&rules, &less)) <= strength(&decide(&rules, &facts())));
    }
}

#[test]
fn a_process_of_another_user_than_the_session_needs_a_rule_that_names_the_user() {
    let other = Facts { other_user: true, ..facts() };
    let of_any_user = Rule { user: None, ..rule(Answer::Allow) };
    let verdict = decide(std::slice::from_ref(&of_any_user), &other);
    assert_eq!((verdict.answer(), verdict.reason()), (Answer::Deny, Reason::OtherUser));
    assert_eq!(decide(&[of_any_user], &facts()).answer(), Answer::Allow);
    let named = Rule { user: Some(Named { name: "x".into(), id: other.uid.get() }), ..rule(Answer::Allow) };
    assert_eq!(decide(&[named], &other).answer(), Answer::Allow);
}

#[test]
fn a_grant_to_a_unit_that_is_delegated_needs_consent() {
    let of_unit = |delegated| Rule { unit: UnitPattern::new("apache2.service"), delegated, ..rule(Answer::Allow) };
    for (fact, consent, reason) in [
        (Fact::Known(false), false, Reason::Rule),
        (Fact::Known(true), false, Reason::Delegated),
        (Fact::Unknown, false, Reason::Delegated),
        (Fact::Known(true), true, Reason::Rule),
    ] {
        let facts = Facts { delegated: fact, ..facts() };
        assert_eq!(decide(&[of_unit(consent)], &facts).reason(), reason);
    }
    let refusal = Rule { answer: Answer::Deny, ..of_unit(false) };
    assert_eq!(decide(&[refusal], &Facts { delegated: Fact::Known(true), ..facts() }).reason(), Reason::Rule);
}

#[test]
fn a_rule_that_requires_a_user_of_its_own_refuses_a_shared_one() {
    let own = || Rule { own_user: true, ..rule(Answer::Allow) };
    for (fact, reason) in [
        (Fact::Known(true), Reason::Rule),
        (Fact::Known(false), Reason::SharedUser),
        (Fact::Unknown, Reason::SharedUser),
    ] {
        assert_eq!(decide(&[own()], &Facts { exclusive_user: fact, ..facts() }).reason(), reason);
    }
}

#[test]
fn a_request_that_cannot_wait_for_a_person_is_a_refusal_that_names_its_rule() {
    let ask = rule(Answer::Ask);
    let verdict = decide(std::slice::from_ref(&ask), &facts());
    assert_eq!(verdict.answer(), Answer::Ask);
    let refused = verdict.refused(Reason::NoRandom);
    assert_eq!(
        (refused.answer(), refused.rule_id(), refused.reason()),
        (Answer::Deny, Some(&*ask.id), Reason::NoRandom)
    );
}

#[test]
fn a_refused_verdict_keeps_its_rule_and_loses_its_approver() {
    let rules = [rule(Answer::Ask)];
    let approver = Approver { uid: ApproverUid::new(1000), login: None };
    let history = History { approved: [("r".to_owned(), approver)].into(), ..History::default() };
    let verdict = super::decide(&rules, &facts(), &history);
    assert_eq!(verdict.rule().map(|rule| rule.id.as_str()), Some("r"));
    let refused = verdict.refused(Reason::NoRandom);
    assert_eq!((refused.rule(), refused.approver()), (Some(&rules[0]), None));
}

#[test]
fn each_reason_and_each_answer_has_a_word_of_its_own() {
    let reasons = [
        Reason::Rule,
        Reason::NoRule,
        Reason::Unknown,
        Reason::Unbound,
        Reason::OtherUser,
        Reason::Delegated,
        Reason::SharedUser,
        Reason::Limit,
        Reason::Approved,
        Reason::QueueFull,
        Reason::Sender,
        Reason::OtherSubject,
        Reason::NoSubject,
        Reason::OtherSession,
        Reason::Malformed,
        Reason::Gone,
        Reason::Unreadable,
        Reason::NoRandom,
        Reason::Deadline,
        Reason::Cancelled,
        Reason::Fault,
    ];
    let words: BTreeSet<&str> = reasons.into_iter().map(Reason::word).collect();
    assert_eq!(words.len(), reasons.len());
    assert_eq!([Reason::NoRule.word(), Reason::QueueFull.word()], ["no-rule", "queue-full"]);
    for (word, answer) in Answer::WORDS {
        assert_eq!(answer.word(), word);
        assert_eq!(answer.is_yes(), matches!(word, "allow" | "authenticate"), "{word}");
    }
}

#[test]
fn of_several_objections_the_first_names_the_reason() {
    let rule = Rule {
        unit: UnitPattern::new("apache2.service"),
        group: Some(Named { name: "vm".into(), id: 100 }),
        user: None,
        own_user: true,
        ..rule(Answer::Ask)
    };
    let history = History { rate_limited: ["r".to_owned()].into(), ..History::default() };
    let mut facts = Facts {
        groups: Fact::Unknown,
        other_user: true,
        vouched_for: false,
        delegated: Fact::Unknown,
        exclusive_user: Fact::Unknown,
        ..facts()
    };
    let mut reasons = Vec::new();
    let mut note = |facts: &Facts| reasons.push(super::decide(std::slice::from_ref(&rule), facts, &history).reason());
    note(&facts);
    facts.groups = Fact::Known([100].into());
    note(&facts);
    facts.other_user = false;
    note(&facts);
    facts.vouched_for = true;
    note(&facts);
    facts.delegated = Fact::Known(false);
    note(&facts);
    facts.exclusive_user = Fact::Known(true);
    note(&facts);
    let expected =
        [Reason::Unknown, Reason::OtherUser, Reason::Unbound, Reason::Delegated, Reason::SharedUser, Reason::Limit];
    assert_eq!(reasons, expected);
    let user = Rule { user: Some(Named { name: "www-data".into(), id: 33 }), ..rule.clone() };
    let other = Facts { other_user: true, ..facts };
    assert_eq!(super::decide(&[user], &other, &History::default()).reason(), Reason::Rule, "the rule names the user");
}
