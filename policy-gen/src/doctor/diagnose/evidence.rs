//! What a finding about a verdict says of how it was come to.

use super::Finding;
use crate::doctor::facts::{Answer, Facts, Subject};
use crate::verdict::Kind;
use crate::word::Session;

/// polkit's answer, and what made it.
pub(super) fn decided(answer: &Answer) -> String {
    let by = answer.verdict.decided_by.as_ref();
    let what = match by.map(|by| by.kind) {
        Some(Kind::Rule) => "a rule",
        Some(Kind::Pkla) => "a pkla entry",
        Some(Kind::Implicit) => "the action's own defaults",
        Some(Kind::Root) | None => "what is not known",
    };
    let place = by.and_then(|by| by.file.as_ref()).map_or_else(String::new, |file| {
        by.and_then(|by| by.line).map_or_else(|| format!(" at {file}"), |line| format!(" at {file}:{line}"))
    });
    format!("polkit's answer is {} by {what}{place}", answer.verdict.outcome.text())
}

fn who(subject: &Subject, answer: &Answer) -> String {
    let session = match answer.session {
        Session::None => "in no session",
        Session::Remote => "in a session without a seat, as by ssh",
        Session::Inactive => "in a session in the background",
        Session::Active => "in the active session",
    };
    let process = subject.process.as_ref().map_or_else(String::new, |process| format!(" (process {})", process.pid));
    let unit = subject.unit.as_ref().map_or_else(String::new, |unit| format!(", in {unit}"));
    format!("asked for {}{process}{unit}, {session}: {}", subject.user, subject.by)
}

/// The evidence that every verdict has.
pub(super) fn with_evidence(finding: Finding, facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let mut finding = finding.evidence(who(subject, answer)).evidence(decided(answer));
    let groups = format!("groups by the user database, which polkit goes by: {}", subject.groups.join(", "));
    finding.evidence.push(groups);
    if let Some(process) = &subject.process {
        let only: Vec<&str> =
            process.groups.iter().filter(|group| !subject.groups.contains(group)).map(String::as_str).collect();
        if !only.is_empty() {
            finding.evidence.push(format!(
                "groups of the process alone, which polkit does not see (SupplementaryGroups= does not help): {}",
                only.join(", ")
            ));
        }
    }
    match (facts.agent.running, facts.agent.verdict.as_deref()) {
        (true, Some(verdict)) => {
            finding.evidence.push(format!("polkit-service-agent would answer the process: {verdict}"))
        }
        (true, None) => finding.evidence.push("polkit-service-agent runs".to_owned()),
        _ => {}
    }
    finding.evidence.extend(answer.depends_on.iter().map(|what| format!("not known: {what}")));
    finding
}
