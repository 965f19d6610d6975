use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use polkit_config::report::{Level, Source};

use super::*;
use crate::policy::Draft;

fn tree_with(mode: u32) -> (tempfile::TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str, mode: u32| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    };
    write("etc/passwd", "root:x:0:0::/:/bin/sh\nbackup:x:34:34::/:/bin/sh\n", 0o644);
    write("etc/group", "root:x:0:\n", 0o644);
    write("usr/bin/job", "#!/bin/sh\n", mode);
    let tree = Tree::open(Some(folder.path())).unwrap();
    (folder, tree)
}

fn found(root: &Path, tree: &Tree, run: &str, run_as: &str, create: bool) -> Vec<(Level, String)> {
    let text = format!("[[command]]\nname = 'job'\nrun = {run}\nrun_as = '{run_as}'\nusers = 'u'\ngroups = 'g'\n");
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (policy, report) = draft.parts();
    commands(policy, Some(&Names::of_root(root).unwrap()), Some(tree), create, report).unwrap();
    report.problems().into_iter().map(|problem| (problem.level, report.one_line(problem))).collect()
}

#[test]
fn a_note_says_what_the_command_does() {
    let (folder, tree) = tree_with(0o755);
    let all = found(folder.path(), &tree, "['/usr/bin/job', '--all']", "backup", false);
    assert_eq!(all.len(), 1, "{all:?}");
    let (level, line) = &all[0];
    assert_eq!(*level, Level::Note);
    assert!(
        line.contains(
            "user u, group g: may run `/usr/bin/job --all` as backup (systemctl start polkit-command-job.service)"
        ),
        "{line}"
    );
    let root = found(folder.path(), &tree, "['/usr/bin/job']", "root", false);
    assert!(root[0].1.contains("as root the program may do everything"), "{root:?}");
}

#[test]
fn a_program_or_user_that_does_not_exist_is_an_error() {
    let (folder, tree) = tree_with(0o644);
    let errors = |run: &str, run_as: &str, create| {
        let all = found(folder.path(), &tree, run, run_as, create);
        all.into_iter().filter(|(level, _)| *level == Level::Error).map(|(_, line)| line).collect::<Vec<_>>()
    };
    assert!(
        errors("['/usr/bin/job']", "backup", false)[0]
            .contains("p.toml:3:8: /usr/bin/job is not executable (mode 0644)")
    );
    assert!(errors("['/usr/bin/none']", "backup", false)[0].contains("there is no program /usr/bin/none"));

    assert_eq!(errors("['/usr/bin/none']", "absent", true), [""; 0], "both may be created later");
    let (folder, tree) = tree_with(0o755);
    let all = found(folder.path(), &tree, "['/usr/bin/job']", "bakup", false);
    assert!(all.iter().any(|(_, line)| line.contains("p.toml:4:10: there is no user `bakup`")), "{all:?}");
}

#[test]
fn a_writable_path_that_does_not_exist_is_a_warning() {
    let (folder, tree) = tree_with(0o755);
    let found = |path: &str| {
        let run = format!("['/usr/bin/job']\nwritable = ['{path}']");
        let all = found(folder.path(), &tree, &run, "backup", false);
        all.into_iter().filter(|(level, _)| *level == Level::Warning).map(|(_, line)| line).collect::<Vec<_>>()
    };
    assert!(found("/srv/none")[0].contains("p.toml:4:13: there is no /srv/none: the command `job` cannot start"));
    assert_eq!(found("/usr/bin"), [""; 0]);
}

#[test]
fn a_program_that_other_users_can_write_is_an_error() {
    if !rustix::process::geteuid().is_root() {
        // A tree of another user is checked with the rights of this user.
        return;
    }
    for (mode, folder_mode, is_right) in
        [(0o755, 0o755, true), (0o777, 0o755, false), (0o775, 0o755, false), (0o755, 0o777, false)]
    {
        let (folder, tree) = tree_with(mode);
        std::fs::set_permissions(folder.path().join("usr/bin"), PermissionsExt::from_mode(folder_mode)).unwrap();
        let all = found(folder.path(), &tree, "['/usr/bin/job']", "backup", false);
        let refused = all.iter().any(|(level, line)| {
            *level == Level::Error && line.contains("p.toml:3:8: users other than root can change the program")
        });
        assert_eq!(refused, !is_right, "{mode:o} {folder_mode:o} {all:?}");
    }
}
