//! The finding about the policy of the system bus.

use super::Finding;
use crate::doctor::facts::Facts;
use crate::doctor::fixes::manual;
use crate::emit::quote::shell;

/// Returns the finding if the bus refuses the calls of the subject, so that polkit is never asked.
pub(super) fn denies(facts: &Facts) -> Option<Finding> {
    let (denial, subject) = (facts.bus_denial.as_ref()?, facts.subject.as_ref()?);
    let cause = format!(
        "the policy of the system bus refuses calls of {} to {}, so the service never asks polkit",
        subject.user, denial.destination
    );
    let rule = match &denial.only {
        Some(only) => format!("{} allows the calls only to {only}; the bus refuses all others", denial.place),
        None => format!("{} denies all calls to {}", denial.place, denial.destination),
    };
    let file = denial.place.rsplit_once(':').map_or(denial.place.as_str(), |(file, _)| file);
    let name = file.rsplit('/').next().unwrap_or_default();
    let commands = [
        format!(
            "editor {}    # allow send_destination for the user; compare {}",
            shell(&format!("/etc/dbus-1/system.d/{name}")),
            shell(file)
        ),
        "systemctl reload dbus.service".to_owned(),
    ];
    let finding = Finding::new("bus-policy-denies", cause).evidence(rule);
    Some(finding.fix(manual("change-bus-policy", &commands, "calls to the service, which then asks polkit")))
}
