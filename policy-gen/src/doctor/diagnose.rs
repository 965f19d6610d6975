//! Derives findings from facts. The findings are in the order in which a request can fail: the bus and polkitd, files that polkit
//! does not read, the action, the socket, the verdict, and finally settings that grant too much. Pure.

mod access;
mod agent;
mod broken;
mod bus;
mod client;
mod evidence;
mod files;
mod host;
mod near;
mod open;
mod reported;
mod request;
mod settings;
mod sockets;

use super::facts::{Facts, Polkitd};
use super::fixes::{Fix, manual};

/// The weight of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// A cause of a refusal, or a setting that should be changed.
    #[default]
    Problem,
    /// A remark that explains another finding.
    Note,
}

impl Level {
    /// Returns the name in JSON.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Note => "note",
        }
    }
}

/// A problem, or a note.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    /// The stable code of the finding.
    pub code: &'static str,
    /// Its weight.
    pub level: Level,
    /// The cause, as a sentence.
    pub cause: String,
    /// The evidence.
    pub evidence: Vec<String>,
    /// Fixes, from the least privilege to the most.
    pub fixes: Vec<Fix>,
}

impl Finding {
    fn new(code: &'static str, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), ..Self::default() }
    }

    fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    fn fixes(mut self, fixes: Vec<Fix>) -> Self {
        self.fixes.extend(fixes);
        self
    }
}

/// Returns all findings, the cause of the refusal first.
#[must_use]
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut found = host::polkitd(facts);
    let ends = facts.answer.as_ref().is_some_and(|answer| answer.verdict.ends_polkitd.is_some());
    if ends && matches!(facts.polkitd, Polkitd::Silent | Polkitd::Absent { .. }) {
        // The rule that ends polkitd is the cause.
        found.clear();
    }
    let reachable = found.is_empty();
    if let Some(finding) = request::of_text(facts) {
        found.insert(0, finding);
        first_error(facts, &mut found);
        return found;
    }
    tracing::debug!(polkitd = ?facts.polkitd, "diagnosing");
    found.extend(client::findings(facts));
    found.extend(sockets::sockets(facts));
    let mut others = Vec::new();
    for (about, finding) in files::all(facts) {
        // Files about the action explain the refusal; problems in other files come later.
        if about { found.push(finding) } else { others.push(finding) }
    }
    let explained = found.iter().any(|finding| files::EXPLAIN.contains(&finding.code));
    if reachable {
        found.extend(bus::denies(facts));
        found.extend(access::verdict(facts, explained));
    }
    found.extend(client::preset(facts));
    if found.is_empty() {
        found.extend(request::without_action(facts));
    }
    found.extend(request::without_subject(facts));
    found.extend(reported::reported(facts, &found));
    found.extend(others);
    found.extend(settings::settings(facts));
    found.extend(open::all(facts));
    found.extend(host::around(facts));
    if found.is_empty() && facts.reported.is_none() && !facts.bad_advice.is_empty() {
        found.push(advice());
    }
    first_error(facts, &mut found);
    found
}

/// The finding for a text without a known error that contains harmful advice.
fn advice() -> Finding {
    let commands = [
        "polkit-policy-gen libvirt --mode polkit --member USER -o policy.toml",
        "polkit-policy-gen install policy.toml",
    ];
    Finding::new("unsafe-advice", "the text contains no error, but advice that is harmful or has no effect").fix(
        manual(
            "use-a-policy",
            &commands.map(str::to_owned),
            "the named user the management of libvirt, and nothing to other users",
        ),
    )
}

/// Adds the reported error to the evidence of the first finding.
fn first_error(facts: &Facts, found: &mut [Finding]) {
    let Some(first) = found.first_mut() else { return };
    if let Some(reported) = &facts.reported {
        let mut line = match &facts.reported_in {
            Some(journal) => format!("{journal}: {}", reported.line),
            None => format!("line {} of the text: {}", reported.number, reported.line),
        };
        if reported.following > 0 {
            line.push_str(&format!(" ({} more errors follow, probably caused by it)", reported.following));
        }
        first.evidence.insert(0, line);
    }
    first.evidence.extend(facts.bad_advice.iter().map(|advice| format!("do not follow this advice: {advice}")));
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
