//! `who` on test trees: conditions, people, exit codes and JSON.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers fail by panicking")]

mod trees;

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use trees::{Tree, text};

const ACTION: &str = "org.example.run";

fn who(tree: &Tree, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["who", "--target", "polkit:126", "--root"]).arg(tree.0.path()).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    printed(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn people_and_conditions_are_listed_with_their_places() {
    let tree = Tree::with_rule("if (subject.isInGroup('vm') && subject.local) { return 'yes'; }");
    tree.write("etc/group", "root:x:0:\nbob:x:3002:\nvm:x:3100:bob\n");
    let output = who(&tree, &[ACTION]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        printed(&output),
        "org.example.run\n  yes: members of vm (bob), in a session at a seat \u{2013} 10-x.rules:1\n  \
         yes: everybody else, in the active session at a seat \u{2013} x.policy:1\n  \
         no: everybody else, in a background session at a seat \u{2013} x.policy:1\n  \
         administrator's password: everybody else, not at a seat: services and remote\n      sessions \u{2013} x.policy:1\n"
    );
}

#[test]
fn the_conditions_of_an_action_are_one_json_object() {
    let tree = Tree::with_rule("if (action.lookup('unit') == 'a.service' && subject.user == 'bob') { return 'yes'; }");
    let output = who(&tree, &[ACTION, "--json", "--result", "yes"]);
    let [object] = objects(&output).try_into().unwrap();
    assert_eq!((text(&object["action"]), object["exact"].as_bool()), (ACTION, Some(true)));
    let conditions = object["conditions"].as_array().unwrap();
    let of_rule = conditions.iter().find(|condition| text(&condition["decided_by"]["kind"]) == "rule").unwrap();
    assert_eq!(of_rule["people"], serde_json::json!(["bob"]));
    assert!(conditions.iter().all(|condition| text(&condition["result"]) == "yes"));
    let facts = of_rule["all"].as_array().unwrap();
    assert!(
        facts.contains(&serde_json::json!({ "fact": "detail:unit", "is": true, "value": "a.service" })),
        "{facts:?}"
    );
    // With the detail given, it is no condition.
    let given = objects(&who(&tree, &[ACTION, "--json", "--detail", "unit=a.service"])).remove(0);
    assert!(!given.to_string().contains("detail:"), "{given}");
    let other = objects(&who(&tree, &[ACTION, "--json", "--detail", "unit=b.service"])).remove(0);
    assert!(!other.to_string().contains("bob"), "{other}");
}

#[test]
fn exit_codes_say_whether_the_list_is_complete() {
    let exact = Tree::with_rule("return subject.local ? 'yes' : null;");
    assert_eq!(who(&exact, &[ACTION]).status.code(), Some(0));
    let unregistered = who(&exact, &["org.example.rum"]);
    assert_eq!(unregistered.status.code(), Some(1));
    let said = String::from_utf8(unregistered.stderr).unwrap();
    assert!(said.contains("org.example.rum is not registered: did you mean org.example.run?"), "{said}");
    for wrong in [&[][..], &[ACTION, "--all"], &[ACTION, "--result", "maybe"], &[ACTION, "--detail", "x"]] {
        assert_eq!(who(&exact, wrong).status.code(), Some(2), "{wrong:?}");
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"))
        .args(["who", ACTION, "--root", "/nonexistent"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
}

#[test]
fn what_cannot_be_enumerated_is_reported_with_file_and_line() {
    let tree = Tree::with_rule("if (subject.user.indexOf('web-') === 0) { return 'yes'; }");
    let output = who(&tree, &[ACTION]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let said = printed(&output);
    assert!(said.contains("incomplete: by sample: a rule applies indexOf() (subject.user)"), "{said}");
    assert!(said.contains("10-x.rules:2"), "{said}");
    let object = objects(&who(&tree, &["--all", "--json"])).remove(0);
    assert_eq!((object["exact"].as_bool(), object["incomplete"][0]["line"].as_u64()), (Some(false), Some(2)));
    assert!(text(&object["incomplete"][0]["file"]).ends_with("etc/polkit-1/rules.d/10-x.rules"), "{object}");
    // The accounts of the host are tried if this is wanted.
    tree.write("etc/passwd", "root:x:0:0::/:/bin/sh\nweb-1:x:3002:3002::/:/bin/sh\n");
    let host = printed(&who(&tree, &[ACTION, "--host"]));
    assert!(host.contains("yes: user web-1 (web-1)"), "{host}");
}

#[test]
fn actions_that_every_user_gets_come_first() {
    let tree = Tree::new();
    let action = |id: &str, any: &str| {
        format!(
            "<action id='{id}'><defaults><allow_any>{any}</allow_any>\
        <allow_inactive>{any}</allow_inactive><allow_active>{any}</allow_active></defaults></action>"
        )
    };
    let actions =
        [action("org.example.a", "auth_admin"), action("org.example.b", "no"), action("org.example.z", "yes")];
    tree.write("usr/share/polkit-1/actions/y.policy", format!("<policyconfig>{}</policyconfig>", actions.concat()));
    let objects = objects(&who(&tree, &["--all", "--json"]));
    let ids: Vec<&str> = objects.iter().map(|object| text(&object["action"])).collect();
    assert_eq!(ids, ["org.example.z", ACTION, "org.example.a", "org.example.b"]);
}

#[test]
fn a_rule_with_too_many_paths_ends_with_what_is_known() {
    let many = "var n = 0; for (var i = 0; i < 40; i += 1) { if (subject.isInGroup('g' + i)) { n += 1; } }\n    \
                return n % 2 ? 'yes' : 'no';";
    let output = who(&Tree::with_rule(many), &[ACTION]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("more than 2048 paths; the facts that multiply: subject.groups"), "{said}");
}
