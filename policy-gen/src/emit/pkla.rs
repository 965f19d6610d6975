//! Local authority files, for polkit 0.105 and for polkit-pkla-compat.
//!
//! Where the file lies: a directory of its own with one file in it, since 0.105 reads the files of a
//! directory in no order. Its name sorts after 10-vendor.d, 20-org.d and 30-site.d, where packages
//! and distributions write, and before 50-local.d and 90-mandatory.d: the last match counts, so we
//! override what was shipped, and what an administrator wrote by hand there overrides us.
//!
//! What pkla cannot say in our order, where the first grant that names a subject counts: an entry
//! for a user always beats one for a group, and among a user's groups it is not defined which
//! comes last (the order of getgrouplist). Such policies are refused.

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::report::{Problem, Report};
use polkit_config::table::Spanned;

use super::Origin;
use super::quote::comment;
use crate::policy::{Grant, Policy, Results};

/// What was written for an action so far.
#[derive(Default)]
struct Written<'a> {
    identities: BTreeSet<String>,
    /// The results that groups have, each with the first grant that gives it.
    to_groups: Vec<(Results, &'a str)>,
}

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
    let mut out = format!("# {}\n", super::first_line(origin));
    let mut written: BTreeMap<&str, Written<'_>> = BTreeMap::new();
    let mut number = 0;
    for grant in &policy.grants {
        check_names(grant, report);
        for action in &grant.actions {
            let so_far = written.entry(&action.value).or_default();
            // The last match counts in pkla, so of an identity only the first of our entries is written.
            let mut fresh = |kind: &str, names: &[Spanned<String>]| -> Vec<String> {
                let forms = names.iter().map(|name| identity(kind, &name.value));
                forms.filter(|form| so_far.identities.insert(form.clone())).collect()
            };
            let (users, groups) = (fresh("user", &grant.users), fresh("group", &grant.groups));
            if users.is_empty() && groups.is_empty() {
                continue;
            }
            check_order(grant, &action.value, so_far, users.is_empty(), report);
            if !groups.is_empty() && so_far.to_groups.iter().all(|(results, _)| *results != grant.results) {
                so_far.to_groups.push((grant.results, &grant.label));
            }
            number += 1;
            let results = grant.results;
            out.push_str(&format!(
                "\n# {}\n[{number} {action}]\nIdentity={}\nAction={action}\n\
                 ResultAny={}\nResultInactive={}\nResultActive={}\n",
                comment(&grant.label),
                [users, groups].concat().join(";"),
                results.any.word(),
                results.inactive.word(),
                results.active.word(),
                action = action.value,
            ));
        }
    }
    out
}

fn identity(kind: &str, name: &str) -> String {
    // A backslash begins an escape in key files.
    format!("unix-{kind}:{}", name.replace('\\', "\\\\"))
}

fn check_names(grant: &Grant, report: &mut Report) {
    for name in grant.users.iter().chain(&grant.groups) {
        if name.value.contains(['*', '?', ';']) {
            let message = format!("pkla cannot name `{}`: `*`, `?` and `;` do not stand for themselves", name.value);
            report.push(Problem::error(name.at.clone(), message).help("only rules can: polkit 0.106 or later"));
        }
    }
}

fn check_order(grant: &Grant, action: &str, so_far: &Written<'_>, groups_only: bool, report: &mut Report) {
    let Some((_, earlier)) = so_far.to_groups.iter().find(|(results, _)| *results != grant.results) else { return };
    let why = if groups_only {
        "which of a user's groups counts is not defined"
    } else {
        "the entry of a user beats that of a group"
    };
    let message = format!("pkla cannot say that `{earlier}` comes before `{}` for {action}: {why}", grant.label);
    let help = "give both the same result, or write the one that names users first";
    report.push(Problem::error(grant.at.clone(), message).help(help));
}
