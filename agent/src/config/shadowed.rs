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
