//! Grants to units that other processes of the unit's user can enter.

use polkit_agent_rules::{
    rule::{Named, Rule},
    unit_pattern::UnitPattern,
};
use polkit_config::report::{Problem, Report};

use super::rule_entry::RuleEntry;
use crate::config::{host_units, separation::Host};

/// Reads the units that grants name, and their users. Reads nothing if no grant names a unit.
pub(super) fn look(entries: &[RuleEntry]) -> Host {
    let grants: Vec<&Rule> = entries.iter().map(|entry| &entry.rule).filter(|rule| rule.answer.grants()).collect();
    if !grants.iter().any(|rule| rule.unit.is_some() || rule.own_user) {
        return Host::default();
    }
    let units: Vec<&UnitPattern> = grants.iter().filter_map(|rule| rule.unit.as_ref()).collect();
    let users: Vec<Named> = grants.iter().filter_map(|rule| rule.user.clone()).collect();
    host_units::look(&units, &users)
}

/// Refuses a grant to a delegated unit without `delegated = true`, and a grant with `require_own_user` whose user has other uses.
pub(super) fn refuse(entries: &[RuleEntry], host: &Host, report: &mut Report) {
    for RuleEntry { rule, at, .. } in entries.iter().filter(|entry| entry.rule.answer.grants()) {
        let refusal = |message: String, help: &str| Problem::error(at.clone(), message).help(help);
        if let (Some(pattern), false) = (&rule.unit, rule.delegated)
            && let Some(unit) = host.delegated(pattern).next()
        {
            let message = format!("`{}` is delegated: any process of its user can move into it", unit.name);
            report.push(refusal(message, "remove Delegate= from the unit, or accept this by `delegated = true`"));
        }
        if let Some(pattern) = &rule.unit
            && let Some(unit) = host.session_units(pattern).next()
        {
            let message = format!("`{}` opens login sessions (PAMName=): its users choose what it runs", unit.name);
            let help = "grant to a `user` or a `session`, or run the program as a unit of its own";
            report.push(Problem::warning(at.clone(), message).help(help));
        }
        if !rule.own_user {
            continue;
        }
        let own = "`require_own_user` needs both `unit` and `user`";
        let (Some(pattern), Some(user)) = (&rule.unit, &rule.user) else {
            report.push(refusal(
                format!("`{}` requires a user of its own, and has no `unit` or no `user`", rule.id),
                own,
            ));
            continue;
        };
        if host.units.is_none() {
            let help = "the system manager must be running: it knows which units use the user";
            report.push(refusal(format!("cannot find out whether only `{}` uses `{}`", pattern, user.name), help));
        }
        let others = host.others(pattern, user);
        if !others.is_empty() {
            let message = format!("`{}` is also used by {}", user.name, others.join(", "));
            let help = "give the unit a user of its own (User= or DynamicUser=), or leave `require_own_user` out";
            report.push(refusal(message, help));
        }
    }
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{
        model,
        rule::{Answer, Rule},
    };
    use polkit_config::report::Location;

    use super::*;
    use crate::config::separation::Unit;

    fn unit(name: &str) -> Unit {
        Unit { name: name.into(), user: Some("www-data".into()), ..Unit::default() }
    }

    fn host(units: Vec<Unit>) -> Host {
        Host { units: Some(units), ..Host::default() }
    }

    /// The problems of a rule for the user www-data in the unit a.service.
    fn problems(change: impl FnOnce(&mut Rule), host: &Host) -> Vec<String> {
        let mut rule = Rule { unit: UnitPattern::new("a.service"), ..model::rule(Answer::Allow) };
        change(&mut rule);
        let at = Location { source: "agent.toml".into(), span: None };
        let mut report = Report::new();
        refuse(&[RuleEntry { rule, at, identity: None }], host, &mut report);
        report.lines().into_iter().map(|line| line.split(" (").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_grant_to_a_delegated_unit_must_accept_the_delegation() {
        let delegated = host(vec![Unit { is_delegated: true, ..unit("a.service") }]);
        let expected = ["agent.toml: `a.service` is delegated: any process of its user can move into it"];
        assert_eq!(problems(|_| (), &delegated), expected);
        assert_eq!(problems(|rule| rule.delegated = true, &delegated), [""; 0]);
        assert_eq!(problems(|rule| rule.answer = Answer::Deny, &delegated), [""; 0], "a refusal");
        assert_eq!(problems(|_| (), &host(vec![unit("a.service")])), [""; 0]);
    }

    #[test]
    fn a_unit_that_opens_sessions_is_a_warning() {
        let sessions = host(vec![Unit { opens_sessions: true, ..unit("a.service") }]);
        let [warning] = problems(|_| (), &sessions).try_into().unwrap();
        assert!(warning.contains("`a.service` opens login sessions"), "{warning}");
    }

    #[test]
    fn a_required_own_user_must_be_known_to_have_no_other_use() {
        let own = |rule: &mut Rule| rule.own_user = true;
        assert_eq!(problems(own, &host(vec![unit("a.service")])), [""; 0]);
        assert_eq!(problems(own, &host(Vec::new())), [""; 0], "the unit is not loaded");
        let used = problems(own, &host(vec![unit("a.service"), unit("b.service")]));
        assert_eq!(used, ["agent.toml: `www-data` is also used by b.service"]);
        let silent = problems(own, &Host::default());
        assert_eq!(silent, ["agent.toml: cannot find out whether only `a.service` uses `www-data`"]);
        for remove in [|rule: &mut Rule| rule.unit = None, |rule: &mut Rule| rule.user = None] {
            let lacks = problems(
                |rule| {
                    own(rule);
                    remove(rule);
                },
                &host(Vec::new()),
            );
            assert_eq!(lacks, ["agent.toml: `r` requires a user of its own, and has no `unit` or no `user`"]);
        }
    }

    #[test]
    fn the_host_is_read_only_if_a_grant_names_a_unit() {
        let entry =
            |rule: Rule| RuleEntry { rule, at: Location { source: "agent.toml".into(), span: None }, identity: None };
        let is_read = |rules: Vec<Rule>| look(&rules.into_iter().map(entry).collect::<Vec<_>>()) != Host::default();
        let (plain, unit) = (model::rule(Answer::Allow), UnitPattern::new("a.service"));
        let of_unit = Rule { unit: unit.clone(), ..model::rule(Answer::Allow) };
        assert!(!is_read(vec![plain.clone()]) && !is_read(vec![Rule { unit, ..model::rule(Answer::Deny) }]));
        assert!(is_read(vec![of_unit.clone()]) && is_read(vec![plain.clone(), of_unit]));
        assert!(is_read(vec![plain, Rule { own_user: true, ..model::rule(Answer::Allow) }]));
    }
}
