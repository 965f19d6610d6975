use super::*;
use crate::kernel::audit::journal_writer::MESSAGE_ID;

const FIELDS: [(&str, &str); 17] = [
    ("RECORD", "r1"),
    ("WAY", "challenge"),
    ("ACTION", "org.example.run"),
    ("DETAILS", "{\"unit\":\"a.service\"}"),
    ("VERDICT", "allow"),
    ("RULE", "web"),
    ("REASON", "rule"),
    ("SUBJECT_PID", "42"),
    ("SUBJECT_UID", "33"),
    ("USER", "www-data"),
    ("UNIT", "web.service"),
    ("SESSION", "c1"),
    ("EXE", "/usr/bin/web"),
    ("EXE_CLAIMED", "/usr/bin/other"),
    ("COMMAND_LINE", "web -d"),
    ("IDENTITY", "unix-user:www-data"),
    ("APPROVER", "alice"),
];

/// An entry with these fields. An empty value removes a field.
fn entry(fields: &[(&str, &str)]) -> JournalEntry {
    let mut json = json!({
        "__REALTIME_TIMESTAMP": "1700000000500000", "_UID": "0", "_SYSTEMD_UNIT": "polkit-service-agent.service",
        "MESSAGE_ID": MESSAGE_ID,
    });
    for (field, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        json[format!("POLKIT_AGENT_{field}")] = (*value).into();
    }
    JournalEntry::from_json(&json.to_string(), &Span::default().trusted()).unwrap()
}

/// A decision with changed fields, and its outcome.
fn decided(changed: &[(&str, &str)], outcome: Option<&[(&str, &str)]>) -> JournalDecision {
    let kept = FIELDS.iter().filter(|(field, _)| !changed.iter().any(|(other, _)| field == other));
    let fields: Vec<(&str, &str)> = kept.chain(changed).copied().collect();
    JournalDecision { decision: entry(&fields), outcome: outcome.map(entry) }
}

const SENT: &[(&str, &str)] = &[("OUTCOME", "sent"), ("MICROSECONDS", "900")];

fn text(changed: &[(&str, &str)], outcome: Option<&[(&str, &str)]>) -> String {
    line(&decided(changed, outcome), false, &TimeZone::UTC)
}

#[test]
fn a_decision_as_json_has_all_fields_of_its_records() {
    let read =
        |decided: &JournalDecision| -> Value { serde_json::from_str(&line(decided, true, &TimeZone::UTC)).unwrap() };
    let failed: &[(&str, &str)] = &[("OUTCOME", "failed"), ("ERROR", "it broke"), ("MICROSECONDS", "900")];
    let expected = json!({
        "id": "r1", "time": 1_700_000_000.5, "way": "challenge", "action": "org.example.run",
        "details": { "unit": "a.service" }, "verdict": "allow", "rule": "web", "reason": "rule", "pid": 42, "uid": 33,
        "user": "www-data", "unit": "web.service", "session": "c1", "exe": "/usr/bin/web",
        "exe_claimed": "/usr/bin/other", "command_line": "web -d", "identity": "unix-user:www-data",
        "approver": "alice", "outcome": "failed", "error": "it broke", "microseconds": 900, "times": 1,
    });
    assert_eq!(read(&decided(&[], Some(failed))), expected);
    let bare = read(&JournalDecision { decision: entry(&[("RECORD", "r2"), ("REPEATED", "7")]), outcome: None });
    assert_eq!((&bare["id"], &bare["times"], &bare["outcome"]), (&json!("r2"), &json!(7), &json!("refused")));
    assert_eq!((&bare["details"], &bare["rule"], &bare["microseconds"]), (&json!({}), &Value::Null, &Value::Null));
}

#[test]
fn details_that_were_cut_are_a_text() {
    assert_eq!(details(&entry(&[("DETAILS", "{\"a\":\"b")])), json!("{\"a\":\"b"));
    let cut = text(&[("DETAILS", "{\"a\":\"b")], Some(SENT));
    assert!(cut.contains(" org.example.run {\"a\":\"b www-data "), "{cut}");
}

#[test]
fn a_decision_is_one_line_of_text() {
    let whole = text(&[("APPROVER", "")], Some(SENT));
    assert_eq!(
        whole,
        "2023-11-14 22:13:20 allow   org.example.run unit=a.service www-data web.service pid 42 (rule \"web\"; sent)"
    );
    for (changed, outcome, end) in [
        (("APPROVER", "alice"), Some(SENT), "(rule \"web\", approved by alice; sent)"),
        (("REASON", "limit"), Some(SENT), "(rule \"web\", limit, approved by alice; sent)"),
        (("REPEATED", "3"), None, "(rule \"web\", approved by alice; refused, 3 times)"),
        (("WAY", "hook"), None, "(rule \"web\", approved by alice; unknown)"),
    ] {
        let shown = text(&[changed], outcome);
        assert!(shown.ends_with(end), "{shown}");
    }
    let none = text(&[("RULE", ""), ("REASON", "no-rule"), ("APPROVER", "")], Some(SENT));
    assert!(none.ends_with("(no-rule; sent)"), "{none}");
    // Without a name or a unit there are the uid and the session.
    let bare = text(&[("USER", ""), ("UNIT", ""), ("DETAILS", "")], Some(SENT));
    assert!(bare.contains(" org.example.run 33 c1 pid 42 "), "{bare}");
    assert!(text(&[("UNIT", ""), ("SESSION", "")], Some(SENT)).contains(" www-data - pid 42 "));
    // The hook printed nothing.
    let passed = text(&[("VERDICT", "deny")], Some(&[("OUTCOME", "passed")]));
    assert!(passed.contains(" pass    org.example.run"), "{passed}");
}

#[test]
fn options_select_decisions() {
    let none = || DecisionsOptions {
        since: String::new(),
        unit: None,
        user: None,
        action: None,
        denied: false,
        lines: None,
        own: false,
        follow: false,
        suggest: false,
        json: false,
    };
    let some = |text: &str| Some(text.to_owned());
    let sent = decided(&[], Some(SENT));
    for (shown, expected) in [
        (none(), true),
        (DecisionsOptions { unit: some("web.service"), ..none() }, true),
        (DecisionsOptions { unit: some("db.service"), ..none() }, false),
        (DecisionsOptions { user: some("www-data"), ..none() }, true),
        (DecisionsOptions { user: some("33"), ..none() }, true),
        (DecisionsOptions { user: some("34"), ..none() }, false),
        (DecisionsOptions { action: some("org.example.run"), ..none() }, true),
        (DecisionsOptions { action: some("org.example"), ..none() }, false),
        (DecisionsOptions { denied: true, ..none() }, false),
        (DecisionsOptions { unit: some("web.service"), user: some("34"), ..none() }, false),
    ] {
        assert_eq!(is_shown(&sent, &shown), expected, "{shown:?}");
    }
    let denied = DecisionsOptions { denied: true, ..none() };
    assert!(is_shown(&decided(&[("VERDICT", "deny")], Some(SENT)), &denied));
    assert!(is_shown(&decided(&[], Some(&[("OUTCOME", "failed")])), &denied), "the yes did not reach polkit");
    assert!(is_shown(&decided(&[], None), &denied));
}

#[test]
fn output_that_cannot_be_written_is_no_error_of_the_journal() {
    let of = |kind: io::ErrorKind| written(Err(kind.into())).unwrap_err();
    assert_eq!(of(io::ErrorKind::BrokenPipe).kind(), io::ErrorKind::BrokenPipe);
    let full = of(io::ErrorKind::StorageFull);
    assert!(full.get_ref().is_some_and(|inner| inner.is::<Unwritten>()));
    assert!(full.to_string().starts_with("cannot write to standard output: "), "{full}");
    assert!(written(Ok(())).is_ok());
}
