//! pkla files, for polkit 0.105 and for polkit-pkla-compat.
//!
//! The file is alone in its directory, because 0.105 reads the files of a directory in no particular order. The directory name
//! sorts after 10-vendor.d, 20-org.d and 30-site.d, where packages and distributions write, and before 50-local.d and
//! 90-mandatory.d. The last match counts, so the file overrides distributions and is overridden by files that an administrator
//! wrote by hand.
//!
//! The entries are in reverse order, because the first grant must be the last match.
//!
//! pkla cannot express every order of grants: an entry for a user or netgroup always overrides one for a group, and the order of
//! a user's groups is undefined (the order of getgrouplist). Policies that depend on such an order are refused.

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::pattern::ActionPattern;
use polkit_config::report::{Problem, Report};
use polkit_config::table::Spanned;

use super::quote::comment;
use super::{NAME, Origin};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::policy::{Grant, Policy, SessionScope};

/// The reason for the directory name, for the generated file.
const HERE: &str = "polkit uses the last match in the order of the directory names: this directory comes after 10-vendor.d, \
                    20-org.d and 30-site.d, and before 50-local.d and 90-mandatory.d.";

/// The identity of every user.
const EVERYBODY: &str = "unix-user:*";

/// Generates the pkla file. Each entry has all three results, because the last match in a directory replaces all three, and a missing
/// result counts as not set.
pub fn emit(policy: &Policy, origin: &Origin, report: &mut Report) -> String {
    for hook in &policy.hooks {
        let message = format!("pkla cannot express `{}`: pkla cannot run a program", hook.label);
        let help = "use polkit 0.106 or later, or the registration of the agent with [[agent]]";
        report.push(Problem::error(hook.at.clone(), message).help(help));
    }
    for role in policy.libvirt.iter().flat_map(|libvirt| &libvirt.roles) {
        let message = format!("pkla cannot express `{}`: pkla has no details such as domain names", role.label);
        let help = "use polkit 0.106 or later, or another mode of [libvirt]";
        report.push(Problem::error(role.at.clone(), message).help(help));
    }
    let mut out = format!("# {}\n# {HERE}\n", super::first_line(origin));
    let mut order = Order::default();
    for grant in &policy.grants {
        check_names(grant, report);
        check_details(grant, report);
        check_conditions(grant, report);
        order.add(grant, report);
    }
    for (number, grant) in policy.grants.iter().enumerate().rev() {
        let of = |kind: &'static str, names: &[Spanned<String>]| -> Vec<String> {
            names.iter().map(|name| identity(kind, &name.value)).collect()
        };
        let subjects = &grant.subjects;
        let everybody = if subjects.everybody { vec![EVERYBODY.to_owned()] } else { Vec::new() };
        let named = [of("user", &subjects.users), of("netgroup", &subjects.netgroups), of("group", &subjects.groups)];
        let actions: Vec<&str> = grant.actions.iter().map(|action| action.value.as_str()).collect();
        let [any, inactive, active] = grant.results.all().map(ImplicitAuthorization::text);
        out.push_str(&format!(
            "\n# {NAME}{}\n[{}]\nIdentity={}\nAction={}\nResultAny={any}\nResultInactive={inactive}\nResultActive={active}\n",
            comment(&grant.label),
            number + 1,
            [everybody, named.concat()].concat().join(";"),
            actions.join(";"),
        ));
    }
    out
}

fn identity(kind: &str, name: &str) -> String {
    // A backslash starts an escape sequence in key files.
    format!("unix-{kind}:{}", name.replace('\\', "\\\\"))
}

fn check_names(grant: &Grant, report: &mut Report) {
    for name in grant.subjects.names() {
        if name.value.contains(['*', '?', ';']) {
            let message =
                format!("pkla cannot express the name `{}`: `*`, `?` and `;` have a special meaning", name.value);
            report.push(Problem::error(name.at.clone(), message).help("use polkit 0.106 or later"));
        }
    }
    // In pkla a star also matches dots.
    for action in &grant.actions {
        if action.value.as_str().trim_end_matches('*').contains('*') {
            let message = format!("pkla cannot express `{}`: in pkla `*` also matches dots", action.value);
            let help = "list the actions, or end the pattern with its first star: `org.libvirt.*`";
            report.push(Problem::error(action.at.clone(), message).help(help));
        }
    }
}

fn check_details(grant: &Grant, report: &mut Report) {
    if grant.details.is_empty() {
        return;
    }
    let message = format!("pkla cannot express `{}`: pkla has no details", grant.label);
    let help = "use polkit 0.106 or later; without details the grant would cover all units, domains or programs";
    report.push(Problem::error(grant.at.clone(), message).help(help));
}

fn check_conditions(grant: &Grant, report: &mut Report) {
    let subjects = &grant.subjects;
    if let Some(unit) = subjects.units.first() {
        let message = format!("pkla cannot express `{}`: pkla does not know the unit of a subject", grant.label);
        let help = "omit --format to write rules (polkit 124 and later), or use a user of its own for the unit (User=)";
        report.push(Problem::error(unit.at.clone(), message).help(help));
    }
    if subjects.session != SessionScope::Any {
        let message = format!("pkla cannot express `{}`: an entry has a result for every session", grant.label);
        let help = "use polkit 0.106 or later, or a [[grant]] with a result for each session";
        report.push(Problem::error(grant.at.clone(), message).help(help));
    }
}

/// The earlier grants of an action or action pattern.
struct Before<'a> {
    pattern: &'a ActionPattern,
    /// The users, netgroups and groups, as identities.
    identities: BTreeSet<String>,
    to_groups: Vec<ToGroups<'a>>,
}

/// Groups with the same results.
struct ToGroups<'a> {
    results: BySession<ImplicitAuthorization>,
    /// Up to two groups, each with the grant that names it. Two suffice: every third group differs from one of them.
    named: Vec<(String, &'a str)>,
}

/// The earlier grants, by action.
#[derive(Default)]
struct Order<'a> {
    by_action: BTreeMap<&'a str, Before<'a>>,
    patterns: BTreeSet<&'a str>,
}

impl<'a> Order<'a> {
    /// Returns the earlier grants of all actions that `action` may cover.
    fn about(&self, action: &'a ActionPattern) -> Vec<&Before<'a>> {
        if !action.is_exact() {
            return self.by_action.values().filter(|before| before.pattern.overlaps(action)).collect();
        }
        let patterns = self.patterns.iter().filter_map(|pattern| self.by_action.get(pattern));
        let patterns = patterns.filter(|before| before.pattern.covers(action.as_str()));
        self.by_action.get(action.as_str()).into_iter().chain(patterns).collect()
    }

    /// Adds a grant. Reports an error if pkla would put it before an earlier grant with another result.
    fn add(&mut self, grant: &'a Grant, report: &mut Report) {
        for action in &grant.actions {
            let about = self.about(&action.value);
            let is_new = |form: &String| {
                !about.iter().any(|before| before.pattern.includes(&action.value) && before.identities.contains(form))
            };
            let fresh = |kind: &str, names: &[Spanned<String>]| -> Vec<String> {
                names.iter().map(|name| identity(kind, &name.value)).filter(is_new).collect()
            };
            let subjects = &grant.subjects;
            let mut people = [fresh("user", &subjects.users), fresh("netgroup", &subjects.netgroups)].concat();
            people.extend(subjects.everybody.then(|| EVERYBODY.to_owned()).filter(is_new));
            let groups = fresh("group", &subjects.groups);
            let others =
                about.iter().flat_map(|before| &before.to_groups).filter(|other| other.results != grant.results);
            let mut others = others.flat_map(|other| &other.named);
            let conflict = others.find_map(|(group, earlier)| {
                if !people.is_empty() {
                    Some((*earlier, "in pkla an entry for a user or netgroup overrides one for a group"))
                } else {
                    let another = groups.iter().any(|own| own != group);
                    another.then_some((*earlier, "in pkla the order of a user's groups is undefined"))
                }
            });
            if let Some((earlier, why)) = conflict {
                let message =
                    format!("pkla cannot put `{earlier}` before `{}` for {}: {why}", grant.label, action.value);
                let help = "give both the same result, or put the grant for users first";
                report.push(Problem::error(grant.at.clone(), message).help(help));
            }
            self.keep(grant, &action.value, &people, groups);
        }
    }

    fn keep(&mut self, grant: &'a Grant, pattern: &'a ActionPattern, people: &[String], groups: Vec<String>) {
        if !pattern.is_exact() {
            self.patterns.insert(pattern.as_str());
        }
        let new = || Before { pattern, identities: BTreeSet::new(), to_groups: Vec::new() };
        let before = self.by_action.entry(pattern.as_str()).or_insert_with(new);
        before.identities.extend(people.iter().chain(&groups).cloned());
        if groups.is_empty() {
            return;
        }
        let known = before.to_groups.iter().position(|known| known.results == grant.results);
        let at = known.unwrap_or(before.to_groups.len());
        if known.is_none() {
            before.to_groups.push(ToGroups { results: grant.results, named: Vec::new() });
        }
        if let Some(same) = before.to_groups.get_mut(at) {
            for group in groups {
                if same.named.len() < 2 && same.named.iter().all(|(known, _)| *known != group) {
                    same.named.push((group, &grant.label));
                }
            }
        }
    }
}
