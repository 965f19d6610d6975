//! What a configuration gives away, said plainly: by `check`, by `test` and at every start.

use polkit_agent_rules::rule::{Answer, Rule, SessionKey};

use crate::config::{Config, root_equivalent::ROOT_EQUIVALENT};

/// One line for every grant of an action that is as good as root, and for every rule that says `session = "active"`.
#[must_use]
pub fn of(config: &Config) -> Vec<String> {
    [as_good_as_root(config), active(config)].concat()
}

/// The word once covered every session that logind calls active, and so every one without a seat.
fn active(config: &Config) -> Vec<String> {
    let rules = config.rules.iter().filter(|rule| rule.session == Some(SessionKey::Active));
    let line = |rule: &Rule| {
        format!(
            "rule \"{}\" ({}) is about sessions in the foreground of a seat: a session without a seat, as ssh makes it, is not \
             `active`. `session = \"remote\"` or a class covers such a session",
            rule.id, rule.origin
        )
    };
    rules.map(line).collect()
}

fn as_good_as_root(config: &Config) -> Vec<String> {
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
            format!("rule \"{}\" ({}) {grants} {action}, which is as good as root: {why}", rule.id, rule.origin)
        })
    });
    lines.collect()
}

/// One line for every grant of the old configuration that the new one does not make in the same way, and whose answers polkit
/// may have kept: nobody can take those back.
#[must_use]
pub fn kept(old: &Config, new: &Config) -> Vec<String> {
    let stays = |rule: &Rule| {
        let moved = |other: &Rule| Rule { origin: rule.origin.clone(), ..other.clone() } == *rule;
        new.rules.iter().any(moved)
    };
    let gone = old.rules.iter().filter(|rule| rule.answer.grants() && rule.unbound && !stays(rule));
    let line = |rule: &Rule| {
        format!(
            "rule \"{}\" is not what it was: what it granted may go on for up to 5 minutes, for processes that still run, where \
             the action's default is one of auth_…_keep. PendingOutcome these processes or restarting polkit ends it",
            rule.id
        )
    };
    gone.map(line).collect()
}
