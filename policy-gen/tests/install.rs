//! Installation into a tree and removal from it, also after an interruption.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod copied;
mod program;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use program::{GRANT, command, err, out, policy, run, state, tree};

#[test]
fn removal_restores_the_tree_before_installation() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let before = state(root.path());
    let (_folder, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'vm'\n"));
    let dry = run(&["install", &path, "--root", dir, "--dry-run"]);
    assert!(dry.status.code() == Some(4) && out(&dry).contains("\n+member www-data vm"), "{dry:?}");
    assert_eq!(run(&["diff", &path, "--root", dir]).status.code(), Some(4));
    assert_eq!(state(root.path()), before);
    assert_eq!(run(&["install", &path, "--root", dir]).status.code(), Some(0));
    assert_eq!(
        std::fs::read_to_string(root.path().join("etc/gshadow")).unwrap().lines().last(),
        Some("vm:!::alice,www-data")
    );
    assert_eq!(run(&["diff", &path, "--root", dir]).status.code(), Some(0));
    let installed = state(root.path());
    assert!(out(&run(&["install", &path, "--root", dir])).starts_with("nothing to change"));
    assert_eq!(state(root.path()), installed);
    let dry = run(&["remove", "--root", dir, "--dry-run"]);
    assert!(dry.status.code() == Some(4) && out(&dry).contains("\n-member www-data vm"), "{dry:?}");
    assert_eq!(state(root.path()), installed);
    let removed = run(&["remove", "--root", dir]);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(state(root.path()), before);
}

#[test]
fn the_policy_of_a_tree_is_the_default_and_its_fragments_apply() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let none = run(&["diff", "--root", dir]);
    assert!(none.status.code() == Some(2) && err(&none).contains("etc/polkit-policy-gen/policy.toml"), "{none:?}");
    let own = root.path().join("etc/polkit-policy-gen");
    std::fs::create_dir_all(own.join("policy.d")).unwrap();
    std::fs::write(own.join("policy.toml"), GRANT).unwrap();
    std::fs::write(own.join("policy.d/20-b.toml"), GRANT.replace("machines", "second")).unwrap();
    std::fs::write(own.join("policy.d/10-a.toml"), GRANT.replace("machines", "first")).unwrap();
    std::fs::write(own.join("policy.d/60-c.toml"), GRANT.replace("machines", "fourth")).unwrap();
    std::fs::write(own.join("policy.d/30-masked.toml"), "").unwrap();
    let shown = out(&run(&["diff", "--root", dir]));
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in {shown}"));
    assert!(at("// Grant: first") < at("// Grant: second") && at("// Grant: second") < at("// Grant: machines"));
    assert!(at("// Grant: machines") < at("// Grant: fourth"));
    let origin = "from /etc/polkit-policy-gen/policy.d/10-a.toml, /etc/polkit-policy-gen/policy.d/20-b.toml, \
                  /etc/polkit-policy-gen/policy.toml, /etc/polkit-policy-gen/policy.d/60-c.toml. ";
    assert!(shown.contains(origin), "{shown}");
}

#[test]
fn a_package_tree_needs_no_accounts_and_no_polkit() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'kvm'\n"));
    let unknown = run(&["install", &path, "--root", dir, "--vendor", "--create", "--mkdir"]);
    assert!(unknown.status.code() == Some(3) && err(&unknown).contains("--target"), "{unknown:?}");
    for target in ["debian:12", "debian:13"] {
        let installed = run(&["install", &path, "--root", dir, "--vendor", "--create", "--mkdir", "--target", target]);
        assert!(installed.status.success(), "{installed:?}");
        assert!(root.path().join("usr/share/polkit-1/rules.d/45-polkit-policy-gen.rules").is_file());
        assert!(root.path().join("usr/lib/sysusers.d/polkit-policy-gen.conf").is_file());
        assert!(!out(&installed).contains("added www-data"), "there is no group file to add it to: {installed:?}");
        assert!(run(&["remove", "--root", dir]).status.success());
        assert_eq!(state(root.path()), [""; 0], "{target}");
    }
}

#[test]
fn a_user_who_may_write_a_tree_can_install_without_root() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (folder, path) = policy(GRANT);
    let mut install = command(&["install", &path, "--root", dir]);
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("chown").args(["-R", "65534:65534", dir]).status().unwrap().success());
        install.uid(65534).gid(65534);
        // Other users may have no access to the build directory.
        let program = folder.path().join("polkit-policy-gen");
        copied::copy(env!("CARGO_BIN_EXE_polkit-policy-gen"), &program);
        install = Command::new(program);
        install.args(["install", &path, "--root", dir]).uid(65534).gid(65534).current_dir("/");
    }
    let output = install.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(err(&output).contains("these files belong to you;"), "{output:?}");
}

#[test]
fn a_killed_installation_leaves_each_file_old_or_new_and_the_next_one_finishes() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let text = |result: &str| {
        format!(
            "{}[[agent]]\nactions = ['a.b']\nusers = ['www-data']\n[[member]]\nuser = 'www-data'\ngroup = 'vm'\n",
            GRANT.replace("\"yes\"", &format!("\"{result}\""))
        )
    };
    let (_yes, yes) = policy(&text("yes"));
    let (_no, no) = policy(&text("no"));
    let rules = root.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    let mut killed = 0;
    for round in 0..60 {
        let (path, word) = if round % 2 == 0 { (&yes, "\"yes\"") } else { (&no, "\"no\"") };
        let mut child = command(&["install", path, "--replace", "--root", dir])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(300 * (round % 30)));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().signal().is_some());
        if let Ok(found) = std::fs::read_to_string(&rules) {
            assert!(found.ends_with("\n});\n"), "half a file: {found}");
        }
        if round % 3 == 2 {
            let finished = run(&["install", path, "--replace", "--root", dir]);
            assert!(finished.status.success(), "{finished:?}");
            assert!(std::fs::read_to_string(&rules).unwrap().contains(word));
        }
    }
    assert!(killed > 0, "every installation finished before it could be killed");
    assert!(run(&["remove", "--root", dir]).status.success());
    let left: Vec<String> =
        state(root.path()).into_iter().filter(|line| line.contains("policy-gen") || line.contains("/.")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_to_string(root.path().join("etc/group")).unwrap().lines().last(), Some("vm:x:3100:alice"));
}

#[test]
fn the_next_installation_removes_the_remains_of_one_that_was_killed_at_its_end() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(GRANT);
    assert!(run(&["install", &path, "--root", dir]).status.success());
    let installed = state(root.path());
    // All files exist, and so do the backups of the old files; the record of the pending changes still exists.
    let record = root.path().join("var/lib/polkit-policy-gen");
    let done = std::fs::read_to_string(record.join("state.json")).unwrap();
    std::fs::write(record.join("pending.json"), done.replace("\"pending\": false", "\"pending\": true")).unwrap();
    std::fs::write(root.path().join("etc/polkit-1/rules.d/.45-polkit-policy-gen.rules.old"), "old").unwrap();
    let finished = run(&["install", &path, "--root", dir]);
    assert!(out(&finished).contains("finished an interrupted installation"), "{finished:?}");
    assert_eq!(state(root.path()), installed);
    assert!(out(&run(&["install", &path, "--root", dir])).starts_with("nothing to change"));
}

#[test]
fn no_symbolic_link_leads_out_of_the_tree() {
    if !rustix::process::geteuid().is_root() {
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

#[test]
fn changes_between_diff_and_install_are_planned_again() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(GRANT);
    let shown = run(&["diff", &path, "--root", dir]);
    assert!(shown.status.code() == Some(4) && out(&shown).contains("+++ b/etc/polkit-1/rules.d/45-"), "{shown:?}");
    // Another program writes the same file, or runs at the same time.
    let rules = root.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    std::fs::write(&rules, "// by hand\n").unwrap();
    let refused = run(&["install", &path, "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("is not from polkit-policy-gen"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "// by hand\n");
    std::fs::remove_file(&rules).unwrap();
    let record = root.path().join("var/lib/polkit-policy-gen");
    std::fs::create_dir_all(&record).unwrap();
    let mut holder = Command::new("flock");
    holder.arg(&record).args(["sh", "-c", "echo has it; read line"]);
    let mut other = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 6];
    std::io::Read::read_exact(&mut other.stdout.take().unwrap(), &mut line).unwrap();
    let refused = run(&["install", &path, "--root", dir]);
    assert!(refused.status.code() == Some(1) && err(&refused).contains("is running"), "{refused:?}");
    drop(other.stdin.take());
    let _ = other.wait().unwrap();
    assert!(!rules.exists());
    assert!(run(&["install", &path, "--root", dir]).status.success());
}

#[test]
fn a_second_policy_file_does_not_remove_what_the_first_one_granted() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_first_folder, first) = policy(GRANT);
    let (_second_folder, second) = policy(&GRANT.replace("machines", "others").replace("\"vm\"", "\"root\""));
    assert!(run(&["install", &first, "--root", dir]).status.success());
    let before = state(root.path());
    let refused = run(&["install", &second, "--root", dir]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    for said in [first.as_str(), "grant \"machines\": org.libvirt.unix.manage", "use --replace", "Nothing was changed"]
    {
        assert!(err(&refused).contains(said), "no `{said}`: {refused:?}");
    }
    assert_eq!(state(root.path()), before);
    let listed = run(&["list", "--json", "--root", dir]);
    let listed: serde_json::Value = serde_json::from_str(&out(&listed)).unwrap();
    let sources = listed.pointer("/sources").and_then(|found| found.as_array()).unwrap();
    let of = |key: &str| sources.first().and_then(|source| source.get(key)).cloned().unwrap();
    assert_eq!((sources.len(), of("file")), (1, std::fs::canonicalize(&first).unwrap().to_str().unwrap().into()));
    // The same file with another content, and the same content again, are no loss. The time stays with the content.
    assert!(run(&["install", &first, "--root", dir]).status.success());
    assert_eq!(state(root.path()), before);
    std::fs::write(&first, GRANT.replace("machines", "renamed")).unwrap();
    assert!(run(&["install", &first, "--root", dir]).status.success());
    assert!(out(&run(&["list", "--root", dir])).contains("grant \"renamed\""));
    assert!(run(&["install", &second, "--replace", "--root", dir]).status.success());
    let listed = out(&run(&["list", "--root", dir]));
    assert!(listed.contains("grant \"others\"") && !listed.contains("renamed"), "{listed}");
}

#[test]
fn a_file_that_was_taken_out_of_the_folder_is_removed_by_the_next_installation() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let folder = root.path().join("etc/polkit-policy-gen/policy.d");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("10-a.toml"), GRANT).unwrap();
    std::fs::write(folder.join("20-b.toml"), GRANT.replace("machines", "others")).unwrap();
    assert!(run(&["install", "--root", dir]).status.success());
    let listed = out(&run(&["list", "--root", dir]));
    assert!(listed.contains("/etc/polkit-policy-gen/policy.d/10-a.toml") && listed.contains("others"), "{listed}");
    std::fs::remove_file(folder.join("20-b.toml")).unwrap();
    assert!(run(&["install", "--root", dir]).status.success());
    assert!(!out(&run(&["list", "--root", dir])).contains("others"));
    // A file elsewhere would remove the rest.
    let (_folder, other) = policy(GRANT);
    assert_eq!(run(&["install", &other, "--root", dir]).status.code(), Some(1));
    assert!(run(&["remove", "--root", dir]).status.success());
    assert_eq!(out(&run(&["list", "--root", dir])), "nothing is installed\n");
}

#[test]
fn a_file_that_is_generated_into_a_rules_directory_is_said_to_be_unrecorded() {
    let root = tree();
    let (folder, path) = policy(GRANT);
    let target = format!("root:{}", root.path().display());
    let rules = root.path().join("etc/polkit-1/rules.d/10-x.rules");
    let generate = |output: &str| run(&["generate", &path, "--target", &target, "-o", output]);
    let noted = generate(rules.to_str().unwrap());
    assert!(
        noted.status.success() && err(&noted).contains("10-x.rules is in a directory that polkit reads"),
        "{noted:?}"
    );
    let elsewhere = generate(folder.path().join("x.rules").to_str().unwrap());
    assert!(elsewhere.status.success() && !err(&elsewhere).contains("is in a directory"), "{elsewhere:?}");
}

#[test]
fn remove_names_generated_files_without_a_record() {
    let root = tempfile::tempdir().unwrap();
    let rules = root.path().join("etc/polkit-1/rules.d");
    std::fs::create_dir_all(&rules).unwrap();
    let dir = root.path().to_str().unwrap();
    let file = rules.join("45-x.rules");
    let generate =
        ["generate", "--target", "polkit:126", "--user", "root", "--action", "org.a.b.c", "--result", "yes", "-o"];
    assert_eq!(run(&[&generate[..], &[file.to_str().unwrap()]].concat()).status.code(), Some(0));
    std::fs::write(rules.join("50-own.rules"), "// from the manual: Generated by polkit-policy-gen\n").unwrap();
    let removed = run(&["remove", "--root", dir]);
    let note = format!("note: {} was not removed", file.display());
    assert!(out(&removed) == "nothing is installed\n" && err(&removed).contains(&note), "{removed:?}");
    assert!(!err(&removed).contains("50-own.rules") && file.exists(), "{removed:?}");
}
