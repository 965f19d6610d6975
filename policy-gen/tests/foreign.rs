//! Root works on nothing that other users wrote, and a user works on his own with his own rights. Needs root.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in what it is helped by, too")]

mod program;

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use program::{GRANT, command, err, out, policy, run, state, tree};
use sha2::{Digest as _, Sha256};

/// A user without rights.
const ALICE: u32 = 3001;
const RECORD: &str = "var/lib/polkit-policy-gen";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn give(path: &Path) {
    chown(path, Some(ALICE), Some(ALICE)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        std::fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}

/// A record that puts `text` back at `path`.
fn record(path: &str, text: &str, mode: u32, uid: u32) -> String {
    let sum: String = Sha256::digest(b"ours\n").iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"{{"pending": false, "files": [{{"path": "{path}", "sha256": "{sum}", "text": "ours\n",
           "before": {{"text": "{text}", "mode": {mode}, "uid": {uid}, "gid": 0}}}}], "directories": [], "members": []}}"#
    )
}

/// A tree with a record of somebody's making, in a directory that no other user can enter.
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

const RULES: &str = "etc/polkit-1/rules.d/45-polkit-policy-gen.rules";

/// Every command, on that tree.
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
fn a_tree_that_another_user_owns_is_refused_to_root() {
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
        let said = err(&refused);
        assert!(said.contains(&format!("{dir} may be written by others")), "{arguments:?}: {said}");
        assert!(said.contains("(owner 3001, mode 0") && said.contains("runuser"), "{arguments:?}: {said}");
    }
    assert_eq!(state(root.path()), before);
}

#[test]
fn a_tree_below_a_directory_of_another_user_is_refused_to_root() {
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
    // Neither through a link of root's.
    let link = tempfile::tempdir().unwrap();
    symlink(&below, link.path().join("img")).unwrap();
    let refused = run(&["remove", "--root", link.path().join("img").to_str().unwrap()]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("owner 3001"), "{refused:?}");
}

#[test]
fn a_part_of_a_tree_that_others_may_write_is_refused_to_root() {
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
            assert!(err(&refused).contains(&format!("/{part} may be written by others")), "{part}: {refused:?}");
        }
        if !part.starts_with("var/lib/dpkg") {
            let refused = run(&["remove", "--root", &dir]);
            assert!(!refused.status.success(), "{part}: {refused:?}");
        }
        assert_eq!(state(root.path()), before, "{part}");
    }
}

#[test]
fn a_record_writes_no_file_that_is_never_ours_and_no_set_user_id_bit() {
    if !is_root() {
        return;
    }
    let (_folder, path) = policy(GRANT);
    for (file, mode, uid, why) in [
        ("bin/sh-of-root", 0o755, 0, "never written"),
        (RULES, 0o4755, 0, "set-user-ID"),
        (RULES, 0o2755, 0, "set-user-ID"),
        (RULES, 0o644, 1000, "belonged to the user 1000"),
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
fn the_record_is_closed_to_others_and_an_open_one_is_closed() {
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
    assert!(run(&["install", &other, "--root", dir]).status.success());
    assert_eq!((mode(RECORD), mode(&state)), (0o700, 0o600));
}

#[test]
fn a_mask_or_fragment_of_another_user_is_refused_to_root() {
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
    // An empty file, a link to /dev/null, and the means to take a file away.
    std::fs::write(&denies, "").unwrap();
    assert_eq!(run(&["diff", "--root", dir]).status.code(), Some(4));
    chown(&denies, Some(ALICE), None).unwrap();
    let refused = run(&["diff", "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("10-deny.toml may be written"), "{refused:?}");
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
        assert!(refused.status.code() == Some(1) && err(&refused).contains("policy.d may be written"), "{refused:?}");
    }
}

#[test]
fn no_link_leads_out_of_the_tree() {
    if !is_root() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("policy.toml"), GRANT).unwrap();
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let own = root.path().join("etc/polkit-policy-gen");
    std::fs::create_dir_all(&own).unwrap();
    symlink(outside.path().join("policy.toml"), own.join("policy.toml")).unwrap();
    let refused = run(&["diff", "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("policy.toml"), "{refused:?}");
    std::fs::remove_dir(root.path().join("etc/polkit-1/rules.d")).unwrap();
    symlink(outside.path(), root.path().join("etc/polkit-1/rules.d")).unwrap();
    let (_folder, path) = policy(GRANT);
    let _ = run(&["install", &path, "--root", dir, "--mkdir"]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

/// The program where everybody can run it, as that user.
fn as_alice(folder: &Path, arguments: &[&str]) -> Command {
    let program: PathBuf = folder.join("polkit-policy-gen");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_polkit-policy-gen"), &program).unwrap();
        chmod(folder, 0o755);
    }
    let mut command = Command::new(program);
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").current_dir("/");
    command.uid(ALICE).gid(ALICE);
    command
}

#[test]
fn a_user_works_on_his_own_tree_with_his_own_rights() {
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
fn root_writes_no_output_where_another_user_may_replace_the_directory() {
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
    // In a directory of all, as /tmp, nobody can.
    chown(home.path(), Some(0), Some(0)).unwrap();
    chmod(home.path(), 0o1777);
    let written = run(&["generate", &path, "--target", "debian:13", "-o", file.to_str().unwrap()]);
    assert!(written.status.success() && file.exists(), "{written:?}");
}

#[test]
fn a_policy_file_of_another_user_is_refused_to_root_but_not_its_text() {
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
fn files_without_an_end_and_files_that_are_none_are_not_read() {
    let root = tree();
    let rules = root.path().join("etc/polkit-1/rules.d");
    let dir = root.path().to_str().unwrap();
    let sparse = rules.join("10-sparse.rules");
    std::fs::File::create(&sparse).unwrap().set_len(20 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(rules.join("20-fifo.rules")).status().unwrap().success());
    symlink("/dev/zero", rules.join("30-zero.rules")).unwrap();
    // As much memory as the program has for an ordinary tree, and no more: the rest would be the sparse file's.
    let limited = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_polkit-policy-gen");
        let mut command = Command::new("prlimit");
        command.args(["--as=2000000000", "timeout", "60", program]).args(arguments);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").output().unwrap()
    };
    let checked = limited(&["check", "--root", dir]);
    let said = out(&checked) + &err(&checked);
    for name in ["10-sparse.rules", "20-fifo.rules", "30-zero.rules"] {
        assert!(said.contains(name), "{name}: {checked:?}");
    }
    for path in ["10-sparse.rules", "20-fifo.rules"] {
        let named = limited(&["check", rules.join(path).to_str().unwrap(), "--target", "debian:13"]);
        assert_eq!(named.status.code(), Some(3), "{path}: {named:?}");
    }
    std::fs::File::create(root.path().join("etc/passwd")).unwrap().set_len(20 << 30).unwrap();
    let checked = limited(&["check", "--root", dir]);
    assert!(checked.status.code() == Some(3) && err(&checked).contains("larger than"), "{checked:?}");
}

#[test]
fn what_changes_between_diff_and_install_is_planned_anew() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(GRANT);
    let shown = run(&["diff", &path, "--root", dir]);
    assert!(shown.status.code() == Some(4) && out(&shown).contains("+++ b/etc/polkit-1/rules.d/45-"), "{shown:?}");
    // Somebody else writes the same file, or works there at the same time.
    let rules = root.path().join(RULES);
    std::fs::write(&rules, "// by hand\n").unwrap();
    let refused = run(&["install", &path, "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("not written by us"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "// by hand\n");
    std::fs::remove_file(&rules).unwrap();
    let record = root.path().join(RECORD);
    std::fs::create_dir_all(&record).unwrap();
    let mut holder = Command::new("flock");
    holder.arg(&record).args(["sh", "-c", "echo has it; read line"]);
    let mut other = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = [0; 6];
    std::io::Read::read_exact(&mut other.stdout.take().unwrap(), &mut told).unwrap();
    let refused = run(&["install", &path, "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("at work there"), "{refused:?}");
    drop(other.stdin.take());
    let _ = other.wait().unwrap();
    assert!(!rules.exists());
    assert!(run(&["install", &path, "--root", dir]).status.success());
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
    assert!(!String::from_utf8_lossy(&check().stdout).contains("PG042"), "{:?}", check());
    for (path, mode, safe) in [(rules.join("10-x.rules"), 0o664, 0o644), (rules.clone(), 0o777, 0o755)] {
        chmod(&path, mode);
        let reported = check();
        let said = String::from_utf8_lossy(&reported.stdout).into_owned();
        assert_eq!(reported.status.code(), Some(1), "{reported:?}");
        assert!(said.contains("error: PG042") && said.contains(&format!("mode {mode:04o}")), "{said}");
        chmod(&path, safe);
    }
    chown(rules.join("10-x.rules"), Some(ALICE), None).unwrap();
    assert!(String::from_utf8_lossy(&check().stdout).contains("owner 3001"), "{:?}", check());
}
