use super::*;
use crate::{
    facts::FileId,
    model::{facts, rule},
    schedule::Moment,
};

/// A rule of no user, which each test gives one key.
fn open() -> Rule {
    Rule { user: None, ..rule(Answer::Allow) }
}

fn of_session(seat: Option<&str>, active: bool, remote: bool) -> Session {
    Session::Of { class: "user".into(), seat: seat.map(str::to_owned), active, remote }
}

fn in_session(session: Session) -> Facts {
    Facts { session: Fact::Known(session), ..facts() }
}

#[test]
fn a_detail_must_be_there_and_have_the_value() {
    let details = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let wanted = [("unit", "web-*.service"), ("verb", "restart")];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), Glob::new(value)));
    let rule = Rule { details: wanted.into(), ..open() };
    let truth = |pairs: &[(&str, &str)]| rule.truth(&Facts { details: Fact::Known(details(pairs)), ..facts() });
    assert_eq!(truth(&[("unit", "web-1.service"), ("verb", "restart"), ("other", "x")]), Truth::True);
    assert_eq!(truth(&[("unit", "web-1.service"), ("verb", "start")]), Truth::False);
    assert_eq!(truth(&[("unit", "web-1.service")]), Truth::False, "a detail that is not there");
    assert_eq!(truth(&[]), Truth::False);
    assert_eq!(rule.truth(&facts()), Truth::Unknown, "a challenge has no details");
    assert_eq!(open().truth(&facts()), Truth::True, "no detail is wanted");
}

#[test]
fn a_program_is_the_file_that_the_rule_names() {
    let rule = Rule { exe: Some("/usr/bin/x".into()), ..open() };
    let truth = |named: Fact<FileId>, exe: Fact<FileId>| {
        rule.truth(&Facts { named_files: [("/usr/bin/x".into(), named)].into(), exe, ..facts() })
    };
    let file = |device, inode| Fact::Known(FileId { device, inode });
    assert_eq!(truth(file(1, 2), file(1, 2)), Truth::True);
    assert_eq!([truth(file(1, 2), file(1, 3)), truth(file(1, 2), file(2, 2))], [Truth::False; 2]);
    assert_eq!([truth(Fact::Unknown, file(1, 2)), truth(file(1, 2), Fact::Unknown)], [Truth::Unknown; 2]);
    assert_eq!(rule.truth(&facts()), Truth::Unknown, "the file was not read");
}

#[test]
fn a_group_is_one_of_the_groups_of_the_user() {
    let rule = Rule { group: Some(Named { name: "vm".into(), id: 100 }), ..open() };
    let truth = |groups| rule.truth(&Facts { groups, ..facts() });
    assert_eq!(truth(Fact::Known([33, 100].into())), Truth::True);
    assert_eq!(truth(Fact::Known([33].into())), Truth::False);
    assert_eq!(truth(Fact::Unknown), Truth::Unknown);
}

#[test]
fn a_unit_is_the_unit_of_the_process() {
    let rule = Rule { unit: UnitPattern::new("apache2.service"), ..open() };
    let truth = |unit| rule.truth(&Facts { unit, ..facts() });
    assert_eq!(truth(Fact::Known(Some("apache2.service".into()))), Truth::True);
    assert_eq!([truth(Fact::Known(Some("cron.service".into()))), truth(Fact::Known(None))], [Truth::False; 2]);
    assert_eq!(truth(Fact::Unknown), Truth::Unknown);
}

#[test]
fn each_kind_of_session_covers_its_sessions_alone() {
    let sessions = [
        Session::None,
        of_session(Some("seat0"), true, false),
        of_session(Some("seat0"), false, false),
        of_session(None, false, true),
    ];
    let covered = |key: SessionKey| {
        let rule = Rule { session: Some(key), ..open() };
        sessions.clone().map(|session| rule.truth(&in_session(session)) == Truth::True)
    };
    assert_eq!(covered(SessionKey::None), [true, false, false, false]);
    assert_eq!(covered(SessionKey::Active), [false, true, false, false]);
    assert_eq!(covered(SessionKey::Inactive), [false, false, true, false]);
    assert_eq!(covered(SessionKey::Local), [false, true, true, false]);
    assert_eq!(covered(SessionKey::Remote), [false, false, false, true]);
    assert_eq!(covered(SessionKey::Class("user".into())), [false, true, true, true]);
    assert_eq!(covered(SessionKey::Class("greeter".into())), [false; 4]);
    let unknown = Rule { session: Some(SessionKey::None), ..open() };
    assert_eq!(unknown.truth(&Facts { session: Fact::Unknown, ..facts() }), Truth::Unknown);
}

#[test]
fn a_seat_is_the_seat_of_the_session() {
    let rule = Rule { seat: Some(Glob::new("seat-*")), ..open() };
    let truth = |session| rule.truth(&in_session(session));
    assert_eq!(truth(of_session(Some("seat-usb"), true, false)), Truth::True);
    assert_eq!(truth(of_session(Some("seat0"), true, false)), Truth::False);
    assert_eq!([truth(of_session(None, true, false)), truth(Session::None)], [Truth::False; 2]);
    assert_eq!(rule.truth(&Facts { session: Fact::Unknown, ..facts() }), Truth::Unknown);
}

#[test]
fn one_key_that_does_not_hold_decides_and_an_unknown_key_beats_those_that_hold() {
    let two =
        Rule { unit: UnitPattern::new("apache2.service"), group: Some(Named { name: "vm".into(), id: 100 }), ..open() };
    let unknown_group = Facts { groups: Fact::Unknown, ..facts() };
    assert_eq!(two.truth(&unknown_group), Truth::Unknown);
    assert_eq!(two.truth(&Facts { unit: Fact::Known(None), ..unknown_group }), Truth::False);
}

#[test]
fn an_unknown_fact_matches_every_answer_except_allow() {
    let unknown = Facts { groups: Fact::Unknown, ..facts() };
    let matches = Answer::WORDS.map(|(word, answer)| {
        let rule = Rule { group: Some(Named { name: "vm".into(), id: 100 }), ..rule(answer) };
        (word, rule.matches(&unknown))
    });
    let expected = [("allow", false), ("deny", true), ("dismiss", true), ("ask", true), ("authenticate", true)];
    assert_eq!(matches, expected);
}

#[test]
fn one_of_several_actions_is_enough() {
    let actions = ["org.example.*", "org.libvirt.unix.manage"].map(|text| ActionPattern::new(text).unwrap());
    let rule = Rule { actions: actions.into(), ..open() };
    let truth = |action: &str| rule.truth(&Facts { action: action.into(), ..facts() });
    assert_eq!([truth("org.example.run"), truth("org.libvirt.unix.manage")], [Truth::True; 2]);
    assert_eq!(truth("org.libvirt.unix.monitor"), Truth::False);
}

#[test]
fn a_user_is_the_user_of_the_process() {
    let truth = |id| rule_of_user(id).truth(&facts());
    assert_eq!([truth(33), truth(34), truth(0)], [Truth::True, Truth::False, Truth::False]);
}

fn rule_of_user(id: u32) -> Rule {
    Rule { user: Some(Named { name: "www-data".into(), id }), ..open() }
}

#[test]
fn hours_need_a_known_time_and_other_rules_need_none() {
    let day = When { between: Some("08:00-18:00".parse().unwrap()), ..When::default() };
    let rule = Rule { when: day, ..open() };
    let at = |time: &str| Fact::Known(Moment::new(time.parse().unwrap(), &jiff::tz::TimeZone::UTC));
    let truth = |moment| rule.truth(&Facts { moment, ..facts() });
    assert_eq!(truth(at("2026-11-27T12:00:00Z")), Truth::True);
    assert_eq!(truth(at("2026-11-27T20:00:00Z")), Truth::False);
    assert_eq!(truth(Fact::Unknown), Truth::Unknown);
    assert_eq!(open().truth(&Facts { moment: Fact::Unknown, ..facts() }), Truth::True);
}

#[test]
fn a_local_session_includes_the_sessions_of_a_seat_and_no_other() {
    use SessionKey::{Active, Class, Inactive, Local, None, Remote};
    let keys = [None, Active, Inactive, Local, Remote, Class("user".into())];
    for (place, key) in keys.iter().enumerate() {
        let included: Vec<usize> = (0..keys.len()).filter(|other| key.includes(&keys[*other])).collect();
        let expected = if *key == Local { vec![1, 2, 3] } else { vec![place] };
        assert_eq!(included, expected, "{key:?}");
    }
}

#[test]
fn a_session_key_includes_itself_and_local_includes_seats() {
    let key = SessionKey::new;
    for (wide, narrow, includes) in [
        ("active", "active", true),
        ("local", "active", true),
        ("local", "inactive", true),
        ("local", "remote", false),
        ("local", "none", false),
        ("active", "local", false),
        ("active", "inactive", false),
        ("user", "greeter", false),
        ("user", "user", true),
    ] {
        assert_eq!(key(wide).includes(&key(narrow)), includes, "{wide} and {narrow}");
    }
}
