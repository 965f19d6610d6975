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

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::open(Some(root.path())).unwrap();
        (root, tree)
    }

    /// The files of a policy with their tables.
    fn found(files: &[(&str, &str)], explicit: Option<&str>) -> Vec<(String, Vec<String>)> {
        let (root, tree) = tree();
        let source =
            |(name, text): &(&str, &str)| Source::new(format!("{}{name}", root.path().display()).as_str(), *text);
        let files: Vec<Source> = files.iter().map(source).collect();
        let (policy, _) = crate::policy::read(&files).map_err(|report| report.lines()).unwrap();
        let found = sources(&policy, &tree, explicit.map(Path::new));
        assert!(found.iter().all(|source| source.since > 1_700_000_000), "seconds since 1970");
        found.into_iter().map(|source| (source.name, source.tables)).collect()
    }

    const GRANT: &str = "[[grant]]\nname = \"g\"\nactions = [\"a.b\", \"a.c\"]\nusers = [\"bob\"]\nresult = \"yes\"\n";

    #[test]
    fn each_table_of_a_policy_is_named_with_its_file() {
        let other = "[[agent]]\nactions = [\"a.d\"]\nusers = [\"web\"]\n\
                     [[hook]]\nactions = [\"a.e\", \"a.f\"]\non_failure = \"no\"\n\
                     [[member]]\nuser = \"bob\"\ngroup = \"vm\"\n[libvirt]\nmode = \"read-only\"\n";
        let found = found(&[("/etc/b.toml", other), ("/etc/a.toml", GRANT)], None);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["/etc/a.toml", "/etc/b.toml"], "without the path of the tree");
        assert_eq!(found[0].1, ["grant \"g\": a.b, a.c"]);
        let tables = &found[1].1;
        let has = |start: &str, end: &str| tables.iter().any(|one| one.starts_with(start) && one.ends_with(end));
        assert!(has("agent \"", "\": a.d") && has("", ": a.e, a.f"), "{tables:?}");
        assert!(has("member bob of vm", "") && has("libvirt, mode read-only", ""), "{tables:?}");
        assert_eq!(tables.len(), 4, "{tables:?}");
    }

    #[test]
    fn an_explicit_file_has_its_whole_path_and_standard_input_its_name() {
        assert_eq!(found(&[("-", GRANT)], Some("-"))[0].0, "standard input");
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(found(&[("x", GRANT)], Some(path))[0].0, path);
    }
}
