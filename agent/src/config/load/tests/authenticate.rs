//! These tests run as root, whose agent never authenticates: what is accepted is shown in beds.

use super::*;
use crate::config::rule_entry::{Identity, RuleEntry};

const FOR_ROOT: &str =
    "[[rule]]\nid = \"a\"\naction = \"org.example.x\"\nuser = \"daemon\"\nanswer = \"authenticate\"\n";

#[test]
fn an_agent_of_root_has_no_secret_to_tell() {
    refused!(
        format!("{FOR_ROOT}credential = \"password\"\n"),
        "agent.toml:1:1: `a` has `answer = \"authenticate\"`, which needs an agent that is not root (use `answer = \"allow\"`: polkitd believes root without a password. An agent inside a user's session authenticates: `session = \"own\"` (check its file as that user))",
    );
}

#[test]
fn a_rule_that_authenticates_names_what_pam_is_told() {
    refused!(
        FOR_ROOT,
        "agent.toml:5:10: `answer = \"authenticate\"` needs `credential` (add `credential = \"NAME\"`, the name of a `LoadCredential=NAME:…` of the unit)",
    );
}

#[test]
fn a_credential_is_a_file_in_the_folder_of_credentials() {
    for name in ["", "../shadow", "/etc/shadow", ".", ".hidden", "a b", "a:b", "a\\u0000b", "ä", &"x".repeat(256)] {
        let Some(lines) = said(format!("{FOR_ROOT}credential = [\"right\", \"{name}\"]\n")) else { return };
        assert!(lines[0].contains("cannot be the name of a credential"), "{name}: {lines:?}");
    }
}

#[test]
fn secrets_and_identities_are_for_rules_that_authenticate() {
    refused!(
        format!("{RULE}credential = \"password\"\nidentity = \"daemon\"\n"),
        "agent.toml:6:14: `credential` needs `answer = \"authenticate\"` (leave it out)",
        "agent.toml:7:12: `identity` needs `answer = \"authenticate\"` (leave it out)",
    );
}

/// The problems of an agent of uid 1000 with a rule that authenticates for this user, as this identity.
fn of_uid_1000(user: Option<u32>, identity: Option<u32>) -> Vec<String> {
    let at = || polkit_config::report::Location { source: "agent.toml".into(), span: None };
    let named = |id: u32| polkit_agent_rules::rule::Named { name: format!("user{id}"), id };
    let rule = Rule { user: user.map(named), ..polkit_agent_rules::model::rule(Answer::Authenticate) };
    let identity = identity.map(|id| Identity { user: named(id), at: at() });
    let allowing = RuleEntry { rule: polkit_agent_rules::model::rule(Answer::Deny), at: at(), identity: None };
    let mut report = Report::new();
    crate::config::authenticate::refuse_others(&[RuleEntry { rule, at: at(), identity }, allowing], 1000, &mut report);
    report.lines()
}

#[test]
fn an_agent_authenticates_only_as_and_for_its_own_user() {
    for own in [(None, None), (Some(1000), None), (None, Some(1000)), (Some(1000), Some(1000))] {
        assert_eq!(of_uid_1000(own.0, own.1), [""; 0], "{own:?}");
    }
    let [as_another] = of_uid_1000(Some(1000), Some(0)).try_into().unwrap();
    assert!(as_another.contains("`r` would authenticate as `user0`"), "{as_another}");
    let [for_another] = of_uid_1000(Some(1001), Some(1000)).try_into().unwrap();
    assert!(for_another.contains("`r` would answer for processes of `user1001`"), "{for_another}");
    assert_eq!(of_uid_1000(Some(1001), Some(0)).len(), 2);
}
