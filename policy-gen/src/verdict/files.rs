//! The files that a polkit reads, in its order, and the files that it skips, with the reason.

mod search;

use std::collections::BTreeMap;

use polkit_config::names::Names;

use search::Search;
pub use search::{SkipReason, SkippedFile};

use super::action_file::{self, Action};
use super::pkla::{self, Pkla, Reader, Store};
use crate::failure::Failure;
use crate::target::{Target, Version};
use crate::tree::Tree;

/// The first version that also reads files below `/run` and `/usr/local/share`.
const FOUR_DIRECTORIES: Version = Version(126);
/// The directories of rules and actions in the order of their paths, and whether versions before 126 read rules there.
const PLACES: [(&str, bool); 4] = [
    ("etc/polkit-1", true),
    ("run/polkit-1", false),
    ("usr/local/share/polkit-1", false),
    ("usr/share/polkit-1", true),
];
/// The two parent directories of pkla files. Directories with the same name are sorted in this order.
const PKLA: [&str; 2] = ["var/lib/polkit-1/localauthority", "etc/polkit-1/localauthority"];

/// A rules file.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The path, as displayed.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// An action and the file that registers it.
#[derive(Clone, Debug)]
pub struct RegisteredAction {
    /// The action.
    pub action: Action,
    /// The file.
    pub file: String,
    /// Another file with a different definition, if it is uncertain which one counts (before 126).
    pub rival: Option<String>,
}

/// The files of a polkit.
#[derive(Clone, Debug)]
pub struct Files {
    /// The actions by id.
    pub actions: BTreeMap<String, RegisteredAction>,
    /// The rules in the order of execution.
    pub rules: Vec<Rules>,
    /// The pkla files, if polkit reads them.
    pub pkla: Option<Pkla>,
    /// The skipped files.
    pub skipped: Vec<SkippedFile>,
    /// Files and directories that polkitd may read but this process may not.
    pub closed_to_us: Vec<String>,
}

impl Files {
    /// Removes a rules or pkla file.
    pub fn remove(&mut self, path: &str) {
        self.rules.retain(|rules| rules.path != path);
        let stores = self.pkla.iter_mut().flat_map(|pkla| &mut pkla.stores);
        stores.for_each(|store| store.files.retain(|file| file.path != path));
    }

    /// Adds a file of rules, pkla entries or actions, or replaces the file of this path.
    pub fn overlay(&mut self, path: &str, text: &str) {
        let bytes = text.as_bytes().to_vec();
        if path.ends_with(".policy") {
            for action in action_file::parse(&bytes).0 {
                let registered = RegisteredAction { action, file: path.to_owned(), rival: None };
                self.actions.insert(registered.action.id.clone(), registered);
            }
        } else if path.ends_with(".rules") {
            self.rules.retain(|rules| rules.path != path);
            self.rules.push(Rules { path: path.to_owned(), bytes });
            let name = |rules: &Rules| rules.path.rsplit('/').next().unwrap_or_default().to_owned();
            self.rules.sort_by(|one, other| (name(one), &one.path).cmp(&(name(other), &other.path)));
        } else if let Some(pkla) = &mut self.pkla {
            // `localauthority/NAME/FILE`; the number is that of the parent directory.
            let Some(directory) = path.rsplit('/').nth(1) else { return };
            let number = usize::from(path.contains("/etc/"));
            let key = format!("{directory}-{number}");
            let (entries, _) = pkla::parse(&bytes);
            let file = pkla::File { path: path.to_owned(), entries };
            match pkla.stores.iter_mut().find(|store| store.key == key) {
                Some(store) => {
                    store.files.retain(|known| known.path != path);
                    store.files.push(file);
                }
                None => pkla.stores.push(Store { key, files: vec![file] }),
            }
            pkla.stores.sort_by(|one, other| one.key.cmp(&other.key));
        }
    }
}

/// Finds and reads the files of the polkit `target`.
///
/// # Errors
/// The user database does not answer.
pub fn read(tree: &Tree, names: &Names, target: Target) -> Result<Files, Failure> {
    let mut search = Search::of(tree, names, target)?;
    let actions = search.actions(target.version);
    let has_rules = target.version >= Version::RULES;
    let rules = search.rules(target.version, has_rules);
    let compat = rules.iter().any(|rules| rules.path.ends_with("/49-polkit-pkla-compat.rules"));
    let reader = if has_rules { Reader::Compat } else { Reader::Native };
    let pkla = if !has_rules || compat { Some(search.pkla(reader)) } else { search.unread_pkla(target.version) };
    let (mut skipped, closed_to_us) = (search.skipped, search.closed);
    skipped.sort();
    tracing::debug!(?target, rules = rules.len(), skipped = skipped.len(), "read the policy");
    Ok(Files { actions, rules, pkla, skipped, closed_to_us })
}

/// The pkla files of a tree.
#[derive(Clone, Debug)]
pub struct PklaFiles {
    /// The entries.
    pub pkla: Pkla,
    /// The skipped files.
    pub skipped: Vec<SkippedFile>,
    /// Files and directories that polkitd may read but this process may not.
    pub closed_to_us: Vec<String>,
}

/// Reads the pkla files of a tree, even if its polkit does not read them: as polkit 0.105 does if `target` is 0.105, otherwise as
/// polkit-pkla-compat does.
///
/// # Errors
/// The user database does not answer.
pub fn pkla(tree: &Tree, names: &Names, target: Target) -> Result<PklaFiles, Failure> {
    let mut search = Search::of(tree, names, target)?;
    let pkla = search.pkla(if target.version >= Version::RULES { Reader::Compat } else { Reader::Native });
    search.skipped.sort();
    Ok(PklaFiles { pkla, skipped: search.skipped, closed_to_us: search.closed })
}

impl Search<'_> {
    fn actions(&mut self, version: Version) -> BTreeMap<String, RegisteredAction> {
        let mut actions: BTreeMap<String, RegisteredAction> = BTreeMap::new();
        let mut done = Vec::new();
        for (place, _) in PLACES {
            // Up to 125 there is only one directory of actions.
            let reads = version >= FOUR_DIRECTORIES || place == "usr/share/polkit-1";
            for (path, name) in self.list(&format!("{place}/actions"), ".policy", reads, version) {
                if done.contains(&name) {
                    self.skip_other(&path, "a file of this name was read before it");
                    continue;
                }
                let Some(bytes) = self.read(&path) else { continue };
                let (found, error) = action_file::parse(&bytes);
                match error {
                    Some((line, why)) => {
                        self.skip(&path, Some(line), SkipReason::ActionError(why));
                    }
                    None => done.push(name),
                }
                let file = self.tree.shown(&path);
                for action in found {
                    let earlier = actions.get(&action.id).filter(|earlier| {
                        let same =
                            (earlier.action.results, &earlier.action.implies) == (action.results, &action.implies);
                        version < FOUR_DIRECTORIES && !same && earlier.file != file
                    });
                    let rival = earlier.map(|earlier| earlier.file.clone());
                    actions.insert(action.id.clone(), RegisteredAction { action, file: file.clone(), rival });
                }
            }
        }
        actions
    }

    fn rules(&mut self, version: Version, has_rules: bool) -> Vec<Rules> {
        let mut found = Vec::new();
        for (place, always) in PLACES {
            let reads = has_rules && (always || version >= FOUR_DIRECTORIES);
            found.extend(self.list(&format!("{place}/rules.d"), ".rules", reads, version));
        }
        // Sorted by name, and for equal names by path.
        found.sort_by(|(path, name), (other_path, other)| (name, path).cmp(&(other, other_path)));
        let read = |(path, _): (String, String)| {
            let bytes = self.read(&path)?;
            Some(Rules { path: self.tree.shown(&path), bytes })
        };
        found.into_iter().filter_map(read).collect()
    }

    fn pkla(&mut self, reader: Reader) -> Pkla {
        let mut stores = Vec::new();
        for (number, top) in PKLA.iter().enumerate() {
            if !self.enter(top) {
                continue;
            }
            for name in self.tree.names(top).unwrap_or_default() {
                let path = format!("{top}/{name}");
                if name.ends_with(".pkla") && !self.tree.has_directory(&path).unwrap_or(false) {
                    self.skip(&path, None, SkipReason::PklaDirectory);
                    continue;
                }
                if !self.tree.has_directory(&path).unwrap_or(false) {
                    continue;
                }
                stores.push(Store { key: format!("{name}-{number}"), files: self.pkla_files(&path) });
            }
        }
        stores.sort_by(|a, b| a.key.cmp(&b.key));
        Pkla { reader, stores }
    }

    fn pkla_files(&mut self, directory: &str) -> Vec<pkla::File> {
        let mut files = Vec::new();
        if !self.enter(directory) {
            return files;
        }
        for name in self.tree.names(directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            if self.tree.has_directory(&path).unwrap_or(false) {
                continue;
            }
            if !name.ends_with(".pkla") || name.starts_with('.') {
                if name.starts_with('.') {
                    self.skip_other(&path, "its name begins with a dot");
                } else {
                    self.skip(&path, None, SkipReason::PklaSuffix);
                }
                continue;
            }
            let Some(bytes) = self.read(&path) else { continue };
            let (entries, dropped) = pkla::parse(&bytes);
            let whole = entries.is_empty() && super::keyfile::parse(&bytes).is_err();
            for dropped in dropped {
                self.skip(&path, Some(dropped.line), SkipReason::Other(dropped.why));
            }
            if !whole {
                files.push(pkla::File { path: self.tree.shown(&path), entries });
            }
        }
        files
    }

    /// Records the pkla files that polkit does not read.
    fn unread_pkla(&mut self, version: Version) -> Option<Pkla> {
        for top in PKLA {
            for directory in self.tree.names(top).unwrap_or_default() {
                for name in self.tree.names(&format!("{top}/{directory}")).unwrap_or_default() {
                    if name.ends_with(".pkla") {
                        self.skip(&format!("{top}/{directory}/{name}"), None, SkipReason::NeedsPklaCompat(version));
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
