//! Checks of a policy against the host or tree that it is for.

mod asking;
mod commands;
pub mod details;
pub mod known_actions;
pub mod libvirt;
mod programs;
pub mod root;
pub mod subject_units;
pub(crate) mod suggest_name;
mod units;
mod unregistered;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::names::{LookupError, Names};
use polkit_config::report::{Location, Problem, Report};

use crate::emit::hook;
use crate::failure::Failure;
use crate::implicit_authorization::Session;
use crate::passwords::{Password, Passwords};
use crate::policy::{GrantKind, OnFailure, Policy, PolicyRequest};
use crate::target::Version;
use crate::tree::Tree;

use asking::asking;
use commands::commands;
use details::details;
use programs::programs;
use root::root_equivalent;
use subject_units::subject_units;
pub use suggest_name::Shipped;
use versions::versions;

/// Facts about the host or tree. Unknown facts are not checked, and a warning says so.
#[derive(Debug)]
pub struct HostFacts<'a> {
    /// Users and groups.
    pub names: &'a Names,
    /// Passwords.
    pub passwords: &'a Passwords,
    /// The policy rules of packages.
    pub shipped: &'a Shipped,
    /// The files of the host that uses the policy: the program of hooks, and units.
    pub tree: Option<&'a Tree>,
    /// Whether missing users and groups are created later (`--create`).
    pub create: bool,
}

/// Runs all checks for a version of polkit, except those of libvirt's daemons ([`libvirt::check`]). Without facts about the host, names and passwords remain
/// unchecked, and a warning says so.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database does not answer. This does not mean that a name does not exist.
pub fn all(
    policy: &Policy,
    version: Version,
    host: Option<&HostFacts<'_>>,
    report: &mut Report,
) -> Result<(), Failure> {
    match host {
        Some(host) => accounts(policy, host, report)?,
        None => passwords_unseen(policy, report),
    }
    details(policy, report);
    asking(policy, report);
    let tree = host.and_then(|host| host.tree);
    subject_units(policy, version, tree, report);
    let tree = tree.filter(|_| host.is_some_and(|host| !host.create));
    unregistered::actions(policy, tree, report);
    unreached_agents(policy, report);
    refusing_hooks(policy, report);
    if let Some(tree) = host.and_then(|host| host.tree) {
        hooks(policy, tree, report);
        units::units(policy, tree, report);
        units::of_subjects(policy, tree, report);
        programs(policy, tree, report);
        versions(policy, tree, report);
    }
    commands(
        policy,
        host.map(|host| host.names),
        host.and_then(|host| host.tree),
        host.is_some_and(|host| host.create),
        report,
    )?;
    root_equivalent(policy, report);
    policy.libvirt.iter().for_each(|libvirt| libvirt::roles(libvirt, report));
    Ok(())
}

/// Checks the names in a policy for a version of polkit: actions and details, and units, users and groups if they are known. Passwords
/// are not checked.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database does not answer.
pub fn named(
    policy: &Policy,
    version: Version,
    names: Option<&Names>,
    tree: Option<&Tree>,
    report: &mut Report,
) -> Result<(), Failure> {
    details(policy, report);
    asking(policy, report);
    subject_units(policy, version, tree, report);
    unregistered::actions(policy, tree, report);
    if let Some(tree) = tree {
        units::units(policy, tree, report);
        units::of_subjects(policy, tree, report);
        programs(policy, tree, report);
        versions(policy, tree, report);
    }
    commands(policy, names, tree, false, report)?;
    let Some(names) = names else { return Ok(()) };
    let shipped = tree.map(Shipped::of).unwrap_or_default();
    let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
    for grant in &policy.grants {
        for user in &grant.subjects.users {
            if names.user(&user.value).map_err(unreachable)?.is_none() {
                let hint = suggest_name::user(&user.value, names).map_err(unreachable)?;
                report.push(absent("user", &user.value, user.at.clone(), GrantKind::Grant, hint));
            }
        }
        for group in &grant.subjects.groups {
            if names.group(&group.value).map_err(unreachable)?.is_none() {
                let hint = shipped.group(&group.value, names).map_err(unreachable)?;
                report.push(absent("group", &group.value, group.at.clone(), GrantKind::Grant, hint));
            }
        }
    }
    Ok(())
}

/// Checks the users, groups and passwords that the policy names.
fn accounts(policy: &Policy, host: &HostFacts<'_>, report: &mut Report) -> Result<(), Failure> {
    let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
    for grant in &policy.grants {
        for user in &grant.subjects.users {
            let at = user.at.clone();
            let found = host.names.user(&user.value).map_err(unreachable)?;
            let Some(found) = found else {
                if !host.create {
                    let hint = suggest_name::user(&user.value, host.names).map_err(unreachable)?;
                    report.push(absent("user", &user.value, at, grant.kind, hint));
                }
                continue;
            };
            if grant.kind == GrantKind::Agent {
                check_password(&user.value, at.clone(), host.passwords, report);
            }
            let known = host.names.user_by_uid(found.uid).map_err(unreachable)?.map(|user| user.name);
            report_alias("user", &user.value, known, at, report);
        }
        for group in &grant.subjects.groups {
            let at = group.at.clone();
            let Some(found) = host.names.group(&group.value).map_err(unreachable)? else {
                if !host.create {
                    let hint = host.shipped.group(&group.value, host.names).map_err(unreachable)?;
                    report.push(absent("group", &group.value, at, grant.kind, hint));
                }
                continue;
            };
            let known = host.names.group_by_gid(found.gid).map_err(unreachable)?.map(|group| group.name);
            report_alias("group", &group.value, known, at, report);
        }
    }
    for member in policy.members.iter().filter(|_| !host.create) {
        let help = "correct the name, or use --create to build an image: systemd-sysusers would create it";
        let with = |hint: Option<String>| hint.map_or_else(|| help.to_owned(), |hint| format!("{hint}; {help}"));
        let (user, group) = (&member.user, &member.group);
        if host.names.user(&user.value).map_err(unreachable)?.is_none() {
            let hint = suggest_name::user(&user.value, host.names).map_err(unreachable)?;
            let message = format!("there is no user `{}`", user.value);
            report.push(Problem::error(user.at.clone(), message).help(with(hint)));
        } else if host.names.group(&user.value).map_err(unreachable)?.is_none() {
            let message =
                format!("there is no group `{0}`; systemd-sysusers creates a group for every user", user.value);
            let help = "the next run of systemd-sysusers creates it, without members";
            report.push(Problem::warning(user.at.clone(), message).help(help));
        }
        if host.names.group(&group.value).map_err(unreachable)?.is_none() {
            let hint = host.shipped.group(&group.value, host.names).map_err(unreachable)?;
            let message = format!("there is no group `{}`", group.value);
            report.push(Problem::error(group.at.clone(), message).help(with(hint)));
        }
    }
    Ok(())
}

/// A grant for a missing user is harmless and a warning. An `[[agent]]` for a missing user is an error.
fn absent(what: &str, name: &str, at: Location, kind: GrantKind, hint: Option<String>) -> Problem {
    match (kind, hint) {
        (GrantKind::Grant, hint) => {
            let problem = Problem::warning(at, format!("there is no {what} `{name}`: the grant has no effect"));
            hint.into_iter().fold(problem, Problem::help)
        }
        (GrantKind::Agent, hint) => Problem::error(at, format!("there is no {what} `{name}`"))
            .help(hint.unwrap_or_else(|| "create it first, or use --create to build an image".to_owned())),
    }
}

/// Warns of an alias: polkit sees only the first of two names with one id in the database (122 to 128).
fn report_alias(what: &str, name: &str, known: Option<String>, at: Location, report: &mut Report) {
    if let Some(known) = known.filter(|known| known != name) {
        let message = format!("polkit knows the {what} `{name}` as `{known}`, which has the same id and comes first");
        report.push(Problem::warning(at, message).help(format!("name `{known}`: the other one never matches")));
    }
}

/// Warns that the passwords of the users in `[[agent]]` tables are not checked.
fn passwords_unseen(policy: &Policy, report: &mut Report) {
    for grant in policy.grants.iter().filter(|grant| grant.kind == GrantKind::Agent) {
        let message = "the passwords of these users are not checked for another machine";
        let help = "`polkit-policy-gen install` on that machine checks them; the users must have none";
        report.push(Problem::warning(grant.at.clone(), message).help(help));
    }
}

/// Warns of an `[[agent]]` that is never reached because a grant answers first: a grant for the user, or for a group that a
/// `[[member]]` of the same policy adds the user to.
fn unreached_agents(policy: &Policy, report: &mut Report) {
    for agent in policy.grants.iter().filter(|grant| grant.kind == GrantKind::Agent) {
        for user in &agent.subjects.users {
            let memberships = policy.members.iter().filter(|member| member.user.value == user.value);
            let groups = memberships.map(|member| member.group.value.clone()).collect();
            for action in &agent.actions {
                // Without details and unit in the request, only grants without them count: the others leave cases to the agent.
                let request = PolicyRequest {
                    action: action.value.as_str(),
                    user: &user.value,
                    groups: &groups,
                    netgroups: &BTreeSet::new(),
                    details: &BTreeMap::new(),
                    unit: None,
                    no_new_privileges: false,
                    session: Session::None,
                };
                let first = policy.grants.iter().find(|grant| grant.covers(&request));
                if let Some(grant) = first.filter(|grant| grant.kind == GrantKind::Grant) {
                    let message = format!(
                        "`{}` decides {} for `{}`, so the agent is never asked",
                        grant.label, action.value, user.value
                    );
                    report.push(Problem::warning(user.at.clone(), message).help("remove one of the two"));
                }
            }
        }
    }
}

/// Warns of a hook whose program polkitd cannot run, and says what happens then.
fn hooks(policy: &Policy, tree: &Tree, report: &mut Report) {
    let missing = match tree.file_mode(hook::PROGRAM) {
        Ok(Some(mode)) if mode & 0o001 != 0 => None,
        Ok(Some(mode)) => Some(format!("{} has the mode {mode:04o}, so polkitd's user cannot run it", hook::PROGRAM)),
        Ok(None) => Some(format!("there is no program {}", hook::PROGRAM)),
        Err(error) => Some(format!("cannot check {}: {error}", hook::PROGRAM)),
    };
    for hook in &policy.hooks {
        let Some(missing) = &missing else { return };
        let (label, then) = match hook.on_failure {
            OnFailure::Nothing => (&hook.label, "polkit's other rules decide"),
            OnFailure::No => (&hook.label, "all users except root are refused its actions"),
        };
        let problem = Problem::warning(hook.at.clone(), format!("`{label}` has no effect: {missing}"));
        report.push(problem.help(format!("install polkit-service-agent; until then {then}")));
    }
}

/// Warns that a hook with `on_failure = "no"` refuses every user that the agent does not allow, and of grants that it shadows.
fn refusing_hooks(policy: &Policy, report: &mut Report) {
    for hook in policy.hooks.iter().filter(|hook| hook.on_failure == OnFailure::No) {
        let message =
            format!("`{}` refuses its actions to every user except root unless the agent allows them", hook.label);
        let help = "this includes administrators, desktop users and members of the distribution's groups: \
                    each needs a [[serve]] entry with `way = \"hook\"` and a [[rule]] of the agent";
        report.push(Problem::warning(hook.at.clone(), message).help(help));
    }
    for grant in &policy.grants {
        for action in &grant.actions {
            for hook in policy.hooks.iter().filter(|hook| hook.on_failure == OnFailure::No) {
                if let Some(asked) = hook.actions.iter().find(|asked| action.value.covers(&asked.value)) {
                    let message =
                        format!("`{}` never decides {}: `{}` comes first", grant.label, asked.value, hook.label);
                    report.push(Problem::warning(action.at.clone(), message).help("remove one of the two"));
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
        Password::Unknown(why) => Problem::error(at, format!("cannot check whether `{user}` has a password: {why}"))
            .help("run this as root, for a user of /etc/passwd"),
    };
    report.push(problem);
}
