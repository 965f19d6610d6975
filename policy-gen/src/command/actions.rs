//! The subcommand `actions`.

use polkit_config::escape::escape;
use polkit_config::pattern::Glob;
use serde_json::{Value, json};

use super::{DONE, NOT_AS_EXPECTED, eprint, print, shown_mechanism};
use crate::actions::{DeclaredAction, of_tree};
use crate::check::known_actions::KnownActions;
use crate::cli::Actions;
use crate::failure::Failure;
use crate::implicit_authorization::BySession;
use crate::libvirt::needs::{self, Need};
use crate::mechanisms;
use crate::policy::permissions::PREFIX;
use crate::target;
use crate::tree::Tree;

/// Lists the actions.
///
/// # Errors
/// An action file or a directory is unreadable.
pub async fn run(options: &Actions) -> Result<u8, Failure> {
    let tree = Tree::open(options.root.as_deref())?;
    super::mechanisms::load(&tree);
    let version =
        target::resolve(&target::default_for(options.root.as_deref())).await.ok().map(|target| target.version);
    let mut found = of_tree(&tree, version)
        .map_err(|error| Failure::Unreachable(format!("cannot read the actions of {}: {error}", tree.shown(""))))?;
    let mut meant: Vec<String> = Vec::new();
    if let Some(text) = &options.pattern {
        let known = KnownActions::new(found.actions.iter().map(|declared| declared.action.id.as_str()));
        meant = known.meant(text).into_iter().map(escape).collect();
        let pattern = Glob::new(text);
        found.actions.retain(|declared| pattern.covers(&declared.action.id));
    }
    found.problems.iter().for_each(|problem| eprint(&format!("warning: {}", escape(problem))));
    if options.json {
        let actions: Vec<Value> = found.actions.iter().map(as_json).collect();
        print(&format!("{:#}", json!({ "actions": actions, "problems": found.problems })));
    } else {
        let is_one = found.actions.len() == 1;
        let text = |declared: &DeclaredAction| format!("{}{}", as_text(declared), of_mechanism(declared, is_one));
        print(found.actions.iter().map(text).collect::<Vec<_>>().join("\n").trim_end());
    }
    if !found.actions.is_empty() {
        return Ok(DONE);
    }
    let what = options.pattern.as_ref().map_or_else(String::new, |pattern| format!(" `{}`", escape(pattern)));
    let meant = if meant.is_empty() { String::new() } else { format!(": did you mean {}?", meant.join(" or ")) };
    eprint(&format!("no registered action matches{what}{meant}"));
    Ok(NOT_AS_EXPECTED)
}

fn need(declared: &DeclaredAction) -> Option<Need> {
    declared.action.id.strip_prefix(PREFIX).and_then(needs::of)
}

fn list(text: &str) -> Vec<&str> {
    text.split([',', ';']).map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn as_json(declared: &DeclaredAction) -> Value {
    let action = &declared.action;
    let BySession { any, inactive, active } = action.results;
    let annotations: serde_json::Map<String, Value> =
        action.annotations.iter().map(|(key, value)| (key.clone(), Value::from(value.trim()))).collect();
    let need = need(declared);
    json!({
        "id": action.id,
        "description": action.description.trim(),
        "defaults": { "any": any.text(), "inactive": inactive.text(), "active": active.text() },
        "annotations": annotations,
        "file": declared.file,
        "details": mechanisms::details(&action.id).unwrap_or_default(),
        "calls": need.map_or_else(Vec::new, |need| list(need.calls)),
        "virsh": need.map_or_else(Vec::new, |need| list(need.virsh)),
        "mechanism": shown_mechanism::json(&action.id, Some(any)),
        "sets": sets(&action.id),
    })
}

/// Returns the name of the mechanism, or everything that is known about it if this is the only action.
fn of_mechanism(declared: &DeclaredAction, is_one: bool) -> String {
    let action = &declared.action;
    if is_one {
        let mut lines = shown_mechanism::lines(&action.id, Some(action.results.any));
        let sets = sets(&action.id);
        if !sets.is_empty() {
            lines.push(format!("named sets with this action ([[allow]]): {}", escape(&sets.join(", "))));
        }
        return lines.iter().map(|line| format!("    {line}\n")).collect();
    }
    let name = mechanisms::of_action(&action.id).map(|mechanism| escape(&mechanism.name));
    name.map_or_else(String::new, |name| format!("    mechanism: {name}\n"))
}

/// Returns the names of the sets that have an action.
fn sets(action: &str) -> Vec<&'static str> {
    let has = |set: &&mechanisms::Set| set.all_actions().any(|known| known == action);
    mechanisms::table::sets().map(|(_, set)| set).filter(has).map(|set| set.name.as_str()).collect()
}

fn as_text(declared: &DeclaredAction) -> String {
    let action = &declared.action;
    let BySession { any, inactive, active } = action.results;
    let results =
        if any == inactive && inactive == active { any.to_string() } else { format!("{any}/{inactive}/{active}") };
    let mut out = format!("{}  {results}\n    {}\n", escape(&action.id), escape(action.description.trim()));
    for (key, value) in &action.annotations {
        let key = key.strip_prefix("org.freedesktop.policykit.").unwrap_or(key);
        out.push_str(&format!("    {}: {}\n", escape(key), escape(value.trim())));
    }
    let details = mechanisms::details(&action.id).unwrap_or_default();
    if !details.is_empty() {
        out.push_str(&format!("    details: {}\n", details.join(", ")));
    }
    for (what, text) in need(declared).into_iter().flat_map(|need| [("calls", need.calls), ("virsh", need.virsh)]) {
        if !text.is_empty() {
            out.push_str(&format!("    {what}: {text}\n"));
        }
    }
    out
}

#[cfg(test)]
#[path = "actions_tests.rs"]
mod tests;
