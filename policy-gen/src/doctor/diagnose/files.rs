//! Findings about files that polkitd does not read, or does not read as intended.

use super::Finding;
use crate::doctor::facts::Facts;
use crate::doctor::fixes::{Fix, access, convert, make_readable, manual, move_file, open_directory, set_aside};
use crate::emit::quote::shell;
use crate::target::Version;
use crate::verdict::{SkipReason, SkippedFile};

/// The codes of findings that explain a refusal if their file is about the action.
pub(super) const EXPLAIN: [&str; 9] = [
    "rule-unreadable",
    "rules-directory-closed",
    "rule-not-compiled",
    "rule-throws-at-load",
    "rule-misplaced",
    "rule-misnamed",
    "rules-not-read",
    "pkla-not-read",
    "pkla-broken",
];

/// Returns the findings, each with whether it explains the refusal.
pub(super) fn all(facts: &Facts) -> Vec<(bool, Finding)> {
    let refused = facts.answer.as_ref().is_some_and(|answer| !answer.is_yes());
    let mut found: Vec<(bool, Finding)> = Vec::new();
    let mut unread_pkla: Vec<&SkippedFile> = Vec::new();
    let mut unread_rules: Vec<&SkippedFile> = Vec::new();
    for skipped in &facts.skipped {
        let about = refused && facts.skipped_about.contains(&skipped.file);
        if matches!(skipped.why, SkipReason::NeedsPklaCompat(_)) {
            // Packages ship a pkla file beside an equivalent policy rule.
            if !skipped.file.starts_with("/var/lib/polkit-1/") {
                unread_pkla.push(skipped);
            }
        } else if matches!(skipped.why, SkipReason::DirectoryOfOtherVersion(_)) {
            // Packages may contain rules for other versions.
            if !skipped.file.starts_with("/usr/share/") {
                unread_rules.push(skipped);
            }
        } else if let Some(finding) = one(facts, skipped) {
            let found_already =
                found.iter().any(|(_, known)| known.code == finding.code && known.cause == finding.cause);
            if !found_already {
                let finding = with_access(finding, about, facts);
                // A file that does not compile can be set aside without effect.
                let is_idle = finding.code == "rule-not-compiled";
                found.push((about, if is_idle { finding.fix(set_aside(&skipped.file, facts)) } else { finding }));
            }
        }
    }
    let about =
        |list: &[&SkippedFile]| refused && list.iter().any(|skipped| facts.skipped_about.contains(&skipped.file));
    let names = |list: &[&SkippedFile]| list.iter().map(|skipped| skipped.file.clone()).collect::<Vec<_>>();
    if let Some(first) = unread_pkla.first() {
        let finding = Finding {
            evidence: names(&unread_pkla),
            ..Finding::new("pkla-not-read", format!("there are pkla files that nothing reads: {}", first.why))
        };
        found.push((about(&unread_pkla), finding.fix(convert(&names(&unread_pkla)))));
    }
    if let Some(first) = unread_rules.first() {
        let old = facts.version().is_some_and(|version| version < Version::RULES);
        let (code, cause) = if old {
            ("rules-not-read", "this polkit is 0.105, which reads pkla files but no JavaScript rules")
        } else {
            ("rule-misplaced", "there are rules in a directory that this polkit does not read")
        };
        let finding =
            Finding { evidence: names(&unread_rules), ..Finding::new(code, format!("{cause}: {}", first.file)) };
        let name = first.file.rsplit('/').next().unwrap_or_default();
        let finding = if old {
            finding
        } else {
            finding.fix(move_file("move-file", &first.file, &format!("/etc/polkit-1/rules.d/{name}"), true, facts))
        };
        let about = about(&unread_rules);
        found.push((
            about,
            if old { with_access(finding, about, facts).fix(set_aside(&first.file, facts)) } else { finding },
        ));
    }
    found.extend(strays(facts, refused));
    found
}

/// Adds the fixes for access to a finding whose file must be corrected by hand and that explains the refusal.
fn with_access(finding: Finding, about: bool, facts: &Facts) -> Finding {
    if about && finding.fixes.iter().all(|fix| fix.manual) { finding.fixes(access(facts)) } else { finding }
}

fn one(facts: &Facts, skipped: &SkippedFile) -> Option<Finding> {
    let place = skipped.line.map_or_else(|| skipped.file.clone(), |line| format!("{}:{line}", skipped.file));
    let evidence = format!("{place}: {}", skipped.why);
    let is_rules = skipped.file.ends_with(".rules");
    let is_pkla = skipped.file.ends_with(".pkla");
    if let SkipReason::Closed { path: what, mode } = &skipped.why {
        let mode = format!("{mode:04o}");
        if *what == skipped.file && (is_rules || is_pkla || skipped.file.ends_with(".policy")) {
            return Some(
                Finding::new(
                    "rule-unreadable",
                    format!("polkitd, which is not root, cannot read {what} and ignores it"),
                )
                .evidence(evidence)
                .fix(make_readable(what, &mode, facts.skipped_about.contains(&skipped.file))),
            );
        }
        return Some(
            Finding::new("rules-directory-closed", format!("polkitd cannot enter {what} and ignores its files"))
                .evidence(format!("{what}: mode {mode}"))
                .fix(open_directory(what, &mode, facts)),
        );
    }
    if is_rules && matches!(skipped.why, SkipReason::NotCompiled(_)) {
        return Some(
            Finding::new("rule-not-compiled", format!("{} does not compile, so polkitd ignores it", skipped.file))
                .evidence(evidence)
                .fix(edit(&skipped.file)),
        );
    }
    if is_rules && matches!(skipped.why, SkipReason::Throws(_)) {
        return Some(
            Finding::new(
                "rule-throws-at-load",
                format!("{} throws an exception while it is loaded, so its later rules are missing", skipped.file),
            )
            .evidence(evidence)
            .fix(edit(&skipped.file)),
        );
    }
    if skipped.file.ends_with(".policy") && matches!(skipped.why, SkipReason::ActionError(_)) {
        return Some(
            Finding::new(
                "action-file-broken",
                format!("polkitd stops reading {} at an error: the later actions are not registered", skipped.file),
            )
            .evidence(evidence)
            .fix(edit(&skipped.file)),
        );
    }
    let misnamed = matches!(skipped.why, SkipReason::PklaSuffix | SkipReason::PklaDirectory);
    // Most of these files are reported as strays.
    let is_stray = facts.strays.iter().any(|stray| stray.path == skipped.file);
    if misnamed && skipped.file.starts_with("/etc/") && !is_laid_aside(&skipped.file) && !is_stray {
        let name = skipped.file.rsplit('/').next()?.split('.').next()?;
        let to = format!("/etc/polkit-1/localauthority/50-local.d/{name}.pkla");
        return Some(
            Finding::new("rule-misnamed", format!("{} is not read: {}", skipped.file, skipped.why)).fix(move_file(
                "rename-file",
                &skipped.file,
                &to,
                true,
                facts,
            )),
        );
    }
    if is_pkla && skipped.line.is_some() {
        return Some(
            Finding::new(
                "pkla-broken",
                format!("{} has an error, and polkit silently ignores the affected entries", skipped.file),
            )
            .evidence(evidence)
            .fix(edit(&skipped.file)),
        );
    }
    None
}

fn is_laid_aside(path: &str) -> bool {
    ["~", ".bak", ".old", ".orig", ".save", ".disabled", ".off", ".set-aside", ".dpkg-old", ".dpkg-new"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

fn edit(path: &str) -> Fix {
    let commands = [format!("polkit-policy-gen check {}", shell(path))];
    manual("edit-file", &commands, "what the file says")
}

fn strays(facts: &Facts, refused: bool) -> Vec<(bool, Finding)> {
    let finding = |stray: &crate::doctor::facts::Stray| {
        let code = if stray.misnamed { "rule-misnamed" } else { "rule-misplaced" };
        let finding = Finding::new(code, format!("{} looks like policy but is not read: {}", stray.path, stray.why));
        let about = refused && stray.about_action;
        match &stray.belongs {
            Some(to) => {
                let id = if code == "rule-misnamed" { "rename-file" } else { "move-file" };
                (about, finding.fix(move_file(id, &stray.path, to, stray.root_equivalent, facts)))
            }
            None => (about, with_access(finding, about, facts).fix(set_aside(&stray.path, facts))),
        }
    };
    facts.strays.iter().map(finding).collect()
}
