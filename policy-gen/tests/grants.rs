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
