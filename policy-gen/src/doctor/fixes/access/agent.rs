//! Fixes with polkit-service-agent: a rule for one unit, by the hook or by registration.
//!
//! The hook is the default: it has no race, sees details, and serves any number of processes. Registration is for a polkit that runs
//! no hook.

use std::collections::BTreeMap;

use super::super::tables::{self, Rule};
use super::super::{AGENT, Fix, Step, line, manual, old_polkitd};
use super::{EXEC, is_root_equivalent, request, slug, written};
use crate::doctor::facts::{Decision, Facts, Subject};
use crate::mechanisms::{self, Interaction};
use crate::policy::SYSTEMD_ACTION;
use crate::target::Version;

/// What a rule for a unit does not do.
pub(super) const LIMIT: &str = "This separates programs, not attackers: code that runs as this user can enter the unit. Only a separate user \
                     (User= or DynamicUser=) protects against it";

/// A fix that starts the agent.
#[must_use]
pub fn start(facts: &Facts) -> Fix {
    let grants = "what the agent's rules allow";
    if !facts.has_systemd || !facts.agent.installed {
        return manual("start-agent", &["polkit-service-agent run".to_owned()], grants);
    }
    Fix {
        id: if facts.agent.running { "reload-agent" } else { "start-agent" },
        commands: vec![start_command(facts)],
        grants: grants.to_owned(),
        undo: stop_command(facts),
        steps: vec![Step::Agent],
        ..Fix::default()
    }
}

fn start_command(facts: &Facts) -> String {
    if facts.agent.running {
        line(&["systemctl", "reload", AGENT])
    } else {
        line(&["systemctl", "enable", "--now", AGENT])
    }
}

/// The commands that bring the agent back to its state before the fix.
fn stop_command(facts: &Facts) -> Vec<String> {
    match (facts.agent.running, facts.agent.enabled) {
        (true, _) => vec![line(&["systemctl", "reload", AGENT])],
        (false, true) => vec![line(&["systemctl", "stop", AGENT])],
        (false, false) => vec![line(&["systemctl", "disable", "--now", AGENT])],
    }
}

/// A fix that lets polkitd vouch for the subject: without it the agent refuses the request as unbound.
#[must_use]
pub fn bind(facts: &Facts, subject: &Subject, answer: &Decision) -> Fix {
    let path = format!("/etc/polkit-policy-gen/policy.d/50-doctor-agent-{}.toml", slug(&subject.user));
    let text = tables::bound([answer.action.as_str()].into_iter(), &subject.user);
    let mut commands = written(&path, &text);
    commands.push("polkit-policy-gen install".to_owned());
    Fix {
        id: "bind-agent",
        manual: answer.no_grant.is_some() || !answer.grant_comes_first || facts.version().is_none(),
        commands,
        grants: format!("what the agent's rules allow to {}", subject.user),
        undo: vec![line(&["rm", &path]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
        ..Fix::default()
    }
}

/// A fix that lets the agent allow the request to one unit; `None` if the agent cannot help or already serves the unit.
pub(super) fn rule(facts: &Facts, subject: &Subject, answer: &Decision) -> Option<Fix> {
    let unit = subject.unit.as_deref()?;
    if subject.uid == 0 || !unit.ends_with(".service") || facts.agent.serves {
        return None;
    }
    let by_hook = facts.version().is_some_and(|version| version >= Version::RULES) && !facts.has_selinux;
    let is_narrow =
        |key: &str| facts.details.contains_key(key) && mechanisms::compiled_details(&answer.action).contains(&key);
    // Without these details the agent refuses a rule for these actions, because it would be equivalent to root access.
    let is_open = answer.action == EXEC || answer.action == SYSTEMD_ACTION && !(by_hook && is_narrow("unit"));
    if is_open {
        return None;
    }
    if !by_hook && subject.is_dynamic {
        // An [[agent]] table needs a user who exists.
        return None;
    }
    if !by_hook && facts.mechanism.is_some_and(|mechanism| mechanism.latest().interaction == Interaction::Never) {
        // polkit would not ask the agent.
        return None;
    }
    if !by_hook {
        // The agent answers challenges only for users without a usable password. It finds a process within 100 ms.
        let is_late = subject.unit_type.as_deref() == Some("oneshot");
        if subject.password == Some(true) || is_late {
            return None;
        }
    }
    Some(of_unit(facts, subject, answer, unit, by_hook))
}

fn of_unit(facts: &Facts, subject: &Subject, answer: &Decision, unit: &str, by_hook: bool) -> Fix {
    let name = slug(unit.trim_end_matches(".service"));
    let own = format!("/etc/polkit-service-agent/agent.d/50-doctor-{name}.toml");
    // A challenge has no details.
    let none = BTreeMap::new();
    let rule = Rule {
        id: &format!("doctor-{name}"),
        action: &answer.action,
        unit,
        user: (!subject.is_dynamic).then_some(&subject.user),
        details: if by_hook { &facts.details } else { &none },
        answer: "allow",
    };
    let rule = format!("{}\n{}", tables::serve(unit, by_hook), rule.text());
    let (id, policy, asks) = if by_hook {
        let last: Vec<&str> = answer.action.rsplit('.').take(3).collect();
        let of_action = slug(&last.into_iter().rev().collect::<Vec<_>>().join("-"));
        let path = format!("/etc/polkit-policy-gen/policy.d/50-doctor-hook-{of_action}.toml");
        ("hook-rule", path, tables::hook(&answer.action, &facts.details))
    } else {
        let path = format!("/etc/polkit-policy-gen/policy.d/50-doctor-agent-{name}.toml");
        ("agent-rule", path, tables::bound([answer.action.as_str()].into_iter(), &subject.user))
    };
    let mut commands = written(&own, &rule);
    commands.extend(written(&policy, &asks));
    commands.extend(["polkit-policy-gen install".to_owned(), start_command(facts)]);
    let steps = vec![
        Step::Write { path: own.clone(), text: rule },
        Step::Write { path: policy.clone(), text: asks },
        Step::Install,
        Step::Agent,
    ];
    let possible = facts.agent.installed && facts.has_systemd && answer.no_grant.is_none() && answer.grant_comes_first;
    let mut undo =
        vec![line(&["rm", &own, &policy]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()];
    undo.extend(stop_command(facts));
    let mut fix = Fix {
        id,
        manual: !possible,
        root_equivalent: is_root_equivalent(&answer.action, &facts.details),
        commands,
        grants: format!(
            "processes of {unit}{} {}; each decision is recorded. {LIMIT}",
            if subject.is_dynamic { String::new() } else { format!(" with the user {}", subject.user) },
            request(&answer.action, &facts.details)
        ),
        undo,
        steps,
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

#[cfg(test)]
mod tests;
