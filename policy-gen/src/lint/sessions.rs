//! Finds conditions on the session with an unexpected meaning.

use super::read::{Rule, Script};
use super::{Finding, codes};

/// The users of services on common distributions.
const SERVICES: [&str; 16] = [
    "apache",
    "backup",
    "daemon",
    "gitlab-runner",
    "http",
    "jenkins",
    "libvirt-qemu",
    "libvirtdbus",
    "mail",
    "nagios",
    "nginx",
    "nobody",
    "prometheus",
    "www-data",
    "wwwrun",
    "zabbix",
];

/// Checks one rule.
pub(super) fn lint(script: &Script<'_>, rule: &Rule, findings: &mut Vec<Finding>) {
    let subject = rule.parameter(1, "subject");
    let is_local = |at: usize| script.is_property(at, subject, "local");
    let active = rule.body.clone().find(|at| script.is_property(*at, subject, "active") && script.is_wanted(*at));
    if let Some(at) = active
        && !rule.body.clone().any(is_local)
    {
        let message = format!("{subject}.active without {subject}.local is also true for ssh");
        script.find(findings, &codes::PG024, at, at + 2, message);
    }
    for condition in rule.body.clone().filter_map(|at| script.condition(at)) {
        let all_of_it = !condition.clone().any(|at| script.sign(at).is_some_and(|sign| sign.starts_with('|')));
        let mut wanted = condition.clone().filter(|at| {
            ["local", "active"].iter().any(|property| script.is_property(*at, subject, property))
                && script.is_wanted(*at)
        });
        let service = condition.clone().find_map(|at| script.compared(at, subject, "user"));
        if let (true, Some(at), Some((user, _))) = (all_of_it, wanted.next(), service)
            && SERVICES.contains(&user)
        {
            let message = format!("services run as {user}, and services have no session");
            script.find(findings, &codes::PG025, at, at + 2, message);
        }
    }
}
