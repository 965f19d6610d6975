//! What is open that should not be: fixes that circulate, and that somebody applied.

use super::Finding;
use crate::doctor::facts::{Facts, OpenTo};
use crate::doctor::fixes::{manual, set_aside};
use crate::libvirt::MANAGE;

/// Everything of that kind.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.edited.iter().map(|(path, package)| edited(path, package)).collect();
    for open in &facts.open_to_all {
        // An edited .policy file is told already.
        if !open.implicit || !facts.edited.iter().any(|(path, _)| Some(path) == open.file.as_ref()) {
            found.push(opened(facts, open));
        }
    }
    found
}

fn edited(path: &str, package: &str) -> Finding {
    Finding::new("policy-edited", format!("{path} is not as the package {package} brought it: the next upgrade puts it back, and until then it decides"))
        .evidence("its md5 sum is not the package's")
        .fix(manual(
            "reinstall-package",
            &[format!("apt-get install --reinstall {package}"), "# what it should say is a rule's: polkit-policy-gen install".to_owned()],
            "nothing: what the edit granted is gone",
        ))
}

fn opened(facts: &Facts, open: &OpenTo) -> Finding {
    let code = if open.action == MANAGE { "everybody-may" } else { "nopasswd-for-all" };
    let place = open
        .file
        .as_ref()
        .map_or_else(String::new, |file| open.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}")));
    let finding = Finding::new(
        code,
        format!("{} may do {} without authenticating, and so is as good as root", open.who, open.action),
    )
    .evidence(place);
    match &open.file {
        Some(file) if !open.implicit && !file.contains("polkit-policy-gen") => finding.fix(set_aside(file, facts)),
        Some(file) if !open.implicit => finding.fix(manual(
            "change-policy",
            &[format!("# change the policy that {file} was made of, and: polkit-policy-gen install")],
            "less than now",
        )),
        _ => finding.fix(manual(
            "edit-file",
            &[format!("editor {}", open.file.clone().unwrap_or_default())],
            "less than now",
        )),
    }
}
