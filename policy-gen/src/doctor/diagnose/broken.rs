//! Findings about files that affect all users, that lack the action, or that polkitd has not loaded.

use super::Finding;
use super::evidence::{decided, with_evidence};
use crate::doctor::facts::{Decision, Facts, RunningResult, Subject};
use crate::doctor::fixes::{manual, restart_polkitd, set_aside};
use crate::emit::quote::shell;
use crate::verdict::Outcome;

/// A rule that affects all users. The fix sets its file aside.
pub(super) fn breaks(facts: &Facts, answer: &Decision, code: &'static str, cause: &str, says: &str) -> Finding {
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

/// The action is not registered.
pub(super) fn not_registered(facts: &Facts, answer: &Decision) -> Finding {
    let action = &answer.action;
    let finding = Finding::new("action-not-registered", format!("the action {action} is not registered with polkit"));
    if answer.verdict.outcome != Outcome::Unregistered {
        return finding
            .evidence("a .policy file defines the action, but polkitd has not read it")
            .fix(restart_polkitd(facts));
    }
    let finding = match &facts.container {
        Some(what) => {
            finding.evidence(format!("this is a container ({what}): the .policy file of the mechanism may be outside"))
        }
        None => finding.evidence("no .policy file of this polkit defines the action"),
    };
    if !facts.meant_actions.is_empty() {
        let commands =
            facts.meant_actions.iter().map(|meant| format!("polkit-policy-gen doctor --action {}", shell(meant)));
        let finding =
            finding.evidence(format!("registered actions with a similar id: {}", facts.meant_actions.join(", ")));
        return finding.fix(manual(
            "use-the-right-id",
            &commands.collect::<Vec<_>>(),
            "nothing: it examines that action",
        ));
    }
    let package = if action.starts_with("org.libvirt.") {
        "libvirt-daemon-system libvirt-daemon"
    } else {
        "PACKAGE-OF-THE-MECHANISM"
    };
    finding.fix(manual(
        "reinstall-package",
        &[format!("apt-get install --reinstall {package}")],
        "nothing: it restores the implicit authorization of the package",
    ))
}

/// The files allow the request, but polkitd does not.
pub(super) fn not_reloaded(facts: &Facts, subject: &Subject, answer: &Decision) -> Finding {
    let real = match answer.real {
        Some(RunningResult::Challenge) => "authentication is required",
        _ => "no",
    };
    with_evidence(
        Finding::new(
            "polkitd-not-reloaded",
            format!("the files allow {} {}, but polkitd has not loaded them yet", subject.user, answer.action),
        ),
        facts,
        subject,
        answer,
    )
    .evidence(format!("polkitd decides: {real}; it does not notice a chmod or chown of a file that it could not read"))
    .fix(restart_polkitd(facts))
}
