//! Checks of details. A grant with a detail that the mechanism does not pass never applies.

use polkit_config::report::{Problem, Report};

use crate::implicit_authorization::ImplicitAuthorization;
use crate::mechanisms;
use crate::policy::{Grant, Policy};

/// Actions without details (systemd 252 to 262, libvirt 7.0 to 11.3) for which a grant with details is an error and not a warning. The
/// table of mechanisms has the others.
const WITHOUT: [&str; 5] = [
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.systemd1.reload-daemon",
    "org.freedesktop.systemd1.set-environment",
    "org.libvirt.unix.manage",
    "org.libvirt.unix.monitor",
];

/// Refuses details for actions that have none. Warns of details that a mechanism is not known to pass, and of a "no" that a
/// kept authorization bypasses.
pub(super) fn details(policy: &Policy, report: &mut Report) {
    for grant in policy.grants.iter().filter(|grant| !grant.details.is_empty()) {
        for action in grant.actions.iter().filter(|action| action.value.is_exact()) {
            let id = action.value.as_str();
            if WITHOUT.contains(&id) {
                let message = format!("`{}` never applies to {id}, which has no details", grant.label);
                let help = "remove `details` to grant the whole action, or remove the action";
                report.push(Problem::error(action.at.clone(), message).help(help));
                continue;
            }
            let Some(keys) = mechanisms::details(id) else { continue };
            for detail in grant.details.iter().filter(|detail| !is_passed(&keys, &detail.key.value)) {
                let message = format!("`{}` is not a known detail of {id}", detail.key.value);
                let help = match keys.as_slice() {
                    [] => "the mechanism passes no details: remove the condition to grant the whole action".to_owned(),
                    keys => format!("known: {}", keys.join(", ")),
                };
                report.push(Problem::warning(detail.key.at.clone(), message).help(help));
            }
        }
        outlived(grant, policy, report);
    }
}

/// Whether a mechanism passes a detail. polkit itself reads the details that begin with `polkit.`.
pub fn is_passed(keys: &[&str], detail: &str) -> bool {
    keys.contains(&detail) || detail.starts_with("polkit.")
}

fn outlived(grant: &Grant, policy: &Policy, report: &mut Report) {
    if !grant.results.all().contains(&ImplicitAuthorization::No) {
        return;
    }
    let shares = |other: &Grant| {
        let mut pairs = other.actions.iter().flat_map(|one| grant.actions.iter().map(move |two| (one, two)));
        pairs.any(|(one, two)| one.value.overlaps(&two.value))
    };
    let keeps = |other: &&Grant| other.results.all().into_iter().any(ImplicitAuthorization::is_kept) && shares(other);
    if let Some(other) = policy.grants.iter().find(keeps) {
        let message =
            format!("a user who has authenticated for `{}` bypasses `{}` for some minutes", other.label, grant.label);
        let help =
            "polkit keeps the authorization for the action with any details: use the result without `_keep` there";
        report.push(Problem::warning(grant.at.clone(), message).help(help));
    }
}
