//! What a configuration gives away, said plainly: by `check`, by `test` and at every start.

use crate::{action::ROOT_EQUIVALENT, config::Config};

/// One line for every grant of an action that is as good as root.
#[must_use]
pub fn of(config: &Config) -> Vec<String> {
    let grants = config.rules.iter().filter(|rule| rule.answer.grants());
    let lines = grants.flat_map(|rule| {
        let given =
            ROOT_EQUIVALENT.iter().filter(|(action, _)| rule.actions.iter().any(|pattern| pattern.covers(action)));
        given.map(|(action, why)| {
            format!("rule \"{}\" ({}) grants {action}, which is as good as root: {why}", rule.id, rule.origin)
        })
    });
    lines.collect()
}
