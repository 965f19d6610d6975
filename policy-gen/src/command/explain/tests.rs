use super::suggest::{Suggestion, suggestions};
use polkit_config::names::Names;

use super::*;
use crate::implicit_authorization::Session;
use crate::target::{JavaScript, Pkla, Target, Version};
use crate::tree::Tree;
use crate::verdict::{Decider, DeciderKind, Flag, RuleError, Step};

#[path = "tests/suggested.rs"]
mod suggested;

const RUN: &str = "org.example.run";
const ACTIONS: &str = "<policyconfig><action id='org.example.run'><defaults><allow_any>no</allow_any>\
    <allow_inactive>auth_admin</allow_inactive><allow_active>yes</allow_active></defaults></action>\
    <action id='org.example.stop'><defaults><allow_any>no</allow_any></defaults></action></policyconfig>";
const GROUP: &str = "root:x:0:\nbob:x:3002:\nvm:x:3100:\nops:x:3101:bob\n";

/// The policy of polkit 0.105, which runs no rules, with these pkla entries.
fn policy(entries: &str) -> (tempfile::TempDir, Tree, Evaluator) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("usr/share/polkit-1/actions/a.policy", ACTIONS),
        ("etc/polkit-1/localauthority/50-local.d/a.pkla", entries),
        ("etc/group", GROUP),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    let passwd = "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\n";
    let names = Names::Root(polkit_config::names::Tree::parse(passwd, GROUP));
    let target = Target { version: Version(105), pkla: Pkla::Native, javascript: JavaScript::Mozilla };
    let evaluator = Evaluator::open(&tree, names, target).unwrap();
    (root, tree, evaluator)
}

fn entry(identity: &str, action: &str, result: &str) -> String {
    format!("[a]\nIdentity={identity}\nAction={action}\nResultAny={result}\n")
}

fn request(action: &str) -> AccessRequest {
    AccessRequest { user: "bob".to_owned(), action: action.to_owned(), ..AccessRequest::default() }
}

#[test]
fn the_exit_code_tells_the_verdict() {
    let of = |text: &str| code(Outcome::Result(ImplicitAuthorization::parse(text).unwrap()));
    for (text, expected) in
        [("yes", 0), ("no", 1), ("auth_self", 4), ("auth_self_keep", 4), ("auth_admin", 4), ("auth_admin_keep", 4)]
    {
        assert_eq!(of(text), expected, "{text}");
    }
    assert_eq!((code(Outcome::Unregistered), code(Outcome::Depends)), (1, 5));
}

#[test]
fn root_is_examined_only_if_the_mechanism_asks_about_root() {
    let (_root, _tree, mut evaluator) = policy(&entry("unix-user:bob", RUN, "no"));
    assert_eq!(of_root(&mut evaluator, &request(RUN)).unwrap(), None);
    // The groups of the request are those of its user, not those of root.
    let flags = vec![Flag::AlwaysCheck];
    let always = AccessRequest { flags, groups: Some(vec!["vm".to_owned()]), ..request(RUN) };
    let root = of_root(&mut evaluator, &always).unwrap().unwrap();
    assert_eq!(root.decided_by.unwrap().kind, DeciderKind::Root);
}

/// A verdict with all its parts.
fn full() -> Verdict {
    Verdict {
        outcome: Outcome::Depends,
        decided_by: Some(Decider {
            kind: DeciderKind::Rule,
            file: Some("/a.rules".to_owned()),
            line: Some(3),
            by_action: Some("org.example.all".to_owned()),
            grant: Some("web".to_owned()),
        }),
        depends_on: vec!["netgroup n".to_owned()],
        steps: vec![
            Step { by: "rules".into(), says: "yes".into(), file: Some("/a.rules".into()), line: Some(3) },
            Step { by: "pkla".into(), says: "nothing".into(), file: Some("/a.pkla".into()), line: None },
            Step { by: "implicit".into(), says: "no".into(), file: None, line: None },
        ],
        rule_error: Some(RuleError::NotAResult("x".to_owned())),
        ends_polkitd: Some("it crashes".to_owned()),
    }
}

#[test]
fn a_verdict_as_json_has_all_its_parts() {
    let verdict = full();
    let by = json!({ "kind": "rule", "file": "/a.rules", "line": 3, "by_action": "org.example.all", "grant": "web" });
    let expected = json!({
        "verdict": "depends", "decided_by": by, "depends_on": ["netgroup n"], "ends_polkitd": "it crashes",
    });
    assert_eq!(json!(Brief::from(&verdict)), expected);
    let steps = steps(&verdict);
    assert_eq!(steps[0], json!({ "by": "rules", "says": "yes", "file": "/a.rules", "line": 3 }));
    assert_eq!(steps.as_array().unwrap().len(), 3);
    let decided_by = verdict.decided_by.map(|decider| Decider { grant: None, ..decider });
    let without = json!(Brief::from(&Verdict { decided_by, ..full() }));
    assert_eq!(without["decided_by"].get("grant"), None);
}

fn text_of(verdict: &Verdict, suggestions: &[Suggestion], about: &[String], colour: bool) -> String {
    let (_root, _tree, evaluator) = policy("[a]\nIdentity=unix-user:bob\nAction=x\n");
    text::text(&evaluator, &request(RUN), verdict, suggestions, about, colour)
}

#[test]
fn a_verdict_as_text_has_all_its_parts_in_order() {
    let suggestion = |because: Option<&str>, command: Option<&str>| Suggestion {
        change: "change it".to_owned(),
        command: command.map(str::to_owned),
        because: because.map(str::to_owned),
    };
    let suggestions = [suggestion(Some("/a.rules:3"), Some("do it")), suggestion(None, None)];
    let text = text_of(&full(), &suggestions, &["it passes a process".to_owned()], false);
    let (start, skipped) = text.split_once("\nNot read\n").unwrap();
    assert_eq!(
        start,
        "depends  cannot be predicted\n  org.example.run for bob without a session\n  \
         decided by a rule, the grant \"web\" for org.example.all, which implies it: /a.rules:3\n  \
         polkitd itself ends, for all users of the host: it crashes\n\
         \nDepends on\n  netgroup n\n\
         \nSteps of polkit 0.105\n  rules     yes  /a.rules:3\n  pkla      nothing  /a.pkla\n  implicit  no\n\
         \nMechanism\n  it passes a process\n"
    );
    assert!(skipped.contains("a.pkla:1: ") && skipped.contains("ResultAny"), "{skipped}");
    let (_, changes) = skipped.split_once("\nChanges that would allow it\n").unwrap();
    assert_eq!(changes, "  change it (/a.rules:3)\n    do it\n  change it\n");
    let bold = text_of(&full(), &suggestions, &[], true);
    assert!(bold.starts_with("\u{1b}[1mdepends\u{1b}[0m  ") && bold.contains("\n\u{1b}[1mNot read\u{1b}[0m\n"));
    assert!(!bold.contains("Mechanism"));
}

#[test]
fn each_outcome_and_each_decider_has_its_words() {
    let first = |text: &str| {
        let outcome = Outcome::Result(ImplicitAuthorization::parse(text).unwrap());
        text_of(&Verdict { outcome, ..full() }, &[], &[], false).lines().next().unwrap().to_owned()
    };
    assert_eq!([first("yes"), first("no")], ["yes  allowed", "no  refused"]);
    for user in ["auth_self", "auth_self_keep"] {
        assert!(first(user).starts_with(&format!("{user}  the user must authenticate")), "{}", first(user));
    }
    for admin in ["auth_admin", "auth_admin_keep"] {
        assert!(first(admin).starts_with(&format!("{admin}  an administrator must authenticate")), "{}", first(admin));
    }
    let meant = [Suggestion { change: "x".to_owned(), command: None, because: None }];
    let unregistered = text_of(&Verdict { outcome: Outcome::Unregistered, ..full() }, &meant, &[], false);
    assert!(unregistered.starts_with("unregistered  an error: no .policy file"));
    assert!(unregistered.contains("\nDid you mean\n  x\n"), "{unregistered}");
    for (kind, words) in [
        (DeciderKind::Pkla, "a pkla entry"),
        (DeciderKind::Implicit, "the implicit authorization of the action"),
        (DeciderKind::Root, "the user is root"),
    ] {
        let decided_by = Some(Decider { kind, file: None, line: None, by_action: None, grant: None });
        let text = text_of(&Verdict { decided_by, ..full() }, &[], &[], false);
        assert!(text.contains(&format!("\n  decided by {words}\n")), "{text}");
    }
}
