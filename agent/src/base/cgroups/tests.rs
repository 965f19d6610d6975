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
    let cgroups = Cgroups { top: top.path().to_owned() };
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
