//! The evidence of findings about a verdict.

use super::Finding;
use super::request::statements;
use crate::doctor::facts::{Decision, Facts, Subject};
use crate::implicit_authorization::Session;
use crate::verdict::{DeciderKind, Outcome};

/// Formats polkit's decision and its source.
pub(super) fn decided(answer: &Decision) -> String {
    let by = answer.verdict.decided_by.as_ref();
    let what = match by.map(|by| by.kind) {
        Some(DeciderKind::Rule) => "a rule",
        Some(DeciderKind::Pkla) => "a pkla entry",
        Some(DeciderKind::Implicit) => "the implicit authorization of the action",
        Some(DeciderKind::Root) => "the rule that root is allowed everything",
        None if answer.verdict.outcome == Outcome::Depends => {
            return "polkit's decision cannot be predicted".to_owned();
        }
        None => return format!("polkit's decision is {}", answer.verdict.outcome.text()),
    };
    let place = by.and_then(|by| by.file.as_ref()).map_or_else(String::new, |file| {
        by.and_then(|by| by.line).map_or_else(|| format!(" at {file}"), |line| format!(" at {file}:{line}"))
    });
    let grant =
        by.and_then(|by| by.grant.as_ref()).map_or_else(String::new, |grant| format!(" (the grant \"{grant}\")"));
    format!("polkit's decision is {}, from {what}{place}{grant}", answer.verdict.outcome.text())
}

fn checked(subject: &Subject, answer: &Decision) -> String {
    let session = match answer.session {
        Session::None => "no login session",
        Session::Remote => "a session without a seat, such as ssh",
        Session::Inactive => "a background session",
        Session::Active => "the active session",
    };
    let unit = subject.unit.as_ref().map_or_else(String::new, |unit| format!(" of {unit}"));
    match &subject.process {
        Some(process) => format!("checked: process {}{unit}, user {}, {session}", process.pid, subject.user),
        None => format!("checked: user {} ({}), {session}", subject.user, subject.by),
    }
}

/// Adds the evidence that is common to all verdicts.
pub(super) fn with_evidence(finding: Finding, facts: &Facts, subject: &Subject, answer: &Decision) -> Finding {
    let mut finding = finding.evidence(checked(subject, answer)).evidence(decided(answer));
    finding.evidence.extend(facts.sign_of_libvirt.iter().map(|sign| format!("examined for libvirt: {sign}")));
    finding.evidence.extend(statements(facts));
    let groups = format!("groups in the user database, which polkit uses: {}", subject.groups.join(", "));
    finding.evidence.push(groups);
    if let Some(process) = &subject.process {
        let only: Vec<&str> =
            process.groups.iter().filter(|group| !subject.groups.contains(group)).map(String::as_str).collect();
        if !only.is_empty() {
            finding.evidence.push(format!(
                "groups of the process only, which polkit does not see (SupplementaryGroups= has no effect): {}",
                only.join(", ")
            ));
        }
    }
    match (facts.agent.running, facts.agent.verdict.as_deref()) {
        (true, Some(verdict)) => {
            finding.evidence.push(format!("the verdict of polkit-service-agent for the process: {verdict}"))
        }
        (true, None) => finding.evidence.push("polkit-service-agent is running".to_owned()),
        _ => {}
    }
    finding.evidence.extend(answer.depends_on.iter().map(|what| format!("unknown: {what}")));
    finding
}
