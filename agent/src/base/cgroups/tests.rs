use std::os::unix::fs::PermissionsExt;

use super::*;

fn tree(cgroups: &[(&str, &str)]) -> (tempfile::TempDir, Cgroups) {
    let top = tempfile::tempdir().unwrap();
    for (path, pids) in cgroups {
        let folder = top.path().join(path);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("cgroup.procs"), pids).unwrap();
    }
    let cgroups = Cgroups { top: top.path().to_owned() };
    (top, cgroups)
}

fn pid_file(path: &Path) -> io::Result<Held> {
    PidFile::read(path)?.hold()
}

fn pids(cgroups: &Cgroups, unit: &str) -> Vec<u32> {
    let mut pids: Vec<u32> =
        cgroups.processes_of(&UnitPattern::new(unit).unwrap()).into_iter().map(SubjectPid::get).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn a_unit_has_the_processes_of_its_cgroup_and_of_those_below() {
    let (_top, cgroups) = tree(&[
        ("system.slice/apache2.service", "10\n11\n"),
        ("system.slice/apache2.service/workers", "12\n"),
        ("system.slice/cron.service", "20\n"),
    ]);
    assert_eq!(pids(&cgroups, "apache2.service"), [10, 11, 12]);
    assert_eq!(pids(&cgroups, "nginx.service"), [0u32; 0]);
}

#[test]
fn a_unit_of_a_users_manager_or_below_a_delegated_unit_is_not_found() {
    let (_top, cgroups) = tree(&[
        ("user.slice/user-1001.slice/user@1001.service/app.slice/apache2.service", "30\n"),
        ("user.slice/user-1001.slice/user@1001.service/system.slice/apache2.service", "31\n"),
        ("system.slice/lent.service/apache2.service", "32\n"),
        ("system.slice/lent.service/system.slice/apache2.service", "33\n"),
    ]);
    assert_eq!(pids(&cgroups, "apache2.service"), [0u32; 0]);
}

#[test]
fn a_unit_in_a_slice_of_its_own_is_found() {
    let (_top, cgroups) = tree(&[("web.slice/web-php.slice/php@1.service", "40\n0\n")]);
    assert_eq!(pids(&cgroups, "php@1.service"), [40]);
    assert_eq!(pids(&cgroups, "php@*.service"), [40]);
}

#[test]
fn processes_of_no_user_are_those_outside_of_every_users_slice() {
    let (_top, cgroups) = tree(&[
        ("", "1\n"),
        ("system.slice/cron.service", "20\n"),
        ("system.slice/user-1001.slice/x.service", "21\n"),
        ("user.slice", "30\n"),
        ("user.slice/user-1001.slice/user@1001.service/system.slice/x.service", "31\n"),
        ("user.slice/user-1001.slice/session-1.scope", "32\n"),
    ]);
    let mut pids: Vec<u32> = cgroups.processes_of_no_user().into_iter().map(SubjectPid::get).collect();
    pids.sort_unstable();
    assert_eq!(pids, [1, 20, 30]);
}

#[test]
fn cgroups_without_end_are_not_walked_to_their_end() {
    let top = tempfile::tempdir().unwrap();
    let mut deep = top.path().join("system.slice/a.service");
    for level in 0..100 {
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("cgroup.procs"), format!("{}\n", level + 1)).unwrap();
        deep.push("x");
    }
    let cgroups = Cgroups { top: top.path().to_owned() };
    let found = pids(&cgroups, "a.service");
    assert!(found.len() > 20 && found.len() < DEEPEST, "{}", found.len());
}

#[test]
fn the_report_of_a_pid_file_is_read_as_it_was_written() {
    let file = PidFile { pid: SubjectPid::new(42).unwrap(), owners: [0, 33] };
    assert_eq!(PidFile::from_json(&file.to_json()), Some(file));
    assert_eq!(PidFile::from_json(&serde_json::json!({ "pid": 0, "owners": [0, 0] })), None);
    assert_eq!(PidFile::from_json(&serde_json::json!({ "pid": 1, "owners": [0] })), None);
}

#[test]
fn the_unified_hierarchy_is_found_beside_the_old_ones() {
    let old = "31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";
    let new = "30 24 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate";
    assert_eq!(cgroup2_mount(old), None);
    assert_eq!(cgroup2_mount(new), Some("/sys/fs/cgroup/unified"));
    assert_eq!(cgroup2_mount(""), None);
}

#[test]
fn a_pid_file_that_others_may_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(pid_file(&path).unwrap().process.pid.get(), std::process::id());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(pid_file(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(pid_file(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_pipe_in_place_of_a_pid_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
    assert_eq!(pid_file(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_pid_file_without_a_pid_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    for text in ["", "apache2", "-1", "0", "99999999999"] {
        fs::write(&path, text).unwrap();
        assert_eq!(pid_file(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text:?}");
    }
    assert_eq!(pid_file(&folder.path().join("y.pid")).unwrap_err().kind(), io::ErrorKind::NotFound);
}
