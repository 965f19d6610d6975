//! Actions of a policy that no .policy file defines.

use polkit_config::report::{Location, Problem, Report};

use super::known_actions::KnownActions;
use crate::actions;
use crate::policy::Policy;
use crate::tree::Tree;

/// Warns of exact ids that are unknown, and of patterns that match no known id. Without a tree, only libvirt's ids are known.
pub(super) fn actions(policy: &Policy, tree: Option<&Tree>, report: &mut Report) {
    let found = tree.and_then(|tree| actions::of_tree(tree, None).ok()).unwrap_or_default();
    let known = KnownActions::new(found.actions.iter().map(|declared| declared.action.id.as_str()));
    // In a tree without any .policy file, the packages are not installed yet.
    let is_complete = !found.actions.is_empty();
    let is_missing = |id: &str| if is_complete { !known.has(id) } else { known.is_unknown(id) };
    let warn = |id: &str, at: &Location, report: &mut Report| {
        let (message, help) = known.describe(id);
        let help = help.unwrap_or_else(|| "`polkit-policy-gen actions` lists the registered actions".to_owned());
        report.push(Problem::warning(at.clone(), message).help(help));
    };
    for action in policy.grants.iter().flat_map(|grant| &grant.actions) {
        let id = action.value.as_str();
        if action.value.is_exact() && is_missing(id) {
            warn(id, &action.at, report);
        }
    }
    for action in policy.hooks.iter().flat_map(|hook| &hook.actions).filter(|action| is_missing(&action.value)) {
        warn(&action.value, &action.at, report);
    }
}
