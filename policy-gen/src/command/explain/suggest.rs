//! Changes that would turn a refusal into a "yes".

use std::collections::BTreeSet;

use polkit_config::escape::escape;

use crate::doctor::report::safe;
use crate::emit::GRANTS;
use crate::emit::quote::shell;
use crate::failure::Failure;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::target::{Spelling, Version};
use crate::tree::Tree;
use crate::verdict::{AccessRequest, Decider, DeciderKind, Evaluator, Outcome, Verdict};

/// Limit of suggested groups.
const GROUPS_MAX: usize = 5;
/// Edit distance up to which an action id counts as mistyped.
const MISTYPED_MAX: usize = 3;

/// A change after which the verdict is "yes".
pub(super) struct Suggestion {
    pub(super) change: String,
    pub(super) command: Option<String>,
    pub(super) because: Option<String>,
}

/// Returns the known changes, the smallest first. `target` is the target of the request.
pub(super) fn suggestions(
    evaluator: &mut Evaluator,
    tree: &Tree,
    target: &Spelling,
    access_request: &AccessRequest,
    verdict: &Verdict,
) -> Result<Vec<Suggestion>, Failure> {
    let mut suggestions = Vec::new();
    match verdict.outcome {
        Outcome::Result(ImplicitAuthorization::Yes) | Outcome::Depends => return Ok(suggestions),
        Outcome::Unregistered => return Ok(meant(evaluator, &access_request.action).into_iter().collect()),
        Outcome::Result(_) => {}
    }
    let user = escape(&access_request.user);
    let yes = Outcome::Result(ImplicitAuthorization::Yes);
    let prefix = of_tree(tree);
    let has = evaluator.groups(access_request)?;
    let text = tree.read_text("etc/group").unwrap_or_default();
    let others: BTreeSet<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
    let others: Vec<&str> =
        others.into_iter().filter(|group| !group.is_empty() && !has.iter().any(|has| has == group)).collect();
    let with = |group: &&str| AccessRequest {
        groups: Some([&has[..], &[(*group).to_owned()]].concat()),
        ..access_request.clone()
    };
    let asked: Vec<AccessRequest> = others.iter().map(with).collect();
    for (group, verdict) in others.iter().zip(evaluator.verdicts(&asked)?) {
        if verdict.outcome == yes && suggestions.len() < GROUPS_MAX {
            suggestions.push(Suggestion {
                change: format!("add {user} to the group {}", escape(group)),
                command: Some(safe(&format!("usermod {prefix}-aG {} {}", shell(group), shell(&access_request.user)))),
                because: verdict.decided_by.as_ref().and_then(place),
            });
        }
    }
    for session in Session::ALL.into_iter().filter(|session| *session != access_request.session) {
        let other = evaluator.verdict(&AccessRequest { session, ..access_request.clone() })?;
        if other.outcome == yes {
            suggestions.push(Suggestion {
                change: format!("make the request {}", in_session(session)),
                command: None,
                because: other.decided_by.as_ref().and_then(place),
            });
        }
    }
    let first = verdict.decided_by.as_ref().filter(|decider| decider.kind == DeciderKind::Rule).and_then(|decider| {
        let file = decider.file.as_deref()?;
        let name = file.rsplit('/').next()?;
        (name < GRANTS).then(|| place(decider)).flatten()
    });
    suggestions.push(match first {
        Some(place) => Suggestion {
            change: "change the rule that decides; it comes before the rules of polkit-policy-gen".to_owned(),
            command: None,
            because: Some(place),
        },
        None => Suggestion {
            change: format!("add a rule for {user} to {}", rules_place(evaluator.target().version)),
            command: Some(safe(&format!(
                "polkit-policy-gen generate --user {} --action {} --result yes{}",
                shell(&access_request.user),
                shell(&access_request.action),
                for_target(target)
            ))),
            because: None,
        },
    });
    Ok(suggestions)
}

/// Suggests the registered action with the most similar id.
fn meant(evaluator: &Evaluator, action: &str) -> Option<Suggestion> {
    let near = evaluator.actions().map(|id| (strsim::damerau_levenshtein(id, action), id)).min();
    let (_, id) = near.filter(|(distance, _)| *distance <= MISTYPED_MAX)?;
    Some(Suggestion { change: format!("use the registered action {}", escape(id)), command: None, because: None })
}

/// Returns the `--prefix` option of `usermod` for another tree. The option requires an absolute path.
fn of_tree(tree: &Tree) -> String {
    let path = std::path::absolute(tree.path()).unwrap_or_else(|_| tree.path().to_owned());
    if tree.is_host() { String::new() } else { format!("--prefix {} ", shell(&path.display().to_string())) }
}

/// Returns the `--target` option of `generate` for another target.
fn for_target(target: &Spelling) -> String {
    if *target == Spelling::Host { String::new() } else { format!(" --target {}", shell(&target.to_string())) }
}

fn rules_place(version: Version) -> &'static str {
    if version < Version::RULES { "/etc/polkit-1/localauthority/50-local.d" } else { "/etc/polkit-1/rules.d" }
}

pub(super) fn place(decider: &Decider) -> Option<String> {
    let file = decider.file.as_deref()?;
    Some(decider.line.map_or_else(|| escape(file), |line| format!("{}:{line}", escape(file))))
}

pub(super) fn in_session(session: Session) -> &'static str {
    match session {
        Session::None => "without a session",
        Session::Remote => "in a session without a seat, such as ssh",
        Session::Inactive => "in a background session at a seat",
        Session::Active => "in the active session at a seat",
    }
}
