//! Advisories about grants of a configuration: `check`, `test` and each start show them.

use polkit_agent_rules::{
    rule::{Answer, Rule, SessionKey},
    unit_pattern::UnitPattern,
};

use crate::config::{Config, ServeTarget, root_equivalent::ROOT_EQUIVALENT};

/// One line for each grant of a root-equivalent action, and for each rule with `session = "active"`.
#[must_use]
pub fn of(config: &Config) -> Vec<String> {
    [root_equivalent(config), active(config), unserved(config)].concat()
}

/// One line for each grant to a unit that no entry serves: the agent is never asked about its processes. Entries for sessions, pid files
/// and `exec` can serve processes of any unit.
fn unserved(config: &Config) -> Vec<String> {
    let serves = |unit: &UnitPattern, rule: &Rule| {
        let example = |pattern: &UnitPattern| pattern.to_string().replace('*', "x");
        config.serve.iter().any(|serve| match &serve.target {
            ServeTarget::Unit(served) => served.covers(&example(unit)) || unit.covers(&example(served)),
            ServeTarget::User(user) => rule.user.as_ref().is_none_or(|of_rule| of_rule.id == user.id),
            ServeTarget::PidFile(_) | ServeTarget::SessionUser(_) | ServeTarget::OwnSession | ServeTarget::Exec(_) => {
                true
            }
        })
    };
    let grants = config.rules.iter().filter(|rule| rule.answer.grants());
    let of_units = grants.filter_map(|rule| Some((rule, rule.unit.as_ref()?)));
    let unserved = of_units.filter(|(rule, unit)| !serves(unit, rule));
    let line = |(rule, unit): (&Rule, &UnitPattern)| {
        format!(
            "rule \"{}\" ({}) grants to {unit}, which no [[serve]] entry serves: the agent is not asked about its processes",
            rule.id, rule.origin
        )
    };
    unserved.map(line).collect()
}

/// In earlier versions the word covered every session that logind calls active, also without a seat.
fn active(config: &Config) -> Vec<String> {
    let rules = config.rules.iter().filter(|rule| rule.session == Some(SessionKey::Active));
    let line = |rule: &Rule| {
        format!(
            "rule \"{}\" ({}) covers sessions in the foreground of a seat. A session without a seat, for example of ssh, is not \
             `active`: `session = \"remote\"` or a class covers it",
            rule.id, rule.origin
        )
    };
    rules.map(line).collect()
}

fn root_equivalent(config: &Config) -> Vec<String> {
    let grants = config.rules.iter().filter(|rule| rule.answer.grants());
    let lines = grants.flat_map(|rule| {
        let given = ROOT_EQUIVALENT.iter().filter(|(action, _)| {
            rule.actions.iter().any(|pattern| pattern.covers(action)) && !is_narrowed(rule, action)
        });
        given.map(|(action, why)| {
            let grants = match rule.answer {
                Answer::Ask => "lets a person grant",
                Answer::Authenticate => "authenticates for",
                Answer::Allow | Answer::Deny | Answer::Dismiss => "grants",
            };
            format!("rule \"{}\" ({}) {grants} {action}, which is root-equivalent: {why}", rule.id, rule.origin)
        })
    });
    lines.collect()
}

/// Whether the details of a rule limit it to named units, or to one program.
fn is_narrowed(rule: &Rule, action: &str) -> bool {
    let key = match action {
        "org.freedesktop.systemd1.manage-units" => "unit",
        "org.freedesktop.policykit.exec" => "program",
        _ => return false,
    };
    rule.details.get(key).is_some_and(|value| value.as_str() != "*")
}

/// One line for each grant of the old configuration that the new one does not have, if polkit may have kept its authorizations: the
/// agent cannot revoke those.
#[must_use]
pub fn stale_grants(old: &Config, new: &Config) -> Vec<String> {
    let stays = |rule: &Rule| {
        let moved = |other: &Rule| Rule { origin: rule.origin.clone(), ..other.clone() } == *rule;
        new.rules.iter().any(moved)
    };
    let gone = old.rules.iter().filter(|rule| rule.answer.grants() && rule.unbound && !stays(rule));
    let line = |rule: &Rule| {
        format!(
            "rule \"{}\" changed: its grants may stay valid for up to 5 minutes, for processes that still run, if the implicit \
             authorization is auth_…_keep. To end them, end these processes or restart polkit",
            rule.id
        )
    };
    gone.map(line).collect()
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{model, rule::Named};

    use super::*;
    use crate::config::Serve;

    fn unit(name: &str) -> UnitPattern {
        UnitPattern::new(name).unwrap()
    }

    #[test]
    fn a_grant_of_one_unit_or_one_program_is_not_root_equivalent() {
        let named = |action: &str, key: &str, value: &str| {
            let details = [(key.to_owned(), polkit_types::pattern::Glob::new(value))].into();
            let actions = vec![polkit_types::pattern::ActionPattern::new(action).unwrap()];
            let rule = Rule { details, actions, ..model::rule(Answer::Allow) };
            !root_equivalent(&Config::of(vec![], vec![rule])).is_empty()
        };
        let units = "org.freedesktop.systemd1.manage-units";
        assert!(!named(units, "unit", "web.service") && !named(units, "unit", "web-*.service"));
        assert!(named(units, "unit", "*") && named(units, "verb", "restart"));
        assert!(!named("org.freedesktop.policykit.exec", "program", "/usr/bin/id"));
        assert!(named("org.libvirt.unix.manage", "unit", "web.service"));
    }

    #[test]
    fn a_grant_to_a_unit_that_no_entry_serves_is_named() {
        let named = |target: ServeTarget, of_rule: &str| {
            let rule = Rule { unit: Some(unit(of_rule)), ..model::rule(Answer::Allow) };
            unserved(&Config::of(vec![Serve::of(target)], vec![rule])).len()
        };
        let user = |id| ServeTarget::User(Named { name: "u".into(), id });
        for (target, of_rule, expected) in [
            (ServeTarget::Unit(unit("web.service")), "web.service", 0),
            (ServeTarget::Unit(unit("web.service")), "wbe.service", 1),
            (ServeTarget::Unit(unit("app@*.service")), "app@7.service", 0),
            (ServeTarget::Unit(unit("app@7.service")), "app@*.service", 0),
            (ServeTarget::Unit(unit("app@*.service")), "other.service", 1),
            (user(33), "web.service", 0),
            (user(34), "web.service", 1),
            (ServeTarget::PidFile("/run/x.pid".into()), "web.service", 0),
        ] {
            assert_eq!(named(target.clone(), of_rule), expected, "{target} {of_rule}");
        }
        let refusal = Rule { unit: Some(unit("web.service")), ..model::rule(Answer::Deny) };
        assert_eq!(unserved(&Config::of(vec![], vec![refusal])), [""; 0], "a refusal needs no entry");
    }

    #[test]
    fn every_root_equivalent_action_of_a_grant_is_named_with_its_reason() {
        let lines = |answer: Answer, actions: &[&str]| {
            let actions = actions.iter().map(|text| polkit_types::pattern::ActionPattern::new(text).unwrap()).collect();
            root_equivalent(&Config::of(vec![], vec![Rule { actions, ..model::rule(answer) }]))
        };
        let manage = "org.libvirt.unix.manage";
        let [line] = lines(Answer::Allow, &["org.example.x", manage]).try_into().unwrap();
        assert!(line.starts_with(&format!("rule \"r\" (agent.toml:1) grants {manage}, which is root-equivalent: ")));
        assert!(lines(Answer::Ask, &[manage])[0].contains("lets a person grant"));
        assert!(lines(Answer::Authenticate, &[manage])[0].contains("authenticates for"));
        assert_eq!([lines(Answer::Deny, &[manage]).len(), lines(Answer::Dismiss, &[manage]).len()], [0, 0]);
        assert_eq!(lines(Answer::Allow, &["org.example.x"]), [""; 0]);
        assert_eq!(lines(Answer::Allow, &["org.freedesktop.systemd1.*"]).len(), 2);
    }

    #[test]
    fn a_rule_for_active_sessions_is_explained() {
        let of = |session| Rule { session, ..model::rule(Answer::Deny) };
        let sessions = [None, Some(SessionKey::Active), Some(SessionKey::Local), Some(SessionKey::Remote)].map(of);
        let config = Config::of(vec![], sessions.into());
        assert_eq!(active(&config).len(), 1);
        assert_eq!(super::of(&config), active(&config));
    }

    #[test]
    fn a_grant_that_changes_or_goes_and_may_be_kept_is_stale() {
        let grant = || Rule { unbound: true, ..model::rule(Answer::Allow) };
        let stale =
            |old: Vec<Rule>, new: Vec<Rule>| stale_grants(&Config::of(vec![], old), &Config::of(vec![], new)).len();
        let other = Rule { id: "s".into(), ..grant() };
        assert_eq!(stale(vec![grant()], vec![]), 1);
        assert_eq!(stale(vec![grant()], vec![other.clone(), grant()]), 0, "one of several rules is the same");
        assert_eq!(stale(vec![grant()], vec![Rule { origin: "agent.toml:9".into(), ..grant() }]), 0, "moved");
        assert_eq!(stale(vec![grant()], vec![Rule { user: None, ..grant() }]), 1, "changed");
        assert_eq!(stale(vec![grant(), other], vec![grant()]), 1);
        assert_eq!(stale(vec![Rule { unbound: false, ..grant() }], vec![]), 0, "never kept");
        assert_eq!(stale(vec![Rule { answer: Answer::Deny, ..grant() }], vec![]), 0, "a refusal");
    }
}
