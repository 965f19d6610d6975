//! Conditions on the session that say something else than they seem to.

use std::ops::Range;

use super::rules::{Rule, Script};
use super::{Finding, codes};

/// Users that services run as, on one distribution or another.
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

/// Looks at one rule.
pub(super) fn lint(script: &Script<'_>, rule: &Rule, findings: &mut Vec<Finding>) {
    let subject = rule.parameter(1, "subject");
    let is_local = |at: usize| script.is_property(at, subject, "local");
    let active = rule.body.clone().find(|at| script.is_property(*at, subject, "active") && script.is_wanted(*at));
    if let Some(at) = active
        && !rule.body.clone().any(is_local)
    {
        let message = format!("{subject}.active without {subject}.local holds over ssh, too");
        script.find(findings, &codes::PG024, at, at + 2, message);
    }
    for condition in rule.body.clone().filter_map(|at| script.condition(at)) {
        let all_of_it = !condition.clone().any(|at| script.sign(at) == Some('|'));
        let mut wanted = condition.clone().filter(|at| {
            ["local", "active"].iter().any(|property| script.is_property(*at, subject, property))
                && script.is_wanted(*at)
        });
        let service = condition.clone().find_map(|at| script.compared(at, subject, "user"));
        if let (true, Some(at), Some((user, _))) = (all_of_it, wanted.next(), service)
            && SERVICES.contains(&user)
        {
            let message = format!("{user} is a user of services, which are in no session");
            script.find(findings, &codes::PG025, at, at + 2, message);
        }
    }
}

impl Script<'_> {
    /// Whether `object.property` begins at `at`.
    fn is_property(&self, at: usize, object: &str, property: &str) -> bool {
        self.word(at) == object && self.sign(at + 1) == Some('.') && self.word(at + 2) == property
    }

    /// Whether the truth of the property that begins at `at` is asked for, and not its contrary.
    pub(super) fn is_wanted(&self, at: usize) -> bool {
        let denied = at > 0 && self.sign(at - 1) == Some('!');
        let compared = (at + 3..at + 6).take_while(|place| matches!(self.sign(*place), Some('=' | '!'))).count();
        let unequal = self.sign(at + 3) == Some('!');
        let is_false = match compared {
            2.. if self.sign(at + 3) == Some('=') || unequal => (self.word(at + 3 + compared) == "false") != unequal,
            _ => false,
        };
        !denied && !is_false
    }

    /// What stands between the brackets of an `if` at `at`.
    pub(super) fn condition(&self, at: usize) -> Option<Range<usize>> {
        (self.word(at) == "if" && self.sign(at + 1) == Some('(')).then(|| at + 2..self.closing(at + 1))
    }

    /// The text that `object.property`, which begins at `at`, is compared with for being the same, and where the comparison ends.
    pub(super) fn compared(&self, at: usize, object: &str, property: &str) -> Option<(&str, usize)> {
        let signs = (at + 3..at + 6).take_while(|place| self.sign(*place) == Some('=')).count();
        let end = at + 3 + signs;
        (self.is_property(at, object, property) && signs >= 2).then(|| Some((self.text(end)?, end))).flatten()
    }
}
