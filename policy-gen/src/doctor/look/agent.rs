//! The state of polkit-service-agent, from its own status. Other agents cannot be listed, because polkitd does not list them.

use std::path::Path;
use std::time::Duration;

use polkit_config::pattern::Glob;
use serde_json::Value;

use super::run::{errors_of, run};
use crate::doctor::facts::{Facts, Subject};

const LIMIT: Duration = Duration::from_secs(2);
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

pub(super) fn look(facts: &mut Facts, action: Option<&str>) {
    let unit = UNITS.iter().any(|directory| Path::new(directory).join("polkit-service-agent.service").exists());
    let programs = ["/usr/bin", "/usr/local/bin", "/usr/sbin"];
    facts.agent.installed =
        unit && programs.iter().any(|directory| Path::new(directory).join("polkit-service-agent").exists());
    if facts.subject.is_some() {
        facts.unseen.push("other agents: polkitd does not tell whether another agent is registered".to_owned());
    }
    if !facts.agent.installed {
        return;
    }
    let enabled = run(&["systemctl", "is-enabled", "--quiet", "polkit-service-agent.service"], LIMIT);
    facts.agent.enabled = enabled.is_some_and(|(done, _)| done);
    let status = run(&["polkit-service-agent", "status", "--json"], LIMIT);
    match status.filter(|(done, _)| *done).map(|(_, text)| serde_json::from_str::<Value>(&text).unwrap_or_default()) {
        Some(status) => {
            facts.agent.running = status.is_object();
            facts.agent.serves = served(facts, &status);
            facts.agent.is_outdated = status.pointer("/configuration/changed_on_disk") == Some(&Value::Bool(true));
        }
        None if !facts.is_root => facts.unseen.push("polkit-service-agent: only root may ask it".to_owned()),
        None => {}
    }
    if !facts.is_root {
        return;
    }
    facts.agent.broken = first_error();
    if facts.agent.broken.is_none() {
        verdict(facts, action);
    }
}

/// Whether an entry of the running agent can serve the subject.
fn served(facts: &mut Facts, status: &Value) -> bool {
    let Some(subject) = &facts.subject else { return false };
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let entries = status.get("served").and_then(Value::as_array).cloned().unwrap_or_default();
    let entry = entries.iter().find(|entry| can_serve(&text(entry, "what"), subject));
    facts.agent.by_hook = entry.is_some_and(|entry| text(entry, "way") == "hook");
    entry.is_some()
}

/// Whether an entry of the status, by its target, can serve the subject. The status does not say whose pid is in a pid file, and who is
/// in a session or was started by `exec`, so these are not excluded.
fn can_serve(target: &str, subject: &Subject) -> bool {
    match target.split_once(' ') {
        Some(("user" | "session_user", user)) => user == subject.user,
        Some(_) => true,
        None if target == "exec" || target.starts_with('/') => true,
        None => subject.unit.as_deref().is_some_and(|unit| Glob::new(target).covers(unit)),
    }
}

/// Returns the first error of the agent's configuration, as the agent's own check shows it. Without a configuration there is none.
fn first_error() -> Option<String> {
    if !has_configuration(Path::new("/etc/polkit-service-agent")) {
        return None;
    }
    let (errors, text) = errors_of(&["polkit-service-agent", "check", "--quiet"], LIMIT)?;
    errors.then(|| first_of(&text).to_owned())
}

/// Whether a directory has a configuration of the agent: its file, or a fragment.
fn has_configuration(own: &Path) -> bool {
    let fragments = std::fs::read_dir(own.join("agent.d")).is_ok_and(|mut found| found.next().is_some());
    own.join("agent.toml").exists() || fragments
}

/// Returns the line of the first error.
fn first_of(text: &str) -> &str {
    text.lines().find(|line| line.starts_with("error")).unwrap_or("error")
}

/// Asks the agent's rules about the subject, with the configuration on disk.
fn verdict(facts: &mut Facts, action: Option<&str>) {
    let (Some(subject), Some(action)) = (facts.subject.as_ref(), action) else { return };
    let pid = subject.process.as_ref().map(|process| process.pid.to_string());
    let mut argv = vec!["polkit-service-agent", "test", "--json", "--action", action];
    match (&pid, &subject.unit) {
        (Some(pid), _) => argv.extend(["--pid", pid]),
        (None, Some(unit)) => argv.extend(["--user", &subject.user, "--unit", unit]),
        (None, None) => return,
    }
    let details: Vec<String> = facts.details.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if facts.agent.by_hook {
        argv.extend(["--way", "hook"]);
        details.iter().for_each(|detail| argv.extend(["--detail", detail]));
    }
    let answer: Value = run(&argv, LIMIT).and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or_default();
    read_verdict(&answer, facts);
}

/// Reads the reply of `polkit-service-agent test --json`.
fn read_verdict(answer: &Value, facts: &mut Facts) {
    let near = |entry: &Value| {
        let keys = entry.get("keys")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Some((entry.get("rule")?.as_str()?.to_owned(), keys))
    };
    facts.agent.verdict = answer.get("verdict").and_then(Value::as_str).map(str::to_owned);
    facts.agent.near = answer.get("near").and_then(Value::as_array).into_iter().flatten().filter_map(near).collect();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::facts::Subject;

    #[test]
    fn an_entry_serves_its_unit_and_no_unit_with_a_longer_or_shorter_name() {
        let of = |unit: Option<&str>| Subject {
            user: "web".to_owned(),
            unit: unit.map(str::to_owned),
            ..Subject::default()
        };
        let panel = of(Some("panel.service"));
        for target in
            ["panel.service", "pan*.service", "user web", "session_user web", "session own", "exec", "/run/a.pid"]
        {
            assert!(can_serve(target, &panel), "{target}");
        }
        for target in ["php-panel.service", "anel.service", "httpd.service", "user webmaster", "session_user root"] {
            assert!(!can_serve(target, &panel), "{target}");
        }
        assert!(can_serve("user web", &of(None)) && !can_serve("panel.service", &of(None)));
    }

    /// Whether these entries of the status serve the unit, and whether by the hook.
    fn found(unit: Option<&str>, status: &Value) -> (bool, bool) {
        let subject = Subject { unit: unit.map(str::to_owned), ..Subject::default() };
        let mut facts = Facts { subject: Some(subject), ..Facts::default() };
        let serves = served(&mut facts, status);
        (serves, facts.agent.by_hook)
    }

    #[test]
    fn a_configuration_is_a_file_or_a_fragment() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path();
        assert!(!has_configuration(own));
        std::fs::create_dir(own.join("agent.d")).unwrap();
        assert!(!has_configuration(own), "an empty directory");
        std::fs::write(own.join("agent.d/a.toml"), "").unwrap();
        assert!(has_configuration(own));
        std::fs::remove_dir_all(own.join("agent.d")).unwrap();
        std::fs::write(own.join("agent.toml"), "").unwrap();
        assert!(has_configuration(own));
    }

    #[test]
    fn the_first_error_is_shown_without_the_lines_before_it() {
        assert_eq!(first_of("warning: a\nerror: b\nerror: c\n"), "error: b");
        assert_eq!([first_of("warning: an error"), first_of("")], ["error"; 2]);
    }

    #[test]
    fn a_verdict_has_the_rules_that_nearly_allow_the_request() {
        let read = |answer: &Value| {
            let mut facts = Facts::default();
            read_verdict(answer, &mut facts);
            (facts.agent.verdict, facts.agent.near)
        };
        let near = json!([{ "rule": "web", "keys": ["unit", 1, "user"] }, { "rule": "a" }, { "keys": [] }, 1]);
        let expected = vec![("web".to_owned(), vec!["unit".to_owned(), "user".to_owned()])];
        assert_eq!(read(&json!({ "verdict": "deny", "near": near })), (Some("deny".to_owned()), expected));
        for answer in [json!({}), Value::Null, json!({ "verdict": 1, "near": 1 })] {
            assert_eq!(read(&answer), (None, Vec::new()), "{answer}");
        }
    }

    #[test]
    fn the_agent_serves_a_unit_by_an_entry_that_names_or_covers_it() {
        let entry = |what: &str, way: &str| json!({ "what": what, "way": way });
        let status = json!({ "served": [entry("db.service", "hook"), entry("web@*.service", "registration")] });
        assert_eq!(found(Some("db.service"), &status), (true, true));
        assert_eq!(found(Some("web@7.service"), &status), (true, false));
        assert_eq!(found(Some("other.service"), &status), (false, false));
        assert_eq!(found(None, &status), (false, false));
        for status in [json!({}), json!({ "served": 1 }), json!({ "served": [{}, 1] }), Value::Null] {
            assert_eq!(found(Some("db.service"), &status), (false, false), "{status}");
        }
        assert!(!served(&mut Facts::default(), &status), "without a subject");
    }
}
