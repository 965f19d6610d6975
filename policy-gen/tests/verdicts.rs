//! `explain` on trees of its own: what cannot be known is said, and what does not end is cut off.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic, in what it is helped by, too"
)]

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const ACTION: &str = "org.example.run";

struct Tree(tempfile::TempDir);

impl Tree {
    /// Accounts, and one action that wants an administrator.
    fn new() -> Self {
        let tree = Self(tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap());
        tree.write("etc/passwd", "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\npolkitd:x:990:990::/:/bin/sh\n");
        tree.write("etc/group", "root:x:0:\nbob:x:3002:\nvm:x:3100:\npolkitd:x:990:\n");
        tree.write(
            "usr/share/polkit-1/actions/x.policy",
            "<policyconfig><action id='org.example.run'><defaults><allow_any>auth_admin</allow_any>\
             <allow_active>yes</allow_active></defaults></action></policyconfig>",
        );
        tree
    }

    fn with_rule(rule: &str) -> Self {
        let tree = Self::new();
        tree.rule("10-x.rules", rule);
        tree
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn rule(&self, name: &str, body: &str) {
        let text = format!("polkit.addRule(function (action, subject) {{\n    {body}\n}});\n");
        self.write(&format!("etc/polkit-1/rules.d/{name}"), text);
    }

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

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn exit_codes_tell_the_verdict() {
    let tree = Tree::with_rule("return subject.isInGroup('vm') ? 'yes' : action.lookup('d') === 'no' ? 'no' : null;");
    assert_eq!(tree.explain("polkit:126", &["--group", "vm"]).0, Some(0));
    assert_eq!(tree.explain("polkit:126", &["--detail", "d=no"]).0, Some(1));
    assert_eq!(tree.explain("polkit:126", &[]).0, Some(4));
    assert_eq!(tree.explain("polkit:126", &["--session", "active"]).0, Some(0));
    assert_eq!(tree.run("polkit:126", &["--user", "bob", "--action", "org.example.none"]).status.code(), Some(1));
    assert_eq!(tree.run("polkit:126", &["--user", "nobody-there", "--action", ACTION]).status.code(), Some(1));
    assert_eq!(tree.run("polkit:126", &["--user", "bob"]).status.code(), Some(2));
    assert_eq!(tree.run("host", &["--root", "/nonexistent"]).status.code(), Some(2));
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
    // polkit has no default of its own for it, and rules see that there is a session.
    assert_eq!(Tree::new().explain("polkit:126", &["--session", "remote"]).1["verdict"], "auth_admin");
    let in_session = Tree::with_rule("if (subject.session) { return 'yes'; }");
    assert_eq!(in_session.explain("polkit:126", &["--session", "remote"]).1["verdict"], "depends");
    assert_eq!(in_session.explain("polkit:126", &["--session", "none"]).1["verdict"], "auth_admin");
    assert_eq!(Tree::with_rule("if (subject.active) { return 'yes'; }").verdict()["verdict"], "auth_admin");
}

/// What a rules file does to the objects that all objects inherit from is polkitd's matter, and none of the engine's own.
#[test]
fn what_all_objects_inherit_does_not_mislead_the_engine() {
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
fn the_rule_that_decides_is_named_with_its_line_and_what_it_hides() {
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
fn the_group_that_would_do_is_offered() {
    let verdict = Tree::with_rule("if (subject.isInGroup('vm')) { return 'yes'; }").verdict();
    assert_eq!(verdict["suggestions"][0]["command"], "usermod -aG vm bob", "{verdict}");
}

#[test]
fn files_that_polkitd_cannot_read_are_passed_over() {
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
fn what_a_version_does_not_read_is_passed_over() {
    let tree = Tree::new();
    tree.write("run/polkit-1/rules.d/10-x.rules", "polkit.addRule(function () { return 'yes'; });");
    tree.write("etc/polkit-1/localauthority/a.d/x.pkla", "[1]\nIdentity=unix-user:bob\nAction=*\nResultAny=no\n");
    let decided = |target| text(&tree.explain(target, &[]).1["verdict"]).to_owned();
    assert_eq!([decided("polkit:126"), decided("polkit:122"), decided("debian:11")], ["yes", "auth_admin", "no"]);
    let over = tree.explain("polkit:122", &[]).1["passed_over"].clone();
    assert_eq!(over.as_array().unwrap().len(), 2, "{over}");
}

#[test]
fn a_file_that_does_not_compile_is_dropped_with_its_line() {
    let tree = Tree::with_rule("return 'yes';");
    tree.write("etc/polkit-1/rules.d/05-new.rules", "\n\nlet x = () => 1;\n");
    let verdict = tree.verdict();
    assert_eq!((verdict["verdict"].clone(), verdict["passed_over"][0]["line"].clone()), ("yes".into(), 3.into()));
    // Mozilla's engine might take it, and what it then says.
    let (code, verdict) = tree.explain("polkit:0.115", &[]);
    assert_eq!((code, verdict["verdict"].clone()), (Some(5), "depends".into()), "{verdict}");
}

#[test]
fn what_nobody_knows_is_named() {
    let depends = |body: &str| text(&Tree::with_rule(body).verdict()["depends_on"][0]).to_owned();
    assert!(depends("return polkit.spawn(['/bin/x', 'y']) ? 'yes' : 'no';").contains("/bin/x y"));
    assert!(depends("try { polkit.spawn(['/bin/x']); } catch (error) { return 'no'; }").contains("/bin/x"));
    assert!(depends("if (subject.isInNetGroup('n')) { return 'yes'; }").contains("netgroup n"));
    assert!(depends("if (subject.pid == 7) { return 'yes'; }").contains("subject.pid"));
    assert!(depends("if (subject.system_unit == 'a.service') { return 'yes'; }").contains("subject.system_unit"));
    // What is only written into a log decides nothing.
    let logged = Tree::with_rule("polkit.log('asked by ' + subject); return 'yes';").verdict();
    assert_eq!(logged["verdict"], "yes", "{logged}");
}

/// polkitd makes subject and action anew for each question, with their methods; only global variables stay.
#[test]
fn nothing_of_a_question_is_left_to_the_next() {
    for method in ["subject.isInGroup", "subject.isInNetGroup", "subject.toString", "action.lookup", "action.toString"]
    {
        for seen in [method, &format!("{method}.seen")] {
            let rule = format!("if ({method}.seen) {{ return 'no'; }} {seen} = {{seen: 1}}; return 'yes';");
            let tree = Tree::with_rule(&rule);
            tree.write(
                "requests",
                r#"{"user":"bob","action":"org.example.run"}"#.to_owned()
                    + "\n"
                    + r#"{"user":"bob","action":"org.example.run"}"#,
            );
            let requests = tree.0.path().join("requests").display().to_string();
            let output = tree.run("polkit:126", &["--batch", &requests]);
            let answers = String::from_utf8(output.stdout).unwrap();
            assert_eq!(answers.matches(r#"{"verdict":"yes""#).count(), 2, "{seen}: {answers}");
        }
    }
}

#[test]
fn a_batch_answers_each_line_in_order() {
    let tree = Tree::with_rule("if (action.lookup('d') === 'go') { return 'yes'; }");
    let mut child = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"))
        .args(["explain", "--batch", "-", "--target", "polkit:126", "--root"])
        .arg(tree.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let requests = [
        r#"{"user":"bob","action":"org.example.run","details":{"d":"go"}}"#,
        r#"{"user":"bob","action":"org.example.run","session":"active"}"#,
        r#"{"user":"bob","action":"org.example.run","sesion":"active"}"#,
        r#"{"user":"unknown","action":"org.example.run"}"#,
        r#"{"user":"unknown","groups":[],"action":"org.example.run"}"#,
    ];
    input.write_all((requests.join("\n") + "\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<&Value> = lines.iter().map(|line| &line["verdict"]).collect();
    assert_eq!(
        verdicts,
        ["yes".into(), "yes".into(), Value::Null, Value::Null, "auth_admin".into()].iter().collect::<Vec<_>>()
    );
    assert!(text(&lines[2]["error"]).contains("sesion") && text(&lines[3]["error"]).contains("unknown"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_does_not_end_or_wants_everything_is_cut_off() {
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
    // The others are still asked.
    let tree = Tree::with_rule("if (action.lookup('d') === 'hang') { for (;;) { } }");
    assert_eq!(tree.explain("polkit:126", &["--detail", "d=hang"]).0, Some(5));
    assert_eq!(tree.explain("polkit:126", &[]).0, Some(4));
}

#[test]
fn the_engine_is_no_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen-js")).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

/// `check` of a tree for a version, as severity, code, end of the file's path and line.
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
fn check_finds_what_the_engine_does_not_take() {
    let tree = Tree::with_rule("return null;");
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), vec![]));
    tree.write("etc/polkit-1/rules.d/20-a.rules", "var a = 1;\n\nlet b = () => a;\n");
    tree.write("etc/polkit-1/rules.d/30-b.rules", "polkit.addRule(function () { return null; });\nabsent();\n");
    tree.write("etc/polkit-1/rules.d/40-c.rules", "for (;;) { }\n");
    let (code, found) = checked(&tree, "polkit:126");
    assert_eq!(code, Some(1));
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!((&*found[0], &*found[2]), ("error PG001 20-a.rules:3", "error PG004 40-c.rules:null"));
    assert!(found[1].starts_with("error PG002 30-b.rules"), "{found:?}");
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
fn check_finds_what_an_earlier_file_answers_and_groups_that_are_called_otherwise() {
    let tree = Tree::with_rule("if (action.id == 'org.example.run') { return 'no'; }");
    let later = "if (action.id == 'org.example.run' &&\n        subject.isInGroup('libvirtd')) { return 'yes'; }";
    tree.rule("50-y.rules", later);
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), vec!["warning PG022 50-y.rules:2".to_owned()]));
    tree.write("etc/group", "root:x:0:\nbob:x:3002:\nlibvirt:x:3100:\npolkitd:x:990:\n");
    let both = vec!["warning PG022 50-y.rules:2".to_owned(), "warning PG023 50-y.rules:3".to_owned()];
    assert_eq!(checked(&tree, "polkit:126"), (Some(0), both));
    // A name that sorts before the other's.
    std::fs::remove_file(tree.0.path().join("etc/polkit-1/rules.d/50-y.rules")).unwrap();
    tree.rule("05-y.rules", later);
    assert_eq!(checked(&tree, "polkit:126").1, ["warning PG023 05-y.rules:3"]);
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

/// `check -` for a file on standard input: the exit code, and what is found with the file's name and line.
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

fn text_of<'a>(finding: &'a Value, key: &str) -> &'a str {
    text(&finding[key])
}

#[test]
fn check_reads_standard_input() {
    let found = |text: &str, words: &[&str]| checked_from_standard_input(text, words);
    let one = |what: &str| (Some(1), vec![what.to_owned()]);
    assert_eq!(found("// a rule\nlet a = 1;\n", &[]), one("PG001 <stdin>:2"));
    assert_eq!(found("polkit.addRule(function () { return null; });", &[]), (Some(0), vec![]));
    let entry = "# an entry\n\n[x]\nIdentity=unix-user:bob\nAction=org.example.run\nResultAny=yes \n";
    assert_eq!(found(entry, &[]).1, ["PG031 <stdin>:6"]);
    assert_eq!(found("[[grant]]\nresult = \"sure\"\n", &[]).1[0], "PG050 <stdin>:1");
    assert_eq!(found("[libvirt]\nmode = \"all\"\n", &[]).1[0], "PG050 <stdin>:2");
    // What it looks like is only a guess.
    assert_eq!(found("[x].concat();\n", &["--kind", "rules"]), one("PG002 <stdin>:null"));
    assert_eq!(found("", &["--kind", "pkla"]), (Some(0), vec![]));
    // Files beside it, whatever their names.
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
