//! Reads policy files.

use polkit_config::pattern::ActionPattern;
use polkit_config::report::{Problem, Report, Source};
use polkit_config::table::{self, Spanned, Table};

use super::fields::{check_actions, check_details, check_kept, check_names, details, patterns, results};
use super::libvirt::{libvirt, role};
use super::subjects::{Subjects, subjects};
use super::{Grant, GrantKind, Hook, Libvirt, Member, Mode, OnFailure, Policy, Role, allow, command, systemd};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};

/// A policy whose problems are still being collected, so that the user sees all of them together. It becomes a [`Policy`] only if
/// none of them is an error.
#[derive(Debug)]
pub struct Draft {
    pub(super) policy: Policy,
    pub(super) report: Report,
}

impl Draft {
    /// Reads policy files in this order, and adds their problems to `report`.
    #[must_use]
    pub fn read(sources: &[Source], mut report: Report) -> Self {
        let policy = read_tables(sources, &mut report);
        Self { policy, report }
    }

    /// Returns the policy for further checks, and the report for their problems.
    pub fn parts(&mut self) -> (&Policy, &mut Report) {
        (&self.policy, &mut self.report)
    }

    /// Returns the policy and its warnings.
    ///
    /// # Errors
    /// All problems, if there is an error among them.
    pub fn finish(self) -> Result<(Policy, Report), Report> {
        if self.report.has_errors() { Err(self.report) } else { Ok((self.policy, self.report)) }
    }
}

/// Reads policy files in this order. Returns the policy and its warnings.
///
/// # Errors
/// All problems, if there is an error among them.
pub fn read(sources: &[Source]) -> Result<(Policy, Report), Report> {
    Draft::read(sources, Report::new()).finish()
}

fn read_tables(sources: &[Source], report: &mut Report) -> Policy {
    let mut policy = Policy::default();
    let mut agents = Vec::new();
    let (mut roles, mut written) = (Vec::new(), 0);
    let (mut grants, mut systemds, mut allows) = (0, 0, 0);
    for source in sources {
        let mut root = table::parse(source, report);
        let mut own = Vec::new();
        for table in root.tables("grant", report) {
            grants += 1;
            own.extend(grant(table, grants, report));
        }
        for table in root.tables("systemd", report) {
            systemds += 1;
            own.extend(systemd::read(table, systemds, report));
        }
        for table in root.tables("allow", report) {
            allows += 1;
            own.extend(allow::read(table, allows, report));
        }
        for table in root.tables("command", report) {
            if let Some((command, grant)) = command::read(table, &policy.commands, report) {
                policy.commands.push(command);
                own.push(grant);
            }
        }
        // All kinds of tables in file order.
        own.sort_by_key(|grant| grant.at.span.as_ref().map_or(0, |span| span.start));
        policy.grants.extend(own);
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
                let problem = Problem::error(second.at.clone(), "there is more than one [libvirt]");
                report.push(problem.help("modes cannot be combined: remove one of the two"));
            }
            policy.libvirt = policy.libvirt.or(read);
        }
        for table in root.tables("libvirt_role", report) {
            written += 1;
            roles.extend(role(table, written, report));
        }
        root.finish(report);
    }
    settle_roles(&mut policy, roles, written == 0, report);
    policy.grants.extend(policy.libvirt.as_ref().and_then(Libvirt::grant));
    policy.grants.extend(agents);
    policy
}

/// Adds the roles to `[libvirt]`. Mode `acl` and roles require each other.
fn settle_roles(policy: &mut Policy, roles: Vec<Role>, none: bool, report: &mut Report) {
    match &mut policy.libvirt {
        Some(libvirt) if libvirt.mode == Mode::Acl => {
            if none {
                let problem = Problem::error(libvirt.at.clone(), "mode `acl` needs a [[libvirt_role]]");
                report.push(problem.help("add one: `role = \"viewer\"`, `groups = […]`, `domains = […]`"));
            }
            libvirt.roles = roles;
        }
        _ => {
            for role in roles {
                let problem = Problem::error(role.at, "a [[libvirt_role]] needs mode `acl`");
                report.push(problem.help("add `[libvirt]` with `mode = \"acl\"`"));
            }
        }
    }
}

fn grant(mut table: Table, number: usize, report: &mut Report) -> Option<Grant> {
    let at = table.at().clone();
    let name = table.string("name", report);
    let actions = table.required_strings("actions", report);
    let subjects = subjects(&mut table, "[[grant]]", report);
    let details = details(&mut table, report);
    let results = results(&mut table, report);
    table.finish(report);
    let actions = patterns(actions?, report);
    let label = name.map_or_else(|| format!("grant {number}"), |name| name.value);
    let (results, result_at) = results?;
    check_everything(&actions, results, report);
    check_kept(&details, results, result_at, report);
    Some(Grant { kind: GrantKind::Grant, label, set: None, actions, subjects, details, results, at })
}

fn check_everything(
    actions: &[Spanned<ActionPattern>],
    results: BySession<ImplicitAuthorization>,
    report: &mut Report,
) {
    for action in actions.iter().filter(|action| action.value.covers_everything()) {
        if results != BySession::always(ImplicitAuthorization::No) {
            let problem = Problem::error(action.at.clone(), "`*` covers every present and future action");
            report.push(
                problem
                    .help("use a narrower pattern such as `org.libvirt.*`; `*` is valid only with `result = \"no\"`"),
            );
        }
    }
}

fn agent(mut table: Table, number: usize, report: &mut Report) -> Option<Grant> {
    let at = table.at().clone();
    let actions = table.required_strings("actions", report);
    let users = table.required_strings("users", report);
    table.finish(report);
    let (actions, users) = (patterns(actions?, report), users?);
    for action in actions.iter().filter(|action| !action.value.is_exact()) {
        let problem = Problem::error(action.at.clone(), format!("`{}` is a pattern", action.value));
        report.push(
            problem.help("[[agent]] needs the exact ids that `pkaction` lists, for example `org.libvirt.unix.manage`"),
        );
    }
    check_names("user", &users, report);
    Some(Grant {
        kind: GrantKind::Agent,
        label: format!("agent {number}"),
        set: None,
        actions,
        subjects: Subjects::named(users, Vec::new()),
        details: Vec::new(),
        results: BySession::always(ImplicitAuthorization::AuthSelf),
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
            let found = OnFailure::ALL.into_iter().find(|known| known.text() == word.value);
            if found.is_none() {
                let message = format!("`{}` is not a value of `on_failure`", word.value);
                let help = "use `nothing` to let polkit's other rules decide, or `no` to refuse users that the agent does not allow";
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
            let message = format!("`{}` is already in a [[hook]]", action.value);
            report.push(Problem::error(action.at.clone(), message).help("remove one of the two"));
        }
    }
}

fn member(mut table: Table, report: &mut Report) -> Option<Member> {
    let user = table.required_string("user", report);
    let group = table.required_string("group", report);
    table.finish(report);
    let member = Member { user: user?, group: group? };
    for (what, name) in [("user", &member.user), ("group", &member.group)] {
        // The strict mode of systemd's valid_user_group_name, which systemd-sysusers uses.
        let mut characters = name.value.chars();
        let first = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        let strict = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if !first || !characters.all(strict) || name.value.len() > 31 {
            let message = format!("the {what} `{}` is not valid in a sysusers.d line", name.value);
            let help = "use at most 31 letters, digits, `_` and `-`, or change the membership with the tools of your directory service";
            report.push(Problem::error(name.at.clone(), message).help(help));
        }
    }
    Some(member)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
