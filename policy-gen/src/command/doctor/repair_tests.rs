use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use polkit_config::names::Names;

use super::*;
use crate::target::{JavaScript, Pkla};

const PKLA: &str = "etc/polkit-1/localauthority/50-local.d/a.pkla";
const ACTIONS: &str = "<policyconfig>\
    <action id='org.example.open'><defaults><allow_any>yes</allow_any></defaults></action>\
    <action id='org.example.run'><defaults><allow_any>no</allow_any></defaults></action>\
    <action id='org.example.stop'><defaults><allow_any>no</allow_any></defaults></action></policyconfig>";

/// polkit 0.105, which runs no rules.
const NATIVE: Target = Target { version: Version(105), pkla: Pkla::Native, javascript: JavaScript::Mozilla };
const LATER: Target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };

/// A tree with three actions and these files.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [&[("usr/share/polkit-1/actions/a.policy", ACTIONS)], files].concat() {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

fn names() -> Names {
    let passwd = "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
    Names::Root(polkit_config::names::Tree::parse(passwd, "root:x:0:\nbob:x:3002:\nvm:x:3100:\nnogroup:x:65534:\n"))
}

fn policy(tree: &Tree) -> Evaluator {
    Evaluator::open(tree, names(), NATIVE).unwrap()
}

fn entry(identity: &str, action: &str, result: &str) -> String {
    format!("[a]\nIdentity={identity}\nAction={action}\nResultAny={result}\nResultActive={result}\nResultInactive=no\n")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn fix(steps: Vec<Step>) -> Fix {
    Fix { id: "x", steps, ..Fix::default() }
}

fn directory(path: &str) -> Step {
    Step::Directory { path: path.to_owned(), mode: 0o755, owner: None }
}

/// The paths of the new texts and of the files that are gone.
fn changed(tree: &Tree, step: Step, target: Target) -> (Vec<String>, Vec<String>) {
    let changes = run(changes(&fix(vec![step]), tree, target)).unwrap();
    (changes.texts.into_iter().map(|(path, _)| path).collect(), changes.gone)
}

#[test]
fn a_file_that_is_moved_is_read_at_its_new_path_only() {
    let (_root, tree) = tree(&[("etc/polkit-1/rules.d/a.js", "text")]);
    let from = "/etc/polkit-1/rules.d/a.js".to_owned();
    let step = |to: &str| Step::Move { from: from.clone(), to: to.to_owned() };
    let moved = run(changes(&fix(vec![step("/etc/polkit-1/rules.d/a.rules")]), &tree, LATER)).unwrap();
    assert_eq!(moved.texts, [("etc/polkit-1/rules.d/a.rules".to_owned(), "text".to_owned())]);
    assert_eq!(moved.gone, ["etc/polkit-1/rules.d/a.js"]);
    let aside = changed(&tree, step("/etc/polkit-1/rules.d/a.off"), LATER);
    assert_eq!(aside, (vec![], vec!["etc/polkit-1/rules.d/a.js".to_owned()]));
}

#[test]
fn only_files_that_this_polkit_reads_are_evaluated() {
    let all = ["etc/a.rules", "etc/a.pkla", "etc/a.policy", "etc/a.txt"];
    let (_root, tree) = tree(&all.map(|path| (path, "text")));
    let read = |target: Target| {
        all.iter().filter(|path| read(&tree, path, path, target).unwrap().is_some()).copied().collect::<Vec<_>>()
    };
    assert_eq!(read(LATER), ["etc/a.rules", "etc/a.pkla", "etc/a.policy"]);
    assert_eq!(read(NATIVE), ["etc/a.pkla", "etc/a.policy"], "0.105 reads no rules");
    let gone = super::read(&tree, "etc/b.rules", "etc/b.rules", LATER);
    assert_eq!(gone, Err("/etc/b.rules has been removed".to_owned()));
    let unreadable = super::read(&tree, "etc", "etc/b.rules", LATER).unwrap_err();
    assert!(unreadable.starts_with("cannot read /etc: "), "{unreadable}");
}

#[test]
fn a_directory_that_becomes_readable_is_read_two_levels_deep() {
    let (_root, tree) =
        tree(&[("etc/l/a.pkla", "a"), ("etc/l/b/c.pkla", "c"), ("etc/l/b/d/e.pkla", "e"), ("etc/l/b/d/f/g.pkla", "g")]);
    assert_eq!(files_below(&tree, "etc/l", 0), ["etc/l/a.pkla"]);
    assert_eq!(files_below(&tree, "etc/l", 1), ["etc/l/a.pkla", "etc/l/b/c.pkla"]);
    let (texts, gone) = changed(&tree, directory("/etc/l"), NATIVE);
    assert_eq!(texts, ["etc/l/a.pkla", "etc/l/b/c.pkla", "etc/l/b/d/e.pkla"]);
    assert!(gone.is_empty());
    assert_eq!(changed(&tree, Step::Rewrite("/etc/l/a.pkla".to_owned()), NATIVE).0, ["etc/l/a.pkla"]);
}

#[test]
fn steps_that_change_no_file_of_polkit_leave_the_policy_as_it_is() {
    let (_root, tree) = tree(&[]);
    let join = Step::Join { user: "bob".to_owned(), group: "vm".to_owned() };
    let write = Step::Write { path: "/etc/a.rules".to_owned(), text: "x".to_owned() };
    for step in [join, write, Step::Install, Step::Agent, Step::RestartPolkitd, Step::Run(vec!["true".to_owned()])] {
        assert_eq!(changed(&tree, step, LATER), (vec![], vec![]));
    }
}

#[test]
fn a_file_in_which_check_finds_an_error_is_refused() {
    let (_root, tree) = tree(&[]);
    let result = |text: &str| {
        let texts = vec![(PKLA.to_owned(), text.to_owned())];
        has_no_error(&Changes { texts, gone: Vec::new() }, &tree, NATIVE)
    };
    let good = entry("unix-user:bob", "org.example.run", "yes");
    assert_eq!(result(&good), Ok(()));
    let refused = result("[a]\nword\n").unwrap_err();
    assert!(refused.starts_with(&format!("{}: ", tree.shown(PKLA))), "{refused}");
    // A warning does not refuse the repair.
    assert_eq!(result(&entry("unix-user:bob", "org.example.none", "yes")), Ok(()));
}

/// The action that the files allow to an unrelated user only after the change.
fn opens(before: &str, after: &str, request: Option<&AccessRequest>) -> Option<String> {
    let (_root, tree) = tree(&[(PKLA, before)]);
    let mut old = policy(&tree);
    let mut new = old.with_changes(&tree, &[(PKLA.to_owned(), after.to_owned())], &[]);
    opened(&mut old, &mut new, request).unwrap()
}

#[test]
fn a_repair_that_allows_an_action_to_every_user_is_found() {
    let run = "org.example.run";
    let (all, bob) = (entry("unix-user:*", run, "yes"), entry("unix-user:bob", run, "yes"));
    assert_eq!(opens(&bob, &all, None).as_deref(), Some(run));
    assert_eq!(opens(&all, &all, None), None, "it was allowed before");
    assert_eq!(opens(&all, &bob, None), None);
    assert_eq!(opens(&bob, &bob, None), None);
    let authenticated = entry("unix-user:*", run, "auth_admin");
    assert_eq!(opens(&bob, &authenticated, None), None, "an administrator still authenticates");
    // The action allows it by itself.
    assert_eq!(opens(&entry("unix-user:*", "org.example.open", "no"), &bob, None), None);
}

#[test]
fn the_action_of_the_request_is_evaluated_in_every_session() {
    let run = "org.example.run";
    let active = "[a]\nIdentity=unix-user:*\nAction=org.example.run\nResultAny=no\nResultActive=yes\n";
    let bob = entry("unix-user:bob", run, "yes");
    let request = AccessRequest { user: "bob".to_owned(), action: run.to_owned(), ..AccessRequest::default() };
    assert_eq!(opens(&bob, active, Some(&request)).as_deref(), Some(run));
    assert_eq!(opens(&bob, active, None), None);
    let other = AccessRequest { action: "org.example.stop".to_owned(), ..request };
    assert_eq!(opens(&bob, active, Some(&other)), None);
}

/// polkit's decision about bob's request with a fix that changes no file.
fn decided(before: &str, action: &str, steps: Vec<Step>) -> Option<String> {
    let (_root, tree) = tree(&[(PKLA, before)]);
    let request = AccessRequest { user: "bob".to_owned(), action: action.to_owned(), ..AccessRequest::default() };
    run(evaluate(&fix(steps), Some(&request), &tree, &mut policy(&tree))).unwrap()
}

#[test]
fn a_membership_is_evaluated_together_with_the_other_groups() {
    let run = "org.example.run";
    let join = || vec![Step::Join { user: "bob".to_owned(), group: "vm".to_owned() }];
    let vm = entry("unix-group:vm", run, "yes");
    assert_eq!(decided(&vm, run, vec![Step::RestartPolkitd]).as_deref(), Some("no"));
    assert_eq!(decided(&vm, run, join()).as_deref(), Some("yes"));
    assert_eq!(decided(&entry("unix-group:bob", run, "yes"), run, join()).as_deref(), Some("yes"));
    let none = decided(&vm, "org.example.none", join());
    assert_eq!(none.as_deref(), Some("no, because the action is not registered"));
    let netgroup = decided(&entry("unix-netgroup:n", run, "yes"), run, vec![]);
    assert_eq!(netgroup.as_deref(), Some("unknown here: it depends on netgroup n"));
}

#[test]
fn without_a_request_there_is_no_decision() {
    let (_root, tree) = tree(&[]);
    assert_eq!(run(evaluate(&fix(vec![Step::Agent]), None, &tree, &mut policy(&tree))), Ok(None));
}

#[test]
fn the_undo_of_a_fix_restores_owner_and_mode() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.rules");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4640)).unwrap();
    let stat = std::fs::metadata(&file).unwrap();
    let path = file.to_str().unwrap();
    let owner = format!("chown {}:{} {path}", stat.uid(), stat.gid());
    let undo = |step: Step| {
        let mut fix = Fix { undo: vec!["first".to_owned()], ..fix(vec![step]) };
        undo_owners(&mut fix);
        fix.undo
    };
    let first = "first".to_owned();
    assert_eq!(undo(Step::Rewrite(path.to_owned())), [owner.clone(), first.clone()]);
    assert_eq!(undo(directory(path)), [owner.clone(), first.clone()]);
    let moved = Step::Move { from: path.to_owned(), to: "/none".to_owned() };
    assert_eq!(undo(moved), [first.clone(), owner, format!("chmod 4640 {path}")]);
    assert_eq!(undo(Step::Rewrite(format!("{path}.none"))), std::slice::from_ref(&first));
    assert_eq!(undo(Step::Agent), [first]);
}
