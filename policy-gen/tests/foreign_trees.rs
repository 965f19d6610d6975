//! Root uses no files that other users can change, and a user can use an own tree without root. Needs root.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod foreign;
mod program;

use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use foreign::{ALICE, RECORD, RULES, chmod, give, is_root};
use program::{GRANT, command, err, out, policy, run, state, tree};

#[test]
fn root_uses_no_tree_below_a_directory_of_another_user() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let root = tree();
    let below = home.path().join("img");
    std::fs::rename(root.path(), &below).unwrap();
    chown(home.path(), Some(ALICE), Some(ALICE)).unwrap();
    let refused = run(&["remove", "--root", below.to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("owner 3001"), "{refused:?}");
    // A symbolic link of root does not change the result.
    let link = tempfile::tempdir().unwrap();
    symlink(&below, link.path().join("img")).unwrap();
    let refused = run(&["remove", "--root", link.path().join("img").to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("owner 3001"), "{refused:?}");
}

#[test]
fn root_uses_no_tree_with_a_part_that_other_users_can_write() {
    if !is_root() {
        return;
    }
    let (_folder, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'vm'\n"));
    for (part, by_mode) in [
        ("etc", true),
        ("etc/passwd", false),
        ("etc/group", false),
        ("etc/polkit-1/rules.d", true),
        (RULES, false),
        ("var/lib/dpkg/status", false),
        ("var/lib", true),
        (RECORD, false),
        (&format!("{RECORD}/state.json"), true),
    ] {
        let root = tree();
        let dir = root.path().to_str().unwrap().to_owned();
        assert!(run(&["install", &path, "--root", &dir]).status.success());
        let at = root.path().join(part);
        if by_mode {
            chmod(&at, if at.is_dir() { 0o775 } else { 0o664 });
        } else {
            chown(&at, Some(ALICE), None).unwrap();
        }
        let before = state(root.path());
        for arguments in [&["install", &path, "--root", &dir][..], &["diff", &path, "--root", &dir]] {
            let refused = run(arguments);
            assert!(matches!(refused.status.code(), Some(1 | 3)), "{part}: {refused:?}");
            assert!(
                err(&refused).contains(&format!("/{part} is writable by users other than root")),
                "{part}: {refused:?}"
            );
        }
        if !part.starts_with("var/lib/dpkg") {
            let refused = run(&["remove", "--root", &dir]);
            assert!(!refused.status.success(), "{part}: {refused:?}");
        }
        assert_eq!(state(root.path()), before, "{part}");
    }
}

#[test]
fn root_uses_no_mask_and_no_fragment_of_another_user() {
    if !is_root() {
        return;
    }
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let own = root.path().join("etc/polkit-policy-gen/policy.d");
    std::fs::create_dir_all(&own).unwrap();
    let denies = own.join("10-deny.toml");
    std::fs::write(&denies, GRANT.replace("\"yes\"", "\"no\"")).unwrap();
    std::fs::write(own.join("20-grant.toml"), GRANT).unwrap();
    assert_eq!(run(&["diff", "--root", dir]).status.code(), Some(4));
    // Test an empty file, a link to /dev/null and a removed file.
    std::fs::write(&denies, "").unwrap();
    assert_eq!(run(&["diff", "--root", dir]).status.code(), Some(4));
    chown(&denies, Some(ALICE), None).unwrap();
    let refused = run(&["diff", "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("10-deny.toml is writable"), "{refused:?}");
    std::fs::remove_file(&denies).unwrap();
    for mask in [true, false] {
        if mask {
            symlink("/dev/null", &denies).unwrap();
        } else {
            std::fs::remove_file(&denies).unwrap();
        }
        chmod(&own, 0o755);
        assert_eq!(run(&["diff", "--root", dir]).status.code(), Some(4));
        chmod(&own, 0o775);
        let refused = run(&["diff", "--root", dir]);
        assert!(refused.status.code() == Some(1) && err(&refused).contains("policy.d is writable"), "{refused:?}");
    }
}

/// Returns a command that runs a copy of the program, in a directory that all users can read, as the unprivileged user.
fn as_alice(folder: &Path, arguments: &[&str]) -> Command {
    let program: PathBuf = folder.join("polkit-policy-gen");
    if !program.exists() {
        // By another process: a test that forks would inherit the descriptor that writes the program, and exec would fail.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_polkit-policy-gen")).arg(&program).status().unwrap();
        assert!(copied.success());
        chmod(folder, 0o755);
    }
    let mut command = Command::new(program);
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").current_dir("/");
    command.uid(ALICE).gid(ALICE);
    command
}

#[test]
fn a_user_can_install_into_an_own_tree_without_root() {
    if !is_root() {
        return;
    }
    let root = tree();
    give(root.path());
    let folder = tempfile::tempdir().unwrap();
    let dir = root.path().to_str().unwrap();
    let (place, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'vm'\n"));
    give(place.path());
    let before = state(root.path());
    let installed = as_alice(folder.path(), &["install", &path, "--root", dir]).output().unwrap();
    assert!(installed.status.success(), "{installed:?}");
    for path in [RULES, "etc/group", RECORD, &format!("{RECORD}/state.json")] {
        let meta = std::fs::metadata(root.path().join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7000), (ALICE, ALICE, 0), "{path}");
    }
    let removed = as_alice(folder.path(), &["remove", "--root", dir]).output().unwrap();
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(state(root.path()), before);
}

#[test]
fn root_writes_no_output_into_a_directory_of_another_user() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    chown(home.path(), Some(ALICE), Some(ALICE)).unwrap();
    let (_folder, path) = policy(GRANT);
    let file = home.path().join("x.rules");
    let refused = run(&["generate", &path, "--target", "debian:13", "-o", file.to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("owner 3001"), "{refused:?}");
    assert!(!file.exists());
    // In a shared directory with the sticky bit, such as /tmp, other users cannot replace the file.
    chown(home.path(), Some(0), Some(0)).unwrap();
    chmod(home.path(), 0o1777);
    let written = run(&["generate", &path, "--target", "debian:13", "-o", file.to_str().unwrap()]);
    assert!(written.status.success() && file.exists(), "{written:?}");
}

#[test]
fn root_reads_a_policy_file_of_another_user_only_from_standard_input() {
    if !is_root() {
        return;
    }
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (folder, path) = policy(GRANT);
    give(folder.path());
    let refused = command(&["diff", &path, "--root", dir]).env_remove("SUDO_UID").output().unwrap();
    assert!(refused.status.code() == Some(1) && err(&refused).contains("standard input"), "{refused:?}");
    let mut as_input = command(&["diff", "-", "--root", dir]);
    let shown = as_input.stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    assert_eq!(shown.status.code(), Some(4), "{shown:?}");
}

#[test]
fn check_reports_rules_that_users_other_than_root_may_change() {
    if !is_root() {
        return;
    }
    let root = tree();
    let rules = root.path().join("etc/polkit-1/rules.d");
    std::fs::write(rules.join("10-x.rules"), "polkit.addRule(function () { return null; });\n").unwrap();
    let check = || run(&["check", "--target", "polkit:126", "--root", root.path().to_str().unwrap()]);
    assert!(!out(&check()).contains("PG042"), "{:?}", check());
    for (path, mode, safe) in [(rules.join("10-x.rules"), 0o664, 0o644), (rules.clone(), 0o777, 0o755)] {
        chmod(&path, mode);
        let reported = check();
        let shown = out(&reported);
        assert_eq!(reported.status.code(), Some(1), "{reported:?}");
        assert!(shown.contains("error: PG042") && shown.contains(&format!("mode {mode:04o}")), "{shown}");
        chmod(&path, safe);
    }
    chown(rules.join("10-x.rules"), Some(ALICE), None).unwrap();
    assert!(out(&check()).contains("owner 3001"), "{:?}", check());
}
