//! What a policy would do to the host or tree that it is for.

mod details;
pub mod libvirt;
pub(crate) mod look_alike;
mod root;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::names::{LookupError, Names};
use polkit_config::report::{Location, Problem, Report};

use crate::emit::hook;
use crate::failure::Failure;
use crate::passwords::{Password, Passwords};
use crate::policy::{Kind, OnFailure, Policy, Question};
use crate::tree::Tree;

pub use details::details;
pub use look_alike::Shipped;
pub use root::root_equivalent;
pub use units::units;

/// What is known about the host or tree; what is not known is not checked, and that is said.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Its users and groups.
    pub names: &'a Names,
    /// Their passwords.
    pub passwords: &'a Passwords,
    /// The rules that packages brought.
    pub shipped: &'a Shipped,
    /// Whether users and groups that are missing come later (`--create`).
    pub create: bool,
}

/// Checks the names and passwords that the policy is about.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database cannot be asked: that is not "does not exist".
pub fn check(policy: &Policy, around: &Surroundings<'_>, report: &mut Report) -> Result<(), Failure> {
    let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
    for grant in &policy.grants {
        for user in &grant.users {
            let at = user.at.clone();
            let found = around.names.user(&user.value).map_err(unreachable)?;
            let Some(found) = found else {
                if !around.create {
                    let hint = look_alike::user(&user.value, around.names).map_err(unreachable)?;
                    report.push(absent("user", &user.value, at, grant.kind, hint));
                }
                continue;
            };
            if grant.kind == Kind::Agent {
                check_password(&user.value, at.clone(), around.passwords, report);
            }
            let known = around.names.user_by_uid(found.uid).map_err(unreachable)?.map(|user| user.name);
            report_alias("user", &user.value, known, at, report);
        }
        for group in &grant.groups {
            let at = group.at.clone();
            let Some(found) = around.names.group(&group.value).map_err(unreachable)? else {
                if !around.create {
                    let hint = around.shipped.group(&group.value, around.names).map_err(unreachable)?;
                    report.push(absent("group", &group.value, at, grant.kind, hint));
                }
                continue;
            };
            let known = around.names.group_by_gid(found.gid).map_err(unreachable)?.map(|group| group.name);
            report_alias("group", &group.value, known, at, report);
        }
    }
    for member in policy.members.iter().filter(|_| !around.create) {
        let help = "correct the name, or say --create when building an image: systemd-sysusers would create it";
        let with = |hint: Option<String>| hint.map_or_else(|| help.to_owned(), |hint| format!("{hint}; {help}"));
        let (user, group) = (&member.user, &member.group);
        if around.names.user(&user.value).map_err(unreachable)?.is_none() {
            let hint = look_alike::user(&user.value, around.names).map_err(unreachable)?;
            let message = format!("there is no user `{}`", user.value);
            report.push(Problem::error(user.at.clone(), message).help(with(hint)));
        } else if around.names.group(&user.value).map_err(unreachable)?.is_none() {
            let message = format!("there is no group `{0}`, and systemd-sysusers makes one for every user", user.value);
            let help = "it will be empty, and made when the system's accounts are next brought up to date";
            report.push(Problem::warning(user.at.clone(), message).help(help));
        }
        if around.names.group(&group.value).map_err(unreachable)?.is_none() {
            let hint = around.shipped.group(&group.value, around.names).map_err(unreachable)?;
            let message = format!("there is no group `{}`", group.value);
            report.push(Problem::error(group.at.clone(), message).help(with(hint)));
        }
    }
    Ok(())
}

/// A grant to nobody is harmless; an agent for nobody is a mistake in what it guards.
fn absent(what: &str, name: &str, at: Location, kind: Kind, hint: Option<String>) -> Problem {
    match (kind, hint) {
        (Kind::Grant, hint) => {
            let problem = Problem::warning(at, format!("there is no {what} `{name}`: the grant gives nobody anything"));
            hint.into_iter().fold(problem, Problem::help)
        }
        (Kind::Agent, hint) => Problem::error(at, format!("there is no {what} `{name}`"))
            .help(hint.unwrap_or_else(|| "create it first, or say --create when building an image".to_owned())),
    }
}

/// Of two names with one id polkit sees the first in the database only (122 to 128).
fn report_alias(what: &str, name: &str, known: Option<String>, at: Location, report: &mut Report) {
    if let Some(known) = known.filter(|known| known != name) {
        let message = format!("polkit knows the {what} `{name}` as `{known}`, which has the same id and comes first");
        report.push(Problem::warning(at, message).help(format!("name `{known}`: the other one never matches")));
    }
}

/// Warns that nobody has looked at the passwords of those whom an agent answers for.
pub fn passwords_unseen(policy: &Policy, report: &mut Report) {
    for grant in policy.grants.iter().filter(|grant| grant.kind == Kind::Agent) {
        let message = "whether these users have passwords is not checked for another machine";
        let help = "`polkit-policy-gen install` there checks it; they must have none";
        report.push(Problem::warning(grant.at.clone(), message).help(help));
    }
}

/// Warns of an `[[agent]]` that is never reached, since a grant answers first: to the user, or to
/// a group that a `[[member]]` of the same policy puts the user into.
pub fn unreached_agents(policy: &Policy, report: &mut Report) {
    for agent in policy.grants.iter().filter(|grant| grant.kind == Kind::Agent) {
        for user in &agent.users {
            let memberships = policy.members.iter().filter(|member| member.user.value == user.value);
            let groups = memberships.map(|member| member.group.value.clone()).collect();
            for action in &agent.actions {
                // A grant with details leaves the rest to the agent.
                let question = Question {
                    action: action.value.as_str(),
                    user: &user.value,
                    groups: &groups,
                    netgroups: &BTreeSet::new(),
                    details: &BTreeMap::new(),
                };
                let first = policy.grants.iter().find(|grant| grant.covers(&question));
                if let Some(grant) = first.filter(|grant| grant.kind == Kind::Grant) {
                    let message = format!(
                        "`{}` answers {} for `{}` before the agent is asked",
                        grant.label, action.value, user.value
                    );
                    report.push(Problem::warning(user.at.clone(), message).help("leave one of the two out"));
                }
            }
        }
    }
}

/// Warns of a hook whose program polkitd cannot run, and of what a hook that refuses keeps from others.
pub fn hooks(policy: &Policy, tree: &Tree, report: &mut Report) {
    let missing = match tree.file_mode(hook::PROGRAM) {
        Ok(Some(mode)) if mode & 0o001 != 0 => None,
        Ok(Some(mode)) => Some(format!("{} has the mode {mode:04o}, and polkitd's user cannot run it", hook::PROGRAM)),
        Ok(None) => Some(format!("there is no program {}", hook::PROGRAM)),
        Err(error) => Some(format!("{} cannot be looked at: {error}", hook::PROGRAM)),
    };
    for hook in &policy.hooks {
        let Some(missing) = &missing else { return };
        let (label, then) = match hook.on_failure {
            OnFailure::Nothing => (&hook.label, "polkit's other rules decide"),
            OnFailure::No => (&hook.label, "its actions are refused to everybody but root"),
        };
        let problem = Problem::warning(hook.at.clone(), format!("`{label}` asks nobody: {missing}"));
        report.push(problem.help(format!("install polkit-service-agent; until then {then}")));
    }
}

/// Warns of a hook that refuses whomever the agent does not allow, and of grants that are therefore never reached.
pub fn refusing_hooks(policy: &Policy, report: &mut Report) {
    for hook in policy.hooks.iter().filter(|hook| hook.on_failure == OnFailure::No) {
        let message =
            format!("`{}` refuses its actions to everybody but root whom the agent does not allow", hook.label);
        let help = "administrators, people at the desktop and members of a distribution's group, too: \
                    each needs a `way = \"hook\"` entry of [[serve]] and a [[rule]] of the agent";
        report.push(Problem::warning(hook.at.clone(), message).help(help));
    }
    for grant in &policy.grants {
        for action in &grant.actions {
            for hook in policy.hooks.iter().filter(|hook| hook.on_failure == OnFailure::No) {
                if let Some(asked) = hook.actions.iter().find(|asked| action.value.covers(&asked.value)) {
                    let message = format!("`{}` never answers {}: `{}` does", grant.label, asked.value, hook.label);
                    report.push(Problem::warning(action.at.clone(), message).help("leave one of the two out"));
                }
            }
        }
    }
}

fn check_password(user: &str, at: Location, passwords: &Passwords, report: &mut Report) {
    let problem = match passwords.of_user(user) {
        Password::None => return,
        Password::Usable => Problem::error(at, format!("`{user}` has a usable password"))
            .help(format!("an agent may answer only for a user who cannot log in: `passwd --lock {user}`")),
        Password::Unknown(why) => Problem::error(at, format!("whether `{user}` has a password cannot be told: {why}"))
            .help("run this as root, for a user of /etc/passwd"),
    };
    report.push(problem);
}
