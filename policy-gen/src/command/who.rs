//! The subcommand `who`.

mod people;
mod text;
mod words;

use polkit_config::escape::escape;
use serde_json::{Value, json};

use super::explain::DecidedBy;
use super::{DONE, eprint, opened, print, spelling};
use crate::check::known_actions::KnownActions;
use crate::check::root::way_to_root;
use crate::cli::Who;
use crate::explore::sample::Samples;
use crate::explore::{Condition, Exploration, Explorer, Limits};
use crate::failure::Failure;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::tree::Tree;
use crate::verdict::wire::KnownFact;
use crate::verdict::{AccessRequest, Evaluator, Outcome};
use people::People;

/// Exit code: the action is not registered.
const UNREGISTERED: u8 = 1;
/// Exit code: something cannot be enumerated.
const INCOMPLETE: u8 = 5;
/// The directories of units.
const UNITS: [&str; 3] = ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// Lists which subjects get which result.
///
/// # Errors
/// A required file is unreadable, or an engine cannot be restarted.
pub async fn run(options: &Who) -> Result<u8, Failure> {
    let spelling = spelling(options.root.as_deref(), options.target.as_ref());
    let (tree, names, target) = opened(options.root.as_deref(), &spelling).await?;
    let unreachable = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
    let people = People::of(&names).map_err(unreachable)?;
    let evaluator = Evaluator::open(&tree, names, target)?;
    let actions: Vec<String> = match &options.action {
        Some(action) => vec![action.clone()],
        None => evaluator.actions().map(str::to_owned).collect(),
    };
    let samples = if options.host { samples(&tree, &people) } else { Samples::default() };
    let skipped: Vec<String> =
        evaluator.skipped().iter().map(|skipped| format!("{}: {}", skipped.file, skipped.why)).collect();
    let mut explorer = Explorer::new(evaluator, samples, Limits::default());
    let mut found = Vec::new();
    for action in actions {
        let request = AccessRequest {
            action: action.clone(),
            details: options.detail.iter().cloned().collect(),
            ..AccessRequest::default()
        };
        found.push(Found { exploration: explorer.explore(&request)?, action });
    }
    let code = code(&found);
    if code == UNREGISTERED {
        suggest(&explorer.evaluator().actions().map(str::to_owned).collect::<Vec<_>>(), &found);
    }
    skipped.iter().for_each(|skipped| eprint(&format!("note: not read: {}", escape(skipped))));
    found.sort_by(|one, other| (one.rank(), &one.action).cmp(&(other.rank(), &other.action)));
    let shown = found.iter_mut().filter_map(|found| {
        if let Some(result) = &options.result {
            found.exploration.conditions.retain(|condition| condition.outcome.text() == result);
        }
        (!found.exploration.conditions.is_empty()).then_some(&*found)
    });
    for found in shown {
        if options.json {
            print(&json(found, &people, options.host).to_string());
        } else {
            print(text::text(found, &people, options.host).trim_end());
        }
    }
    Ok(code)
}

/// An action and its conditions.
struct Found {
    action: String,
    exploration: Exploration,
}

impl Found {
    /// Returns the way to root that the action is.
    fn way_to_root(&self) -> Option<&'static str> {
        way_to_root(&self.action)
    }

    /// The place in the list: what every user gets without authentication comes first, then what some users get, then the others.
    fn rank(&self) -> usize {
        let yes = self.exploration.conditions.iter().filter(|condition| {
            condition.outcome == Outcome::Result(ImplicitAuthorization::Yes) && !is_of_root(condition)
        });
        yes.map(|condition| {
            match condition.all.iter().filter(|known| !is_no_root(known)).collect::<Vec<_>>().as_slice() {
                [] => 0,
                facts if facts.iter().all(|known| is_open_to_all(known)) => 1,
                _ => 2,
            }
        })
        .min()
        .unwrap_or(3)
    }
}

/// Whether a condition is about root only.
fn is_of_root(condition: &Condition) -> bool {
    condition.all.iter().any(|known| known.is && known.fact.kind == "uid" && known.fact.value.as_deref() == Some("0"))
}

/// Whether a fact says that the user is not root, who is in a condition of its own.
fn is_no_root(known: &KnownFact) -> bool {
    !known.is && known.fact.kind == "uid" && known.fact.value.as_deref() == Some("0")
}

/// Whether every user can fulfil a fact.
fn is_open_to_all(known: &KnownFact) -> bool {
    !known.is || !matches!(known.fact.kind.as_str(), "user" | "group" | "uid" | "system_unit" | "no_new_privileges")
}

fn code(found: &[Found]) -> u8 {
    let is_unregistered = |condition: &Condition| condition.outcome == Outcome::Unregistered;
    let mut all = found.iter().map(|found| &found.exploration);
    if all.clone().any(|exploration| exploration.conditions.iter().any(is_unregistered)) {
        return UNREGISTERED;
    }
    if all.all(Exploration::is_exact) { DONE } else { INCOMPLETE }
}

/// Says which registered actions are similar to an unknown one.
fn suggest(actions: &[String], found: &[Found]) {
    let known = KnownActions::new(actions.iter().map(String::as_str));
    for found in found {
        let meant: Vec<String> = known.meant(&found.action).into_iter().map(escape).collect();
        let meant = if meant.is_empty() { String::new() } else { format!(": did you mean {}?", meant.join(" or ")) };
        eprint(&format!("the action {} is not registered{meant}", escape(&found.action)));
    }
}

/// Returns the names of the accounts and units of a tree.
fn samples(tree: &Tree, people: &People) -> Samples {
    let mut samples = Samples::default();
    samples.of_host.insert("user".to_owned(), people.names().map(str::to_owned).collect());
    let units = UNITS.iter().flat_map(|folder| tree.names(folder).unwrap_or_default());
    samples.of_host.insert("system_unit".to_owned(), units.filter(|name| name.ends_with(".service")).collect());
    samples
}

fn json(found: &Found, people: &People, host: bool) -> Value {
    let fact = |known: &KnownFact| match (&known.fact.value, known.fact.kind.as_str()) {
        (None, kind) => json!({ "fact": kind, "is": known.is }),
        (Some(text), "uid") => {
            let number = text.parse::<u32>().map_or_else(|_| Value::from(text.as_str()), Value::from);
            json!({ "fact": "uid", "is": known.is, "value": number })
        }
        (Some(text), kind) => json!({ "fact": kind, "is": known.is, "value": text }),
    };
    let condition = |condition: &Condition| {
        json!({
            "result": condition.outcome.text(),
            "all": condition.all.iter().map(fact).collect::<Vec<_>>(),
            "decided_by": condition.decided_by.as_ref().map(DecidedBy::from),
            "people": people.of_condition(condition, host),
        })
    };
    json!({
        "action": found.action,
        "exact": found.exploration.is_exact(),
        "incomplete": found.exploration.incomplete,
        "conditions": found.exploration.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
#[path = "who/tests.rs"]
mod tests;
