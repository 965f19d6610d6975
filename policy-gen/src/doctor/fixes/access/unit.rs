//! A static policy rule for one unit, where polkit knows the unit of the client. It needs no agent.

use super::super::{Fix, Step, line, old_polkitd};
use super::agent::LIMIT;
use super::{NAME_MAX, grant_text, is_root_equivalent, request, slug, to_user, written};
use crate::doctor::facts::{Decision, Facts, Subject};
use crate::emit::quote::toml;

/// A fix that grants the request to the user in the unit; `None` if polkit does not know the unit, or the agent serves it.
pub(super) fn grant(facts: &Facts, subject: &Subject, answer: &Decision) -> Option<Fix> {
    let unit = facts.known_unit()?;
    if subject.uid == 0 || !unit.ends_with(".service") || facts.agent.serves || !answer.grant_comes_first {
        return None;
    }
    // The user of DynamicUser= exists only while the unit runs, so the unit alone names the processes.
    let user = if subject.is_dynamic { String::new() } else { to_user(&subject.user) };
    let keys = format!("{user}unit = {}\n", toml(unit));
    let (text, is_open) = grant_text(&format!("{} for {unit}", answer.action), &keys, &answer.action, &facts.details);
    if is_open {
        // A detail is missing, without which the grant would be equivalent to root access.
        return None;
    }
    let last: Vec<&str> = answer.action.rsplit('.').take(3).collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join("-");
    let of = facts.details.values().map(|value| format!("-{}", slug(value))).collect::<String>();
    let stem = format!("50-doctor-unit-{}-{}{of}", slug(unit.trim_end_matches(".service")), slug(&last));
    let path = format!("/etc/polkit-policy-gen/policy.d/{}.toml", stem.chars().take(NAME_MAX).collect::<String>());
    let mut commands = written(&path, &text);
    commands.push("polkit-policy-gen install".to_owned());
    let whose = if subject.is_dynamic { String::new() } else { format!(" with the user {}", subject.user) };
    let mut fix = Fix {
        id: "grant-unit",
        manual: answer.no_grant.is_some(),
        root_equivalent: is_root_equivalent(&answer.action, &facts.details),
        commands,
        grants: format!("processes of {unit}{whose} {}. {LIMIT}", request(&answer.action, &facts.details)),
        undo: vec![line(&["rm", &path]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
        ..Fix::default()
    };
    if let Some(why) = &answer.no_grant {
        fix.grants = format!("{}. Not possible with --fix: {why}", fix.grants);
    }
    old_polkitd(&mut fix, facts);
    Some(fix)
}

#[cfg(test)]
mod tests;
