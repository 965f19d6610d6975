//! Files of a tree that extend the table of mechanisms.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod trees;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;
use trees::{Tree, text};

const ETC: &str = "etc/polkit-policy-gen/mechanisms.d";
const SHARED: &str = "usr/share/polkit-policy-gen/mechanisms.d";
const ENTRY: &str = "name = 'exampled'\npackages = ['exampled']\nactions = ['org.example.*']\nsubject = 'bus-name'\n\
                     interaction = 'caller'\n[[action]]\nids = ['org.example.run']\ndetails = { job = 'the name of the job' }\n";
const BROKEN: &str = "name = 'brokend'\nactions = ['org.broken.*']\nsubject = 'bus'\ninteraction = 'sometimes'\n";

fn run(tree: &Tree, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(arguments).arg("--root").arg(tree.0.path());
    command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The details of the action of the tree.
fn details(tree: &Tree) -> Value {
    json(&run(tree, &["actions", "--json"])).pointer("/actions/0/details").unwrap().clone()
}

/// The findings of `check`, as code, place and message.
fn checked(tree: &Tree) -> Vec<String> {
    let output = run(tree, &["check", "--json", "--target", "polkit:126"]);
    let findings = json(&output).get("findings").unwrap().as_array().unwrap().clone();
    let line = |finding: &Value| {
        let [code, file, message] = ["code", "file", "message"].map(|key| text(finding.get(key).unwrap()));
        let [line, column] = ["line", "column"].map(|key| finding.get(key).unwrap().to_string());
        format!("{code} {}:{line}:{column} {message}", file.rsplit('/').next().unwrap_or_default())
    };
    findings.iter().map(line).collect()
}

#[test]
fn a_file_of_a_package_or_of_the_administrator_extends_the_table() {
    for directory in [ETC, SHARED] {
        let rule = "if (action.id == \"org.example.run\" && action.lookup(\"jop\") == \"a\") { return \"no\"; }";
        let tree = Tree::with_rule(rule);
        assert_eq!(details(&tree), Value::Array(Vec::new()), "the action is unknown to the table");
        tree.write(&format!("{directory}/exampled.toml"), ENTRY);
        assert_eq!(details(&tree), serde_json::json!(["job"]), "{directory}");
        let found = checked(&tree);
        assert!(found.iter().any(|line| line.starts_with("PG069") && line.contains("known: job")), "{found:?}");
    }
}

#[test]
fn a_file_of_the_administrator_hides_that_of_the_package_and_an_empty_file_hides_it_too() {
    let tree = Tree::new();
    tree.write(&format!("{SHARED}/exampled.toml"), ENTRY);
    tree.write(&format!("{ETC}/exampled.toml"), ENTRY.replace("job =", "task ="));
    assert_eq!(details(&tree), serde_json::json!(["task"]));
    tree.write(&format!("{ETC}/exampled.toml"), "");
    assert_eq!(details(&tree), Value::Array(Vec::new()));
    tree.write(&format!("{ETC}/other.toml"), ENTRY);
    assert_eq!(checked(&tree), [""; 0]);
}

#[test]
fn all_errors_of_all_files_are_reported_and_the_other_files_are_used() {
    let tree = Tree::new();
    tree.write(&format!("{ETC}/a.toml"), BROKEN);
    tree.write(&format!("{ETC}/b.toml"), ENTRY);
    tree.write(&format!("{ETC}/c.toml"), ENTRY);
    tree.write(&format!("{SHARED}/d.toml"), ENTRY.replace("'exampled'\npackages", "'libvirt'\npackages"));
    let found = checked(&tree);
    let expected = [
        ("PG052 a.toml:3:11", "`bus` is not a value of `subject`"),
        ("PG052 a.toml:4:15", "`sometimes` is not a value of `interaction`"),
        ("PG052 c.toml:1:8", "`exampled` is also the name of an entry of"),
        ("PG052 d.toml:1:8", "`libvirt` is also the name of an entry of the table that is compiled in"),
    ];
    for (at, what) in expected {
        assert!(found.iter().any(|line| line.starts_with(at) && line.contains(what)), "{at} {what}: {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    let output = run(&tree, &["check", "--target", "polkit:126"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a.toml:3:11") && text.contains("3 | subject = 'bus'") && text.contains("^^^^^"), "{text}");
    // Other commands say it, and use the rest.
    let output = run(&tree, &["explain", "--user", "bob", "--action", "org.example.run", "--target", "polkit:126"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(err(&output).contains("a.toml:3:11") && err(&output).contains("without these files"), "{output:?}");
    assert_eq!(details(&tree), serde_json::json!(["job"]));
}

#[test]
fn a_file_is_checked_by_its_name_or_by_the_option() {
    let tree = Tree::new();
    tree.write("mechanisms.d/a.toml", BROKEN);
    tree.write("b.toml", BROKEN);
    for arguments in [&["mechanisms.d/a.toml"][..], &["b.toml", "--kind", "mechanism"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
        command.args(["check", "--target", "polkit:126"]).args(arguments).current_dir(tree.0.path());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(1) && text.contains("PG052") && !text.contains("PG050"), "{text}");
    }
}

#[test]
fn a_file_that_other_users_can_write_or_that_is_too_large_is_refused() {
    let tree = Tree::new();
    let path = tree.0.path().join(ETC).join("a.toml");
    tree.write(&format!("{ETC}/a.toml"), format!("{ENTRY}# {}\n", "x".repeat(1 << 20)));
    assert!(checked(&tree).concat().contains("larger than 1 MiB"));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    tree.write(&format!("{ETC}/a.toml"), ENTRY);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let found = checked(&tree);
    assert!(found.concat().contains("writable by users other than root"), "{found:?}");
    assert_eq!(details(&tree), Value::Array(Vec::new()));
}

#[test]
fn an_action_and_a_verdict_say_what_is_known_of_the_mechanism() {
    let tree = Tree::new();
    let action = |id: &str, any: &str| {
        format!(
            "<action id='{id}'><defaults><allow_any>{any}</allow_any><allow_active>yes</allow_active></defaults></action>"
        )
    };
    let reboot = "org.freedesktop.login1.reboot-ignore-inhibit";
    let actions = [action(reboot, "auth_admin_keep"), action("org.freedesktop.RealtimeKit1.acquire-real-time", "no")];
    let modem = action("org.freedesktop.ModemManager1.Location", "no");
    let policy = format!("<policyconfig>{}{modem}</policyconfig>", actions.concat());
    tree.write("usr/share/polkit-1/actions/y.policy", policy);
    let shown = |id: &str| String::from_utf8(run(&tree, &["actions", id]).stdout).unwrap();
    for (id, said) in [
        (reboot, "systemd-logind lets polkit ask an agent only if the client allows interaction"),
        (reboot, "systemd-logind asks about root as about other users (systemd 257 and later)"),
        (reboot, "details: none"),
        ("org.freedesktop.RealtimeKit1.acquire-real-time", "rtkit-daemon never lets polkit ask an agent"),
        ("org.freedesktop.ModemManager1.Location", "ModemManager always lets polkit ask an agent"),
        ("org.freedesktop.ModemManager1.Location", "only after a policy rule says auth_self"),
    ] {
        assert!(shown(id).contains(said), "{id}: no `{said}` in {}", shown(id));
    }
    let explain = |user: &str, id: &str, target: &str, more: &[&str]| {
        let arguments = ["explain", "--json", "--user", user, "--action", id, "--target", target];
        let object = json(&run(&tree, &[&arguments, more].concat()));
        let get = |path: &str| object.pointer(path).unwrap_or(&Value::Null).as_str().unwrap_or("null").to_owned();
        [get("/verdict"), get("/root"), get("/mechanism/interaction"), get("/implicit/any")]
    };
    let keep = "auth_admin_keep";
    assert_eq!(explain("bob", reboot, "polkit:126", &[]), [keep, keep, "caller", keep]);
    assert_eq!(explain("bob", reboot, "polkit:122", &[]), [keep, "yes", "caller", keep]);
    assert_eq!(explain("root", "org.example.run", "polkit:126", &[]), ["yes", "null", "null", "auth_admin"]);
    let flag = ["--flags", "always-check"];
    assert_eq!(
        explain("root", "org.example.run", "polkit:126", &flag),
        ["auth_admin", "auth_admin", "null", "auth_admin"]
    );
    assert_eq!(explain("root", "org.example.run", "polkit:122", &flag), ["yes", "yes", "null", "auth_admin"]);
}
