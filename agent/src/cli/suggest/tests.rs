use polkit_agent_rules::model;
use polkit_config::names::Tree;
use polkit_types::pattern::Glob;

use super::*;
use crate::{cli::journal_reader::JournalEntry, kernel::audit::journal_writer::MESSAGE_ID};

fn refused(fields: &[(&str, &str)]) -> JournalDecision {
    let mut json = serde_json::json!({
        "__REALTIME_TIMESTAMP": "1", "_UID": "0", "_SYSTEMD_UNIT": "polkit-service-agent.service",
        "MESSAGE_ID": MESSAGE_ID, "POLKIT_AGENT_WAY": "challenge", "POLKIT_AGENT_VERDICT": "deny",
        "POLKIT_AGENT_REASON": "no-rule", "POLKIT_AGENT_ACTION": "org.example.x", "POLKIT_AGENT_SUBJECT_UID": "33",
        "POLKIT_AGENT_UNIT": "apache2.service",
    });
    for (field, value) in fields {
        json[format!("POLKIT_AGENT_{field}")] = (*value).into();
    }
    JournalDecision {
        decision: JournalEntry::from_json(&json.to_string(), &crate::cli::journal_reader::Span::default().trusted())
            .unwrap(),
        outcome: None,
    }
}

fn suggested(decisions: &[JournalDecision]) -> String {
    suggest(decisions, &Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", "")), &[])
}

/// The rules in a text, as a reader of TOML sees them.
fn rules(text: &str) -> Vec<toml::Table> {
    let all: toml::Table = text.parse().unwrap();
    let rules = all.get("rule").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    rules.into_iter().map(|rule| rule.as_table().unwrap().clone()).collect()
}

#[test]
fn a_refusal_becomes_the_narrowest_rule() {
    let text = suggested(&[refused(&[])]);
    assert_eq!(
        text,
        "# Refused once: org.example.x for www-data, in apache2.service\n\
         [[rule]]\nid = \"apache2-example-x\"\naction = \"org.example.x\"\nunit = \"apache2.service\"\n\
         user = \"www-data\"\nanswer = \"allow\"\n"
    );
}

#[test]
fn a_refusal_with_details_becomes_a_rule_with_these_details() {
    const UNITS: &str = "org.freedesktop.systemd1.manage-units";
    let details = r#"{"unit":"web.service","verb":"restart"}"#;
    let by_hook = |details: &str| refused(&[("ACTION", UNITS), ("WAY", "hook"), ("DETAILS", details)]);
    let text = suggested(&[by_hook(details), by_hook(details), by_hook(r#"{"unit":"web.service","verb":"stop"}"#)]);
    let found = rules(&text);
    let of = |number: usize, key: &str| found[number]["details"][key].as_str().unwrap().to_owned();
    assert_eq!([of(0, "unit"), of(0, "verb"), of(1, "verb")], ["web.service", "restart", "stop"]);
    // A value that is escaped or cut is not exact, and without details the rule would be root-equivalent.
    for hostile in [r#"{"unit":"a\\x1b"}"#, r#"{"unit":"*"}"#, r#"{"unit":"a"#, r#"{"verb":"stop"}"#] {
        assert_eq!(rules(&suggested(&[by_hook(hostile)])), [], "{hostile}");
    }
}

#[test]
fn the_most_frequent_comes_first_and_counted_ones_count() {
    let counted = refused(&[("ACTION", "org.example.often"), ("REPEATED", "9")]);
    let text = suggested(&[refused(&[]), refused(&[]), counted]);
    let actions: Vec<_> = rules(&text).iter().map(|rule| rule["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["org.example.often", "org.example.x"]);
    assert!(text.contains("# Refused 9 times: org.example.often") && text.contains("# Refused 2 times: org.example.x"));
}

#[test]
fn a_root_equivalent_action_has_a_warning() {
    let text = suggested(&[refused(&[("ACTION", "org.libvirt.unix.manage")])]);
    assert!(text.contains("\n# WARNING: root-equivalent: "), "{text}");
    assert_eq!(rules(&text).len(), 1);
}

#[test]
fn a_claimed_program_is_not_suggested() {
    let fact = suggested(&[refused(&[("EXE", "/usr/bin/env")])]);
    assert_eq!(rules(&fact)[0].get("exe").and_then(toml::Value::as_str), Some("/usr/bin/env"));
    let claimed = suggested(&[refused(&[("EXE_CLAIMED", "/usr/bin/env")])]);
    assert!(!claimed.contains("/usr/bin/env") && rules(&claimed)[0].get("exe").is_none(), "{claimed}");
}

#[test]
fn hostile_values_stay_data() {
    let hostile = [
        ("UNIT", "x\"\nanswer = \"allow\".service"),
        ("EXE", "/bin/\n[[rule]]\nid = \"forged\""),
        ("ACTION", "org.example.\"\n[[rule]]"),
    ];
    for (field, value) in hostile {
        let text = suggested(&[refused(&[(field, value)])]);
        assert!(rules(&text).len() <= 1, "{text}");
        assert!(rules(&text).iter().all(|rule| rule.len() <= 5 && !rule.contains_key("exe")), "{text}");
    }
}

#[test]
fn where_a_rule_would_not_help_there_is_advice_instead() {
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("REASON", "unbound"), ("RULE", "r")], "add the user to an [[agent]] table"),
        (&[("REASON", "other-user"), ("RULE", "r")], "names no `user`"),
        (&[("REASON", "limit"), ("RULE", "r")], "its `at_most`"),
        (&[("REASON", "rule"), ("RULE", "r")], "The rule \"r\" refuses it"),
        (&[("REASON", "sender")], "A rule does not help"),
        (&[("SUBJECT_UID", "4000000000")], "The uid has no name"),
        (&[("ACTION", "org.freedesktop.policykit.exec")], "which is root-equivalent"),
        (&[("UNIT", "cron.service")], "run the job as a unit of its own"),
    ];
    for (fields, advice) in cases {
        let text = suggested(&[refused(fields)]);
        assert!(text.contains(advice) && rules(&text).is_empty(), "{text}");
    }
}

#[test]
fn an_allowed_request_and_an_outcome_suggest_nothing() {
    assert_eq!(suggested(&[refused(&[("VERDICT", "allow"), ("REASON", "rule")])]), "");
}

#[test]
fn no_two_ids_are_the_same() {
    let other = refused(&[("EXE", "/nowhere/else")]);
    let text = suggest(
        &[refused(&[]), other],
        &Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", "")),
        &[Rule { id: "apache2-example-x".into(), ..model::rule(Answer::Deny) }],
    );
    let ids: Vec<_> = rules(&text).iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["apache2-example-x-2", "apache2-example-x-3"]);
}

#[test]
fn a_refusal_that_the_present_rules_allow_is_left_out() {
    let names = Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", ""));
    let decisions = [refused(&[("ACTION", model::ACTION)])];
    let rule = Rule { unit: UnitPattern::new("apache2.service"), ..model::rule(Answer::Allow) };
    assert_eq!(suggest(&decisions, &names, std::slice::from_ref(&rule)), "");
    let other_unit = Rule { unit: UnitPattern::new("web.service"), ..rule.clone() };
    let refusal = Rule { answer: Answer::Deny, ..rule.clone() };
    let narrower = Rule { details: [("unit".to_owned(), Glob::new("a"))].into(), ..rule };
    for rule in [other_unit, refusal, narrower] {
        assert!(suggest(&decisions, &names, &[rule]).contains("[[rule]]"));
    }
}

#[test]
fn kinds_that_are_equally_frequent_are_sorted_by_action_uid_unit_reason_and_details() {
    let order = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        let forward = suggested(&[refused(one), refused(other)]);
        assert_eq!(forward, suggested(&[refused(other), refused(one)]), "the order of the journal does not count");
        let first = |fields: &[(&str, &str)]| {
            let alone = suggested(&[refused(fields)]);
            forward.starts_with(alone.lines().next().unwrap())
        };
        assert!(first(one), "{one:?} before {other:?}: {forward}");
    };
    order(&[("ACTION", "org.example.a")], &[("ACTION", "org.example.b")]);
    order(&[("SUBJECT_UID", "33")], &[("SUBJECT_UID", "34")]);
    order(&[("UNIT", "a.service")], &[("UNIT", "b.service")]);
    let frequent = suggested(&[
        refused(&[("ACTION", "org.example.a")]),
        refused(&[("ACTION", "org.example.b")]),
        refused(&[("ACTION", "org.example.b")]),
    ]);
    assert!(frequent.starts_with("# Refused 2 times: org.example.b"), "{frequent}");
}
