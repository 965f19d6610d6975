use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::*;

fn tree() -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("d")).unwrap();
    std::fs::create_dir(root.path().join("e")).unwrap();
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

fn change(path: &str, text: Option<&str>) -> Change {
    let to = text.map(|text| NewFile { bytes: text.as_bytes().to_vec(), mode: 0o644, owner: None });
    Change { path: path.to_owned(), to }
}

fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for directory in ["d", "e"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    found.sort();
    found
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn changes_are_invisible_before_the_commit() {
    let (root, tree) = tree();
    std::fs::write(root.path().join("d/old"), "old").unwrap();
    std::fs::write(root.path().join("e/gone"), "gone").unwrap();
    let changes = [change("d/old", Some("new")), change("d/fresh.rules", Some("fresh")), change("e/gone", None)];
    let prepared = StagedChanges::new(&tree, &changes).unwrap();
    let seen = files(root.path());
    assert!(seen.iter().all(|(name, _)| !name.ends_with(".rules")), "{seen:?}");
    prepared.commit().unwrap().keep();
    assert_eq!(files(root.path()), pairs(&[("d/fresh.rules", "fresh"), ("d/old", "new")]));
    let mode = std::fs::metadata(root.path().join("d/fresh.rules")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[test]
fn a_drop_restores_the_same_files() {
    let (root, tree) = tree();
    let old = root.path().join("d/old");
    std::fs::write(&old, "old").unwrap();
    std::fs::write(root.path().join("e/gone"), "gone").unwrap();
    let (before, inode) = (files(root.path()), std::fs::metadata(&old).unwrap().ino());
    let changes = [change("d/old", Some("new")), change("d/fresh", Some("fresh")), change("e/gone", None)];
    drop(StagedChanges::new(&tree, &changes).unwrap());
    assert_eq!(files(root.path()), before);
    drop(StagedChanges::new(&tree, &changes).unwrap().commit().unwrap());
    assert_eq!((files(root.path()), std::fs::metadata(&old).unwrap().ino()), (before, inode));
}

#[test]
fn the_first_version_of_a_file_that_is_changed_twice_is_restored() {
    for texts in [[Some("second"), Some("third")], [Some("second"), None], [None, Some("third")], [None, None]] {
        let (root, tree) = tree();
        let (old, other) = (root.path().join("d/old"), root.path().join("d/other"));
        std::fs::write(&old, "first").unwrap();
        let (before, inode) = (files(root.path()), std::fs::metadata(&old).unwrap().ino());
        let commit = || {
            let mut committed = CommittedChanges::default();
            for text in texts {
                let changes = [change("d/old", text), change("d/other", text)];
                StagedChanges::new(&tree, &changes).unwrap().commit_to(&mut committed).unwrap();
                assert_eq!(std::fs::read_to_string(&old).ok().as_deref(), text, "{texts:?}");
                assert_eq!(std::fs::read_to_string(&other).ok().as_deref(), text, "{texts:?}");
            }
            committed
        };
        // Changes that are not committed leave the old file to those that are.
        let committed = commit();
        drop(StagedChanges::new(&tree, &[change("d/old", Some("fourth"))]).unwrap());
        drop(committed);
        assert_eq!((files(root.path()), std::fs::metadata(&old).unwrap().ino()), (before, inode), "{texts:?}");
        commit().keep();
        let last: Vec<(&str, &str)> = texts[1].iter().flat_map(|text| [("d/old", *text), ("d/other", *text)]).collect();
        assert_eq!(files(root.path()), pairs(&last), "{texts:?}");
    }
}

#[test]
fn the_last_of_several_changes_of_a_file_counts() {
    let (root, tree) = tree();
    std::fs::write(root.path().join("d/x"), "old").unwrap();
    let before = files(root.path());
    let changes = [change("d/x", Some("one")), change("d/y", Some("other")), change("d/x", Some("two"))];
    let committed = StagedChanges::new(&tree, &changes).unwrap().commit().unwrap();
    assert_eq!(files(root.path()).iter().filter(|(name, _)| !name.contains(".old")).count(), 2);
    drop(committed);
    assert_eq!(files(root.path()), before);
    StagedChanges::new(&tree, &changes).unwrap().commit().unwrap().keep();
    assert_eq!(files(root.path()), pairs(&[("d/x", "two"), ("d/y", "other")]));
}

#[test]
fn one_failed_change_undoes_all_changes() {
    let (root, tree) = tree();
    std::fs::write(root.path().join("d/old"), "old").unwrap();
    let before = files(root.path());
    let failure =
        StagedChanges::new(&tree, &[change("d/old", Some("new")), change("absent/x", Some("x"))]).unwrap_err();
    assert!(
        failure.to_string().contains("absent/x: No such file") && failure.to_string().contains("Nothing was changed.")
    );
    assert_eq!(files(root.path()), before);
    // The second rename fails because a directory has the name.
    let prepared = StagedChanges::new(&tree, &[change("d/old", Some("new")), change("e/taken", Some("x"))]).unwrap();
    std::fs::create_dir(root.path().join("e/taken")).unwrap();
    let failure = prepared.commit().unwrap_err();
    assert!(failure.to_string().contains("e/taken"), "{failure}");
    std::fs::remove_dir(root.path().join("e/taken")).unwrap();
    assert_eq!(files(root.path()), before);
}

#[test]
fn leftovers_of_a_killed_installation_are_replaced() {
    let (root, tree) = tree();
    for name in ["d/.x.new", "d/.x.old"] {
        std::fs::write(root.path().join(name), "left over").unwrap();
    }
    StagedChanges::new(&tree, &[change("d/x", Some("new"))]).unwrap().commit().unwrap().keep();
    assert_eq!(files(root.path()), pairs(&[("d/x", "new")]));
    std::fs::write(root.path().join("d/.x.old"), "left over").unwrap();
    sweep(&tree, "d/x");
    assert_eq!(files(root.path()), pairs(&[("d/x", "new")]));
}

#[test]
fn a_link_does_not_leave_the_tree() {
    let (root, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
    assert!(StagedChanges::new(&tree, &[change("link/x", Some("new"))]).is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("d/x")).unwrap();
    assert!(tree.read("d/x").is_err());
}

#[test]
fn a_restored_file_has_its_old_owner_group_and_mode() {
    // Only root can give a file to another user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (root, tree) = tree();
    for (owner, expected) in [(Some((5, 6)), (5, 6)), (None, (0, 0))] {
        let to = Some(NewFile { bytes: b"old".to_vec(), mode: 0o640, owner });
        StagedChanges::new(&tree, &[Change { path: "d/x".into(), to }]).unwrap().commit().unwrap().keep();
        let meta = std::fs::metadata(root.path().join("d/x")).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (expected.0, expected.1, 0o640));
    }
    let set_user_id = Some(NewFile { bytes: b"old".to_vec(), mode: 0o4755, owner: None });
    StagedChanges::new(&tree, &[Change { path: "d/x".into(), to: set_user_id }]).unwrap().commit().unwrap().keep();
    assert_eq!(std::fs::metadata(root.path().join("d/x")).unwrap().mode() & 0o7777, 0o755);
}
