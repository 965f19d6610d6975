//! From facts to findings, in the order in which things fail: the bus and polkitd, files that are not read, the action, the
//! socket, the verdict, and then what is open that should not be. Pure.

mod access;
mod broken;
mod client;
mod evidence;
mod files;
mod host;
mod open;
mod reported;
mod settings;
mod sockets;

use super::facts::{Facts, Polkitd};
use super::fixes::{Fix, manual};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    /// Its name, which stays.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub cause: String,
    /// What says so.
    pub evidence: Vec<String>,
    /// What can be done, from the least privilege to the most.
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

/// All findings, the cause first.
#[must_use]
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut found = host::polkitd(facts);
    let ends = facts.answer.as_ref().is_some_and(|answer| answer.verdict.ends_polkitd.is_some());
    if ends && matches!(facts.polkitd, Polkitd::Silent | Polkitd::Absent { .. }) {
        // The rule is why.
        found.clear();
    }
    let reachable = found.is_empty();
    found.extend(client::told(facts));
    found.extend(sockets::sockets(facts));
    let mut others = Vec::new();
    for (about, finding) in files::all(facts) {
        // What explains the refusal comes first; mistakes elsewhere come after it.
        if about { found.push(finding) } else { others.push(finding) }
    }
    let explained = found.iter().any(|finding| files::EXPLAIN.contains(&finding.code));
    if reachable {
        found.extend(access::verdict(facts, explained));
    }
    found.extend(client::preset(facts));
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

/// A text without an error, and with a recipe in it.
fn advice() -> Finding {
    let commands = [
        "polkit-policy-gen libvirt --mode polkit --member USER -o policy.toml",
        "polkit-policy-gen install policy.toml",
    ];
    Finding::new("unsafe-advice", "the text has no error, but a recipe that does harm, or nothing, on a host of today")
        .fix(manual(
            "use-a-policy",
            &commands.map(str::to_owned),
            "the user that is named the management of libvirt, and nobody else anything",
        ))
}

/// The evidence that was pasted belongs to the first finding.
fn first_error(facts: &Facts, found: &mut [Finding]) {
    let Some(first) = found.first_mut() else { return };
    if let Some(reported) = &facts.reported {
        let mut line = format!("line {} of the text: {}", reported.number, reported.line);
        if reported.following > 0 {
            line.push_str(&format!(" ({} more errors follow, most likely because of it)", reported.following));
        }
        first.evidence.insert(0, line);
    }
    first.evidence.extend(facts.bad_advice.iter().map(|advice| format!("not to be followed: {advice}")));
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
