//! The policy file as TOML.

use polkit_config::names::check_name;
use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report, Source};
use polkit_config::table::{self, Spanned, Table};

use super::libvirt::{libvirt, role};
use super::{Detail, Grant, Hook, Kind, Libvirt, Member, Mode, OnFailure, Policy, Role, systemd};
use crate::word::{PerSession, Word};

/// How many values a detail may be compared with: Duktape takes 65,535 constants in one function, and drops a rules file
/// with more.
const VALUES_MAX: usize = 10_000;

/// Reads the files in this order. What is wrong is in the report, and the policy is then not to be used.
pub fn read(sources: &[Source], report: &mut Report) -> Policy {
    let mut policy = Policy::default();
    let mut agents = Vec::new();
    let (mut roles, mut written) = (Vec::new(), 0);
    let (mut grants, mut systemds) = (0, 0);
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
        // In the order of the file, whichever of the two they are.
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
                let problem = Problem::error(second.at.clone(), "there is a [libvirt] already");
                report.push(problem.help("the modes are never mixed: leave one of the two out"));
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

/// Roles and the mode that they are for need each other.
fn settle_roles(policy: &mut Policy, roles: Vec<Role>, none: bool, report: &mut Report) {
    match &mut policy.libvirt {
        Some(libvirt) if libvirt.mode == Mode::Acl => {
            if none {
                let problem =
                    Problem::error(libvirt.at.clone(), "mode `acl` lets nobody in without a [[libvirt_role]]");
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
    let who = who(&mut table, "[[grant]]", report);
    let details = details(&mut table, report);
    let results = results(&mut table, report);
    table.finish(report);
    let actions = patterns(actions?, report);
    let label = name.map_or_else(|| format!("grant {number}"), |name| name.value);
    let (results, result_at) = results?;
    check_everything(&actions, results, report);
    check_kept(&details, results, result_at, report);
    let Who { users, groups, netgroups } = who;
    Some(Grant { kind: Kind::Grant, label, actions, users, groups, netgroups, details, results, at })
}

/// Whom a grant names.
pub(super) struct Who {
    pub users: Vec<Spanned<String>>,
    pub groups: Vec<Spanned<String>>,
    pub netgroups: Vec<Spanned<String>>,
}

/// `users`, `groups` and `netgroups`, one of which there must be.
pub(super) fn who(table: &mut Table, title: &str, report: &mut Report) -> Who {
    let has_any = ["users", "groups", "netgroups"].map(|key| table.has(key)).contains(&true);
    let mut names = |key| table.strings(key, report).unwrap_or_default();
    let (users, groups, netgroups) = (names("users"), names("groups"), names("netgroups"));
    if !has_any {
        let problem = Problem::error(table.at().clone(), format!("{title} names nobody"));
        report.push(problem.help("add `groups = [\"…\"]`, `users = [\"…\"]` or `netgroups = [\"…\"]`"));
    }
    check_names("user", &users, report);
    check_names("group", &groups, report);
    check_names("netgroup", &netgroups, report);
    Who { users, groups, netgroups }
}

fn details(table: &mut Table, report: &mut Report) -> Vec<Detail> {
    if !table.has("details") {
        return Vec::new();
    }
    let lists = table.table("details", report).map(|table| table.lists_by_key(report)).unwrap_or_default();
    let details = lists.into_iter().map(|(key, values)| {
        check_details(std::slice::from_ref(&key), report);
        check_values(&key, &values, report);
        let glob = |value: Spanned<String>| Spanned { value: Glob::new(&value.value), at: value.at };
        Detail { key, values: values.into_iter().map(glob).collect() }
    });
    details.collect()
}

fn check_values(key: &Spanned<String>, values: &[Spanned<String>], report: &mut Report) {
    if values.len() > VALUES_MAX {
        let message = format!("`{}` has {} values, and may have {VALUES_MAX}", key.value, values.len());
        report.push(Problem::error(key.at.clone(), message).help("use a pattern, or make several grants of it"));
    }
    for value in values.iter().filter(|value| value.value.chars().any(|character| u32::from(character) > 0xffff)) {
        let message = format!("a rule can never match the value `{}`", value.value);
        let help =
            "Duktape takes a character beyond U+FFFF as another one than the same in a rules file (polkit 122 to 128)";
        report.push(Problem::error(value.at.clone(), message).help(help));
    }
}

/// polkit keeps an authentication for the action, whatever its details: one that was given for one unit would count for all.
pub(super) fn check_kept(details: &[Detail], results: PerSession<Word>, at: Location, report: &mut Report) {
    if !details.is_empty() && results.all().into_iter().any(Word::is_kept) {
        let message =
            "polkit keeps this answer for the action, whatever its details: it would soon cover what was not asked";
        report.push(Problem::error(at, message).help("with `details` use the same result without `_keep`"));
    }
}

fn check_everything(actions: &[Spanned<ActionPattern>], results: PerSession<Word>, report: &mut Report) {
    for action in actions.iter().filter(|action| action.value.covers_everything()) {
        if results != PerSession::always(Word::No) {
            let problem = Problem::error(action.at.clone(), "`*` is every action that there is and will be");
            report.push(problem.help("name what is meant: `org.libvirt.*`. `*` stands with `result = \"no\"` only"));
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
        report.push(problem.help("[[agent]] takes exact ids, as `pkaction` lists them: `org.libvirt.unix.manage`"));
    }
    check_names("user", &users, report);
    Some(Grant {
        kind: Kind::Agent,
        label: format!("agent {number}"),
        actions,
        users,
        groups: Vec::new(),
        netgroups: Vec::new(),
        details: Vec::new(),
        results: PerSession::always(Word::AuthSelf),
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

/// `result`, and where it stands.
pub(super) fn results(table: &mut Table, report: &mut Report) -> Option<(PerSession<Word>, Location)> {
    if !table.holds_table("result") {
        let word = table.required_string("result", report)?;
        return answer(&word, report).map(|answer| (PerSession::always(answer), word.at));
    }
    let mut table = table.table("result", report)?;
    let at = table.at().clone();
    let mut one = |key| table.required_string(key, report).and_then(|word| answer(&word, report));
    let (any, inactive, active) = (one("any"), one("inactive"), one("active"));
    table.finish(report);
    Some((PerSession { any: any?, inactive: inactive?, active: active? }, at))
}

fn answer(word: &Spanned<String>, report: &mut Report) -> Option<Word> {
    let found = Word::parse(&word.value);
    if found.is_none() {
        let problem = Problem::error(word.at.clone(), format!("`{}` is not a result of polkit", word.value));
        report.push(problem.help(format!("one of {}", Word::ALL.map(Word::text).join(", "))));
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

fn patterns(actions: Vec<Spanned<String>>, report: &mut Report) -> Vec<Spanned<ActionPattern>> {
    let read = actions.into_iter().filter_map(|action| match ActionPattern::new(&action.value) {
        Ok(value) => Some(Spanned { value, at: action.at }),
        Err(reason) => {
            let message = format!("`{}` is neither an action id nor a pattern of such", action.value);
            let help = format!("{reason}, as in `org.libvirt.unix.manage` and `org.libvirt.*`");
            report.push(Problem::error(action.at, message).help(help));
            None
        }
    });
    read.collect()
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
