//! The subcommand `explain`.

mod batch;
mod suggest;
mod text;

use std::io::IsTerminal as _;

use polkit_config::escape::escape;
use serde::Serialize;
use serde_json::{Value, json};

use super::{eprint, opened, print, shown_mechanism, spelling};
use crate::cli::Explain;
use crate::doctor::look::no_new_privileges;
use crate::failure::Failure;
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::verdict::{AccessRequest, Decider, Evaluator, Outcome, Verdict};

/// Exit code: refused.
const NO: u8 = 1;
/// Exit code: authentication is required.
const AUTHENTICATE: u8 = 4;
/// Exit code: the verdict depends on an unknown fact.
const DEPENDS: u8 = 5;

/// Explains one verdict, or evaluates a batch.
///
/// # Errors
/// A required file is unreadable, or the user does not exist.
pub async fn run(options: &Explain) -> Result<u8, Failure> {
    let spelling = spelling(options.root.as_deref(), options.target.as_ref());
    let (tree, names, target) = opened(options.root.as_deref(), &spelling).await?;
    let mut evaluator = Evaluator::open(&tree, names, target)?;
    if let Some(path) = &options.batch {
        return batch::run(&mut evaluator, path);
    }
    let action = options.action.clone().unwrap_or_default();
    let system_unit = system_unit(&action, options.unit.as_deref());
    // systemd knows the units of the host alone.
    let asked = system_unit.iter().flatten().next().filter(|_| tree.is_host());
    let access_request = AccessRequest {
        user: options.user.clone().unwrap_or_default(),
        groups: (!options.group.is_empty()).then(|| options.group.clone()),
        no_new_privileges: asked.and_then(|unit| no_new_privileges(unit)),
        system_unit,
        action,
        session: options.session,
        details: options.detail.iter().cloned().collect(),
        flags: options.flags.clone(),
        ..AccessRequest::default()
    };
    // A user that does not exist leaves the question open, as in `doctor`; in a batch it is the error of one line.
    let open = |failure| match failure {
        Failure::Refused(why) => Failure::Unreachable(why),
        other => other,
    };
    let mut verdict = evaluator.verdict(&access_request).map_err(open)?;
    evaluator.name_grant(&tree, &access_request, &mut verdict)?;
    let suggestions = suggest::suggestions(&mut evaluator, &tree, &spelling, &access_request, &verdict)?;
    let implicit = evaluator.implicit(&access_request.action);
    let applies = implicit.map(|implicit| implicit.of(access_request.session));
    let root = of_root(&mut evaluator, &access_request)?;
    if options.json {
        let mut object = json!(Brief::from(&verdict));
        if let Value::Object(object) = &mut object {
            object.insert("steps".to_owned(), steps(&verdict));
            object.insert("passed_over".to_owned(), skipped(&evaluator));
            object.insert("never_reached".to_owned(), json!(evaluator.never_reached(&verdict)));
            let all = suggestions.iter().map(|suggestion| {
                json!({ "change": suggestion.change, "command": suggestion.command, "because": suggestion.because })
            });
            object.insert("suggestions".to_owned(), all.collect());
            object.insert("mechanism".to_owned(), shown_mechanism::json(&access_request.action, applies));
            object.insert("implicit".to_owned(), shown_mechanism::implicit_json(implicit));
            object.insert("root".to_owned(), json!(root.as_ref().map(|root| root.outcome.text())));
            object.insert("polkit".to_owned(), json!(evaluator.target().version.to_string()));
        }
        print(&object.to_string());
    } else {
        let mut about = shown_mechanism::lines(&access_request.action, applies);
        about.extend(implicit.map(|BySession { any, inactive, active }| {
            format!(
                "implicit authorizations: {any} without a session, {inactive} in the background, {active} at the seat"
            )
        }));
        about.extend(root.map(|root| format!("the verdict about root: {}", root.outcome.text())));
        let colour = std::io::stdout().is_terminal();
        print(text::text(&evaluator, &access_request, &verdict, &suggestions, &about, colour).trim_end());
    }
    Ok(code(verdict.outcome))
}

/// Returns the unit as polkit knows it: none if the mechanism passes a process by its pid, and unknown without `--unit`.
fn system_unit(action: &str, unit: Option<&str>) -> Option<Option<String>> {
    match (crate::mechanisms::is_by_process(action), unit) {
        (true, Some(unit)) => {
            eprint(&format!(
                "note: polkit does not know the unit {}: the mechanism of {} passes a process by its pid",
                escape(unit),
                escape(action)
            ));
            Some(None)
        }
        (true, None) => Some(None),
        (false, unit) => unit.map(|unit| Some(unit.to_owned())),
    }
}

/// Returns the verdict about root, if the mechanism of the action asks about root as about other users.
fn of_root(evaluator: &mut Evaluator, access_request: &AccessRequest) -> Result<Option<Verdict>, Failure> {
    if access_request.flags.is_empty() && crate::mechanisms::checks_root(&access_request.action).is_none() {
        return Ok(None);
    }
    match evaluator.verdict(&AccessRequest { user: "root".to_owned(), groups: None, ..access_request.clone() }) {
        Ok(verdict) => Ok(Some(verdict)),
        // A tree without the user root.
        Err(Failure::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Result(ImplicitAuthorization::Yes) => super::DONE,
        Outcome::Result(ImplicitAuthorization::No) | Outcome::Unregistered => NO,
        Outcome::Result(_) => AUTHENTICATE,
        Outcome::Depends => DEPENDS,
    }
}

/// The part of a verdict that a batch prints.
#[derive(Serialize)]
struct Brief<'a> {
    verdict: &'a str,
    decided_by: Option<DecidedBy<'a>>,
    depends_on: &'a [String],
    ends_polkitd: Option<&'a str>,
}

/// The deciding rule, entry or action in JSON.
#[derive(Serialize)]
pub(super) struct DecidedBy<'a> {
    kind: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    by_action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a str>,
}

impl<'a> From<&'a Decider> for DecidedBy<'a> {
    fn from(decider: &'a Decider) -> Self {
        Self {
            kind: decider.kind.text(),
            file: decider.file.as_deref(),
            line: decider.line,
            by_action: decider.by_action.as_deref(),
            grant: decider.grant.as_deref(),
        }
    }
}

impl<'a> From<&'a Verdict> for Brief<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self {
            verdict: verdict.outcome.text(),
            decided_by: verdict.decided_by.as_ref().map(DecidedBy::from),
            depends_on: &verdict.depends_on,
            ends_polkitd: verdict.ends_polkitd.as_deref(),
        }
    }
}

fn steps(verdict: &Verdict) -> Value {
    let step =
        |step: &crate::verdict::Step| json!({ "by": step.by, "says": step.says, "file": step.file, "line": step.line });
    verdict.steps.iter().map(step).collect()
}

fn skipped(evaluator: &Evaluator) -> Value {
    evaluator
        .skipped()
        .iter()
        .map(|file| json!({ "file": file.file, "line": file.line, "why": file.why.to_string() }))
        .collect()
}

#[cfg(test)]
#[path = "explain/tests.rs"]
mod tests;
