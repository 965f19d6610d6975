//! What `enable` and `disable` change for a unit: a file of the agent, and files of the policy that lead polkit to the agent. Pure.

use std::collections::BTreeMap;

use polkit_config::pattern::ActionPattern;

use super::access::written;
use super::tables::{self, Rule};
use super::{AGENT, Fix, Step, line};
use crate::doctor::facts::{Facts, Subject};
use crate::mechanisms::Interaction;
use crate::target::Version;

/// The folder of the agent's files.
pub const AGENT_FOLDER: &str = "/etc/polkit-service-agent/agent.d";
const POLICY_FOLDER: &str = "/etc/polkit-policy-gen/policy.d";

/// A unit and the requests that the agent allows to it.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// The name of the unit.
    pub unit: String,
    /// The user of its processes. `None` for `DynamicUser=`: the unit alone names the processes.
    pub user: Option<String>,
    /// Exact action ids, each with the details that a request must carry.
    pub actions: Vec<(String, BTreeMap<String, String>)>,
    /// Whether a person decides about each request.
    pub ask: bool,
}

/// How polkit reaches the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A policy rule asks the agent.
    Hook,
    /// The agent is registered for each process of the unit.
    Registration,
}

/// Returns the file of the agent about a unit.
#[must_use]
pub fn agent_file(unit: &str) -> String {
    format!("{AGENT_FOLDER}/50-enable-{unit}.toml")
}

/// Returns the file of the policy by which polkit asks the agent about the user of a registered unit.
fn bound_file(unit: &str) -> String {
    format!("{POLICY_FOLDER}/50-enable-agent-{unit}.toml")
}

/// Returns the file of the policy by which polkit asks the agent about an action. The units for which the action is enabled share it.
#[must_use]
pub fn hook_file(action: &str) -> String {
    format!("{POLICY_FOLDER}/50-enable-hook-{action}.toml")
}

/// Returns the way for a unit, with the reason for it.
///
/// # Errors
/// The reason why the agent cannot serve the unit.
pub fn way(facts: &Facts, subject: &Subject, register: bool, ask: bool) -> Result<(Way, &'static str), String> {
    let has_hook = facts.version().is_some_and(|version| version >= Version::RULES);
    let why = match () {
        () if ask => "because polkitd does not wait for a person at the hook",
        () if register => "as requested",
        () if !has_hook => "because this polkit runs no hook",
        () if facts.has_selinux => "because SELinux can keep polkitd from the agent's socket",
        () => return Ok((Way::Hook, "because it serves each process at once and sees details")),
    };
    let refused = |why: String| Err(format!("the agent cannot register for {}: {why}", subject.user));
    if subject.is_dynamic {
        return refused("the user exists only while the unit runs (DynamicUser=)".to_owned());
    }
    if subject.password == Some(true) {
        return refused("the user has a usable password, and could authenticate without the agent".to_owned());
    }
    if let Some(mechanism) = facts.mechanism.filter(|found| found.latest().interaction == Interaction::Never) {
        return refused(format!("{} never lets polkit ask an agent", mechanism.name));
    }
    if !facts.details.is_empty() {
        return refused("details reach the agent only by the hook".to_owned());
    }
    Ok((Way::Registration, why))
}

/// Returns the files and steps that make the agent serve a unit. `hooked` are the actions about which polkit asks the agent already.
#[must_use]
pub fn enable(service: &Service, way: Way, hooked: &[String], root_equivalent: bool) -> Fix {
    let mut files = vec![(agent_file(&service.unit), agent_text(service, way))];
    match (way, &service.user) {
        (Way::Hook, _) => {
            let new = service.actions.iter().filter(|(action, _)| !hooked.contains(action));
            files.extend(new.map(|(action, details)| (hook_file(action), tables::hook(action, details))));
        }
        (Way::Registration, Some(user)) => {
            let actions = service.actions.iter().map(|(action, _)| action.as_str());
            files.push((bound_file(&service.unit), tables::bound(actions, user)));
        }
        (Way::Registration, None) => {}
    }
    let mut steps: Vec<Step> =
        files.iter().map(|(path, text)| Step::Write { path: path.clone(), text: text.clone() }).collect();
    steps.extend([Step::Install, Step::Agent]);
    Fix {
        // The evaluation knows the way by these ids.
        id: if way == Way::Hook { "hook-rule" } else { "agent-rule" },
        root_equivalent,
        commands: files.iter().flat_map(|(path, text)| written(path, text)).collect(),
        undo: vec![line(&["polkit-service-agent", "disable", &service.unit])],
        steps,
        ..Fix::default()
    }
}

fn agent_text(service: &Service, way: Way) -> String {
    let rules = service.actions.iter().map(|(action, details)| {
        let rule = Rule {
            id: &format!("{} {action}", service.unit),
            action,
            unit: &service.unit,
            user: service.user.as_deref(),
            details,
            answer: if service.ask { "ask" } else { "allow" },
        };
        format!("\n{}", rule.text())
    });
    format!(
        "# Written by `polkit-service-agent enable`. To undo: polkit-service-agent disable {}\n{}{}",
        service.unit,
        tables::serve(&service.unit, way == Way::Hook),
        rules.collect::<String>()
    )
}

/// The agent without the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentThen {
    /// It runs, and has other configuration: it reads that.
    Runs,
    /// It is stopped, and stays so.
    Stopped,
    /// It has no other configuration, and nothing to do.
    Idle,
}

/// Returns the steps that take a unit away from the agent. `actions` are the actions of its file, and `others` those of the agent's other
/// files: a hook about an action that one of them covers stays.
#[must_use]
pub fn disable(
    unit: &str,
    actions: &[String],
    others: &[String],
    exists: impl Fn(&str) -> bool,
    agent: AgentThen,
) -> Fix {
    let others: Vec<ActionPattern> = others.iter().filter_map(|ids| ActionPattern::new(ids).ok()).collect();
    let is_free = |action: &&String| !others.iter().any(|other| other.covers(action));
    let hooks = actions.iter().filter(is_free).map(|action| hook_file(action));
    let files = std::iter::once(bound_file(unit)).chain(hooks).filter(|path| exists(path));
    let mut steps = vec![Step::Remove(agent_file(unit))];
    steps.extend(files.map(Step::Remove));
    steps.push(Step::Withdraw);
    match agent {
        AgentThen::Runs => steps.push(Step::Agent),
        AgentThen::Stopped => {}
        AgentThen::Idle => {
            steps.push(Step::Run(["systemctl", "disable", "--now", AGENT].map(str::to_owned).to_vec()));
        }
    }
    Fix { id: "disable", steps, ..Fix::default() }
}

#[cfg(test)]
mod tests;
