//! Findings about settings that grant too much, often from published advice.

use super::Finding;
use crate::doctor::facts::{Facts, OpenAction};
use crate::doctor::fixes::{manual, set_aside};
use crate::libvirt::MANAGE;

/// Returns all of these findings.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.edited.iter().map(|(path, package)| edited(path, package)).collect();
    for open in &facts.open_to_all {
        // An edited .policy file has its own finding.
        if !open.implicit || !facts.edited.iter().any(|(path, _)| Some(path) == open.file.as_ref()) {
            found.push(opened(facts, open));
        }
    }
    found
}

fn edited(path: &str, package: &str) -> Finding {
    Finding::new(
        "policy-edited",
        format!(
            "{path} differs from the file of the package {package}; it is in force until the next upgrade restores it"
        ),
    )
    .evidence("its MD5 sum differs from that of the package")
    .fix(manual(
        "reinstall-package",
        &[
            format!("apt-get install --reinstall {package}"),
            "# write the wanted change as a policy rule: polkit-policy-gen install".to_owned(),
        ],
        "nothing: it revokes what the edit granted",
    ))
}

fn opened(facts: &Facts, open: &OpenAction) -> Finding {
    let code = if open.action == MANAGE { "everybody-may" } else { "nopasswd-for-all" };
    let place = open
        .file
        .as_ref()
        .map_or_else(String::new, |file| open.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}")));
    let finding = Finding::new(
        code,
        format!("{} may perform {} without authentication, which is equivalent to root access", open.who, open.action),
    )
    .evidence(place);
    match &open.file {
        Some(file) if !open.implicit && !file.contains("polkit-policy-gen") => finding.fix(set_aside(file, facts)),
        Some(file) if !open.implicit => finding.fix(manual(
            "change-policy",
            &[format!("# change the policy file from which {file} was generated, then run: polkit-policy-gen install")],
            "less than now",
        )),
        _ => finding.fix(manual(
            "edit-file",
            &[format!("editor {}", open.file.clone().unwrap_or_default())],
            "less than now",
        )),
    }
}
