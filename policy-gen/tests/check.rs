//! `check` of test trees, of files and of standard input.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod trees;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;
use trees::{Tree, text};

/// Runs `check` for a version and returns the exit code and each finding as severity, code, file name and line.
fn checked(tree: &Tree, target: &str) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["check", "--json", "--target", target, "--root"]).arg(tree.0.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let finding = |finding: &Value| {
        let file = text(&finding["file"]).rsplit('/').next().unwrap();
        format!("{} {} {file}:{}", text(&finding["severity"]), text(&finding["code"]), finding["line"])
    };
    (output.status.code(), value["findings"].as_array().unwrap().iter().map(finding).collect())
}

#[test]
fn check_finds_files_that_the_engine_does_not_load() {
    let tree = Tree::with_rule("return null;");
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), vec![]));
    tree.write("etc/polkit-1/rules.d/20-a.rules", "var a = 1;\n\nlet b = () => a;\n");
    tree.write("etc/polkit-1/rules.d/30-b.rules", "polkit.addRule(function () { return null; });\nabsent();\n");
    tree.write("etc/polkit-1/rules.d/40-c.rules", "for (;;) { }\n");
    let (code, found) = checked(&tree, "polkit:126");
    assert_eq!(code, Some(1));
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!((&*found[0], &*found[2]), ("error PG001 20-a.rules:3", "error PG004 40-c.rules:null"));
    assert_eq!(found[1], "error PG002 30-b.rules:2");
    std::fs::remove_file(tree.0.path().join("etc/polkit-1/rules.d/40-c.rules")).unwrap();
    let (code, found) = checked(&tree, "polkit:0.115");
    assert_eq!((code, &*found[0]), (Some(0), "warning PG003 20-a.rules:3"), "{found:?}");
}

#[test]
fn check_finds_files_that_are_not_read() {
    let tree = Tree::with_rule("return null;");
    tree.write("run/polkit-1/rules.d/10-y.rules", "polkit.addRule(function () { return null; });");
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), vec![]));
    assert_eq!(checked(&tree, "polkit:122").1, ["warning PG040 10-y.rules:null"]);
    let path = tree.0.path().join("etc/polkit-1/rules.d/10-x.rules");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(checked(&tree, "polkit:126"), (Some(1), vec!["error PG041 10-x.rules:null".to_owned()]));
}

#[test]
fn check_finds_actions_that_an_earlier_file_decides_and_groups_with_other_names() {
    let tree = Tree::with_rule("if (action.id == 'org.example.run') { return 'no'; }");
    let later = "if (action.id == 'org.example.run' &&\n        subject.isInGroup('libvirtd')) { return 'yes'; }";
    tree.rule("50-y.rules", later);
    let found = |notes: &[&str]| (Some(0), notes.iter().map(|note| (*note).to_owned()).collect::<Vec<_>>());
    let earlier = ["warning PG022 50-y.rules:2", "note PG071 50-y.rules:3"];
    assert_eq!(checked(&tree, "polkit:126"), found(&earlier));
    tree.write("etc/group", "root:x:0:\nbob:x:3002:\nlibvirt:x:3100:\npolkitd:x:990:\n");
    let both = ["warning PG022 50-y.rules:2", "warning PG023 50-y.rules:3", "note PG071 50-y.rules:3"];
    assert_eq!(checked(&tree, "polkit:126"), found(&both));
    // The name sorts before the other file's name.
    std::fs::remove_file(tree.0.path().join("etc/polkit-1/rules.d/50-y.rules")).unwrap();
    tree.rule("05-y.rules", later);
    assert_eq!(checked(&tree, "polkit:126").1, ["warning PG023 05-y.rules:3", "note PG071 05-y.rules:3"]);
}

#[test]
fn check_reads_policy_files_and_explains_its_codes() {
    let tree = Tree::new();
    tree.write("policy.toml", "[[grant]]\nactions = [\"org.example.run\"]\nusers = [\"bob\"]\nresult = \"sure\"\n");
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
        command.arg("check").args(words).current_dir(tree.0.path()).stdin(Stdio::null()).output().unwrap()
    };
    let found = run(&["policy.toml", "--target", "polkit:126"]);
    let shown = String::from_utf8(found.stdout).unwrap();
    assert!(found.status.code() == Some(1) && shown.contains("PG050") && shown.contains("policy.toml:4:10"), "{shown}");
    let code = run(&["--code", "PG012"]);
    assert!(String::from_utf8(code.stdout).unwrap().starts_with("PG012 (error): polkit.Result has no such name"));
    assert_eq!(run(&["--code", "PG999"]).status.code(), Some(2));
}

/// Runs `check -` with `text` as standard input and returns the exit code and each finding with file name and line.
fn checked_from_standard_input(text: &str, words: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["check", "--json", "--target", "polkit:126", "-"]).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let shown =
        |finding: &Value| format!("{} {}:{}", text_of(finding, "code"), text_of(finding, "file"), finding["line"]);
    (output.status.code(), value["findings"].as_array().unwrap().iter().map(shown).collect())
}

#[test]
fn a_finding_in_json_has_its_end_and_a_remedy() {
    let tree = Tree::new();
    tree.write("x.rules", "polkit.addRule(function () {\n    return polkit.Result.SURE;\n});\n");
    tree.write("y.toml", "[libvirt]\nmode = \"all\"\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["check", "--json", "--target", "polkit:126"]).arg(tree.0.path().join("x.rules"));
    let output = command.arg(tree.0.path().join("y.toml")).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let place =
        |finding: &Value| ["line", "column", "end_line", "end_column"].map(|key| finding[key].as_u64().unwrap());
    let [rule, policy] = &value["findings"].as_array().unwrap()[..] else { panic!("{value}") };
    assert_eq!((text_of(rule, "code"), place(rule)), ("PG012", [2, 12, 2, 30]));
    assert_eq!(text_of(rule, "message"), "there is no polkit.Result.SURE");
    assert!(text_of(rule, "help").starts_with("use polkit.Result.NO"), "{rule}");
    assert_eq!((text_of(policy, "code"), place(policy)), ("PG050", [2, 8, 2, 13]));
    assert!(text_of(policy, "help").contains("acl"), "{policy}");
}

fn text_of<'a>(finding: &'a Value, key: &str) -> &'a str {
    text(&finding[key])
}

#[test]
fn check_reads_standard_input() {
    let found = |text: &str, words: &[&str]| checked_from_standard_input(text, words);
    let one = |finding: &str| (Some(1), vec![finding.to_owned()]);
    assert_eq!(found("// a rule\nlet a = 1;\n", &[]), one("PG001 <stdin>:2"));
    assert_eq!(found("polkit.addRule(function () { return null; });", &[]), (Some(0), vec![]));
    let entry = "# an entry\n\n[x]\nIdentity=unix-user:bob\nAction=org.example.run\nResultAny=yes \n";
    assert_eq!(found(entry, &[]).1, ["PG031 <stdin>:6"]);
    assert_eq!(found("[[grant]]\nresult = \"sure\"\n", &[]).1[0], "PG050 <stdin>:1");
    assert_eq!(found("[libvirt]\nmode = \"all\"\n", &[]).1[0], "PG050 <stdin>:2");
    // --kind overrides the guess from the content.
    assert_eq!(found("[x].concat();\n", &["--kind", "rules"]), one("PG002 <stdin>:1"));
    assert_eq!(found("", &["--kind", "pkla"]), (Some(0), vec![]));
    // Files are checked together with standard input, with any name.
    let tree = Tree::new();
    tree.write("x.rules.in", "let b = 1;\n");
    let other = tree.0.path().join("x.rules.in").display().to_string();
    let (code, both) = found("let a = 1;\n", &[&other, "--kind", "rules"]);
    assert_eq!((code, &*both[0]), (Some(1), "PG001 <stdin>:1"));
    assert!(both.len() == 2 && both[1].ends_with("x.rules.in:1"), "{both:?}");
    assert_eq!(found("let a = 1;\n", &[&other]).1, ["PG001 <stdin>:1"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    let twice = command.args(["check", "-", "-"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(twice.status.code(), Some(2), "{twice:?}");
}

#[test]
fn the_manual_page_has_every_code_and_every_option() {
    let page = include_str!("../man/polkit-policy-gen-verdicts.7");
    for code in polkit_policy_gen::lint::codes::ALL {
        let line = format!(".It {}\n{}: {}\n", code.id, code.level, code.title);
        assert!(page.contains(&line), "{line}");
    }
    let cli = <polkit_policy_gen::cli::Cli as clap::CommandFactory>::command();
    for name in ["explain", "check"] {
        let command = cli.find_subcommand(name).unwrap();
        for option in command.get_arguments().filter_map(|argument| argument.get_long()).filter(|long| *long != "help")
        {
            assert!(page.contains(&format!("Fl -{option}")), "{name} --{option}");
        }
    }
}

#[test]
fn check_warns_at_the_place_of_names_in_a_policy_that_do_not_exist() {
    let tree = Tree::new();
    let policy = "[[grant]]\nactions = [\"org.libvirt.api.domain\", \"org.libvirt.unix.read\", \"org.example.rum\"]\n\
                  users = [\"bob\", \"eve\"]\ngroups = [\"operators\"]\nresult = \"yes\"\n\
                  [[systemd]]\nunits = [\"wbe.service\"]\nverbs = [\"restart\"]\nusers = [\"bob\"]\n\
                  [[grant]]\nactions = [\"org.freedesktop.login1.reboot\"]\nusers = [\"bob\"]\nresult = \"yes\"\ndetails = { unit = \"x\" }\n";
    let names =
        ["org.libvirt.unix.monitor", "org.example.run", "eve", "operators", "wbe.service", "not a known detail"];
    let shown_of = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
        command.args(words).current_dir(tree.0.path()).stdin(Stdio::null());
        let output = command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    tree.write("policy.toml", policy);
    tree.write("var/lib/dpkg/status", "Package: polkitd\nStatus: install ok installed\nVersion: 126-2\n");
    let root = tree.0.path().display().to_string();
    let generated = shown_of(&["generate", "policy.toml", "--target", &format!("root:{root}")]);
    let installed = shown_of(&["install", "policy.toml", "--root", &root, "--dry-run"]);
    for shown in [&generated, &installed] {
        for name in names {
            assert!(shown.contains(name), "{name}: {shown}");
        }
        for place in
            ["policy.toml:2:12", "policy.toml:2:38", "policy.toml:2:63", "policy.toml:3:17", "policy.toml:7:10"]
        {
            assert!(shown.contains(place), "{place}: {shown}");
        }
    }
    // `check --root` reads the policy files of the tree.
    tree.write("etc/polkit-policy-gen/policy.toml", policy);
    let (code, found) = checked(&tree, "polkit:126");
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(found.iter().filter(|finding| finding.contains("PG051 policy.toml:2")).count(), 3, "{found:?}");
}

#[test]
fn a_right_policy_has_no_findings() {
    let tree = Tree::new();
    tree.write("etc/systemd/system/web.service", "[Service]\n");
    tree.write(
        "etc/polkit-policy-gen/policy.toml",
        "[[grant]]\nactions = [\"org.example.run\", \"org.libvirt.unix.monitor\", \"org.example.*\"]\ngroups = [\"vm\"]\nresult = \"yes\"\n",
    );
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), vec![]));
}
