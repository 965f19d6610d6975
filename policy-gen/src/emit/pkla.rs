//! Local authority files, for polkit 0.105 and for polkit-pkla-compat.
//!
//! Where the file lies: a directory of its own with one file in it, since 0.105 reads the files of a
//! directory in no order. Its name sorts after 10-vendor.d, 20-org.d and 30-site.d, where packages
//! and distributions write, and before 50-local.d and 90-mandatory.d: the last match counts, so we
//! override what was shipped, and what an administrator wrote by hand there overrides us.
//!
//! Of our entries the last that matches must be that of the first grant, so they are in reverse order.
//!
//! What pkla cannot say in our order, where the first grant that names a subject counts: an entry
//! for a user or a netgroup always beats one for a group, and among a user's groups it is not defined
//! which comes last (the order of getgrouplist). Such policies are refused.

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::pattern::ActionPattern;
use polkit_config::report::{Problem, Report};
use polkit_config::table::Spanned;

use super::Origin;
use super::quote::comment;
use crate::policy::{Grant, Policy};
use crate::word::{PerSession, Word};

/// Why the file has its place in the order, for who reads it.
const HERE: &str = "polkit takes the last match in the order of the names of directories: this one comes after 10-vendor.d, \
                    20-org.d and 30-site.d, and before 50-local.d and 90-mandatory.d.";

/// A pkla file, with all three results in each entry: the last entry that matches in a directory
/// replaces all three, and one that it lacks counts as not set.
pub fn emit(policy: &Policy, origin: &Origin, report: &mut Report) -> String {
    for hook in &policy.hooks {
        let message = format!("pkla cannot say `{}`: it asks nobody", hook.label);
        let help =
            "only rules can: polkit 0.106 or later; on this one the agent serves by registration, with [[agent]]";
        report.push(Problem::error(hook.at.clone(), message).help(help));
    }
    for role in policy.libvirt.iter().flat_map(|libvirt| &libvirt.roles) {
        let message = format!("pkla cannot say `{}`: it sees no names of domains", role.label);
        let help = "only rules can: polkit 0.106 or later; on this one choose another mode of [libvirt]";
        report.push(Problem::error(role.at.clone(), message).help(help));
    }
    let mut out = format!("# {}\n# {HERE}\n", super::first_line(origin));
    let mut order = Order::default();
    for grant in &policy.grants {
        check_names(grant, report);
        check_details(grant, report);
        order.add(grant, report);
    }
    for (number, grant) in policy.grants.iter().enumerate().rev() {
        let of = |kind: &'static str, names: &[Spanned<String>]| -> Vec<String> {
            names.iter().map(|name| identity(kind, &name.value)).collect()
        };
        let identities = [of("user", &grant.users), of("netgroup", &grant.netgroups), of("group", &grant.groups)];
        let actions: Vec<&str> = grant.actions.iter().map(|action| action.value.as_str()).collect();
        let [any, inactive, active] = grant.results.all().map(Word::text);
        out.push_str(&format!(
            "\n# {}\n[{}]\nIdentity={}\nAction={}\nResultAny={any}\nResultInactive={inactive}\nResultActive={active}\n",
            comment(&grant.label),
            number + 1,
            identities.concat().join(";"),
            actions.join(";"),
        ));
    }
    out
}

fn identity(kind: &str, name: &str) -> String {
    // A backslash begins an escape in key files.
    format!("unix-{kind}:{}", name.replace('\\', "\\\\"))
}

fn check_names(grant: &Grant, report: &mut Report) {
    for name in grant.users.iter().chain(&grant.groups).chain(&grant.netgroups) {
        if name.value.contains(['*', '?', ';']) {
            let message = format!("pkla cannot name `{}`: `*`, `?` and `;` do not stand for themselves", name.value);
            report.push(Problem::error(name.at.clone(), message).help("only rules can: polkit 0.106 or later"));
        }
    }
    // A star of pkla stands for dots, too.
    for action in &grant.actions {
        if action.value.as_str().trim_end_matches('*').contains('*') {
            let message = format!("pkla cannot say `{}`: its `*` does not end at a dot", action.value);
            let help = "name the actions, or end the pattern with its first star: `org.libvirt.*`";
            report.push(Problem::error(action.at.clone(), message).help(help));
        }
    }
}

fn check_details(grant: &Grant, report: &mut Report) {
    if grant.details.is_empty() {
        return;
    }
    let message = format!("pkla cannot say `{}`: it knows nothing of an action's details", grant.label);
    let help = "only rules can: polkit 0.106 or later. Without details it would be for all units, domains or programs";
    report.push(Problem::error(grant.at.clone(), message).help(help));
}

/// What the grants so far say of one action or pattern of such.
struct Before<'a> {
    pattern: &'a ActionPattern,
    /// Users, netgroups and groups as identities.
    identities: BTreeSet<String>,
    to_groups: Vec<ToGroups<'a>>,
}

/// A result that groups have.
struct ToGroups<'a> {
    results: PerSession<Word>,
    /// Each with the grant that names it; two at most, since a third name differs from one of them.
    named: Vec<(String, &'a str)>,
}

/// The grants so far, by action.
#[derive(Default)]
struct Order<'a> {
    by_action: BTreeMap<&'a str, Before<'a>>,
    patterns: BTreeSet<&'a str>,
}

impl<'a> Order<'a> {
    /// What was said so far of actions that this one is, or may be.
    fn about(&self, action: &'a ActionPattern) -> Vec<&Before<'a>> {
        if !action.is_exact() {
            return self.by_action.values().filter(|before| before.pattern.overlaps(action)).collect();
        }
        let patterns = self.patterns.iter().filter_map(|pattern| self.by_action.get(pattern));
        let patterns = patterns.filter(|before| before.pattern.covers(action.as_str()));
        self.by_action.get(action.as_str()).into_iter().chain(patterns).collect()
    }

    /// Adds a grant, and refuses it where pkla would put it before an earlier one with another result.
    fn add(&mut self, grant: &'a Grant, report: &mut Report) {
        for action in &grant.actions {
            let about = self.about(&action.value);
            let is_new = |form: &String| {
                !about.iter().any(|before| before.pattern.includes(&action.value) && before.identities.contains(form))
            };
            let fresh = |kind: &str, names: &[Spanned<String>]| -> Vec<String> {
                names.iter().map(|name| identity(kind, &name.value)).filter(is_new).collect()
            };
            let people = [fresh("user", &grant.users), fresh("netgroup", &grant.netgroups)].concat();
            let groups = fresh("group", &grant.groups);
            let others =
                about.iter().flat_map(|before| &before.to_groups).filter(|other| other.results != grant.results);
            let mut others = others.flat_map(|other| &other.named);
            let conflict = others.find_map(|(group, earlier)| {
                if !people.is_empty() {
                    Some((*earlier, "the entry of a user or netgroup beats that of a group"))
                } else {
                    let another = groups.iter().any(|own| own != group);
                    another.then_some((*earlier, "which of a user's groups counts is not defined"))
                }
            });
            if let Some((earlier, why)) = conflict {
                let message = format!(
                    "pkla cannot say that `{earlier}` comes before `{}` for {}: {why}",
                    grant.label, action.value
                );
                let help = "give both the same result, or write the one that names users first";
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
