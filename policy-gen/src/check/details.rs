//! Details that a mechanism does not pass: a grant that asks for them never answers.

use polkit_config::report::{Problem, Report};

use crate::emit::details::known;
use crate::policy::{Grant, Policy};
use crate::word::Word;

/// Actions that come without details, whatever they are about (systemd 252 to 262, libvirt 7.0 to 11.3).
const WITHOUT: [&str; 5] = [
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.systemd1.reload-daemon",
    "org.freedesktop.systemd1.set-environment",
    "org.libvirt.unix.manage",
    "org.libvirt.unix.monitor",
];

/// Refuses details of actions that come without any, and warns of keys that a mechanism is not known to pass, and of a refusal
/// that an answer which polkit keeps outlives.
pub fn details(policy: &Policy, report: &mut Report) {
    for grant in policy.grants.iter().filter(|grant| !grant.details.is_empty()) {
        for action in grant.actions.iter().filter(|action| action.value.is_exact()) {
            let id = action.value.as_str();
            if WITHOUT.contains(&id) {
                let message = format!("`{}` never answers {id}, which comes without details", grant.label);
                let help = "leave `details` out and grant all of it, or do not grant it";
                report.push(Problem::error(action.at.clone(), message).help(help));
                continue;
            }
            let keys = known(id);
            for detail in
                grant.details.iter().filter(|detail| !keys.is_empty() && !keys.contains(&detail.key.value.as_str()))
            {
                let message = format!("`{}` is not a detail that {id} is known to come with", detail.key.value);
                report
                    .push(Problem::warning(detail.key.at.clone(), message).help(format!("known: {}", keys.join(", "))));
            }
        }
        outlived(grant, policy, report);
    }
}

fn outlived(grant: &Grant, policy: &Policy, report: &mut Report) {
    if !grant.results.all().contains(&Word::No) {
        return;
    }
    let shares = |other: &Grant| {
        let mut pairs = other.actions.iter().flat_map(|one| grant.actions.iter().map(move |two| (one, two)));
        pairs.any(|(one, two)| one.value.overlaps(&two.value))
    };
    let keeps = |other: &&Grant| other.results.all().into_iter().any(Word::is_kept) && shares(other);
    if let Some(other) = policy.grants.iter().find(keeps) {
        let message = format!("who has authenticated for `{}` passes `{}` for some minutes", other.label, grant.label);
        let help = "polkit keeps that answer for the action, whatever its details: leave out `_keep` there";
        report.push(Problem::warning(grant.at.clone(), message).help(help));
    }
}
