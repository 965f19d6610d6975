//! The output of a trace.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::Learned;
use crate::cli::Trace;
use crate::doctor::fixes::Step;
use crate::doctor::report::safe;
use crate::mechanisms::table;
use crate::trace::grants::{Grant, LeftOut};
use crate::trace::request::{Reply, Request};

/// The indentation below the time.
const BELOW: &str = "         ";

/// Says what is watched.
pub(super) fn beginning(options: &Trace) -> String {
    let whose = match (&options.unit, &options.user) {
        (Some(unit), Some(user)) => format!("requests of {} as {}", safe(unit), safe(user)),
        (Some(unit), None) => format!("requests of {}", safe(unit)),
        (None, Some(user)) => format!("requests of {}", safe(user)),
        (None, None) => "all requests".to_owned(),
    };
    let action =
        options.action.as_ref().map_or_else(String::new, |pattern| format!(" about {}", safe(pattern.as_str())));
    let length = options.length.as_secs();
    format!("watching {whose} to polkitd{action} for {length} s. Repeat what was refused; end with Ctrl-C")
}

/// Whether a repeated request is shown: the first three times, and then when its number is a power of ten.
pub(super) fn is_shown(count: u64) -> bool {
    count <= 3 || 10_u64.checked_pow(count.ilog10()) == Some(count)
}

/// Returns the lines about a request, with a line end.
pub(super) fn live(request: &Request, reply: Reply, count: u64) -> String {
    let times = if count > 3 { format!(" ({count} times)") } else { String::new() };
    let time = TimeZone::system().to_datetime(Timestamp::now());
    let mut text = format!("{} {:9} {}{times}\n", time.strftime("%H:%M:%S"), reply.text(), safe(&request.action));
    let unit = request.subject.unit.as_deref().map_or_else(String::new, |unit| format!(" in {}", safe(unit)));
    let program = request.subject.program.as_deref().map_or_else(String::new, |program| format!(": {}", safe(program)));
    text.push_str(&format!("{BELOW}by {}{unit}{program}\n", safe(&request.subject.user)));
    for (key, value) in &request.details {
        text.push_str(&format!("{BELOW}{}={}\n", safe(key), safe(value)));
    }
    if let Some(unnamed) = request.subject.unnamed {
        text.push_str(&format!("{BELOW}not granted: {}\n", unnamed.text()));
    }
    text
}

/// Returns the policy file; a comment if there is nothing to grant.
pub(super) fn policy_text(learned: &Learned) -> &str {
    let text = learned.fix.steps.iter().find_map(|step| match step {
        Step::Write { text, .. } => Some(text.as_str()),
        _ => None,
    });
    if learned.found.grants.is_empty() && learned.found.left_out.is_empty() {
        "# Nothing was refused."
    } else {
        text.unwrap_or_default()
    }
}

/// Returns the numbers, and what is wrong with the policy.
pub(super) fn summary(learned: &Learned) -> String {
    let number = |is_counted: fn(Reply) -> bool| -> u64 {
        learned.log.seen().filter(|(_, reply, _)| is_counted(*reply)).map(|(_, _, count)| count).sum()
    };
    let mut lines = vec![format!(
        "{} s; requests: {}, not allowed: {}; grants: {}; requests without a grant: {}",
        learned.seconds,
        number(|_| true),
        number(Reply::is_refusal),
        learned.found.grants.len(),
        learned.found.left_out.len()
    )];
    if learned.log.unanswered() > 0 {
        lines.push(format!("without a reply yet: {}", learned.log.unanswered()));
    }
    if learned.log.missed() > 0 {
        lines.push(format!("not counted, because there were too many: {}", learned.log.missed()));
    }
    match &learned.evaluation {
        Ok(evaluation) => {
            lines.extend(evaluation.faults.iter().map(|fault| format!("the policy is not exact: {}", safe(fault))))
        }
        Err(why) => lines.push(format!("the policy was not evaluated: {}", safe(why))),
    }
    lines.join("\n")
}

/// Returns the JSON object.
pub(super) fn as_json(learned: &Learned) -> Value {
    let (cases, faults) = match &learned.evaluation {
        Ok(evaluation) => (evaluation.cases.clone(), evaluation.faults.clone()),
        Err(why) => (Vec::new(), vec![format!("not evaluated: {why}")]),
    };
    let cases: Vec<Value> =
        cases.iter().map(|(command, expected)| json!({ "command": command, "expected": expected })).collect();
    let requests: Vec<Value> =
        learned.log.seen().map(|(request, reply, count)| request_json(request, reply, count)).collect();
    json!({
        "seconds": learned.seconds,
        "requests": requests,
        "grants": learned.found.grants.iter().map(grant_json).collect::<Vec<_>>(),
        "left_out": learned.found.left_out.iter().map(left_out_json).collect::<Vec<_>>(),
        "policy": policy_text(learned),
        "cases": cases,
        "faults": faults,
        "unanswered": learned.log.unanswered(),
        "missed": learned.log.missed(),
    })
}

fn request_json(request: &Request, reply: Reply, count: u64) -> Value {
    let mechanism: Option<&str> = table::of_action(&request.action).map(|mechanism| mechanism.name.as_str());
    json!({
        "action": request.action,
        "mechanism": mechanism,
        "details": request.details,
        "user": request.subject.user,
        "uid": request.subject.uid,
        "unit": request.subject.unit,
        "unit_known_to_polkit": request.subject.is_unit_known,
        "program": request.subject.program,
        "reply": reply.text(),
        "count": count,
    })
}

fn grant_json(grant: &Grant) -> Value {
    let details: BTreeMap<&String, Vec<&String>> =
        grant.details.iter().map(|(key, values)| (key, values.iter().collect())).collect();
    json!({ "user": grant.user, "unit": grant.unit, "actions": grant.actions, "details": details })
}

fn left_out_json(left_out: &LeftOut) -> Value {
    let request = &left_out.request;
    json!({
        "action": request.action,
        "details": request.details,
        "user": request.subject.user,
        "unit": request.subject.unit,
        "why": left_out.why,
        "instead": left_out.instead,
    })
}
