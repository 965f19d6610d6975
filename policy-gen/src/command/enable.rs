//! The subcommands `enable` and `disable`: what polkit-service-agent serves. Their changes are those of the doctor's fixes.

mod trial;

use std::collections::BTreeMap;
use std::time::Duration;

use polkit_config::cgroup::is_unit_name;
use polkit_config::file::{read_trusted, trusted_fragments};
use polkit_config::near::nearest;
use polkit_config::report::{Problem, Report};
use polkit_config::table;

use super::doctor::{agreed, apply, evaluate};
use super::{DONE, WOULD_CHANGE, default_sources, mechanisms, print};
use crate::cli::{Disable, Enable};
use crate::doctor::facts::{Facts, Subject};
use crate::doctor::fixes::enable::{AGENT_FOLDER, AgentThen, Service, Way, agent_file, disable, enable, way};
use crate::doctor::fixes::{AGENT, EXEC, Fix, is_root_equivalent};
use crate::doctor::look::{self, Examination, run_program};
use crate::doctor::report::{safe, safe_lines};
use crate::failure::Failure;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::mechanisms::table::{set, sets};
use crate::policy::{Draft, SYSTEMD_ACTION};
use crate::tree::Tree;
use trial::Trial;

/// The agent's own file.
const AGENT_FILE: &str = "/etc/polkit-service-agent/agent.toml";
/// The largest edit distance of a mistyped name.
const MISTYPED: usize = 3;
/// The time limit of systemctl.
const LIMIT: Duration = Duration::from_secs(5);
/// What a rule for a unit does not do.
const SEPARATION: &str = "This separates programs, not attackers: code that runs as this user can enter the unit.";

/// Lets the agent allow actions to the processes of a unit.
///
/// # Errors
/// Nothing was changed: the agent cannot serve the unit, the change would not have the intended effect, or a step failed.
pub async fn run(options: &Enable) -> Result<u8, Failure> {
    let unit = checked_unit(&options.unit)?;
    as_root()?;
    mechanisms::load(&Tree::open(None)?);
    let wanted = wanted(options)?;
    if wanted.len() > 1 && !options.detail.is_empty() {
        return Err(Failure::Usage("--detail needs exactly one --action".to_owned()));
    }
    let mut requests = Vec::new();
    for action in &wanted {
        let examination = Examination {
            unit: Some(unit.clone()),
            user: options.user.clone(),
            action: Some(action.clone()),
            details: options.detail.iter().cloned().collect(),
            ..Examination::default()
        };
        requests.push(request(look::gather(&examination).await?, action)?);
    }
    let Some((facts, subject)) = requests.first() else {
        return Err(Failure::Usage("--action is missing".to_owned()));
    };
    let (way, why) = ways(&requests, options)?;
    let service = Service {
        unit: unit.clone(),
        user: (!subject.is_dynamic).then(|| subject.user.clone()),
        actions: wanted.iter().map(|action| (action.clone(), facts.details.clone())).collect(),
        ask: options.ask,
    };
    let of_set = |name: &String| set(name).is_some_and(|set| set.root_equivalent.is_some());
    let root_equivalent =
        options.what.iter().any(of_set) || wanted.iter().any(|action| is_root_equivalent(action, &facts.details));
    let fix = enable(&service, way, &hooked()?, root_equivalent);
    if exists(&agent_file(&unit)) {
        return Err(Failure::Refused(format!(
            "{} exists: run `polkit-service-agent disable {unit}` first. Nothing was changed",
            agent_file(&unit)
        )));
    }
    for (facts, _) in &requests {
        let refused = |why: String| Failure::Refused(format!("{why}. Nothing was changed"));
        evaluate::with_agent(&fix, facts).map_err(refused)?;
    }
    print(&grants(&service, subject, way, why, root_equivalent));
    if !change(&fix, options.dry_run, options.yes).await? {
        return Ok(WOULD_CHANGE);
    }
    print(&format!("{unit} is enabled. To undo: polkit-service-agent disable {unit}"));
    let mut code = DONE;
    for (facts, subject) in &requests {
        let trial = trial::of(facts, subject, way, options.ask).await;
        if matches!(trial, Trial::Refused(_)) {
            code = super::NOT_AS_EXPECTED;
        }
        print(&safe(&trial.sentence(facts.action.as_deref().unwrap_or_default(), subject)));
    }
    Ok(code)
}

/// Takes a unit away from the agent, if `enable` gave it.
///
/// # Errors
/// Nothing was changed: the unit is not enabled, its file is not readable, or a step failed.
pub async fn take_back(options: &Disable) -> Result<u8, Failure> {
    let unit = checked_unit(&options.unit)?;
    as_root()?;
    let own = agent_file(&unit);
    if !exists(&own) {
        return Err(Failure::Refused(format!("{unit} is not enabled: there is no {own}. Nothing was changed")));
    }
    let others = other_files(&own)?;
    let mut other_actions = Vec::new();
    for path in &others {
        other_actions.extend(actions_of(path)?);
    }
    let runs = || run_program(&["systemctl", "is-active", "--quiet", AGENT], LIMIT).is_some_and(|(active, _)| active);
    let agent = match others.is_empty() {
        true => AgentThen::Idle,
        false if runs() => AgentThen::Runs,
        false => AgentThen::Stopped,
    };
    let fix = disable(&unit, &actions_of(&own)?, &other_actions, exists, agent);
    if !change(&fix, options.dry_run, options.yes).await? {
        return Ok(WOULD_CHANGE);
    }
    print(&format!("{unit} is disabled: polkit-service-agent no longer serves it"));
    Ok(DONE)
}

fn checked_unit(unit: &str) -> Result<String, Failure> {
    let name = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    if is_unit_name(&name) {
        return Ok(name);
    }
    Err(Failure::Usage(format!("`{}` is not the name of a unit with processes, such as web.service", safe(unit))))
}

/// Returns the actions that are asked for, with those of the sets.
fn wanted(options: &Enable) -> Result<Vec<String>, Failure> {
    let mut actions = options.action.clone();
    for name in &options.what {
        let Some(set) = set(name) else {
            let meant = nearest(name, sets().map(|(_, set)| set.name.as_str()), |_| MISTYPED);
            let meant = meant.map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"));
            return Err(Failure::Usage(format!("there is no set `{}`{meant}", safe(name))));
        };
        let has_values = set.parameters.iter().any(|parameter| !parameter.default.is_empty());
        if set.needs_parameter || has_values || !set.details.is_empty() {
            return Err(Failure::Usage(format!(
                "the set `{name}` depends on details: use --action and --detail instead. Its actions: {}",
                set.actions.join(", ")
            )));
        }
        if set.result != ImplicitAuthorization::Yes {
            return Err(Failure::Usage(format!(
                "the set `{name}` refuses its actions: use [[allow]] in policy.toml(5)"
            )));
        }
        actions.extend(set.actions.iter().cloned());
    }
    actions.sort_unstable();
    actions.dedup();
    Ok(actions)
}

fn as_root() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::Refused("run this as root: nothing was changed".to_owned()))
}

/// Checks that the agent can serve the request on this host.
fn request(facts: Facts, action: &str) -> Result<(Facts, Subject), Failure> {
    let refused = |why: String| Err(Failure::Refused(format!("{why}. Nothing was changed")));
    let Some(subject) = facts.subject.clone() else { return refused("the unit has no user".to_owned()) };
    if !facts.has_systemd || !facts.agent.installed {
        return refused("polkit-service-agent is not installed as a unit of systemd on this host".to_owned());
    }
    if let Some(error) = &facts.agent.broken {
        return refused(format!("the configuration of polkit-service-agent has errors: {}", safe(error)));
    }
    if facts.implicit.is_none() {
        let meant = facts.meant_actions.first().map_or_else(String::new, |meant| format!(". Did you mean {meant}?"));
        return refused(format!("polkitd knows no action `{}`{meant}", safe(action)));
    }
    if let Some(key) = missing_detail(action, &facts.details) {
        return refused(format!(
            "{action} without the detail `{key}` is equivalent to root access: add --detail {key}=…"
        ));
    }
    if subject.uid == 0 {
        let unit = subject.unit.as_deref().unwrap_or_default();
        return refused(format!("{unit} runs as root, and polkit asks no agent about root. --user names another user"));
    }
    Ok((facts, subject))
}

/// The detail without which the agent refuses a rule for the action.
fn missing_detail(action: &str, details: &BTreeMap<String, String>) -> Option<&'static str> {
    let key = match action {
        SYSTEMD_ACTION => "unit",
        EXEC => "program",
        _ => return None,
    };
    (!details.contains_key(key)).then_some(key)
}

/// The way for all requests: the hook, if it serves each of them.
fn ways(requests: &[(Facts, Subject)], options: &Enable) -> Result<(Way, &'static str), Failure> {
    let mut chosen = (Way::Hook, "");
    for (facts, subject) in requests {
        let refused = |why: String| Failure::Refused(format!("{}. Nothing was changed", safe(&why)));
        chosen = way(facts, subject, options.register, options.ask).map_err(refused)?;
    }
    Ok(chosen)
}

/// The actions about which polkit asks the agent by the policy as it is.
fn hooked() -> Result<Vec<String>, Failure> {
    let mut report = Report::new();
    let sources = match default_sources(&Tree::open(None)?, &mut report) {
        Ok((sources, _)) => sources,
        // There is no policy yet.
        Err(Failure::Usage(_)) => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let mut draft = Draft::read(&sources, report);
    let (policy, _) = draft.parts();
    Ok(policy.hooks.iter().flat_map(|hook| &hook.actions).map(|action| action.value.clone()).collect())
}

fn grants(service: &Service, subject: &Subject, way: Way, why: &str, root_equivalent: bool) -> String {
    let user = service.user.as_deref().map_or_else(String::new, |user| format!(" with the user {}", safe(user)));
    let actions: Vec<&str> = service.actions.iter().map(|(action, _)| action.as_str()).collect();
    let way = match way {
        Way::Hook => "the hook",
        Way::Registration => "registration",
    };
    let may = if service.ask { "may ask a person for" } else { "get" };
    let root = if root_equivalent { " This is equivalent to root access." } else { "" };
    let others = if subject.others.is_empty() {
        String::new()
    } else {
        format!("\nOther users with processes of the unit get nothing: {}", safe(&subject.others.join(", ")))
    };
    format!(
        "Processes of {}{user} {may} {}. {SEPARATION}{root}{others}\nWay: {way}, {why}\n",
        service.unit,
        actions.join(", ")
    )
}

/// Shows the changes, and applies them. Returns false if they are only to be shown.
async fn change(fix: &Fix, dry_run: bool, yes: bool) -> Result<bool, Failure> {
    print(safe_lines(&apply::diff(fix)?).trim_end());
    if dry_run {
        return Ok(false);
    }
    if !yes && !agreed("Apply these changes?")? {
        return Err(Failure::Refused("nothing was changed".to_owned()));
    }
    apply::apply(fix).await?;
    Ok(true)
}

fn exists(path: &str) -> bool {
    std::path::Path::new(path).symlink_metadata().is_ok()
}

fn unreadable(problem: &Problem) -> Failure {
    Failure::Refused(format!("{}: {}. Nothing was changed", problem.at.source, problem.message))
}

/// The agent's files but for one.
fn other_files(own: &str) -> Result<Vec<String>, Failure> {
    let fragments = trusted_fragments(AGENT_FOLDER.as_ref()).map_err(|problem| unreadable(&problem))?;
    let mut all: Vec<String> = fragments.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    all.extend(exists(AGENT_FILE).then(|| AGENT_FILE.to_owned()));
    all.retain(|path| path != own);
    Ok(all)
}

/// The actions of the rules of a file of the agent.
fn actions_of(path: &str) -> Result<Vec<String>, Failure> {
    let source = read_trusted(path.as_ref()).map_err(|problem| unreadable(&problem))?;
    let mut report = Report::new();
    let rules = table::parse(&source, &mut report).tables("rule", &mut report);
    let actions: Vec<String> = rules
        .into_iter()
        .flat_map(|mut rule| rule.strings("action", &mut report).unwrap_or_default())
        .map(|action| action.value)
        .collect();
    if report.has_errors() { Err(Failure::Refused(report.render(false))) } else { Ok(actions) }
}
