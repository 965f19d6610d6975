use super::*;

fn tree(cgroups: &[(&str, &str)]) -> (tempfile::TempDir, Cgroups) {
    let top = tempfile::tempdir().unwrap();
    for (path, pids) in cgroups {
        let folder = top.path().join(path);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("cgroup.procs"), pids).unwrap();
    }
    let cgroups = Cgroups::of_folder(top.path());
    (top, cgroups)
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
fn processes_outside_user_slices_are_found() {
    let (_top, cgroups) = tree(&[
        ("", "1\n"),
        ("system.slice/cron.service", "20\n"),
        ("system.slice/user-1001.slice/x.service", "21\n"),
        ("user.slice", "30\n"),
        ("user.slice/user-1001.slice/user@1001.service/system.slice/x.service", "31\n"),
        ("user.slice/user-1001.slice/session-1.scope", "32\n"),
    ]);
    let mut pids: Vec<u32> = cgroups.processes_outside_user_slices().into_iter().map(SubjectPid::get).collect();
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
    let cgroups = Cgroups::of_folder(top.path());
    let found = pids(&cgroups, "a.service");
    assert!(found.len() > 20 && found.len() < DEEPEST, "{}", found.len());
}

#[test]
fn the_unified_hierarchy_is_found_beside_the_old_ones() {
    let old = "31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";
    let new = "30 24 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate";
    assert_eq!(cgroup2_mount(old), None);
    assert_eq!(cgroup2_mount(new), Some("/sys/fs/cgroup/unified"));
    assert_eq!(cgroup2_mount(""), None);
}

fn outside(cgroups: &Cgroups, unit: &str) -> io::Result<Vec<u32>> {
    let mut pids: Vec<u32> = cgroups.processes_outside(unit)?.into_iter().map(SubjectPid::get).collect();
    pids.sort_unstable();
    Ok(pids)
}

#[test]
fn the_processes_outside_a_unit_are_all_but_its_own() {
    let (_top, cgroups) = tree(&[
        ("", "1\n"),
        ("system.slice/a.service", "10\n"),
        ("system.slice/a.service/workers", "11\n"),
        ("system.slice/b.service", "20\n"),
        ("user.slice/user-1001.slice/session-1.scope", "30\n"),
    ]);
    assert_eq!(outside(&cgroups, "/system.slice/a.service").unwrap(), [1, 20, 30]);
}

#[test]
fn cgroups_that_were_not_walked_to_their_end_are_an_error_for_the_processes_outside_a_unit() {
    let (top, cgroups) = tree(&[("", "1\n"), ("system.slice/a.service", "10\n")]);
    let mut deep = top.path().join("system.slice/b.service");
    (0..DEEPEST).for_each(|_| deep.push("x"));
    fs::create_dir_all(&deep).unwrap();
    assert!(outside(&cgroups, "/system.slice/a.service").is_err());
}

#[test]
fn a_unit_is_delegated_if_another_user_than_root_owns_it_or_systemd_marked_it() {
    // Only root can give a folder to another user.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (top, cgroups) = tree(&[("system.slice/a.service", "10\n")]);
    let folder = top.path().join("system.slice/a.service");
    assert!(!cgroups.is_delegated("/system.slice/a.service").unwrap());
    std::os::unix::fs::chown(&folder, Some(33), None).unwrap();
    assert!(cgroups.is_delegated("/system.slice/a.service").unwrap());
    std::os::unix::fs::chown(&folder, Some(0), None).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    // A file system without extended attributes cannot have the mark.
    if rustix::fs::setxattr(&folder, "user.delegate", b"1", flags).is_ok() {
        assert!(cgroups.is_delegated("/system.slice/a.service").unwrap());
    }
    assert_eq!(cgroups.is_delegated("/system.slice/missing.service").unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_walk_that_was_cut_anywhere_gives_no_list() {
    let deep = (0..=DEEPEST).map(|_| "x").collect::<Vec<_>>().join("/");
    let siblings: Vec<String> = (0..16).map(|number| format!("system.slice/s{number}.service")).collect();
    let mut cgroups: Vec<(&str, &str)> = siblings.iter().map(|path| (path.as_str(), "")).collect();
    let (_whole, cgroups_of_whole) = tree(&cgroups);
    assert!(cgroups_of_whole.processes_outside("/system.slice/s0.service").is_ok());
    cgroups.push((&deep, "7\n"));
    let (_cut, cgroups_of_cut) = tree(&cgroups);
    assert!(cgroups_of_cut.processes_outside("/system.slice/s0.service").is_err());
}

#[test]
fn a_walk_ends_at_its_depth_and_says_so() {
    let folders = |depth: usize| {
        let path = (0..depth).map(|_| "a").collect::<Vec<_>>().join("/");
        tree(&[(&path, "7\n")])
    };
    let (_top, deepest) = folders(DEEPEST);
    assert_eq!(deepest.processes_outside_user_slices().into_iter().map(SubjectPid::get).collect::<Vec<_>>(), [7]);
    assert_eq!(deepest.processes_outside("/x.service").unwrap().len(), 1);
    let (_top, deeper) = folders(DEEPEST + 1);
    assert!(deeper.processes_outside_user_slices().is_empty() && deeper.processes_outside("/x.service").is_err());
    let in_unit = |depth: usize| {
        let below = (0..depth).map(|_| "a").collect::<Vec<_>>().join("/");
        let (_top, cgroups) = tree(&[(&format!("a.service/{below}"), "7\n")]);
        pids(&cgroups, "a.service").len()
    };
    assert_eq!([in_unit(DEEPEST - 1), in_unit(DEEPEST)], [1, 0]);
}
