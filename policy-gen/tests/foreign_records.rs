//! Root applies no installation record that another user has forged. Needs root.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod foreign;
mod program;

use std::os::unix::fs::MetadataExt as _;

use foreign::{RECORD, RULES, chmod, give, is_root};
use program::{GRANT, command, err, out, policy, run, state, tree};
use sha2::{Digest as _, Sha256};

/// Returns an installation record whose removal restores `text` at `path`.
fn record(path: &str, text: &str, mode: u32, uid: u32) -> String {
    let sum: String = Sha256::digest(b"ours\n").iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"{{"pending": false, "files": [{{"path": "{path}", "sha256": "{sum}", "text": "ours\n",
           "before": {{"text": "{text}", "mode": {mode}, "uid": {uid}, "gid": 0}}}}], "directories": [], "members": []}}"#
    )
}

/// Creates a tree with a forged record, in a directory that other users cannot enter.
fn attack(path: &str, mode: u32, uid: u32) -> tempfile::TempDir {
    let root = tree();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(path, "ours\n");
    write(&format!("{RECORD}/state.json"), &record(path, "#!/bin/sh\\n", mode, uid));
    root
}

/// Returns the arguments of every command that reads or changes the tree.
fn commands(dir: &str, path: &str) -> Vec<Vec<String>> {
    let target = format!("root:{dir}");
    let all: [&[&str]; 10] = [
        &["remove", "--root", dir],
        &["remove", "--root", dir, "--dry-run"],
        &["install", path, "--root", dir],
        &["install", "--root", dir],
        &["diff", path, "--root", dir],
        &["convert", "--root", dir],
        &["check", "--root", dir],
        &["actions", "--root", dir],
        &["generate", path, "--target", &target],
        &["explain", "--root", dir, "--user", "bob", "--action", "org.example.x"],
    ];
    all.iter().map(|arguments| arguments.iter().map(|word| (*word).to_owned()).collect()).collect()
}

#[test]
fn no_command_of_root_uses_a_tree_that_another_user_owns() {
    if !is_root() {
        return;
    }
    let root = attack("bin/sh-of-root", 0o4755, 0);
    let own = root.path().join("etc/polkit-policy-gen");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("policy.toml"), GRANT).unwrap();
    give(root.path());
    let dir = root.path().to_str().unwrap();
    let before = state(root.path());
    let (_folder, path) = policy(GRANT);
    for arguments in commands(dir, &path) {
        let refused = command(&[]).args(&arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {refused:?}");
        assert_eq!(out(&refused), "", "{arguments:?}");
        let shown = err(&refused);
        assert!(shown.contains(&format!("{dir} is writable by users other than root")), "{arguments:?}: {shown}");
        assert!(shown.contains("(owner 3001, mode 0") && shown.contains("runuser"), "{arguments:?}: {shown}");
    }
    assert_eq!(state(root.path()), before);
}

#[test]
fn a_forged_record_restores_no_other_file_and_no_set_user_id_bit() {
    if !is_root() {
        return;
    }
    let (_folder, path) = policy(GRANT);
    for (file, mode, uid, why) in [
        ("bin/sh-of-root", 0o755, 0, "never written"),
        (RULES, 0o4755, 0, "set-user-ID"),
        (RULES, 0o2755, 0, "set-user-ID"),
        (RULES, 0o644, 1000, "has the old owner 1000"),
        ("etc/cron.d/x", 0o644, 0, "never written"),
    ] {
        let root = attack(file, mode, uid);
        let dir = root.path().to_str().unwrap();
        let before = state(root.path());
        for arguments in
            [&["remove", "--root", dir][..], &["install", &path, "--root", dir], &["diff", &path, "--root", dir]]
        {
            let refused = run(arguments);
            assert!(refused.status.code() == Some(1) && err(&refused).contains(why), "{file} {mode:o}: {refused:?}");
        }
        let after = state(root.path());
        let record = |line: &&String| !line.contains(RECORD);
        assert!(after.iter().filter(record).eq(before.iter().filter(record)), "{file}");
    }
}

#[test]
fn only_root_can_read_the_record_after_an_installation() {
    if !is_root() {
        return;
    }
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(GRANT);
    let mode = |path: &str| std::fs::metadata(root.path().join(path)).unwrap().mode() & 0o7777;
    let state = format!("{RECORD}/state.json");
    assert!(run(&["install", &path, "--root", dir]).status.success());
    assert_eq!((mode(RECORD), mode(&state)), (0o700, 0o600));
    chmod(&root.path().join(RECORD), 0o755);
    chmod(&root.path().join(&state), 0o644);
    let (_folder, other) = policy(&GRANT.replace("machines", "second"));
    assert!(run(&["install", &other, "--replace", "--root", dir]).status.success());
    assert_eq!((mode(RECORD), mode(&state)), (0o700, 0o600));
}
