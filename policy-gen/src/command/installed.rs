//! The policy files from which the policy of a tree is installed, and what another file would take away.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use polkit_config::escape::escape;

use crate::failure::Failure;
use crate::install::record::{Record, SourceRecord};
use crate::policy::{GrantKind, Policy};
use crate::tree::Tree;

/// The folder of the policy files that `install` reads without an argument.
const FOLDER: &str = "/etc/polkit-policy-gen/";
const STANDARD_INPUT: &str = "standard input";

/// Returns the files of a policy with their tables.
pub(super) fn sources(policy: &Policy, tree: &Tree, explicit: Option<&Path>) -> Vec<SourceRecord> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |source: &str, table: String| tables.entry(source.to_owned()).or_default().push(table);
    for grant in &policy.grants {
        if let Some(command) = policy.commands.iter().find(|command| command.at == grant.at) {
            let line: Vec<&str> = command.run.iter().map(|word| word.value.as_str()).collect();
            add(&grant.at.source, format!("command {}: {} as {}", command.name, line.join(" "), command.run_as.value));
            continue;
        }
        let kind = if grant.kind == GrantKind::Agent { "agent" } else { "grant" };
        let actions: Vec<&str> = grant.actions.iter().map(|action| action.value.as_str()).collect();
        let units: Vec<&str> = grant.subjects.units.iter().map(|unit| unit.value.as_str()).collect();
        let units = if units.is_empty() { String::new() } else { format!(" for {}", units.join(", ")) };
        add(&grant.at.source, format!("{kind} \"{}\": {}{units}", grant.label, actions.join(", ")));
    }
    for hook in &policy.hooks {
        let actions: Vec<&str> = hook.actions.iter().map(|action| action.value.as_str()).collect();
        add(&hook.at.source, format!("{}: {}", hook.label, actions.join(", ")));
    }
    for member in &policy.members {
        add(&member.user.at.source, format!("member {} of {}", member.user.value, member.group.value));
    }
    if let Some(libvirt) = &policy.libvirt {
        add(&libvirt.at.source, format!("libvirt, mode {}", libvirt.mode.text()));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let named = |name: String| match explicit {
        Some(path) if path.as_os_str() == "-" => STANDARD_INPUT.to_owned(),
        Some(path) => std::fs::canonicalize(path).map_or(name, |path| path.to_string_lossy().into_owned()),
        None if tree.is_host() => name,
        // Without the path of the tree, as on the host that the tree becomes.
        None => name.strip_prefix(tree.path().to_string_lossy().as_ref()).unwrap_or(&name).to_owned(),
    };
    tables.into_iter().map(|(name, tables)| SourceRecord { name: named(name), tables, since }).collect()
}

/// Refuses an installation that would remove what another policy file granted.
///
/// # Errors
/// [`Failure::Refused`] with the list.
pub(super) fn refuse_loss(tree: &Tree, wanted: &[SourceRecord], explicit: bool) -> Result<(), Failure> {
    let record = Record::read(tree)?;
    let is_wanted = |source: &&SourceRecord| wanted.iter().any(|one| one.name == source.name);
    // A file that was taken out of the folder is not wanted any more.
    let is_of_folder = |source: &&SourceRecord| source.name.starts_with(FOLDER);
    let lost = record.sources.iter().filter(|source| !is_wanted(source) && (explicit || !is_of_folder(source)));
    let mut text = String::new();
    for source in lost {
        text.push_str(&format!("  {}:\n", escape(&source.name)));
        source.tables.iter().for_each(|table| text.push_str(&format!("    {}\n", escape(table))));
    }
    if text.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "this would remove what another policy file granted:\n{text}To have both, copy this file to {FOLDER}policy.d and run \
         `polkit-policy-gen install`. To replace it, use --replace. Nothing was changed."
    )))
}
