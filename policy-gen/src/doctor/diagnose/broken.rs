//! Files that do harm to everybody, that lack the action, or that polkitd does not go by.

use super::Finding;
use super::evidence::{decided, with_evidence};
use crate::doctor::facts::{Answer, Facts, Real, Subject};
use crate::doctor::fixes::{manual, restart_polkitd, set_aside};
use crate::emit::quote::shell;
use crate::verdict::Outcome;

/// A rule that does harm to everybody: it is laid aside.
pub(super) fn breaks(facts: &Facts, answer: &Answer, code: &'static str, cause: &str, says: &str) -> Finding {
    let file = answer.verdict.decided_by.as_ref().and_then(|by| by.file.clone());
    let file = file.or_else(|| {
        answer.verdict.steps.iter().rev().find_map(|step| step.file.clone().filter(|file| file.ends_with(".rules")))
    });
    let finding = Finding::new(code, cause).evidence(decided(answer)).evidence(says.to_owned());
    let Some(file) = file else { return finding.fix(restart_polkitd(facts)) };
    let finding = finding.fix(manual(
        "edit-file",
        &[format!("polkit-policy-gen check {}", shell(&file))],
        "what the file then says",
    ));
    let mut fix = set_aside(&file, facts);
    if code == "rule-ends-polkitd" {
        let restart = restart_polkitd(facts);
        fix.commands.extend(restart.commands);
        fix.steps.extend(restart.steps);
    }
    finding.fix(fix)
}

/// Nobody knows the action.
pub(super) fn not_registered(facts: &Facts, answer: &Answer) -> Finding {
    let action = &answer.action;
    let finding = Finding::new("action-not-registered", format!("polkit does not know the action {action}"));
    if answer.verdict.outcome != Outcome::Unregistered {
        return finding.evidence("a .policy file has it, and polkitd has not read it").fix(restart_polkitd(facts));
    }
    let finding = match &facts.container {
        Some(what) => finding.evidence(format!(
            "this is a container ({what}): the program that asks may have its .policy file elsewhere"
        )),
        None => finding.evidence("no .policy file that this polkit reads has it"),
    };
    let package = if action.starts_with("org.libvirt.") {
        "libvirt-daemon-system libvirt-daemon"
    } else {
        "THE-PACKAGE-OF-THE-PROGRAM-THAT-ASKS"
    };
    finding.fix(manual(
        "reinstall-package",
        &[format!("apt-get install --reinstall {package}")],
        "nothing: the action has the defaults of its package then",
    ))
}

/// The files say yes, and polkitd does not.
pub(super) fn not_reloaded(facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let real = match answer.real {
        Some(Real::Challenge) => "somebody must authenticate",
        _ => "no",
    };
    with_evidence(
        Finding::new(
            "polkitd-not-reloaded",
            format!("the files allow {} {}, and polkitd does not go by them yet", subject.user, answer.action),
        ),
        facts,
        subject,
        answer,
    )
    .evidence(format!(
        "polkitd itself says: {real}; it does not notice a chmod or chown of a file that it could not read"
    ))
    .fix(restart_polkitd(facts))
}
