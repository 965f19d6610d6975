//! Files of packages: they are not judged by what an administrator would write.

use std::collections::BTreeSet;

use polkit_config::report::Level;

use super::{File, Finding};
use crate::tree::Tree;

/// The directories of packages.
const DIRECTORIES: [&str; 3] = ["usr/share/polkit-1/", "usr/lib/polkit-1/", "var/lib/polkit-1/"];
/// The lists of the files of Debian's packages.
const LISTS: &str = "var/lib/dpkg/info";

/// Removes warnings and notes about files that belong to packages. The distribution decides what they grant, and an administrator
/// cannot change them. Errors remain.
pub fn accept(findings: &mut Vec<Finding>, files: &[File], tree: &Tree) {
    let judged: BTreeSet<usize> =
        findings.iter().filter(|finding| finding.code.level != Level::Error).map(|finding| finding.file).collect();
    let below = |file: &usize| {
        let name = files.get(*file)?.source.name();
        let path = std::path::Path::new(name).strip_prefix(tree.path()).ok()?.to_string_lossy().into_owned();
        let path = path.trim_start_matches('/').to_owned();
        DIRECTORIES.iter().any(|directory| path.starts_with(directory)).then_some((*file, path))
    };
    let of_packages: Vec<(usize, String)> = judged.iter().filter_map(below).collect();
    if of_packages.is_empty() {
        return;
    }
    let owned = owned_by_dpkg(tree);
    // Without dpkg the directory decides.
    let accepted: BTreeSet<usize> = of_packages
        .into_iter()
        .filter(|(_, path)| owned.as_ref().is_none_or(|owned| owned.contains(path)))
        .map(|(file, _)| file)
        .collect();
    findings.retain(|finding| finding.code.level == Level::Error || !accepted.contains(&finding.file));
}

/// Returns the policy files of Debian's packages; `None` in a tree without dpkg.
fn owned_by_dpkg(tree: &Tree) -> Option<BTreeSet<String>> {
    let lists = tree.names(LISTS).ok()?;
    let mut owned = BTreeSet::new();
    let mut has_lists = false;
    for list in lists.into_iter().filter(|name| name.ends_with(".list")) {
        has_lists = true;
        let text = tree.read_text(&format!("{LISTS}/{list}")).unwrap_or_default();
        let paths = text.lines().filter(|line| line.contains("/polkit-1/")).map(|line| line.trim_start_matches('/'));
        owned.extend(paths.map(str::to_owned));
    }
    has_lists.then_some(owned)
}
