//! `explain` names the grant of a generated file that decides.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod trees;

use std::process::{Command, Output};

use serde_json::Value;
use trees::{Tree, text};

/// The registered action of a tree.
const ACTION: &str = "org.example.run";

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen")).args(arguments).output().unwrap()
}

/// Generates the files of `policy` for `target`, and explains the request of `user`.
fn decided_by(policy: &str, target: &str, user: &str, detail: &str) -> (Value, String) {
    let tree = Tree::with_rule("return null;");
    let root = tree.0.path().to_str().unwrap();
    let file = format!("{root}/policy.toml");
    std::fs::write(&file, policy).unwrap();
    let generated = run(&["generate", "--target", target, &file]);
    assert!(generated.status.success(), "{generated:?}");
    let path = match target {
        "polkit:0.105" => "etc/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla",
        _ => "etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
    };
    let path = tree.0.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, generated.stdout).unwrap();
    let request =
        ["--root", root, "--target", target, "--user", user, "--action", ACTION, "--detail", detail, "--group", "x"];
    let as_json = run(&[&["explain", "--json"], &request[..]].concat());
    let value: Value = serde_json::from_slice(&as_json.stdout).unwrap_or_else(|error| panic!("{error}: {as_json:?}"));
    let as_text = run(&[&["explain"], &request[..]].concat());
    (value["decided_by"].clone(), String::from_utf8(as_text.stdout).unwrap())
}

fn grant(name: &str, user: &str, more: &str) -> String {
    format!("[[grant]]\nname = '{name}'\nactions = ['{ACTION}']\nusers = ['{user}']\nresult = 'yes'\n{more}\n")
}

#[test]
fn the_grant_of_a_rule_of_a_table_and_of_a_pkla_entry_is_named() {
    let two = grant("first", "ann", "") + &grant("second } // 1: x", "bob", "");
    let many = two.clone() + &grant("other", "zoe", "").repeat(40);
    for (policy, target) in [(&two, "polkit:126"), (&many, "polkit:126"), (&two, "polkit:0.105")] {
        let (decided, shown) = decided_by(policy, target, "bob", "d=x");
        assert_eq!(text(&decided["grant"]), "second } // 1: x", "{target} {shown}");
        assert!(shown.contains(", the grant \"second } // 1: x\": "), "{shown}");
        let (decided, _) = decided_by(policy, target, "dan", "d=x");
        assert_eq!((text(&decided["kind"]), &decided["grant"]), ("implicit", &Value::Null), "{target}");
    }
}

#[test]
fn the_grant_of_a_table_is_the_one_whose_details_match() {
    let details = |value: &str| format!("details.d = ['{value}']\n");
    let policy = grant("one", "bob", &details("1")) + &grant("two", "bob", &details("2*")) + &grant("rest", "bob", "");
    let many = policy.clone() + &grant("other", "zoe", "").repeat(40);
    for (detail, expected) in [("d=1", "one"), ("d=22", "two"), ("d=3", "rest")] {
        for policy in [&policy, &many] {
            assert_eq!(text(&decided_by(policy, "polkit:126", "bob", detail).0["grant"]), expected, "{detail}");
        }
    }
}

#[test]
fn the_grant_of_a_table_is_the_one_whose_unit_matches() {
    let tree = Tree::with_rule("return null;");
    let root = tree.0.path().to_str().unwrap();
    let unit = |name: &str, keys: &str| {
        format!("[[grant]]\nname = '{name}'\nactions = ['{ACTION}']\n{keys}\nresult = 'yes'\n")
    };
    let policy = unit("strict", "unit = 'panel.service'\nno_new_privileges = true")
        + &unit("pattern", "users = ['bob']\nunit = 'app@*.service'")
        + &unit("all", "unit = 'panel.service'");
    let rules = tree.0.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    std::fs::create_dir_all(rules.parent().unwrap()).unwrap();
    let file = format!("{root}/policy.toml");
    for policy in [policy.clone(), policy + &grant("other", "zoe", "").repeat(40)] {
        std::fs::write(&file, &policy).unwrap();
        let generated = run(&["generate", "--target", "polkit:126", &file]);
        assert!(generated.status.success(), "{generated:?}");
        std::fs::write(&rules, generated.stdout).unwrap();
        for (user, of_unit, expected) in
            [("bob", "app@1.service", Some("pattern")), ("dan", "app@1.service", None), ("bob", "other.service", None)]
        {
            let request =
                ["--root", root, "--target", "polkit:126", "--user", user, "--action", ACTION, "--group", "x"];
            let shown = run(&[&["explain", "--json"], &request[..], &["--unit", of_unit]].concat());
            let value: Value =
                serde_json::from_slice(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
            assert_eq!(value["decided_by"]["grant"].as_str(), expected, "{user} {of_unit} {value:#}");
        }
        // Whether the unit has NoNewPrivileges=yes is not known here.
        let request = ["--root", root, "--target", "polkit:126", "--user", "dan", "--action", ACTION, "--group", "x"];
        let open = run(&[&["explain"], &request[..], &["--unit", "panel.service"]].concat());
        assert_eq!(open.status.code(), Some(5), "{open:?}");
        let shown = String::from_utf8(open.stdout).unwrap();
        assert!(shown.contains("subject.no_new_privileges, which a rule reads"), "{shown}");
    }
}

#[test]
fn the_target_decides_whether_a_grant_can_name_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let file = file.to_str().unwrap();
    std::fs::write(
        file,
        "[[systemd]]\nunits = 'web.service'\nverbs = 'restart'\nusers = 'bob'\nunit = 'panel.service'\n",
    )
    .unwrap();
    for (target, is_right) in [
        ("debian:11", false),
        ("debian:12", false),
        ("debian:13", true),
        ("polkit:0.120", false),
        ("polkit:123", false),
        ("polkit:124", true),
        ("polkit:128", true),
    ] {
        let generated = run(&["generate", "--target", target, file]);
        let shown = String::from_utf8(generated.stderr).unwrap();
        assert_eq!(generated.status.success(), is_right, "{target}: {shown}");
        let refused = shown.contains("policy.toml:5:8") && shown.contains("does not know the unit of a subject");
        assert_eq!(refused, !is_right, "{target}: {shown}");
        assert!(is_right || shown.contains("^^^^^"), "{target}: {shown}");
        let checked = run(&["check", "--target", target, file]);
        assert_eq!(checked.status.success(), is_right, "{target}: {checked:?}");
    }
    let generated = run(&["generate", "--target", "polkit:124", "--format", "pkla", file]);
    let shown = String::from_utf8(generated.stderr).unwrap();
    assert!(shown.contains("pkla does not know the unit of a subject"), "{shown}");
}
