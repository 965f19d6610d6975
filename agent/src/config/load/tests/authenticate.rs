//! These tests run as root, whose agent never authenticates: what is accepted is shown in beds.

use super::*;

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
