use super::*;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc/open")).unwrap();
    std::fs::write(dir.path().join("etc/file"), "x").unwrap();
    dir
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn links_and_dots_stay_below_the_root() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), name: "tree" };
    symlink("/etc/file", dir.path().join("absolute")).unwrap();
    symlink("../../../../etc/file", dir.path().join("etc/above")).unwrap();
    for path in ["etc/file", "/etc/file", "absolute", "etc/above", "../../etc/file"] {
        let reached = trust.all(Path::new(path)).unwrap().unwrap();
        assert_eq!(reached.len(), 1, "{path}");
    }
    assert!(trust.all(Path::new("etc/passwd")).unwrap().is_none());
    assert!(trust.all(Path::new("")).unwrap().unwrap().is_dir());
}

#[test]
fn what_others_may_write_is_named_with_owner_and_mode() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), name: "tree" };
    chmod(&dir.path().join("etc/open"), 0o777);
    for path in ["etc/open", "etc/open/absent"] {
        let problem = trust.all(Path::new(path)).unwrap_err();
        let text = problem.to_string();
        assert!(
            text.contains("the directory") && text.contains("etc/open may") && text.contains("mode 0777"),
            "{text}"
        );
    }
    chmod(&dir.path().join("etc/file"), 0o666);
    assert!(trust.walk(Path::new("etc/file")).unwrap().is_some());
    assert!(trust.all(Path::new("etc/file")).unwrap_err().to_string().contains("the file"));
}

#[test]
fn a_file_of_another_user_is_not_controlled() {
    let dir = tree();
    // Nobody's own files are of neither root nor this number.
    let trust = Trust { root: dir.path(), owner: owner(), name: "tree" };
    let other = Trust { owner: 4_000_000_000, ..trust };
    assert_eq!(other.all(Path::new("etc/file")).is_err(), owner() != 0);
}
