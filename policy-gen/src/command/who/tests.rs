use polkit_config::names::Names;

use super::*;
use crate::implicit_authorization::ImplicitAuthorization::{AuthAdmin, No, Yes};
use crate::verdict::wire::Fact;
use crate::verdict::{Decider, DeciderKind};

/// A condition with facts such as `group=vm` and `!local`.
fn condition(outcome: ImplicitAuthorization, kind: DeciderKind, facts: &str) -> Condition {
    let known = |word: &str| {
        let (is, word) = word.strip_prefix('!').map_or((true, word), |word| (false, word));
        let (kind, value) = word.split_once('=').map_or((word, None), |(kind, value)| (kind, Some(value.to_owned())));
        KnownFact { fact: Fact { kind: kind.to_owned(), value }, is }
    };
    let (file, line) = (Some("/usr/share/polkit-1/rules.d/60-a.rules".to_owned()), Some(4));
    let decided_by = Some(Decider { kind, file, line, by_action: None, grant: None });
    let mut all: Vec<KnownFact> = facts.split_whitespace().map(known).collect();
    all.sort();
    Condition { outcome: Outcome::Result(outcome), decided_by, ends_polkitd: None, all }
}

fn found(conditions: Vec<Condition>) -> Found {
    let exploration = Exploration { conditions, incomplete: Vec::new(), paths: 1 };
    Found { action: "org.libvirt.unix.manage".to_owned(), exploration }
}

fn people() -> People {
    let passwd = "root:x:0:0::/:\nalice:x:3001:3001::/:\nwww-data:x:33:33::/:\nalso:x:33:33::/:\n";
    let group = "libvirt:x:99:alice,www-data\nalice:x:3001:\n";
    People::of(&Names::Root(polkit_config::names::Tree::parse(passwd, group))).unwrap()
}

#[test]
fn conditions_are_shown_in_plain_words() {
    let found = found(vec![
        condition(No, DeciderKind::Implicit, "!uid=0 !group=libvirt !user=backup local !active"),
        condition(AuthAdmin, DeciderKind::Implicit, "!uid=0 !group=libvirt !user=backup !local"),
        condition(Yes, DeciderKind::Root, "uid=0"),
        condition(Yes, DeciderKind::Rule, "!uid=0 group=libvirt"),
        condition(
            Yes,
            DeciderKind::Rule,
            "!uid=0 !group=libvirt user=backup !session system_unit=backup.service system_unit",
        ),
    ]);
    let text = text::text(&found, &people(), false);
    assert_eq!(
        text,
        "org.libvirt.unix.manage\n  root-equivalent: a domain can be given any disk or file of the host\n  \
         yes: members of libvirt (alice, www-data) \u{2013} 60-a.rules:4\n  \
         yes: user backup, in no session, as services are, unit = backup.service \u{2013}\n      60-a.rules:4\n  \
         no: everybody else, in a background session at a seat \u{2013} 60-a.rules:4\n  \
         administrator's password: everybody else, not at a seat: services and remote\n      sessions \u{2013} 60-a.rules:4\n"
    );
}

#[test]
fn what_keeps_conditions_of_one_result_apart_is_not_shown() {
    let found = found(vec![
        condition(Yes, DeciderKind::Rule, "group=a"),
        condition(Yes, DeciderKind::Rule, "!group=a group=b"),
        condition(AuthAdmin, DeciderKind::Implicit, "!group=a !group=b"),
    ]);
    let text = text::text(&found, &People::default(), false);
    assert!(text.contains("yes: members of a \u{2013}") && text.contains("yes: members of b \u{2013}"), "{text}");
    assert!(text.ends_with("password: everybody else \u{2013} 60-a.rules:4\n"), "{text}");
}

#[test]
fn no_line_is_longer_than_80_columns() {
    let long = "group=one-rather-long-name-of-a-group group=another-long-name user=somewhat-long detail:unit=x.service";
    let text = text::text(&found(vec![condition(Yes, DeciderKind::Rule, long)]), &people(), true);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn actions_that_every_user_gets_come_first() {
    let rank = |facts: &str| found(vec![condition(Yes, DeciderKind::Rule, facts)]).rank();
    assert_eq!(["!uid=0", "!uid=0 local", "group=vm", "user=a local", "uid=0"].map(rank), [0, 1, 2, 2, 3]);
    assert_eq!(found(vec![condition(No, DeciderKind::Rule, "")]).rank(), 3);
}

#[test]
fn people_fulfil_the_facts_of_their_account_in_some_session() {
    let of =
        |facts: &str, every: bool| people().of_condition(&condition(Yes, DeciderKind::Rule, facts), every).join(" ");
    assert_eq!(of("group=libvirt local detail:unit=a", false), "alice www-data");
    assert_eq!(of("group=libvirt !user=alice", false), "www-data");
    assert_eq!(of("uid=33", false), "www-data");
    assert_eq!((of("!group=libvirt", false), of("!group=libvirt", true)), (String::new(), "root".to_owned()));
}

#[test]
fn the_json_of_an_action_has_the_documented_form() {
    let mut found = found(vec![condition(Yes, DeciderKind::Rule, "!uid=0 group=libvirt local detail:unit=a")]);
    found.exploration.incomplete.push(crate::explore::Remark { why: "why".into(), file: None, line: Some(3) });
    let expected = json!({
        "action": "org.libvirt.unix.manage",
        "exact": false,
        "incomplete": [{ "why": "why", "file": null, "line": 3 }],
        "conditions": [{
            "result": "yes",
            "all": [
                { "fact": "detail:unit", "is": true, "value": "a" },
                { "fact": "group", "is": true, "value": "libvirt" },
                { "fact": "local", "is": true },
                { "fact": "uid", "is": false, "value": 0 },
            ],
            "decided_by": {
                "kind": "rule", "file": "/usr/share/polkit-1/rules.d/60-a.rules", "line": 4, "by_action": null,
            },
            "people": ["alice", "www-data"],
        }],
    });
    assert_eq!(json(&found, &people(), false), expected);
    assert_eq!(code(&[found]), INCOMPLETE);
}
