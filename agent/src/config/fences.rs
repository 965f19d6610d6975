//! Grants to units that other processes of the unit's user can get into.

use polkit_agent_rules::{
    rule::{Named, Rule},
    unit_pattern::UnitPattern,
};
use polkit_config::report::{Problem, Report};

use super::entry::Entry;
use crate::config::{host_units, separation::Host};

/// Asks the host about the units that grants name and about their users. Asks nothing where no grant names a unit.
pub(super) fn look(entries: &[Entry]) -> Host {
    let grants: Vec<&Rule> = entries.iter().map(|entry| &entry.rule).filter(|rule| rule.answer.grants()).collect();
    if !grants.iter().any(|rule| rule.unit.is_some() || rule.own_user) {
        return Host::default();
    }
    let units: Vec<&UnitPattern> = grants.iter().filter_map(|rule| rule.unit.as_ref()).collect();
    let users: Vec<Named> = grants.iter().filter_map(|rule| rule.user.clone()).collect();
    host_units::look(&units, &users)
}

/// Refuses a grant to a delegated unit without consent, and one that requires a user of its own where others use the user.
pub(super) fn refuse(entries: &[Entry], host: &Host, report: &mut Report) {
    for Entry { rule, at, .. } in entries.iter().filter(|entry| entry.rule.answer.grants()) {
        let refusal = |message: String, help: &str| Problem::error(at.clone(), message).help(help);
        if let (Some(pattern), false) = (&rule.unit, rule.delegated)
            && let Some(unit) = host.delegated(pattern).next()
        {
            let message = format!("`{}` is delegated: any process of its user can have itself put into it", unit.name);
            report.push(refusal(message, "take Delegate= away from the unit, or accept that with `delegated = true`"));
        }
        if let Some(pattern) = &rule.unit
            && let Some(unit) = host.session_units(pattern).next()
        {
            let message = format!("`{}` opens login sessions (PAMName=): it runs what its users say", unit.name);
            let help = "grant to a `user` or a `session`, or run the program as a unit of its own";
            report.push(Problem::warning(at.clone(), message).help(help));
        }
        if !rule.own_user {
            continue;
        }
        let own = "`require_own_user` needs both `unit` and `user`";
        let (Some(pattern), Some(user)) = (&rule.unit, &rule.user) else {
            report.push(refusal(format!("`{}` names no user of its own", rule.id), own));
            continue;
        };
        if host.units.is_none() {
            let help = "the system manager must be running: it knows which units use the user";
            report.push(refusal(format!("whether `{}` has `{}` to itself cannot be told", pattern, user.name), help));
        }
        let others = host.others(pattern, user);
        if !others.is_empty() {
            let message = format!("`{}` is also used by {}", user.name, others.join(", "));
            let help = "give the unit a user of its own (User= or DynamicUser=), or leave `require_own_user` out";
            report.push(refusal(message, help));
        }
    }
}
