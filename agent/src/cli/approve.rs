//! `polkit-service-agent pending`, `approve` and `deny`.

use std::{process::ExitCode, time::Duration};

use polkit_types::escape::escape;
use serde_json::Value;

use crate::{
    base::terminal,
    cli::client::{self, ClientError},
};

/// The agent cannot be reached.
const CANNOT_REACH: u8 = 3;

/// Shows the requests that wait, or the valid approvals.
pub async fn pending(approved: bool, json: bool) -> ExitCode {
    let answer = match client::text(if approved { "ListApproved" } else { "ListPending" }).await {
        Ok(answer) => answer,
        Err(why) => return failed(&why),
    };
    let Ok(Value::Array(waiting)) = serde_json::from_str(&answer) else {
        terminal::error("the reply of the agent is not a JSON list");
        return CANNOT_REACH.into();
    };
    if json {
        terminal::print(&Value::Array(waiting).to_string());
    } else {
        if waiting.is_empty() {
            terminal::print(if approved { "no approval is valid" } else { "no request waits for approval" });
        }
        for request in &waiting {
            terminal::print(&to_text(request));
        }
    }
    ExitCode::SUCCESS
}

/// Approves a request, once or for a time.
pub async fn approve(id: &str, length: Option<Duration>) -> ExitCode {
    // The bus carries whole seconds: a fraction counts as one.
    let seconds = length.map_or(0, |length| length.as_secs() + u64::from(length.subsec_nanos() > 0));
    let covers = match seconds {
        0 => "the next request like it".to_owned(),
        _ => format!("all requests like it for {seconds} s"),
    };
    done(client::call("Approve", &(id, seconds)).await.map(drop), &format!("approved {}: {covers}", escape(id)))
}

/// Denies a request, or revokes an approval.
pub async fn deny(id: &str) -> ExitCode {
    done(client::call("Deny", &id).await.map(drop), &format!("denied {}", escape(id)))
}

fn done(answer: Result<(), ClientError>, said: &str) -> ExitCode {
    match answer {
        Ok(()) => {
            terminal::print(said);
            ExitCode::SUCCESS
        }
        Err(why) => failed(&why),
    }
}

fn failed(why: &ClientError) -> ExitCode {
    terminal::error(&why.to_string());
    match why {
        ClientError::Refused(_) => ExitCode::FAILURE,
        ClientError::NotRunning | ClientError::Denied | ClientError::Unreachable(_) => CANNOT_REACH.into(),
    }
}

/// A claim of the process about itself.
fn claim(request: &Value, key: &str) -> Option<String> {
    request.get("claims")?.get(key).and_then(plain)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.chars().any(polkit_config::escape::is_hostile) => Some(escape(text)),
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Formats a request for a terminal. The agent sends escaped text; this escapes what is still hostile.
fn to_text(request: &Value) -> String {
    let text = |key: &str| request.get(key).and_then(plain);
    let shown = |key: &str| text(key).unwrap_or_else(|| "?".into());
    let user = text("user").unwrap_or_else(|| format!("uid {}", shown("uid")));
    let place =
        text("unit").or_else(|| text("session").map(|id| format!("session {id}"))).unwrap_or_else(|| "no unit".into());
    let mut lines = vec![
        format!("{}  {} for {user} in {place}", shown("id"), shown("action")),
        format!(
            "    rule \"{}\", {} {}, the first {} s ago",
            shown("rule"),
            shown("times"),
            if shown("times") == "1" { "request" } else { "requests" },
            shown("age")
        ),
        match (text("exe"), claim(request, "exe")) {
            (Some(exe), _) => format!("    pid {}, program {exe}", shown("pid")),
            (None, Some(exe)) => format!("    pid {}, program unknown: it claims to be {exe}", shown("pid")),
            (None, None) => format!("    pid {}, program unknown", shown("pid")),
        },
    ];
    lines.extend(text("approver").map(|uid| {
        let often =
            if request.get("once") == Some(&Value::Bool(true)) { "one request" } else { "any number of requests" };
        format!("    approved by uid {uid}, for {often} within {} s", shown("left"))
    }));
    lines.extend(text("command_line").map(|words| format!("    it claims to run: {words}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_that_the_subject_chose_is_escaped_and_called_a_claim() {
        let text = to_text(&json!({
            "id": "ab12", "action": "org.example.x", "user": "www-data", "uid": 33, "unit": "pool.service", "rule": "r",
            "pid": 7, "exe": "/usr/bin/php", "command_line": "php \u{202e}\u{1b}[2J\u{200b}", "age": 3, "times": 2,
        }));
        assert_eq!(
            text,
            "ab12  org.example.x for www-data in pool.service\n    rule \"r\", 2 requests, the first 3 s ago\n    \
             pid 7, program /usr/bin/php\n    it claims to run: php \\u{202e}\\x1b[2J\\u{200b}"
        );
    }

    #[test]
    fn a_path_that_the_agent_did_not_verify_is_called_a_claim() {
        let of = |claims: Value| to_text(&json!({"pid": 7, "exe": null, "claims": claims}));
        let claimed = of(json!({"exe": "/usr/bin/virsh\u{1b}[2J"}));
        assert!(claimed.ends_with("pid 7, program unknown: it claims to be /usr/bin/virsh\\x1b[2J"), "{claimed}");
        assert!(of(json!({})).ends_with("pid 7, program unknown"));
    }

    #[test]
    fn an_approval_shows_its_approver_and_its_remaining_time() {
        let of = |once| to_text(&json!({"id": "ab12", "approver": 5, "once": once, "left": 9}));
        assert!(of(true).ends_with("approved by uid 5, for one request within 9 s"));
        assert!(of(false).ends_with("approved by uid 5, for any number of requests within 9 s"));
    }

    #[test]
    fn a_malformed_request_is_shown_without_a_panic() {
        assert!(to_text(&json!(7)).starts_with("?  ? for uid ? in no unit"));
    }
}
