//! Checks of `[[command]]` tables: the program is one that root alone controls, the user exists, and what the command can do.

use polkit_config::names::{LookupError, Names};
use polkit_config::report::{Problem, Report};

use super::suggest_name;
use crate::failure::Failure;
use crate::policy::{Command, Grant, Policy};
use crate::tree::Tree;

/// Checks the commands of a policy. Without a tree and names, which are those of another machine, a note says so. `create`: users and
/// programs may be created later.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database does not answer.
pub(super) fn commands(
    policy: &Policy,
    names: Option<&Names>,
    tree: Option<&Tree>,
    create: bool,
    report: &mut Report,
) -> Result<(), Failure> {
    for command in &policy.commands {
        if let Some(names) = names.filter(|_| !create) {
            user(command, names, report)?;
        }
        match tree {
            Some(tree) => {
                program(command, tree, create, report);
                writable(command, tree, report);
            }
            None => {
                let message =
                    format!("the program of the command `{}` is not checked for another machine", command.name);
                let help = "`polkit-policy-gen install` on that machine checks it: only root may be able to write it";
                report.push(Problem::note(command.at.clone(), message).help(help));
            }
        }
        let grant = policy.grants.iter().find(|grant| grant.at == command.at);
        describe(command, grant, report);
    }
    Ok(())
}

fn user(command: &Command, names: &Names, report: &mut Report) -> Result<(), Failure> {
    let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
    let name = &command.run_as.value;
    if names.user(name).map_err(unreachable)?.is_none() {
        let hint = suggest_name::user(name, names).map_err(unreachable)?;
        let problem =
            Problem::error(command.run_as.at.clone(), format!("there is no user `{name}` to run the command as"));
        report.push(
            problem.help(hint.unwrap_or_else(|| "create it first, or use --create to build an image".to_owned())),
        );
    }
    Ok(())
}

fn program(command: &Command, tree: &Tree, create: bool, report: &mut Report) {
    let Some(program) = command.run.first().filter(|program| program.value.starts_with('/')) else { return };
    let path = program.value.trim_start_matches('/');
    let problem = |message: String| Problem::error(program.at.clone(), message);
    match tree.file_mode(path) {
        Ok(Some(mode)) if mode & 0o111 == 0 => {
            report.push(problem(format!("{} is not executable (mode {mode:04o})", program.value)).help("chmod +x"));
        }
        Ok(Some(_)) => {}
        Ok(None) if create => {}
        Ok(None) => {
            let help = "install it first: a user who can create this file decides what runs";
            report.push(problem(format!("there is no program {}", program.value)).help(help));
        }
        Err(error) => {
            report.push(problem(format!("cannot check {}: {error}", program.value)).help("it must be a regular file"));
        }
    }
    if let Some(other) = tree.others(path) {
        let help = other.help.unwrap_or_else(|| "give it and the folders above it to root".to_owned());
        report.push(problem(format!("users other than root can change the program: {}", other.message)).help(help));
    }
}

/// Warns of writable paths that do not exist: systemd then does not start the unit.
fn writable(command: &Command, tree: &Tree, report: &mut Report) {
    for path in command.writable.iter().filter(|path| tree.resolved(&path.value).is_none()) {
        let message =
            format!("there is no {}: the command `{}` cannot start before there is one", path.value, command.name);
        report.push(Problem::warning(path.at.clone(), message).help("create it, or name the folder above it"));
    }
}

/// Notes what the unit does, for its users and for the reviewer of the policy.
fn describe(command: &Command, grant: Option<&Grant>, report: &mut Report) {
    let line: Vec<&str> = command.run.iter().map(|word| word.value.as_str()).collect();
    let who = grant.map_or_else(String::new, |grant| {
        let subjects = &grant.subjects;
        let named = |what: &str, names: &[polkit_config::table::Spanned<String>]| {
            names.iter().map(|name| format!("{what} {}", name.value)).collect::<Vec<_>>()
        };
        let mut who = named("user", &subjects.users);
        who.extend(named("group", &subjects.groups));
        who.extend(named("netgroup", &subjects.netgroups));
        if subjects.everybody && subjects.units.is_empty() {
            who.push("every user".to_owned());
        }
        who.extend(subjects.units.iter().map(|unit| format!("unit {}", unit.value)));
        who.join(", ")
    });
    let message = format!("{who}: may run `{}` as {}", line.join(" "), command.run_as.value);
    let units = command.instances().join(", ");
    let mut help = format!("systemctl start {units}");
    if command.run_as.value == "root" {
        help.push_str("; as root the program may do everything, so check what it does with its argument and its files");
    }
    for (name, value) in &command.sandbox {
        help.push_str(&format!("; {name}={value}"));
    }
    report.push(Problem::note(command.at.clone(), message).help(help));
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
