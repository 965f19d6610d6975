//! What was pasted, where the host itself shows nothing wrong.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::Facts;
use crate::doctor::fixes::manual;

/// What an error says by itself, where nothing else was found and nobody can be told whom it is about.
pub(super) fn reported(facts: &Facts, found: &[Finding]) -> Vec<Finding> {
    let Some(reported) = &facts.reported else { return Vec::new() };
    if !found.is_empty()
        || facts.answer.as_ref().is_some_and(|answer| answer.is_yes() && reported.class != Class::AclRefused)
    {
        return Vec::new();
    }
    let action = reported.action.as_deref().unwrap_or("the action");
    let name = |action: &str| {
        manual(
            "say-who",
            &[
                format!("polkit-policy-gen doctor --user USER --action {action}"),
                "polkit-policy-gen doctor --unit UNIT".to_owned(),
            ],
            "nothing: it says what can be done",
        )
    };
    match reported.class {
        Class::NoAgent if facts.subject.is_none() => vec![
            Finding::new("must-authenticate", format!("polkit wanted somebody to authenticate for {action}, and nobody was there: no rule allows it to whoever asked"))
                .evidence("who asked does not stand in the text")
                .fix(name(action)),
        ],
        Class::Refused if facts.subject.is_none() => vec![
            Finding::new("rule-refuses", "a rule refused, threw, or returned what is no result").evidence("who asked does not stand in the text").fix(name("ACTION")),
        ],
        Class::Dismissed => vec![Finding::new("dismissed", "an agent was asked, and whoever sat there did not authenticate").fix(name(action))],
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
        "libvirt's own access control refused: the connection is allowed, and this call or object is not",
    );
    finding.evidence = drivers;
    let commands = [
        "polkit-policy-gen actions 'org.libvirt.api.*'    # which action the call needs".to_owned(),
        "polkit-policy-gen doctor --user USER --action org.libvirt.api.OBJECT.PERMISSION".to_owned(),
        "polkit-policy-gen libvirt --mode acl --group GROUP --role operator --domains 'NAME-*' -o policy.toml"
            .to_owned(),
    ];
    finding.fix(manual("give-a-role", &commands, "a role over the domains that it names"))
}
