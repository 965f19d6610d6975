//! Findings from the error text alone.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::Facts;
use crate::doctor::fixes::manual;

/// Returns a finding from the error text if there is no other finding and the subject is unknown.
pub(super) fn reported(facts: &Facts, found: &[Finding]) -> Vec<Finding> {
    let Some(reported) = &facts.reported else { return Vec::new() };
    if !found.is_empty()
        || facts.answer.as_ref().is_some_and(|answer| answer.is_yes() && reported.class != Class::AclRefused)
    {
        return Vec::new();
    }
    let action = reported.action.as_deref().unwrap_or("the action");
    let name = || {
        let action = reported.action.as_deref().unwrap_or("ID");
        manual(
            "say-who",
            &[
                format!("polkit-policy-gen doctor --user USER --action {action}"),
                "polkit-policy-gen doctor --unit UNIT".to_owned(),
            ],
            "nothing: it shows the possible fixes",
        )
    };
    match reported.class {
        Class::NoAgent if facts.subject.is_none() => vec![
            Finding::new("must-authenticate", format!("polkit required authentication for {action}, but there was no agent; no rule allows the action to the subject"))
                .evidence("the text does not name the subject")
                .fix(name()),
        ],
        Class::Refused if facts.subject.is_none() => vec![
            Finding::new("rule-refuses", "a rule refused, threw an exception, or returned an invalid result").evidence("the text does not name the subject").fix(name()),
        ],
        Class::Dismissed => vec![Finding::new("dismissed", "an agent asked for authentication, and the user dismissed the request").fix(name())],
        Class::AclRefused => vec![acl(facts)],
        _ => Vec::new(),
    }
}

fn acl(facts: &Facts) -> Finding {
    let drivers: Vec<String> = facts
        .libvirt
        .daemons
        .iter()
        .filter(|daemon| !daemon.drivers.is_empty())
        .map(|daemon| format!("/{}: access_drivers = {}", daemon.conf, daemon.drivers.join(", ")))
        .collect();
    let mut finding = Finding::new(
        "acl-refuses",
        "libvirt's access control refused: the connection is allowed, but not this call or object",
    );
    finding.evidence = drivers;
    let commands = [
        "polkit-policy-gen actions 'org.libvirt.api.*'    # which action the call needs".to_owned(),
        "polkit-policy-gen doctor --user USER --action org.libvirt.api.OBJECT.PERMISSION".to_owned(),
        "polkit-policy-gen libvirt --mode acl --group GROUP --role operator --domains 'NAME-*' -o policy.toml"
            .to_owned(),
    ];
    finding.fix(manual("give-a-role", &commands, "a role over the named domains"))
}
