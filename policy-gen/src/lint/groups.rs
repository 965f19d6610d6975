//! Finds groups that have another name on this host.

use std::ops::Range;

use polkit_config::names::{LookupError, Names};

use super::read::Script;
use super::{Finding, RulesFile, codes};
use crate::check::suggest_name::Shipped;

/// Checks all rules files.
///
/// # Errors
/// The group database does not answer.
pub fn lint(files: &[RulesFile<'_>], names: &Names) -> Result<Vec<Finding>, LookupError> {
    let mut findings = Vec::new();
    for RulesFile { number, script, .. } in files {
        for (group, span) in named(script) {
            if names.group(group)?.is_none()
                && let Some(here) = Shipped::default().group(group, names)?
            {
                let message = format!("there is no group `{group}`: {here}");
                findings.push(Finding { file: *number, ..Finding::at(&codes::PG023, span, message) });
            }
        }
    }
    Ok(findings)
}

/// Returns the groups that a file passes to `isInGroup`, each with its place.
pub fn named<'a>(script: &'a Script<'_>) -> impl Iterator<Item = (&'a str, Range<usize>)> {
    (0..script.tokens.len()).filter_map(|at| {
        let is_call = script.word(at) == "isInGroup" && script.sign(at + 1) == Some("(");
        let group = script.text(at + 2).filter(|_| is_call && script.sign(at + 3) == Some(")"))?;
        Some((group, script.tokens.get(at + 2)?.span.clone()))
    })
}
