//! Findings about polkit-service-agent: the state in which it does not allow a request that it was installed to allow.

use super::Finding;
use super::evidence::with_evidence;
use crate::doctor::facts::{Decision, Facts, Subject};
use crate::doctor::fixes::{bind, manual, start};
use crate::implicit_authorization::ImplicitAuthorization;

const AGENT_RULES: &str = "46-polkit-policy-gen-agent.rules";
const CHECK: &str = "polkit-service-agent check";

/// How polkit reaches the agent for this request.
struct Ways {
    /// An `[[agent]]` rule: polkit asks the agent that is registered for the process.
    registration: bool,
    /// A `[[hook]]` rule: polkit runs the hook.
    hook: bool,
}

/// Returns the finding if the agent is meant to allow the request, and does not.
pub(super) fn finding(facts: &Facts, subject: &Subject, answer: &Decision) -> Option<Finding> {
    if answer.is_yes() || !facts.is_root {
        return None;
    }
    let decided = answer.verdict.decided_by.as_ref().and_then(|by| by.file.as_deref());
    let ways = Ways {
        registration: decided.is_some_and(|file| file.ends_with(AGENT_RULES))
            && answer.result() == Some(ImplicitAuthorization::AuthSelf),
        hook: answer.depends_on.iter().any(|what| what.contains("polkit-service-agent-hook")),
    };
    let agent = &facts.agent;
    let is_meant = ways.registration || ways.hook || agent.serves || agent.verdict.as_deref() == Some("allow");
    let (finding, fixes) = match &agent.broken {
        Some(error) if is_meant => (broken(facts, error), vec![manual("correct-config", &[CHECK.to_owned()], NOTHING)]),
        _ if agent.running && agent.is_outdated && agent.verdict.as_deref() == Some("allow") => {
            let cause = "the configuration of polkit-service-agent on disk would allow the request, and the agent did not read it yet";
            (Finding::new("agent-config-outdated", cause), vec![start(facts)])
        }
        _ if !agent.running && (ways.registration || ways.hook) => (stopped(&ways), vec![start(facts)]),
        _ if agent.running && is_meant => running(facts, subject, answer, &ways)?,
        _ => return None,
    };
    Some(with_evidence(finding, facts, subject, answer).fixes(fixes))
}

const NOTHING: &str = "nothing: it shows the errors, by file and line";

fn broken(facts: &Facts, error: &str) -> Finding {
    let cause = if facts.agent.running {
        "the configuration of polkit-service-agent has errors, so the agent keeps its old configuration"
    } else {
        "the configuration of polkit-service-agent has errors, so the agent does not start"
    };
    Finding::new("agent-config-broken", cause).evidence(error.to_owned())
}

fn stopped(ways: &Ways) -> Finding {
    if ways.hook {
        let cause =
            "a policy rule runs the hook of polkit-service-agent, which is not running: polkit uses its other rules";
        return Finding::new("hook-agent-down", cause);
    }
    Finding::new("agent-not-running", "polkit asks polkit-service-agent, which is not running")
}

fn running(
    facts: &Facts,
    subject: &Subject,
    answer: &Decision,
    ways: &Ways,
) -> Option<(Finding, Vec<crate::doctor::fixes::Fix>)> {
    let agent = &facts.agent;
    let unit = subject.unit.as_deref().unwrap_or("the process");
    let edit = |why: &str| {
        let commands = [
            "editor /etc/polkit-service-agent/agent.toml    # or a file in agent.d".to_owned(),
            CHECK.to_owned(),
            RELOAD.to_owned(),
        ];
        vec![manual("change-agent-rule", &commands, why)]
    };
    if !agent.serves {
        let cause = format!("polkit-service-agent is running, and no [[serve]] entry serves {unit}");
        return Some((Finding::new("agent-not-serving", cause), edit("what the rules of the agent allow to the unit")));
    }
    match agent.verdict.as_deref() {
        // The agent allows it, but polkit does not vouch for the subject.
        Some("allow") if agent.serves && !agent.by_hook && !ways.registration => {
            let cause = format!(
                "polkit-service-agent allows {} {}, but polkit asks for the password of another user: an [[agent]] table for \
                 {} is missing, so the agent refuses the request as unbound",
                subject.user, answer.action, subject.user
            );
            Some((Finding::new("agent-unbound", cause), vec![bind(facts, subject, answer)]))
        }
        Some("allow") => None,
        Some(verdict) => {
            let cause =
                format!("polkit-service-agent serves {unit}, and its rules answer {verdict} to {}", answer.action);
            let mut finding = Finding::new("agent-refuses", cause);
            finding.evidence.extend(
                agent.near.iter().map(|(rule, keys)| {
                    format!("the rule \"{rule}\" would allow it but for its {}", keys.join(" and "))
                }),
            );
            Some((finding, edit("what the changed rule allows")))
        }
        None => None,
    }
}

const RELOAD: &str = "systemctl reload polkit-service-agent.service";
