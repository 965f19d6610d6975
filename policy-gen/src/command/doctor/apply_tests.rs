use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use super::*;

/// A tree with these files, of mode 0600.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

/// The outcome of a step: nothing, or the message.
fn done(tree: &Tree, step: &Step, done: &mut Done) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(one(tree, step, done)).map_err(|failure| failure.to_string())
}

fn undone(tree: &Tree, done: Done) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(done.undo(tree, Failure::Refused("it failed".to_owned()))).to_string()
}

/// The content and the mode of a file.
fn read(root: &tempfile::TempDir, path: &str) -> Option<(String, u32)> {
    let path = root.path().join(path);
    let text = std::fs::read_to_string(&path).ok()?;
    Some((text, std::fs::metadata(path).unwrap().mode() & 0o7777))
}

fn write(path: &str, text: &str) -> Step {
    Step::Write { path: path.to_owned(), text: text.to_owned() }
}

fn content(text: &str, mode: u32) -> Option<(String, u32)> {
    Some((text.to_owned(), mode))
}

const RESTORED: &str = "it failed\nEverything that the fix changed before was restored";

#[test]
fn a_file_is_written_with_its_directories_and_the_undo_removes_all_of_them() {
    let (root, tree) = tree(&[("etc/x", "")]);
    let mut changes = Done::default();
    assert_eq!(done(&tree, &write("/etc/a/b/c.toml", "k = 1\n"), &mut changes), Ok(()));
    assert_eq!(read(&root, "etc/a/b/c.toml"), content("k = 1\n", 0o644));
    assert_eq!(changes.made.len(), 2);
    assert_eq!(undone(&tree, changes), RESTORED);
    assert!(!root.path().join("etc/a").exists() && root.path().join("etc/x").exists());
}

#[test]
fn a_file_with_other_content_is_not_replaced() {
    let (root, tree) = tree(&[("etc/a.toml", "k = 1\n")]);
    let mut changes = Done::default();
    let refused = done(&tree, &write("/etc/a.toml", "k = 2\n"), &mut changes);
    assert_eq!(refused, Err("/etc/a.toml exists and has other content. Nothing was changed".to_owned()));
    assert_eq!(read(&root, "etc/a.toml"), content("k = 1\n", 0o600));
    assert_eq!(done(&tree, &write("/etc/a.toml", "k = 1\n"), &mut changes), Ok(()));
    assert_eq!(read(&root, "etc/a.toml"), content("k = 1\n", 0o644));
    changes.written.keep();
}

#[test]
fn a_file_is_moved_and_the_undo_moves_it_back() {
    let step = |to: &str| Step::Move { from: "/etc/a.js".to_owned(), to: to.to_owned() };
    let (root, tree) = tree(&[("etc/a.js", "text"), ("etc/b.rules", "other")]);
    let mut changes = Done::default();
    let refused = done(&tree, &step("/etc/b.rules"), &mut changes);
    assert_eq!(refused, Err("/etc/b.rules exists. Nothing was changed".to_owned()));
    assert_eq!(done(&tree, &step("/etc/d/a.rules"), &mut changes), Ok(()));
    assert_eq!((read(&root, "etc/a.js"), read(&root, "etc/d/a.rules")), (None, content("text", 0o644)));
    let gone = done(&tree, &step("/etc/e.rules"), &mut changes);
    assert_eq!(gone, Err("/etc/a.js: the file has been removed. Nothing was changed".to_owned()));
    assert_eq!(undone(&tree, changes), RESTORED);
    assert_eq!(read(&root, "etc/a.js"), content("text", 0o600));
    assert!(!root.path().join("etc/d").exists());
}

#[test]
fn a_file_is_rewritten_so_that_every_user_can_read_it() {
    let (root, tree) = tree(&[("etc/a.rules", "text")]);
    let mut changes = Done::default();
    assert_eq!(done(&tree, &Step::Rewrite("/etc/a.rules".to_owned()), &mut changes), Ok(()));
    assert_eq!(read(&root, "etc/a.rules"), content("text", 0o644));
    assert!(done(&tree, &Step::Rewrite("/etc/b.rules".to_owned()), &mut changes).is_err());
    assert_eq!(undone(&tree, changes), RESTORED);
    assert_eq!(read(&root, "etc/a.rules"), content("text", 0o600));
}

#[test]
fn keys_of_a_configuration_are_commented_out_and_its_mode_remains() {
    let conf = "etc/libvirt/libvirtd.conf";
    let (root, tree) = tree(&[(conf, "auth_unix_rw = \"none\"\nmax_clients = 5\n")]);
    let step = |path: &str| Step::Unset { path: path.to_owned(), keys: vec!["auth_unix_rw"] };
    let mut changes = Done::default();
    assert_eq!(done(&tree, &step("/etc/libvirt/libvirtd.conf"), &mut changes), Ok(()));
    let (text, mode) = read(&root, conf).unwrap();
    assert!(
        text.lines().all(|line| !line.starts_with("auth_unix_rw")) && text.ends_with("max_clients = 5\n"),
        "{text}"
    );
    assert!(text.contains("# set aside by polkit-policy-gen: auth_unix_rw = \"none\""), "{text}");
    assert_eq!(mode, 0o600);
    assert!(done(&tree, &step("/etc/libvirt/virtqemud.conf"), &mut changes).is_err());
    changes.written.keep();
}

#[test]
fn a_directory_gets_its_mode_and_a_link_is_refused() {
    let (root, tree) = tree(&[("etc/d/a.rules", "")]);
    let step = |path: &str, owner: Option<&str>| Step::Directory {
        path: path.to_owned(),
        mode: 0o750,
        owner: owner.map(|owner| (owner.to_owned(), owner.to_owned())),
    };
    let mode = || std::fs::metadata(root.path().join("etc/d")).unwrap().mode() & 0o7777;
    let mut changes = Done::default();
    let unknown = done(&tree, &step("/etc/d", Some("no-such-account")), &mut changes).unwrap_err();
    assert!(unknown.starts_with("/etc/d: there is no user `no-such-account` or no group"), "{unknown}");
    assert_ne!(mode(), 0o750);
    assert_eq!(done(&tree, &step("/etc/d", None), &mut changes), Ok(()));
    assert_eq!(mode(), 0o750);
    let link: PathBuf = root.path().join("etc/link");
    std::os::unix::fs::symlink("d", link).unwrap();
    assert!(done(&tree, &step("/etc/link", None), &mut changes).is_err());
    assert!(done(&tree, &step("/etc/d/a.rules", None), &mut changes).is_err(), "a file");
}

#[test]
fn a_program_that_fails_is_a_failed_step() {
    let (_root, tree) = tree(&[]);
    let run = |program: &str| done(&tree, &Step::Run(vec![program.to_owned()]), &mut Done::default());
    assert_eq!(run("true"), Ok(()));
    assert!(run("false").is_err() && run("no-such-program").is_err());
}

#[test]
fn the_newest_change_is_undone_first() {
    let (root, tree) = tree(&[("etc/a", "first")]);
    let mut changes = Done::default();
    let moved = |from: &str, to: &str| Step::Move { from: from.to_owned(), to: to.to_owned() };
    for step in [moved("/etc/a", "/etc/b"), moved("/etc/b", "/etc/c")] {
        assert_eq!(done(&tree, &step, &mut changes), Ok(()));
    }
    assert_eq!(undone(&tree, changes), RESTORED);
    assert_eq!(
        [read(&root, "etc/a"), read(&root, "etc/b"), read(&root, "etc/c")],
        [content("first", 0o600), None, None]
    );
}

#[test]
fn the_first_version_of_a_file_that_two_steps_change_comes_back() {
    let conf = "etc/libvirt/libvirtd.conf";
    let first = "auth_unix_rw = \"none\"\naccess_drivers = [\"polkit\"]\n";
    let (root, tree) = tree(&[(conf, first)]);
    let mut changes = Done::default();
    let path = || format!("/{conf}");
    let unset = |key| Step::Unset { path: path(), keys: vec![key] };
    for step in [unset("auth_unix_rw"), unset("access_drivers"), Step::Rewrite(path()), Step::Remove(path())] {
        assert_eq!(done(&tree, &step, &mut changes), Ok(()), "{step:?}");
    }
    assert_eq!(undone(&tree, changes), RESTORED);
    assert_eq!(read(&root, conf), content(first, 0o600));
    assert_eq!(std::fs::read_dir(root.path().join("etc/libvirt")).unwrap().count(), 1);
}

#[test]
fn a_directory_gets_its_first_mode_back() {
    let (root, tree) = tree(&[("etc/d/a.rules", "")]);
    let mode = || std::fs::metadata(root.path().join("etc/d")).unwrap().mode() & 0o7777;
    let before = mode();
    let mut changes = Done::default();
    for mode in [0o750, 0o700] {
        assert_eq!(
            done(&tree, &Step::Directory { path: "/etc/d".to_owned(), mode, owner: None }, &mut changes),
            Ok(())
        );
    }
    assert_ne!(mode(), before);
    assert_eq!(undone(&tree, changes), RESTORED);
    assert_eq!(mode(), before);
}

#[test]
fn the_effect_of_a_program_is_named_as_not_restored() {
    let (_root, tree) = tree(&[]);
    let mut changes = Done::default();
    assert_eq!(done(&tree, &Step::Run(vec!["true".to_owned()]), &mut changes), Ok(()));
    assert!(done(&tree, &Step::Run(vec!["false".to_owned()]), &mut changes).is_err());
    assert_eq!(undone(&tree, changes), "it failed\nNot restored: the effect of `true`");
}

#[test]
fn the_agent_comes_back_to_the_state_that_it_had() {
    let state = |active, enabled, failed| AgentState { active, enabled, failed };
    let commands = |before: AgentState| {
        let all: Vec<String> = restoring(&before).iter().map(|argv| argv.join(" ")).collect();
        (starting(&before).join(" "), all.join("; "))
    };
    let unit = "polkit-service-agent.service";
    let reload = format!("systemctl reload {unit}");
    let start = format!("systemctl enable --now {unit}");
    let stop = format!("systemctl stop {unit}");
    let disable = format!("systemctl disable --now {unit}");
    let reset = format!("; systemctl reset-failed {unit}");
    for enabled in [false, true] {
        assert_eq!(commands(state(true, enabled, false)), (reload.clone(), reload.clone()));
    }
    assert_eq!(commands(state(false, true, false)), (start.clone(), format!("{stop}{reset}")));
    assert_eq!(commands(state(false, false, false)), (start.clone(), format!("{disable}{reset}")));
    // A unit that was failed before stays failed.
    assert_eq!(commands(state(false, true, true)), (start.clone(), stop));
    assert_eq!(commands(state(false, false, true)), (start, disable));
}

#[test]
fn a_fix_is_shown_as_the_changes_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let fix = |steps| Fix { steps, ..Fix::default() };
    let new = folder.path().join("a.toml").to_string_lossy().into_owned();
    let shown = diff(&fix(vec![write(&new, "k = 1\n"), Step::Agent])).unwrap();
    assert!(shown.contains("--- /dev/null\n") && shown.ends_with("+k = 1\n"), "{shown}");
    assert_eq!(diff(&fix(vec![Step::Agent, Step::Install])).unwrap(), "");
}
