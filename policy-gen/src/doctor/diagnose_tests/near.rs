//! Near misses: the one condition that keeps a rule or an entry from a yes.

use super::*;

/// Returns the findings with one near condition of a rule.
fn near_miss(reads: Vec<Reading>, change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = with_answer(|answer| {
        let condition = NearCondition::Rule { text: "a condition".to_owned(), wanted: true, reads };
        answer.near.push(NearMiss { place: "/etc/polkit-1/rules.d/50-x.rules:2".to_owned(), condition });
    });
    facts.target = Some(Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape });
    change(&mut facts);
    diagnose(&facts)
}

#[test]
fn a_condition_that_no_finding_names_is_a_note_with_its_reason() {
    let reason = |reading: Reading, change: &dyn Fn(&mut Facts)| {
        let found = near_miss(vec![reading], change);
        let note = found.iter().find(|finding| finding.code == "rule-nearly-allows").unwrap();
        assert!(note.level == Level::Note && note.fixes.is_empty() && found[0].level == Level::Problem);
        assert!(
            note.cause.contains("50-x.rules:2") && note.cause.contains("`a condition`, which is false"),
            "{note:?}"
        );
        note.evidence.join(" ")
    };
    let property = |name: &str| Reading::Subject(name.to_owned());
    let with_session = |session| move |facts: &mut Facts| facts.answer.as_mut().unwrap().session = session;
    let none = |_: &mut Facts| {};
    assert!(reason(property("seat"), &none).contains("no session and no seat"));
    assert!(reason(property("local"), &with_session(Session::Remote)).contains("as with ssh"));
    assert!(reason(property("active"), &with_session(Session::Inactive)).contains("in the background"));
    assert_eq!(reason(property("user"), &none), "the user is www-data");
    assert_eq!(reason(property("groups"), &none), "the groups of www-data are www-data");
    assert!(reason(property("system_unit"), &none).contains("not a process"));
    assert!(reason(property("no_new_privileges"), &none).contains("not a process"));
    for (is_set, expected) in [(Some(false), "has NoNewPrivileges=no"), (Some(true), "=yes"), (None, "the unit of")] {
        let of_unit = |facts: &mut Facts| {
            facts.knows_unit = true;
            let subject = facts.subject.as_mut().unwrap();
            (subject.unit, subject.no_new_privileges) = (Some("web.service".to_owned()), is_set);
        };
        assert!(reason(property("no_new_privileges"), &of_unit).contains(expected), "{expected}");
    }
    let old = |facts: &mut Facts| facts.target.as_mut().unwrap().version = Version(122);
    let expected = "subject.system_unit is undefined: polkit 122 does not have it, polkit 124 has";
    assert_eq!(reason(property("system_unit"), &old), expected);
    assert!(reason(property("no_new_privileges"), &old).contains("polkit 122 does not have it"));
    assert_eq!(reason(Reading::Group("ops".to_owned()), &none), "www-data is not in the group ops");
    assert!(reason(Reading::Detail("unit".to_owned()), &none).contains("no detail unit: --detail adds it"));
}

#[test]
fn a_condition_that_a_finding_names_is_its_evidence() {
    let found = near_miss(vec![Reading::Group("libvirt".to_owned())], |_| {});
    let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["not-in-group"]);
    let expected = "50-x.rules:2 would allow it but for the condition `a condition`, which is false (www-data is not in the \
                    group libvirt)";
    assert!(found[0].evidence.iter().any(|line| line.contains(expected)), "{:?}", found[0].evidence);
    let found = near_miss(vec![Reading::Subject("active".to_owned())], |facts| {
        let answer = facts.answer.as_mut().unwrap();
        answer.groups.clear();
        answer.sessions.push((Session::Active, Some("/etc/polkit-1/rules.d/50-x.rules:1".to_owned())));
    });
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["rule-wants-session"]);
}

#[test]
fn a_pkla_entry_that_nearly_allows_is_named_with_its_key() {
    let cause = |obstacle: Obstacle| {
        let facts = with_answer(|answer| {
            answer.groups.clear();
            let place = "/etc/polkit-1/localauthority/50-local.d/x.pkla:1".to_owned();
            answer.near.push(NearMiss { place, condition: NearCondition::Entry(obstacle) });
        });
        let found = diagnose(&facts);
        found.into_iter().find(|finding| finding.code == "rule-nearly-allows").unwrap()
    };
    let other = cause(Obstacle::Identity(vec!["unix-user:bob".to_owned(), "unix-group:ops".to_owned()]));
    assert!(
        other.cause.contains("x.pkla:1")
            && other.cause.ends_with("but for its Identity `unix-user:bob;unix-group:ops`")
    );
    assert_eq!(other.evidence, ["the user is www-data, in the groups www-data"]);
    let asks = cause(Obstacle::Result("ResultAny", Some(ImplicitAuthorization::AuthAdmin)));
    assert!(asks.cause.ends_with("but for its ResultAny, which is auth_admin"), "{}", asks.cause);
    let missing = cause(Obstacle::Result("ResultAny", None));
    assert!(
        missing.cause.ends_with("but for its ResultAny, which is missing")
            && missing.evidence[0].contains("no session")
    );
}
