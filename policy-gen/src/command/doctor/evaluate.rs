//! Evaluates the fixes that the doctor offers before it offers them: the policy of a grant must pass all checks, the failing request
//! must get the intended result, and the same request of an unrelated user must not become allowed. For repairs see [`repair`].

use std::time::Duration;

use polkit_config::names::Names;
use polkit_config::report::{Report, Source};

use super::super::{Shipped, default_sources};
use super::repair;
use crate::check::{self, HostFacts};
use crate::doctor::diagnose::Finding;
use crate::doctor::facts::{Decision, Facts, Subject};
use crate::doctor::fixes::{Fix, Step};
use crate::doctor::look::{STRANGER, errors_of, run_program};
use crate::emit::{self, Origin, Owner};
use crate::failure::Failure;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::passwords::Passwords;
use crate::policy::Draft;
use crate::target::Target;
use crate::tree::Tree;
use crate::verdict::{AccessRequest, Evaluator, Outcome};

const LIMIT: Duration = Duration::from_secs(3);
/// A unit that no fix is for.
const ANOTHER_UNIT: &str = "another-unit.service";

/// Marks each fix that cannot be evaluated, or whose evaluation fails, as manual, with the reason.
pub async fn fixes(findings: &mut [Finding], facts: &Facts) {
    // Another user can read neither all rules nor the agent, and cannot apply a fix.
    let (true, Some(target)) = (facts.is_root, facts.target) else { return };
    if findings.iter().flat_map(|finding| &finding.fixes).all(|fix| fix.manual) {
        return;
    }
    let before = Tree::open(None).and_then(|tree| Ok((Evaluator::open(&tree, Names::Host, target)?, tree)));
    let (mut before, tree) = match before {
        Ok(before) => before,
        Err(failure) => {
            let fixes = findings.iter_mut().flat_map(|finding| &mut finding.fixes).filter(|fix| !fix.manual);
            fixes.for_each(|fix| refuse(fix, &failure.to_string()));
            return;
        }
    };
    for fix in findings.iter_mut().flat_map(|finding| &mut finding.fixes).filter(|fix| !fix.manual) {
        repair::undo_owners(fix);
        let evaluated = match (&facts.subject, &facts.answer) {
            (Some(subject), Some(answer)) if fix.steps.contains(&Step::Install) => {
                grant(fix, facts, subject, answer, (&tree, &mut before)).map(Some)
            }
            (Some(subject), Some(answer)) => {
                let request = request(facts, answer, (&subject.user, facts.known_unit()), None, answer.session);
                repair::evaluate(fix, Some(&request), &tree, &mut before).await
            }
            _ => repair::evaluate(fix, None, &tree, &mut before).await,
        };
        match evaluated {
            Ok(expected) => fix.expected = expected,
            Err(why) => refuse(fix, &why),
        }
    }
}

/// Evaluates a fix that lets the agent allow the request. Returns the expected decision for a sentence.
///
/// # Errors
/// The reason why the fix must not be applied.
pub(in crate::command) fn with_agent(fix: &Fix, facts: &Facts) -> Result<String, String> {
    let (Some(subject), Some(answer), Some(target)) = (&facts.subject, &facts.answer, facts.target) else {
        return Err("polkit's decision about the request is not known".to_owned());
    };
    let text = |failure: Failure| failure.to_string();
    let tree = Tree::open(None).map_err(text)?;
    let mut before = Evaluator::open(&tree, Names::Host, target).map_err(text)?;
    grant(fix, facts, subject, answer, (&tree, &mut before))
}

fn refuse(fix: &mut Fix, why: &str) {
    fix.manual = true;
    fix.grants = format!("{}. Not possible with --fix: {why}", fix.grants);
}

/// The examined request, or the same by another user.
fn request(
    facts: &Facts,
    answer: &Decision,
    (user, unit): (&str, Option<&str>),
    groups: Option<Vec<String>>,
    session: Session,
) -> AccessRequest {
    AccessRequest {
        user: user.to_owned(),
        groups,
        action: answer.action.clone(),
        session,
        details: facts.details.clone(),
        system_unit: Some(unit.map(str::to_owned)),
        no_new_privileges: unit.filter(|unit| facts.known_unit() == Some(*unit)).and(facts.no_new_privileges()),
        ..AccessRequest::default()
    }
}

/// The result that a fix must have for the failing request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Intended {
    Yes,
    /// polkitd asks the agent of the subject.
    AuthSelf,
    /// The hook decides.
    Hook,
}

/// Evaluates a fix that grants the request, and returns the expected decision for a sentence.
fn grant(
    fix: &Fix,
    facts: &Facts,
    subject: &Subject,
    answer: &Decision,
    (tree, before): (&Tree, &mut Evaluator),
) -> Result<String, String> {
    let intended = match fix.id {
        "grant-user" | "grant-unit" => Intended::Yes,
        "agent-rule" | "bind-agent" => Intended::AuthSelf,
        _ => Intended::Hook,
    };
    let text = |failure: &Failure| failure.to_string();
    let generated = generated(fix, tree, before.target())?;
    let mut evaluator = before.with_changes(tree, &generated, &[]);
    let asked = request(facts, answer, (&subject.user, facts.known_unit()), None, answer.session);
    let verdict = evaluator.verdict(&asked).map_err(|failure| text(&failure))?;
    let is_intended = match intended {
        Intended::Yes => verdict.outcome == Outcome::Result(ImplicitAuthorization::Yes),
        Intended::AuthSelf => verdict.outcome == Outcome::Result(ImplicitAuthorization::AuthSelf),
        Intended::Hook => verdict.depends_on.iter().any(|what| what.contains(emit::hook::PROGRAM)),
    };
    if !is_intended {
        return Err(format!("with it, polkit's decision would be {}", verdict.outcome.text()));
    }
    // The hook decides about other subjects as well, so the agent's rules are asked.
    if intended != Intended::Hook {
        for other in others(fix, facts, subject, answer) {
            let before = before.verdict(&other).map_err(|failure| text(&failure))?;
            let after = evaluator.verdict(&other).map_err(|failure| text(&failure))?;
            if after.outcome != before.outcome {
                let whose = if other.user == subject.user { "other units" } else { "other users" };
                return Err(format!("with it, polkit's decision about {whose} would be {}", after.outcome.text()));
            }
        }
    }
    if let Some(rules) = fix.steps.iter().find_map(agents_file) {
        agent(rules, intended, facts, subject, answer)?;
    }
    let expected = match intended {
        Intended::Yes => "yes",
        Intended::AuthSelf => "auth_self, and the agent authenticates the request",
        Intended::Hook => "that of the agent, which polkit asks by the hook: yes",
    };
    Ok(expected.to_owned())
}

/// The same request of subjects that a fix must not allow: another user, and for a grant by unit the same user in another unit.
fn others(fix: &Fix, facts: &Facts, subject: &Subject, answer: &Decision) -> Vec<AccessRequest> {
    let stranger = |unit| request(facts, answer, (STRANGER, unit), Some(Vec::new()), Session::None);
    let by_unit = fix.id == "grant-unit";
    // A grant for a unit with DynamicUser= names no user.
    let unit = facts.known_unit().filter(|_| !(by_unit && subject.is_dynamic));
    let mut others = Vec::new();
    if subject.user != STRANGER {
        others.push(stranger(unit));
    }
    if by_unit {
        others.push(request(facts, answer, (&subject.user, Some(ANOTHER_UNIT)), None, answer.session));
    }
    others
}

/// Returns the rules and pkla files of the host's policy with the files of the fix: paths and texts.
pub(in crate::command) fn generated(fix: &Fix, tree: &Tree, target: Target) -> Result<Vec<(String, String)>, String> {
    let mut report = Report::new();
    let mut sources = match default_sources(tree, &mut report) {
        Ok((sources, _)) => sources,
        // There is no policy yet.
        Err(Failure::Usage(_)) => Vec::new(),
        Err(failure) => return Err(failure.to_string()),
    };
    sources.extend(fix.steps.iter().filter_map(|step| match step {
        Step::Write { path, text } if path.starts_with("/etc/polkit-policy-gen/") => {
            Some(Source::new(path.as_str(), text.as_str()))
        }
        _ => None,
    }));
    let mut draft = Draft::read(&sources, report);
    let (policy, report) = draft.parts();
    let (names, passwords, shipped) = (Names::Host, Passwords::of(tree), Shipped::of(tree));
    let host = HostFacts { names: &names, passwords: &passwords, shipped: &shipped, tree: Some(tree), create: false };
    check::all(policy, target.version, Some(&host), report).map_err(|failure| failure.to_string())?;
    let format = target.format(None).map_err(|failure| failure.to_string())?;
    let files = emit::files(policy, &Origin::Options, format, Owner::Admin, report);
    draft.finish().map_err(|report| report.render(false).lines().next().unwrap_or_default().to_owned())?;
    let is_policy = |file: &&emit::File| file.name.ends_with(".rules") || file.name.ends_with(".pkla");
    Ok(files.iter().filter(is_policy).map(|file| (file.path(), file.text.clone())).collect())
}

/// Returns the text of the agent's configuration that a step writes.
fn agents_file(step: &Step) -> Option<&str> {
    match step {
        Step::Write { path, text } if path.starts_with("/etc/polkit-service-agent/") => Some(text),
        _ => None,
    }
}

/// Asks the agent's own `check` and `test` about its new rules: the subject is allowed, and another unit and another user are not.
fn agent(rules: &str, intended: Intended, facts: &Facts, subject: &Subject, answer: &Decision) -> Result<(), String> {
    let path = format!("/run/polkit-policy-gen-doctor-{}.toml", std::process::id());
    let written = Draught::write(&path, rules).map_err(|error| format!("{path}: {error}"))?;
    let check = errors_of(&["polkit-service-agent", "check", "--quiet", "--config", &written.path], LIMIT);
    let (is_broken, errors) = check.ok_or("polkit-service-agent check cannot be run")?;
    if is_broken {
        let first = errors.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        return Err(format!("polkit-service-agent check refuses the rule: {first}"));
    }
    is_limited(subject, |user, unit| {
        let argv = test_of_agent(&written.path, intended, facts, answer, (user, unit));
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let (_, text) = run_program(&argv, LIMIT).unwrap_or_default();
        let reply: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        // A person decides about an approval request.
        matches!(reply.get("verdict").and_then(serde_json::Value::as_str), Some("allow" | "ask"))
    })
}

/// Returns the command that asks the agent's rules about a user and a unit.
fn test_of_agent(
    path: &str,
    intended: Intended,
    facts: &Facts,
    answer: &Decision,
    (user, unit): (&str, &str),
) -> Vec<String> {
    let is_hook = intended == Intended::Hook;
    let way = if is_hook { "hook" } else { "challenge" };
    let mut argv = vec!["polkit-service-agent", "test", "--json", "--config", path];
    argv.extend(["--action", &answer.action, "--user", user, "--unit", unit, "--way", way]);
    let mut argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
    // A challenge has no details.
    for (key, value) in facts.details.iter().filter(|_| is_hook) {
        argv.extend(["--detail".to_owned(), format!("{key}={value}")]);
    }
    argv
}

/// Refuses rules that do not allow the subject, or that allow it in another unit or allow another user. `allows` asks the rules about a
/// user and a unit.
fn is_limited(subject: &Subject, allows: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let unit = subject.unit.as_deref().unwrap_or_default();
    if !allows(&subject.user, unit) {
        return Err("the rule would not allow the request".to_owned());
    }
    // A rule for a unit with DynamicUser= names no user.
    let names_user = !subject.is_dynamic && subject.user != STRANGER;
    if allows(&subject.user, ANOTHER_UNIT) || names_user && allows(STRANGER, unit) {
        return Err("the rule would allow the request to other subjects as well".to_owned());
    }
    Ok(())
}

/// A file for the agent's programs, removed at the end.
struct Draught {
    path: String,
}

impl Draught {
    /// Creates the file in `/run`, which only root can write. An existing file is an error.
    fn write(path: &str, text: &str) -> std::io::Result<Self> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let written = Self { path: path.to_owned() };
        file.write_all(text.as_bytes())?;
        Ok(written)
    }
}

impl Drop for Draught {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
