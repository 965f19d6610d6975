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
/// A directory is unreadable.
pub fn of_tree(tree: &Tree, version: Option<Version>) -> io::Result<RegisteredActions> {
    let mut found = RegisteredActions::default();
    let further = version.is_none_or(|version| version >= FURTHER_SINCE);
    for directory in std::iter::once(SHARED).chain(FURTHER.into_iter().filter(|_| further)) {
        for name in tree.names(directory)?.into_iter().filter(|name| name.ends_with(".policy")) {
            let path = format!("{directory}/{name}");
            let file = tree.shown(&path);
            // A file can be a link: firewalld's is one of update-alternatives.
            let bytes = match tree.read_bytes(&path) {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(error) => {
                    found.problems.push(format!("{file}: {error}"));
                    continue;
                }
            };
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_that_is_a_link_is_read_and_one_that_is_unreadable_is_a_problem() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(SHARED);
        std::fs::create_dir_all(folder.join("directory.policy")).unwrap();
        let text =
            "<policyconfig><action id='a.b.c'><defaults><allow_any>no</allow_any></defaults></action></policyconfig>";
        std::fs::write(folder.join("a.choice"), text).unwrap();
        symlink("a.choice", folder.join("relative.policy")).unwrap();
        symlink(format!("/{SHARED}/a.choice"), folder.join("absolute.policy")).unwrap();
        symlink("nowhere", folder.join("dangling.policy")).unwrap();
        let found = of_tree(&Tree::open(Some(root.path())).unwrap(), None).unwrap();
        let files: Vec<&str> = found.actions.iter().map(|declared| declared.file.rsplit('/').next().unwrap()).collect();
        assert_eq!(files, ["absolute.policy", "relative.policy"]);
        assert!(found.actions.iter().all(|declared| declared.action.id == "a.b.c"));
        let about = |name: &str| found.problems.iter().any(|problem| problem.contains(name));
        assert!(about("directory.policy") && !about("relative.policy"), "{:?}", found.problems);
    }
}
