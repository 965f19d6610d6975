//! `explain` of test trees: the verdict names unknown facts, and endless rules are stopped.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers fail by panicking")]

mod trees;

use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use trees::{Tree, text};

/// The registered action of a tree.
const ACTION: &str = "org.example.run";

impl Tree {
    fn run(&self, target: &str, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
        command.args(["explain", "--target", target, "--root"]).arg(self.0.path()).args(more);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn explain(&self, target: &str, more: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(target, &[&["--json", "--user", "bob", "--action", ACTION], more].concat());
        let value = serde_json::from_slice(&output.stdout);
        (output.status.code(), value.unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }

    fn verdict(&self) -> Value {
        self.explain("polkit:126", &[]).1
    }
}

#[test]
fn exit_codes_depend_on_the_verdict() {
    let tree = Tree::with_rule("return subject.isInGroup('vm') ? 'yes' : action.lookup('d') === 'no' ? 'no' : null;");
    assert_eq!(tree.explain("polkit:126", &["--group", "vm"]).0, Some(0));
    assert_eq!(tree.explain("polkit:126", &["--detail", "d=no"]).0, Some(1));
    assert_eq!(tree.explain("polkit:126", &[]).0, Some(4));
    assert_eq!(tree.explain("polkit:126", &["--session", "active"]).0, Some(0));
    assert_eq!(tree.run("polkit:126", &["--user", "bob", "--action", "org.example.none"]).status.code(), Some(1));
    assert_eq!(tree.run("polkit:126", &["--user", "no-such-name", "--action", ACTION]).status.code(), Some(3));
    assert_eq!(tree.run("polkit:126", &["--user", "bob"]).status.code(), Some(2));
    assert_eq!(tree.run("host", &["--root", "/nonexistent"]).status.code(), Some(2));
}

#[test]
fn root_is_allowed_everything_that_is_registered() {
    let tree = Tree::with_rule("return 'no';");
    for user in ["root", "0"] {
        let of_root = &["--user", user, "--json", "--action"];
        for target in ["polkit:126", "polkit:0.105"] {
            let output = tree.run(target, &[&of_root[..], &[ACTION]].concat());
            let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((output.status.code(), text(&verdict["verdict"])), (Some(0), "yes"), "{target} {user}");
            assert_eq!(text(&verdict["steps"][0]["says"]), "yes: polkit allows root everything", "{target} {user}");
        }
        let unregistered = tree.run("polkit:126", &[&of_root[..], &["org.example.none"]].concat());
        assert_eq!(unregistered.status.code(), Some(1), "{user}");
    }
    assert_eq!(tree.explain("polkit:126", &[]).1["verdict"], "no", "any other user");
}

#[test]
fn a_session_without_a_seat_is_active_and_not_local() {
    let shows = "return [subject.active, subject.local, subject.seat === null].join();";
    let says = |session: &str| {
        let verdict = Tree::with_rule(shows).explain("polkit:126", &["--session", session]).1;
        text(&verdict["steps"][1]["says"]).to_owned()
    };
    assert!(says("remote").contains("`true,false,true`"), "{}", says("remote"));
    assert!(says("none").contains("`false,false,true`"), "{}", says("none"));
    // polkit has no separate implicit authorization for a remote session, and rules see that there is a session.
    assert_eq!(Tree::new().explain("polkit:126", &["--session", "remote"]).1["verdict"], "auth_admin");
    let in_session = Tree::with_rule("if (subject.session) { return 'yes'; }");
    assert_eq!(in_session.explain("polkit:126", &["--session", "remote"]).1["verdict"], "depends");
    assert_eq!(in_session.explain("polkit:126", &["--session", "none"]).1["verdict"], "auth_admin");
    assert_eq!(Tree::with_rule("if (subject.active) { return 'yes'; }").verdict()["verdict"], "auth_admin");
}

/// Only polkitd's own objects are affected if a rules file changes Object.prototype; the engine's bookkeeping is not.
#[test]
fn changes_of_object_prototype_do_not_mislead_the_engine() {
    for (name, given) in [
        ("value", "7"),
        ("get", "function () { return 'no'; }"),
        ("set", "7"),
        ("writable", "false"),
        ("lineNumber", "7"),
        ("conceal", "null"),
        ("0", "7"),
    ] {
        let tree = Tree::with_rule("subject.session = subject.pid; if (subject.user === 'bob') { throw {}; }");
        tree.write(
            "etc/polkit-1/rules.d/05-x.rules",
            format!("Object.prototype[\"{name}\"] = {given};\npolkit.addRule(function () {{ return null; }});\n"),
        );
        let verdict = tree.explain("polkit:126", &["--session", "active"]).1;
        assert_eq!(verdict["depends_on"][0], "subject.pid, which a rule reads", "{name}: {verdict}");
        let step = &verdict["steps"][1];
        assert!(text(&step["says"]).starts_with("no: the rule throws"), "{name}: {verdict}");
        assert!(text(&step["file"]).ends_with("10-x.rules") && step["line"] == 1, "{name}: {verdict}");
    }
}

#[test]
fn the_verdict_has_the_line_that_throws() {
    let verdict = Tree::with_rule("if (subject.user === 'bob') {\n        absent.indexOf('x');\n    }").verdict();
    assert_eq!((&verdict["verdict"], &verdict["decided_by"]["line"]), (&"no".into(), &3.into()), "{verdict}");
}

#[test]
fn the_verdict_has_the_deciding_rule_with_its_line_and_the_files_that_are_not_reached() {
    let tree = Tree::new();
    tree.write(
        "etc/polkit-1/rules.d/10-x.rules",
        "// one\npolkit.addRule(function () { return null; });\npolkit.addRule(function (action) {\n    return 'no';\n});\n",
    );
    tree.rule("50-later.rules", "return 'yes';");
    let verdict = tree.verdict();
    assert!(text(&verdict["decided_by"]["file"]).ends_with("etc/polkit-1/rules.d/10-x.rules"), "{verdict}");
    assert_eq!(verdict["decided_by"]["line"], 3, "{verdict}");
    assert!(text(&verdict["never_reached"][0]).ends_with("50-later.rules"), "{verdict}");
    assert!(text(&verdict["suggestions"][0]["because"]).ends_with("10-x.rules:3"), "{verdict}");
}

#[test]
fn the_verdict_suggests_a_sufficient_group() {
    let verdict = Tree::with_rule("if (subject.isInGroup('vm')) { return 'yes'; }").verdict();
    let command = text(&verdict["suggestions"][0]["command"]);
    assert!(command.starts_with("usermod --prefix /") && command.ends_with(" -aG vm bob"), "{verdict}");
    let rule = text(&verdict["suggestions"].as_array().unwrap().last().unwrap()["command"]);
    assert!(rule.ends_with("--result yes --target polkit:126"), "{verdict}");
}

/// Names and paths come from a tree that another user may have created.
#[test]
fn suggested_commands_quote_names_for_the_shell() {
    let tree = Tree::with_rule("if (subject.isInGroup('vm;id')) { return 'yes'; }");
    tree.write("etc/group", "vm;id:x:3100:\n");
    tree.write("var/lib/dpkg/status", "Package: polkitd\nStatus: install ok installed\nVersion: 126-2\n");
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a b");
    std::os::unix::fs::symlink(tree.0.path(), &root).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["explain", "--json", "--user", "bob", "--action", ACTION, "--target"]);
    let output = command.arg(format!("root:{}", root.display())).arg("--root").arg(&root).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let commands: Vec<&str> =
        value["suggestions"].as_array().unwrap().iter().filter_map(|one| one["command"].as_str()).collect();
    let expected = [
        format!("usermod --prefix '{0}' -aG 'vm;id' bob", root.display()),
        format!(
            "polkit-policy-gen generate --user bob --action {ACTION} --result yes --target 'root:{0}'",
            root.display()
        ),
    ];
    assert_eq!(commands, expected);
}

#[test]
fn a_registered_action_with_a_similar_name_is_suggested() {
    let tree = Tree::new();
    let offered = |action: &str| {
        let output = tree.run("polkit:126", &["--json", "--user", "bob", "--action", action]);
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        value["suggestions"].as_array().unwrap().iter().map(|one| text(&one["change"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(offered("org.example.urn"), ["use the registered action org.example.run"]);
    assert!(offered("org.example.something").is_empty());
    let shown = tree.run("polkit:126", &["--user", "bob", "--action", "org.example.rum"]).stdout;
    assert!(
        String::from_utf8_lossy(&shown).contains("Did you mean\n  use the registered action org.example.run"),
        "{shown:?}"
    );
}

#[test]
fn files_that_polkitd_cannot_read_are_skipped() {
    let tree = Tree::with_rule("return 'yes';");
    let path = tree.0.path().join("etc/polkit-1/rules.d/10-x.rules");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let verdict = tree.verdict();
    assert_eq!(verdict["verdict"], "auth_admin", "{verdict}");
    assert!(text(&verdict["passed_over"][0]["why"]).contains("mode 0600"), "{verdict}");
    if chown(&path, Some(990), Some(0)).is_ok() {
        assert_eq!(tree.verdict()["verdict"], "yes");
    }
}

#[test]
fn polkitd_has_the_rights_of_the_first_class_that_it_is_in() {
    let tree = Tree::with_rule("return 'yes';");
    let rules = tree.0.path().join("etc/polkit-1/rules.d");
    let path = rules.join("10-x.rules");
    if chown(&path, Some(0), Some(990)).is_err() {
        return;
    }
    let decided = |uid, gid, mode| {
        chown(&path, Some(uid), Some(gid)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        text(&tree.verdict()["verdict"]).to_owned()
    };
    for (uid, gid, mode) in [(990, 0, 0o400), (0, 990, 0o640), (0, 0, 0o604), (990, 990, 0o400)] {
        assert_eq!(decided(uid, gid, mode), "yes", "{uid}:{gid} {mode:o}");
    }
    for (uid, gid, mode) in [(990, 990, 0o044), (0, 990, 0o604), (0, 0, 0o640), (990, 0, 0o000), (0, 990, 0o200)] {
        assert_eq!(decided(uid, gid, mode), "auth_admin", "{uid}:{gid} {mode:o}");
    }
    // A directory must be readable, to list it.
    decided(0, 0, 0o644);
    for (mode, expected) in [(0o755, "yes"), (0o711, "auth_admin"), (0o700, "auth_admin")] {
        std::fs::set_permissions(&rules, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(tree.verdict()["verdict"], expected, "{mode:o}");
    }
}

#[test]
fn an_action_file_hides_the_files_of_its_name_in_later_directories() {
    let tree = Tree::new();
    tree.write(
        "etc/polkit-1/actions/x.policy",
        "<policyconfig><action id='org.example.run'><defaults><allow_any>no</allow_any></defaults></action></policyconfig>",
    );
    assert_eq!(tree.verdict()["verdict"], "no");
    let over = tree.verdict()["passed_over"].clone();
    assert_eq!(over.as_array().unwrap().len(), 1, "{over}");
    assert!(text(&over[0]["file"]).ends_with("/usr/share/polkit-1/actions/x.policy"), "{over}");
    assert!(text(&over[0]["why"]).contains("a file of this name was read before it"), "{over}");
    assert_eq!(tree.explain("polkit:125", &[]).1["verdict"], "auth_admin", "polkit 125 reads one directory");
}

#[test]
fn files_that_a_version_does_not_read_are_skipped() {
    let tree = Tree::new();
    tree.write("run/polkit-1/rules.d/10-x.rules", "polkit.addRule(function () { return 'yes'; });");
    tree.write("etc/polkit-1/localauthority/a.d/x.pkla", "[1]\nIdentity=unix-user:bob\nAction=*\nResultAny=no\n");
    let decided = |target| text(&tree.explain(target, &[]).1["verdict"]).to_owned();
    assert_eq!([decided("polkit:126"), decided("polkit:122"), decided("debian:11")], ["yes", "auth_admin", "no"]);
    let over = tree.explain("polkit:122", &[]).1["passed_over"].clone();
    assert_eq!(over.as_array().unwrap().len(), 2, "{over}");
}

#[test]
fn a_file_that_does_not_compile_is_skipped_with_its_line() {
    let tree = Tree::with_rule("return 'yes';");
    tree.write("etc/polkit-1/rules.d/05-new.rules", "\n\nlet x = () => 1;\n");
    let verdict = tree.verdict();
    assert_eq!((verdict["verdict"].clone(), verdict["passed_over"][0]["line"].clone()), ("yes".into(), 3.into()));
    // Mozilla's engine might load the file, so the verdict depends on it.
    let (code, verdict) = tree.explain("polkit:0.115", &[]);
    assert_eq!((code, verdict["verdict"].clone()), (Some(5), "depends".into()), "{verdict}");
}

#[test]
fn on_0_105_the_verdict_names_the_netgroup_of_a_pkla_entry() {
    let tree = Tree::new();
    let entry = "[1]\nIdentity=unix-netgroup:n\nAction=*\nResultAny=yes\n";
    tree.write("etc/polkit-1/localauthority/50-local.d/x.pkla", entry);
    let (code, verdict) = tree.explain("polkit:0.105", &[]);
    assert_eq!((code, text(&verdict["verdict"])), (Some(5), "depends"), "{verdict}");
    assert!(text(&verdict["depends_on"][0]).contains("netgroup n"), "{verdict}");
}

#[test]
fn the_verdict_names_unknown_facts() {
    let depends = |body: &str| text(&Tree::with_rule(body).verdict()["depends_on"][0]).to_owned();
    assert!(depends("return polkit.spawn(['/bin/x', 'y']) ? 'yes' : 'no';").contains("/bin/x y"));
    assert!(depends("try { polkit.spawn(['/bin/x']); } catch (error) { return 'no'; }").contains("/bin/x"));
    assert!(depends("if (subject.isInNetGroup('n')) { return 'yes'; }").contains("netgroup n"));
    assert!(depends("if (subject.pid == 7) { return 'yes'; }").contains("subject.pid"));
    assert!(depends("if (subject.system_unit == 'a.service') { return 'yes'; }").contains("subject.system_unit"));
    // Text that is only logged does not affect the verdict.
    let logged = Tree::with_rule("polkit.log('asked by ' + subject); return 'yes';").verdict();
    assert_eq!(logged["verdict"], "yes", "{logged}");
}

#[test]
fn endless_rules_and_rules_that_use_all_memory_are_stopped() {
    let cut = |body: &str| {
        let verdict = Tree::with_rule(body).verdict();
        assert_eq!(verdict["verdict"], "depends", "{body}: {verdict}");
        text(&verdict["depends_on"][0]).to_owned()
    };
    assert!(cut("for (;;) { }").contains("did not end within"));
    assert!(cut("var all = []; for (;;) { all.push(new Uint8Array(10000000)); }").contains("memory"));
    assert!(cut("var text = 'x'; for (;;) { text += text; }").contains("memory"));
    let recursion = Tree::with_rule("(function again() { again(); }());").verdict();
    assert_eq!(recursion["verdict"], "no", "{recursion}");
    // Requests that do not reach the endless loop still get a verdict.
    let tree = Tree::with_rule("if (action.lookup('d') === 'hang') { for (;;) { } }");
    assert_eq!(tree.explain("polkit:126", &["--detail", "d=hang"]).0, Some(5));
    assert_eq!(tree.explain("polkit:126", &[]).0, Some(4));
}

#[test]
fn the_engine_cannot_be_used_as_a_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen-js")).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}
