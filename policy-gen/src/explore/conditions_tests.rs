use super::*;
use crate::implicit_authorization::ImplicitAuthorization::{self, AuthAdmin, No, Yes};

/// A condition with facts such as `local`, `!local`, `user=alice` and `!user=alice`.
fn condition(outcome: ImplicitAuthorization, facts: &str) -> Condition {
    let known = |word: &str| {
        let (is, word) = word.strip_prefix('!').map_or((true, word), |word| (false, word));
        let (kind, value) = word.split_once('=').map_or((word, None), |(kind, value)| (kind, Some(value.to_owned())));
        KnownFact { fact: Fact { kind: kind.to_owned(), value }, is }
    };
    let mut all: Vec<KnownFact> = facts.split_whitespace().map(known).collect();
    all.sort();
    Condition { outcome: Outcome::Result(outcome), decided_by: None, ends_polkitd: None, all }
}

fn merge(facts: &[&str]) -> Vec<Condition> {
    merged(facts.iter().map(|facts| condition(Yes, facts)).collect())
}

fn all(facts: &[&str]) -> Vec<Condition> {
    facts.iter().map(|facts| condition(Yes, facts)).collect()
}

#[test]
fn a_fact_that_changes_nothing_disappears() {
    assert_eq!(merge(&["group=a group=b", "group=a !group=b"]), all(&["group=a"]));
    assert_eq!(merge(&["group=a", "!group=a local", "!group=a !local"]), all(&[""]));
    assert_eq!(merge(&["group=a", "!group=a group=b"]), all(&["group=a", "!group=a group=b"]));
}

#[test]
fn texts_that_are_compared_without_effect_disappear() {
    assert_eq!(merge(&["user=a", "!user=a user=b", "!user=a !user=b"]), all(&[""]));
    assert_eq!(merge(&["!user=a user=b", "!user=a !user=b"]), all(&["!user=a"]));
    let detail = "detail:unit";
    let absent = [format!("!{detail}"), format!("{detail} {detail}="), format!("{detail} !{detail}= !{detail}=web")];
    assert_eq!(merge(&absent.each_ref().map(String::as_str)), all(&["!detail:unit=web"]));
    assert_eq!(merge(&["detail:u !detail:u= !detail:u=x", "detail:u detail:u="]), all(&["detail:u !detail:u=x"]));
}

#[test]
fn sessions_are_merged_as_far_as_facts_can_say_which() {
    assert_eq!(merge(&["!session", "session !local", "session local !active"]), all(&["!local", "local !active"]));
    assert_eq!(merge(&["session !local", "local !active", "local active"]), all(&["session"]));
    assert_eq!(merge(&["!session", "local active"]), all(&["!session", "active local"]));
}

#[test]
fn conditions_with_different_verdicts_stay_apart() {
    let all = vec![condition(Yes, "group=a"), condition(AuthAdmin, "!group=a")];
    assert_eq!(merged(all.clone()), all);
    assert_eq!(merged(vec![condition(No, "local"), condition(Yes, "!local")]).len(), 2);
}

#[test]
fn a_condition_covers_the_subjects_that_have_its_facts() {
    let condition = condition(Yes, "group=a !group=b");
    assert!(condition.covers(|fact| fact.value.as_deref() == Some("a")));
    assert!(!condition.covers(|_| true));
    assert!(!condition.covers(|_| false));
}
