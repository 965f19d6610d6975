//! The state of polkit-service-agent, from its own status. Other agents cannot be listed, because polkitd does not list them.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::run::run;
use crate::doctor::facts::Facts;

const LIMIT: Duration = Duration::from_secs(2);
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

pub(super) fn look(facts: &mut Facts, action: Option<&str>) {
    let unit = UNITS.iter().any(|directory| Path::new(directory).join("polkit-service-agent.service").exists());
    let programs = ["/usr/bin", "/usr/local/bin", "/usr/sbin"];
    facts.agent.installed =
        unit && programs.iter().any(|directory| Path::new(directory).join("polkit-service-agent").exists());
    let subject = facts.subject.clone();
    if subject.is_some() {
        facts.unseen.push("other agents: polkitd does not tell whether another agent is registered".to_owned());
    }
    if !facts.agent.installed {
        return;
    }
    let Some((true, text)) = run(&["polkit-service-agent", "status", "--json"], LIMIT) else {
        if !facts.is_root {
            facts.unseen.push("polkit-service-agent: only root may ask it".to_owned());
        }
        return;
    };
    let status: Value = serde_json::from_str(&text).unwrap_or_default();
    facts.agent.running = status.is_object();
    let Some(subject) = subject else { return };
    let served = status.get("served").and_then(Value::as_array).cloned().unwrap_or_default();
    let what = |entry: &Value| entry.get("what").and_then(Value::as_str).unwrap_or_default().to_owned();
    facts.agent.serves =
        subject.unit.as_ref().is_some_and(|unit| served.iter().any(|entry| what(entry).contains(unit.as_str())));
    if let (Some(process), Some(action)) = (&subject.process, action) {
        let pid = process.pid.to_string();
        let asked = run(&["polkit-service-agent", "test", "--action", action, "--pid", &pid, "--json"], LIMIT);
        let answer: Value = asked.and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or_default();
        facts.agent.verdict = answer.get("verdict").and_then(Value::as_str).map(str::to_owned);
    }
}
