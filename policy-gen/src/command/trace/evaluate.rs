//! Evaluates a policy from a trace before it is applied: each request that it is for becomes allowed, and no other one does.

use std::collections::BTreeSet;

use polkit_config::names::Names;

use super::super::doctor::evaluate::generated;
use crate::doctor::fixes::Fix;
use crate::doctor::look::STRANGER;
use crate::emit::quote::shell;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::target::Target;
use crate::trace::policy::other_details;
use crate::trace::request::Request;
use crate::tree::Tree;
use crate::verdict::{AccessRequest, Evaluator, Outcome};

/// A unit that no grant is for.
const ANOTHER_UNIT: &str = "another-unit.service";

/// What the evaluation found.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Commands that test the policy, each with what it should print.
    pub cases: Vec<(String, String)>,
    /// What is not as intended. Such a policy must not be applied.
    pub faults: Vec<String>,
}

/// Evaluates the fix that writes the policy, for the requests that it grants.
///
/// # Errors
/// The reason why the evaluation is not possible.
pub fn evaluate(
    fix: &Fix,
    granted: &[Request],
    dynamic: &BTreeSet<String>,
    target: Target,
) -> Result<Evaluation, String> {
    let tree = Tree::open(None).map_err(|failure| failure.to_string())?;
    let mut before = Evaluator::open(&tree, Names::Host, target).map_err(|failure| failure.to_string())?;
    let files = generated(fix, &tree, target)?;
    let mut after = before.with_changes(&tree, &files, &[]);
    let mut evaluation = Evaluation::default();
    for request in granted {
        let mut own = access(request);
        if request.subject.unit.as_ref().is_some_and(|unit| dynamic.contains(unit)) {
            // The user has no account when the unit has ended.
            own.groups = Some(Vec::new());
        }
        let outcome = after.verdict(&own).map_err(|failure| failure.to_string())?.outcome;
        if outcome != Outcome::Result(ImplicitAuthorization::Yes) {
            let fault = format!("{} of {} would be {}", request.action, request.subject.user, outcome.text());
            evaluation.faults.push(fault);
        }
        evaluation.cases.push((command(&own), outcome.text().to_owned()));
        for other in others(request, &own, granted) {
            let was = before.verdict(&other).map_err(|failure| failure.to_string())?.outcome;
            let is = after.verdict(&other).map_err(|failure| failure.to_string())?.outcome;
            if was != is {
                evaluation.faults.push(format!(
                    "it would also change `{}` from {} to {}",
                    command(&other),
                    was.text(),
                    is.text()
                ));
            }
            evaluation.cases.push((command(&other), is.text().to_owned()));
        }
    }
    Ok(evaluation)
}

fn access(request: &Request) -> AccessRequest {
    let unit = request.subject.unit.clone().filter(|_| request.subject.is_unit_known);
    AccessRequest {
        user: request.subject.user.clone(),
        action: request.action.clone(),
        session: Session::None,
        details: request.details.clone(),
        system_unit: Some(unit),
        ..AccessRequest::default()
    }
}

/// Requests like this one that were not seen: by another user, in another unit, and with another value of each detail.
fn others(request: &Request, own: &AccessRequest, granted: &[Request]) -> Vec<AccessRequest> {
    let mut others = Vec::new();
    // A grant for a unit with DynamicUser= names no user, and its user has no name when the unit has ended.
    if request.subject.user != STRANGER && request.subject.unit.is_none() {
        others.push(AccessRequest { user: STRANGER.to_owned(), groups: Some(Vec::new()), ..own.clone() });
    }
    if request.subject.is_unit_known {
        others.push(AccessRequest { system_unit: Some(Some(ANOTHER_UNIT.to_owned())), ..own.clone() });
    }
    others.extend(other_details(&request.details).into_iter().map(|details| AccessRequest { details, ..own.clone() }));
    let seen: Vec<AccessRequest> = granted.iter().map(access).collect();
    others.retain(|other| {
        !seen.iter().any(|seen| {
            (&seen.user, &seen.action, &seen.details, &seen.system_unit)
                == (&other.user, &other.action, &other.details, &other.system_unit)
        })
    });
    others
}

/// The command that shows the verdict about a request.
fn command(request: &AccessRequest) -> String {
    let mut words = vec!["polkit-policy-gen explain --user".to_owned(), shell(&request.user)];
    words.extend(["--action".to_owned(), shell(&request.action)]);
    if let Some(Some(unit)) = &request.system_unit {
        words.extend(["--unit".to_owned(), shell(unit)]);
    }
    for (key, value) in &request.details {
        words.extend(["--detail".to_owned(), shell(&format!("{key}={value}"))]);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::request::Subject;

    fn request(user: &str, unit: Option<&str>, details: &[(&str, &str)]) -> Request {
        let subject = Subject {
            uid: Some(1000),
            user: user.into(),
            unit: unit.map(str::to_owned),
            is_unit_known: unit.is_some(),
            ..Subject::default()
        };
        let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Request { subject, action: "org.example.run".into(), details }
    }

    #[test]
    fn what_was_not_seen_is_tested_too() {
        let own = request("alice", None, &[("job", "1"), ("host", "a b")]);
        let commands: Vec<String> =
            others(&own, &access(&own), std::slice::from_ref(&own)).iter().map(command).collect();
        assert_eq!(
            commands,
            [
                &format!(
                    "polkit-policy-gen explain --user {STRANGER} --action org.example.run --detail 'host=a b' --detail job=1"
                ),
                "polkit-policy-gen explain --user alice --action org.example.run --detail host=another-value --detail job=1",
                "polkit-policy-gen explain --user alice --action org.example.run --detail 'host=a b' --detail job=another-value",
            ]
        );
        let in_unit = request("alice", Some("web.service"), &[]);
        let commands: Vec<String> = others(&in_unit, &access(&in_unit), &[]).iter().map(command).collect();
        assert_eq!(
            commands,
            ["polkit-policy-gen explain --user alice --action org.example.run --unit another-unit.service"]
        );
    }

    #[test]
    fn a_request_that_was_seen_is_not_among_the_others() {
        let all = [request("alice", None, &[]), request(STRANGER, None, &[])];
        assert!(others(&all[0], &access(&all[0]), &all).is_empty());
    }
}
