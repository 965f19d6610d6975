//! The actions that the `.policy` files of a tree define.

use std::io;

use crate::target::Version;
use crate::tree::Tree;
use crate::verdict::action_file::{self, Action};

/// The directory of packages. polkit 126 and later also read the others.
const SHARED: &str = "usr/share/polkit-1/actions";
const FURTHER: [&str; 3] = ["etc/polkit-1/actions", "run/polkit-1/actions", "usr/local/share/polkit-1/actions"];
/// The first version that reads the other directories.
const FURTHER_SINCE: Version = Version(126);

/// An action and the file that defines it.
#[derive(Debug)]
pub struct DeclaredAction {
    /// The action.
    pub action: Action,
    /// The file.
    pub file: String,
}

/// All actions of a tree, and the errors in its files.
#[derive(Debug, Default)]
pub struct RegisteredActions {
    /// Sorted by id.
    pub actions: Vec<DeclaredAction>,
    /// One sentence for each error; it names the file.
    pub problems: Vec<String>,
}

/// Reads the actions of a tree. If the version of polkit is unknown, reads all directories.
///
/// # Errors
/// A directory or file is unreadable.
pub fn of_tree(tree: &Tree, version: Option<Version>) -> io::Result<RegisteredActions> {
    let mut found = RegisteredActions::default();
    let further = version.is_none_or(|version| version >= FURTHER_SINCE);
    for directory in std::iter::once(SHARED).chain(FURTHER.into_iter().filter(|_| further)) {
        for name in tree.names(directory)?.into_iter().filter(|name| name.ends_with(".policy")) {
            let path = format!("{directory}/{name}");
            let file = tree.shown(&path);
            let bytes = tree.read(&path)?.map(|contents| contents.bytes).unwrap_or_default();
            let (actions, problem) = action_file::parse(&bytes);
            let problem =
                problem.map(|(line, why)| format!("{file}: line {line}: {why}; polkit ignores the rest of the file"));
            found.problems.extend(problem);
            found.actions.extend(actions.into_iter().map(|action| DeclaredAction { action, file: file.clone() }));
        }
    }
    found.actions.sort_by(|a, b| (&a.action.id, &a.file).cmp(&(&b.action.id, &b.file)));
    Ok(found)
}
