//! Advisories about grants of a configuration: `check`, `test` and each start show them.

use polkit_agent_rules::rule::{Answer, Rule, SessionKey};

use crate::config::{Config, root_equivalent::ROOT_EQUIVALENT};

/// One line for each grant of a root-equivalent action, and for each rule with `session = "active"`.
#[must_use]
pub fn of(config: &Config) -> Vec<String> {
    [root_equivalent(config), active(config)].concat()
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
        let given =
            ROOT_EQUIVALENT.iter().filter(|(action, _)| rule.actions.iter().any(|pattern| pattern.covers(action)));
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
