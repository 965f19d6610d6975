//! The policy file as TOML.

use polkit_config::names::check_name;
use polkit_config::report::{Problem, Report, Source};
use polkit_config::table::{self, Spanned, Table};

use super::libvirt::{libvirt, role};
use super::{Answer, Grant, Hook, Kind, Libvirt, Member, Mode, OnFailure, Policy, Results, Role};

/// Reads the files in this order. What is wrong is in the report, and the policy is then not to be used.
pub fn read(sources: &[Source], report: &mut Report) -> Policy {
    let mut policy = Policy::default();
    let mut agents = Vec::new();
    let mut roles = Vec::new();
    for source in sources {
        let mut root = table::parse(source, report);
        for table in root.tables("grant", report) {
            let number = policy.grants.len() + 1;
            policy.grants.extend(grant(table, number, report));
        }
        for table in root.tables("agent", report) {
            let number = agents.len() + 1;
            agents.extend(agent(table, number, report));
        }
        for table in root.tables("hook", report) {
            let label = format!("hook {}", policy.hooks.len() + 1);
            if let Some(hook) = hook(table, label, report) {
                check_asked_once(&policy, &hook, report);
                policy.hooks.push(hook);
            }
        }
        for table in root.tables("member", report) {
            policy.members.extend(member(table, report));
        }
        if let Some(table) = root.holds_table("libvirt").then(|| root.table("libvirt", report)).flatten() {
            let read = libvirt(table, report);
            if let (Some(_), Some(second)) = (&policy.libvirt, &read) {
                let problem = Problem::error(second.at.clone(), "there is a [libvirt] already");
                report.push(problem.help("the modes are never mixed: leave one of the two out"));
            }
            policy.libvirt = policy.libvirt.or(read);
        }
        for table in root.tables("libvirt_role", report) {
            let number = roles.len() + 1;
            roles.extend(role(table, number, report));
        }
        root.finish(report);
    }
    settle_roles(&mut policy, roles, report);
    policy.grants.extend(policy.libvirt.as_ref().and_then(Libvirt::grant));
    policy.grants.extend(agents);
    policy
}

/// Roles and the mode that they are for need each other.
fn settle_roles(policy: &mut Policy, roles: Vec<Role>, report: &mut Report) {
    match &mut policy.libvirt {
        Some(libvirt) if libvirt.mode == Mode::Acl => {
            if roles.is_empty() {
                let problem = Problem::error(libvirt.at.clone(), "mode `acl` lets nobody in without a [[libvirt_role]]");
                report.push(problem.help("add one: `role = \"viewer\"`, `groups = […]`, `domains = […]`"));
            }
            libvirt.roles = roles;
        }
        _ => {
            for role in roles {
                let problem = Problem::error(role.at, "a [[libvirt_role]] is nothing without access control");
                report.push(problem.help("add `[libvirt]` with `mode = \"acl\"`"));
            }
        }
    }
}

fn grant(mut table: Table, number: usize, report: &mut Report) -> Option<Grant> {
    let at = table.at().clone();
    let name = table.string("name", report);
    let actions = table.required_strings("actions", report);
    let (has_users, has_groups) = (table.has("users"), table.has("groups"));
    let users = table.strings("users", report).unwrap_or_default();
    let groups = table.strings("groups", report).unwrap_or_default();
    if !has_users && !has_groups {
        let problem = Problem::error(at.clone(), "[[grant]] names nobody");
        report.push(problem.help("add `groups = [\"…\"]` or `users = [\"…\"]`"));
    }
    let results = results(&mut table, report);
    table.finish(report);
    let actions = actions?;
    check_actions(&actions, report);
    check_names("user", &users, report);
    check_names("group", &groups, report);
    let label = name.map_or_else(|| format!("grant {number}"), |name| name.value);
    Some(Grant { kind: Kind::Grant, label, actions, users, groups, results: results?, at })
}

fn agent(mut table: Table, number: usize, report: &mut Report) -> Option<Grant> {
    let at = table.at().clone();
    let actions = table.required_strings("actions", report);
    let users = table.required_strings("users", report);
    table.finish(report);
    let (actions, users) = (actions?, users?);
    check_actions(&actions, report);
    check_names("user", &users, report);
    Some(Grant {
        kind: Kind::Agent,
        label: format!("agent {number}"),
        actions,
        users,
        groups: Vec::new(),
        results: Results::always(Answer::AuthSelf),
        at,
    })
}

fn hook(mut table: Table, label: String, report: &mut Report) -> Option<Hook> {
    let at = table.at().clone();
    let actions = table.required_strings("actions", report);
    let on_failure = table.string("on_failure", report);
    let details = table.strings("details", report).unwrap_or_default();
    table.finish(report);
    let on_failure = match on_failure {
        None => OnFailure::Nothing,
        Some(word) => {
            let found = OnFailure::ALL.into_iter().find(|known| known.word() == word.value);
            if found.is_none() {
                let message = format!("`{}` is not what a hook that fails can come to", word.value);
                let help =
                    "`nothing` leaves it to polkit's other rules, `no` refuses whomever the agent does not allow";
                report.push(Problem::error(word.at, message).help(help));
            }
            found?
        }
    };
    let actions = actions?;
    check_actions(&actions, report);
    check_details(&details, report);
    Some(Hook { label, actions, on_failure, details, at })
}

fn check_asked_once(policy: &Policy, hook: &Hook, report: &mut Report) {
    for (number, action) in hook.actions.iter().enumerate() {
        let earlier = hook.actions.iter().take(number).any(|earlier| earlier.value == action.value);
        if earlier || policy.hook(&action.value).is_some() {
            let message = format!("`{}` stands in a [[hook]] already", action.value);
            report.push(Problem::error(action.at.clone(), message).help("leave one of the two out"));
        }
    }
}

fn check_details(keys: &[Spanned<String>], report: &mut Report) {
    for key in keys {
        // Beyond U+FFFF a letter in a rules file is another one to Duktape than the same in a detail.
        let fits = |c: char| !c.is_control() && u32::from(c) <= 0xffff;
        if key.value.is_empty() || !key.value.chars().all(fits) {
            let problem = Problem::error(key.at.clone(), format!("`{}` is not the key of a detail", key.value));
            report.push(problem.help("the key that the mechanism passes to polkit: `details = [\"program\"]`"));
        }
    }
}

fn member(mut table: Table, report: &mut Report) -> Option<Member> {
    let user = table.required_string("user", report);
    let group = table.required_string("group", report);
    table.finish(report);
    let member = Member { user: user?, group: group? };
    for (what, name) in [("user", &member.user), ("group", &member.group)] {
        // The same as systemd's valid_user_group_name in its strict mode: what systemd-sysusers takes.
        let mut characters = name.value.chars();
        let first = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        let strict = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if !first || !characters.all(strict) || name.value.len() > 31 {
            let message = format!("the {what} `{}` cannot stand in a sysusers.d line", name.value);
            let help =
                "letters, digits, `_` and `-` only, at most 31; change the membership with your directory's own tools";
            report.push(Problem::error(name.at.clone(), message).help(help));
        }
    }
    Some(member)
}

fn results(table: &mut Table, report: &mut Report) -> Option<Results> {
    if !table.holds_table("result") {
        return table.required_string("result", report).and_then(|word| answer(&word, report)).map(Results::always);
    }
    let mut table = table.table("result", report)?;
    let mut one = |key| table.required_string(key, report).and_then(|word| answer(&word, report));
    let (any, inactive, active) = (one("any"), one("inactive"), one("active"));
    table.finish(report);
    Some(Results { any: any?, inactive: inactive?, active: active? })
}

fn answer(word: &Spanned<String>, report: &mut Report) -> Option<Answer> {
    let found = Answer::ALL.into_iter().find(|answer| answer.word() == word.value);
    if found.is_none() {
        let problem = Problem::error(word.at.clone(), format!("`{}` is not a result of polkit", word.value));
        report.push(problem.help(format!("one of {}", Answer::ALL.map(Answer::word).join(", "))));
    }
    found
}

fn check_actions(actions: &[Spanned<String>], report: &mut Report) {
    for action in actions {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if action.value.is_empty() || !action.value.chars().all(fits) {
            let problem = Problem::error(action.at.clone(), format!("`{}` is not an action id", action.value));
            report.push(problem.help("the exact id, as `pkaction` lists it: `org.libvirt.unix.manage`"));
        }
    }
}

pub(super) fn check_names(what: &str, names: &[Spanned<String>], report: &mut Report) {
    for name in names {
        if let Err(reason) = check_name(&name.value) {
            let message = format!("no {what} can be called `{}`: it {reason}", name.value);
            report
                .push(Problem::error(name.at.clone(), message).help(format!("the {what}'s name as `getent` shows it")));
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
