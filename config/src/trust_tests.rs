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
fn links_and_dots_do_not_leave_the_root() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
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
fn a_writable_path_is_reported_with_owner_and_mode() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
    chmod(&dir.path().join("etc/open"), 0o777);
    for path in ["etc/open", "etc/open/absent"] {
        let problem = trust.all(Path::new(path)).unwrap_err();
        let text = problem.to_string();
        assert!(
            text.contains("the directory") && text.contains("etc/open is writable") && text.contains("mode 0777"),
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
    // Root owns its files in both cases, and the number belongs to no user.
    let trust = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
    let other = Trust { owner: 4_000_000_000, ..trust };
    assert_eq!(other.all(Path::new("etc/file")).is_err(), owner() != 0);
}

#[test]
fn a_file_with_one_link_may_be_in_a_sticky_directory_on_request() {
    let dir = tree();
    let strict = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
    let lenient = Trust { sticky: true, ..strict };
    chmod(&dir.path().join("etc"), 0o1777);
    assert!(strict.all(Path::new("etc/file")).is_err());
    assert!(lenient.all(Path::new("etc/file")).unwrap().is_some());
    std::fs::hard_link(dir.path().join("etc/file"), dir.path().join("another")).unwrap();
    assert!(lenient.all(Path::new("etc/file")).is_err());
    std::fs::remove_file(dir.path().join("another")).unwrap();
    chmod(&dir.path().join("etc"), 0o777);
    assert!(lenient.all(Path::new("etc/file")).is_err());
}

#[test]
fn the_root_itself_may_be_a_link() {
    let dir = tree();
    let link = dir.path().join("link");
    symlink(dir.path(), &link).unwrap();
    let trust = Trust { root: &link, owner: owner(), sticky: false, name: "tree" };
    assert!(trust.all(Path::new("")).unwrap().unwrap().is_dir());
    assert!(trust.all(Path::new("etc/file")).unwrap().unwrap().is_file());
}

#[test]
fn a_link_of_proc_is_resolved_by_the_kernel() {
    let dir = tree();
    let opened = std::fs::File::open(dir.path()).unwrap();
    let trust = Trust::of_host(owner(), "proc");
    let path = format!("/proc/self/fd/{}/etc/file", std::os::fd::AsRawFd::as_raw_fd(&opened));
    // The directories above, such as /tmp, are not checked.
    let reached = trust.all(Path::new(&path)).unwrap().unwrap();
    assert_eq!(reached.ino(), std::fs::metadata(dir.path().join("etc/file")).unwrap().ino());
    chmod(&dir.path().join("etc"), 0o777);
    assert!(trust.all(Path::new(&path)).is_err());
}

#[test]
fn a_path_that_cannot_be_read_is_an_error_and_not_missing() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
    for missing in ["etc/absent", "etc/absent/file", "etc/file/below"] {
        assert!(trust.all(Path::new(missing)).unwrap().is_none(), "{missing}");
    }
    let long = "x".repeat(300);
    for path in [format!("etc/{long}"), format!("{long}/file")] {
        let problem = trust.all(Path::new(&path)).unwrap_err().to_string();
        assert!(problem.contains("cannot stat"), "{problem}");
    }
}

#[test]
fn an_entry_of_another_user_in_a_sticky_directory_is_refused() {
    // Only root can make files of another user.
    if owner() != 0 {
        return;
    }
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: 0, sticky: true, name: "tree" };
    chmod(&dir.path().join("etc"), 0o1777);
    assert!(trust.walk(Path::new("etc/file")).unwrap().is_some());
    symlink("file", dir.path().join("etc/link")).unwrap();
    assert!(trust.walk(Path::new("etc/link")).unwrap().is_some());
    for entry in ["file", "link", "open"] {
        std::os::unix::fs::lchown(dir.path().join("etc").join(entry), Some(65534), None).unwrap();
    }
    for path in ["etc/file", "etc/link", "etc/open", "etc/open/below"] {
        let problem = trust.walk(Path::new(path)).unwrap_err().to_string();
        assert!(problem.contains("the entry") && problem.contains("owner 65534"), "{path}: {problem}");
    }
}

#[test]
fn a_group_that_may_write_is_as_bad_as_everyone() {
    let dir = tree();
    let trust = Trust { root: dir.path(), owner: owner(), sticky: false, name: "tree" };
    for mode in [0o775, 0o757] {
        chmod(&dir.path().join("etc"), mode);
        assert!(trust.walk(Path::new("etc/file")).is_err(), "{mode:o}");
    }
    chmod(&dir.path().join("etc"), 0o755);
    for mode in [0o664, 0o646] {
        chmod(&dir.path().join("etc/file"), mode);
        assert!(!trust.controls(&std::fs::metadata(dir.path().join("etc/file")).unwrap()), "{mode:o}");
    }
}
