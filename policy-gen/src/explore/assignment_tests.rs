use super::*;

fn is(kind: &str) -> Fact {
    Fact { kind: kind.into(), value: None }
}

fn named(kind: &str, value: &str) -> Fact {
    Fact { kind: kind.into(), value: Some(value.into()) }
}

#[test]
fn an_open_fact_is_false_and_stays_so() {
    let mut facts = Assignment::default();
    assert_eq!(facts.ask(&named("group", "vm")), Answer { is: false, is_new: true });
    assert_eq!(facts.ask(&named("group", "vm")), Answer { is: false, is_new: false });
    assert_eq!(facts.known(), [KnownFact { fact: named("group", "vm"), is: false }]);
}

#[test]
fn a_user_has_one_name_and_any_number_of_groups() {
    let mut facts = Assignment::default();
    facts.decide(named("user", "alice"), true);
    facts.decide(named("group", "vm"), true);
    assert_eq!(facts.get(&named("user", "bob")), Some(false));
    assert_eq!(facts.get(&named("group", "kvm")), None);
    assert_eq!((facts.text("user"), facts.groups().collect::<Vec<_>>()), (Some("alice"), vec!["vm"]));
}

#[test]
fn the_facts_of_a_session_agree_with_each_other() {
    for (fact, is_true, implied) in [
        ("local", true, [Some(true), None, Some(true), Some(true)]),
        ("local", false, [Some(false), None, None, Some(false)]),
        ("session", false, [Some(false), Some(false), Some(false), Some(false)]),
        ("active", true, [None, Some(true), Some(true), None]),
        ("seat", true, [Some(true), None, Some(true), Some(true)]),
    ] {
        let mut facts = Assignment::default();
        facts.decide(is(fact), is_true);
        assert_eq!(OF_SESSION.map(|kind| facts.get(&is(kind))), implied, "{fact} {is_true}");
    }
    let mut facts = Assignment::default();
    facts.decide(named("seat", "seat0"), true);
    assert_eq!(facts.sessions().collect::<Vec<_>>(), [Session::Inactive, Session::Active]);
}

#[test]
fn a_detail_that_is_not_given_has_no_value() {
    let mut facts = Assignment::default();
    facts.decide(is("detail:unit"), false);
    assert_eq!(facts.get(&named("detail:unit", "a")), Some(false));
    let mut facts = Assignment::default();
    facts.decide(named("detail:unit", "a"), true);
    assert_eq!((facts.get(&is("detail:unit")), facts.get(&named("detail:unit", "b"))), (Some(true), Some(false)));
}
