//! Finds groups that have another name on this host.

use polkit_config::names::{LookupError, Names};

use super::{Finding, RulesFile, codes};
use crate::check::suggest_name::Shipped;

/// Checks all rules files.
///
/// # Errors
/// The group database does not answer.
pub fn lint(files: &[RulesFile<'_>], names: &Names) -> Result<Vec<Finding>, LookupError> {
    let mut findings = Vec::new();
    for RulesFile { number, script, .. } in files {
        for at in 0..script.tokens.len() {
            let call =
                script.word(at) == "isInGroup" && script.sign(at + 1) == Some("(") && script.sign(at + 3) == Some(")");
            let Some(group) = script.text(at + 2).filter(|_| call) else { continue };
            if names.group(group)?.is_none()
                && let Some(here) = Shipped::default().group(group, names)?
            {
                let mut found = Vec::new();
                let message = format!("there is no group `{group}`: {here}");
                script.find(&mut found, &codes::PG023, at + 2, at + 2, message);
                findings.extend(found.into_iter().map(|finding| Finding { file: *number, ..finding }));
            }
        }
    }
    Ok(findings)
}
