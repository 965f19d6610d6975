//! Rules that an earlier rule shadows.

use polkit_agent_rules::rule::Rule;
use polkit_config::report::{Problem, Report};

use super::rule_entry::RuleEntry;

/// Warns about shadowed rules.
pub(super) fn warn(entries: &[RuleEntry], report: &mut Report) {
    for (position, entry) in entries.iter().enumerate() {
        let earlier = entries.iter().take(position).find(|earlier| covers(&earlier.rule, &entry.rule));
        if let Some(earlier) = earlier {
            let message = format!(
                "`{}` is never reached: `{}` at {} matches all its requests",
                entry.rule.id, earlier.rule.id, earlier.rule.origin
            );
            report.push(
                Problem::warning(entry.at.clone(), message).help("first match wins: put the narrower rule first"),
            );
        }
    }
}

/// Whether `earlier` matches every request that `later` matches, if all facts are known.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    let actions = later.actions.iter().all(|action| earlier.actions.iter().any(|pattern| pattern.includes(action)));
    actions
        && wider(earlier.unit.as_ref(), later.unit.as_ref())
        && wider(earlier.user.as_ref().map(|user| user.id), later.user.as_ref().map(|user| user.id))
        && wider(earlier.group.as_ref().map(|group| group.id), later.group.as_ref().map(|group| group.id))
        && wider(earlier.exe.as_ref(), later.exe.as_ref())
        && sessions(earlier, later)
        && wider(earlier.seat.as_ref(), later.seat.as_ref())
        && (earlier.when.is_always() || earlier.when == later.when)
        && earlier.details.iter().all(|(key, value)| later.details.get(key) == Some(value))
}

fn sessions(earlier: &Rule, later: &Rule) -> bool {
    let Some(earlier) = &earlier.session else { return true };
    later.session.as_ref().is_some_and(|later| earlier.includes(later))
}

/// A key that is not set is wider than any value.
fn wider<T: PartialEq>(earlier: Option<T>, later: Option<T>) -> bool {
    earlier.is_none() || earlier == later
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{
        model,
        rule::{Answer, Named, SessionKey},
        schedule::When,
        unit_pattern::UnitPattern,
    };
    use polkit_types::pattern::{ActionPattern, Glob};

    use super::*;

    fn rule() -> Rule {
        Rule { user: None, ..model::rule(Answer::Allow) }
    }

    /// The same rule with each key in turn.
    fn with_each_key() -> [Rule; 8] {
        let day = When { between: Some("08:00-18:00".parse().unwrap()), ..When::default() };
        [
            Rule { unit: UnitPattern::new("a.service"), ..rule() },
            Rule { user: Some(Named { name: "a".into(), id: 1 }), ..rule() },
            Rule { group: Some(Named { name: "a".into(), id: 1 }), ..rule() },
            Rule { exe: Some("/bin/a".into()), ..rule() },
            Rule { session: Some(SessionKey::Active), ..rule() },
            Rule { seat: Some(Glob::new("seat0")), ..rule() },
            Rule { when: day, ..rule() },
            Rule { details: [("verb".to_owned(), Glob::new("start"))].into(), ..rule() },
        ]
    }

    #[test]
    fn a_rule_without_a_key_is_wider_than_one_with_it() {
        for (number, narrow) in with_each_key().iter().enumerate() {
            assert!(covers(&rule(), narrow) && covers(narrow, narrow), "{number}");
            assert!(!covers(narrow, &rule()), "{number}");
            for (place, other) in with_each_key().iter().enumerate() {
                assert_eq!(covers(narrow, other), place == number, "{number} {place}");
            }
        }
    }

    #[test]
    fn another_value_of_a_key_is_not_covered() {
        let unit = |name: &str| Rule { unit: UnitPattern::new(name), ..rule() };
        assert!(!covers(&unit("a.service"), &unit("b.service")));
        let detail = |value: &str| Rule { details: [("verb".to_owned(), Glob::new(value))].into(), ..rule() };
        assert!(!covers(&detail("start"), &detail("stop")));
        let session = |session| Rule { session: Some(session), ..rule() };
        assert!(covers(&session(SessionKey::Local), &session(SessionKey::Active)));
        assert!(!covers(&session(SessionKey::Active), &session(SessionKey::Local)));
    }

    #[test]
    fn all_actions_must_be_covered() {
        let of = |actions: &[&str]| Rule {
            actions: actions.iter().map(|text| ActionPattern::new(text).unwrap()).collect(),
            ..rule()
        };
        assert!(covers(&of(&["org.a.*", "org.b.x"]), &of(&["org.a.y", "org.b.x"])));
        assert!(!covers(&of(&["org.a.*"]), &of(&["org.a.y", "org.b.x"])));
        assert!(!covers(&of(&["org.a.y"]), &of(&["org.a.*"])));
    }
}
