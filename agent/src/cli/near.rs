//! Near misses: rules that would allow a request but for some of their keys.

use std::collections::BTreeMap;

use polkit_agent_rules::{
    facts::{Facts, Truth},
    rule::Rule,
    schedule::When,
};

/// A rule that would allow the request, and the keys that are false or unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct NearMiss<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// The keys, as in agent.toml(5).
    pub keys: Vec<&'static str>,
}

/// Returns the rules about this action that allow and do not match, with the fewest failing keys first.
#[must_use]
pub fn near_misses<'r>(rules: &'r [Rule], facts: &Facts) -> Vec<NearMiss<'r>> {
    let is_about = |rule: &&Rule| rule.actions.iter().any(|pattern| pattern.covers(&facts.action));
    let mut found: Vec<NearMiss<'r>> = rules
        .iter()
        .filter(|rule| rule.answer.grants())
        .filter(is_about)
        .map(|rule| NearMiss { rule, keys: failing_keys(rule, facts) })
        .filter(|near| !near.keys.is_empty())
        .collect();
    found.sort_by_key(|near| near.keys.len());
    found
}

/// Returns the keys of a rule that are not true, each evaluated by itself.
fn failing_keys(rule: &Rule, facts: &Facts) -> Vec<&'static str> {
    let bare = Rule {
        unit: None,
        user: None,
        group: None,
        exe: None,
        session: None,
        seat: None,
        details: BTreeMap::new(),
        when: When::default(),
        ..rule.clone()
    };
    let of = bare.clone();
    let keys = [
        ("user", Rule { user: rule.user.clone(), ..of.clone() }),
        ("unit", Rule { unit: rule.unit.clone(), ..of.clone() }),
        ("group", Rule { group: rule.group.clone(), ..of.clone() }),
        ("exe", Rule { exe: rule.exe.clone(), ..of.clone() }),
        ("session", Rule { session: rule.session.clone(), ..of.clone() }),
        ("seat", Rule { seat: rule.seat.clone(), ..of.clone() }),
        ("details", Rule { details: rule.details.clone(), ..of.clone() }),
        ("time", Rule { when: rule.when.clone(), ..of }),
    ];
    keys.into_iter().filter(|(_, rule)| rule.truth(facts) != Truth::True).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use polkit_agent_rules::{
        facts::Fact,
        model,
        rule::{Answer, Named, SessionKey},
        schedule::Until,
        unit_pattern::UnitPattern,
    };
    use polkit_types::pattern::Glob;

    use super::*;

    fn keys(rule: &Rule, facts: &Facts) -> Vec<&'static str> {
        near_misses(std::slice::from_ref(rule), facts).into_iter().flat_map(|near| near.keys).collect()
    }

    #[test]
    fn the_keys_that_are_not_true_are_named() {
        let mut rule = model::rule(Answer::Allow);
        assert_eq!(keys(&rule, &model::facts()), [""; 0], "this rule matches");
        rule.unit = Some(UnitPattern::new("apache2.service").unwrap());
        rule.user = Some(Named { name: "alice".into(), id: 1000 });
        assert_eq!(keys(&rule, &model::facts()), ["user"]);
        let unknown = Facts { unit: Fact::Unknown, ..model::facts() };
        assert_eq!(keys(&rule, &unknown), ["user", "unit"], "an unknown fact satisfies no key");
    }

    #[test]
    fn rules_that_refuse_or_are_about_another_action_are_no_near_misses() {
        let other = Named { name: "alice".into(), id: 1000 };
        let refusing = Rule { user: Some(other.clone()), ..model::rule(Answer::Deny) };
        assert_eq!(near_misses(&[refusing], &model::facts()), []);
        let rule = Rule { user: Some(other), ..model::rule(Answer::Allow) };
        let elsewhere = Facts { action: "org.example.run".into(), ..model::facts() };
        assert_eq!(near_misses(&[rule], &elsewhere), []);
    }

    #[test]
    fn the_rule_with_the_fewest_failing_keys_comes_first() {
        let other = Named { name: "alice".into(), id: 1000 };
        let unit = Some(UnitPattern::new("web.service").unwrap());
        let two = Rule { id: "two".into(), user: Some(other), unit: unit.clone(), ..model::rule(Answer::Allow) };
        let one = Rule { id: "one".into(), unit, ..model::rule(Answer::Allow) };
        let (rules, facts) = ([two, one], model::facts());
        let ids: Vec<&str> = near_misses(&rules, &facts).iter().map(|near| near.rule.id.as_str()).collect();
        assert_eq!(ids, ["one", "two"]);
    }

    #[test]
    fn each_key_is_evaluated_by_itself() {
        let named = || Some(Named { name: "x".into(), id: 4000 });
        let allow = || model::rule(Answer::Allow);
        let unit = || Some(UnitPattern::new("web.service").unwrap());
        let details = || [("unit".to_owned(), Glob::new("a"))].into();
        let until = Until::from_str("2020-01-01").unwrap();
        let facts = Facts { details: Fact::Known(BTreeMap::new()), ..model::facts() };
        for (rule, expected) in [
            (Rule { user: named(), ..allow() }, "user"),
            (Rule { unit: unit(), ..allow() }, "unit"),
            (Rule { group: named(), ..allow() }, "group"),
            (Rule { exe: Some("/usr/bin/x".into()), ..allow() }, "exe"),
            (Rule { session: Some(SessionKey::Active), ..allow() }, "session"),
            (Rule { seat: Some(Glob::new("seat0")), ..allow() }, "seat"),
            (Rule { details: details(), ..allow() }, "details"),
            (Rule { when: When { until: Some(until), ..When::default() }, ..allow() }, "time"),
        ] {
            assert_eq!(keys(&rule, &facts), [expected]);
        }
        let all = Rule { user: named(), unit: unit(), group: named(), seat: Some(Glob::new("seat0")), ..allow() };
        assert_eq!(keys(&all, &facts), ["user", "unit", "group", "seat"]);
    }
}
