use polkit_agent_rules::{
    model,
    rule::{AtMost, Named, Rule},
};

use super::*;
use crate::cli::args::ConfigFile;

/// A request of the user root, who exists on every host.
fn request() -> TestRequest {
    TestRequest {
        config: ConfigFile { config: None },
        action: model::ACTION.to_owned(),
        pid: None,
        user: Some("root".to_owned()),
        unit: None,
        group: Vec::new(),
        exe: None,
        session: None,
        seat: None,
        detail: vec![("verb".to_owned(), "start".to_owned())],
        way: "challenge".to_owned(),
        at: None,
        json: false,
    }
}

fn read(request: &TestRequest) -> Facts {
    facts(request, &Config::of(vec![], vec![])).unwrap()
}

#[test]
fn facts_without_an_option_are_unknown() {
    let found = read(&request());
    assert_eq!((found.action.as_str(), found.uid.get()), (model::ACTION, 0));
    assert_eq!((found.unit, found.exe, found.session), (Fact::Unknown, Fact::Unknown, Fact::Unknown));
    assert_eq!((found.details, found.content), (Fact::Unknown, Fact::Unknown));
    assert!(matches!(found.groups, Fact::Known(gids) if gids.contains(&0)), "the groups of the user");
    assert!(found.vouched_for && !found.other_user && found.login.is_none());
    assert_eq!((found.delegated, found.exclusive_user), (Fact::Known(false), Fact::Known(true)));
}

#[test]
fn options_are_facts() {
    let own = std::env::current_exe().unwrap();
    let found = read(&TestRequest {
        user: Some("4711".to_owned()),
        unit: Some("web.service".to_owned()),
        group: vec!["root".to_owned()],
        exe: Some(own.clone()),
        session: Some("greeter".to_owned()),
        way: "hook".to_owned(),
        at: Some(At::Instant("2027-01-31T18:00Z".parse().unwrap())),
        ..request()
    });
    assert_eq!((found.uid.get(), found.unit), (4711, Fact::Known(Some("web.service".to_owned()))));
    assert_eq!((found.groups, found.exe), (Fact::Known([0].into()), Fact::Known(file(&own).unwrap())));
    assert_eq!(found.details, Fact::Known([("verb".to_owned(), "start".to_owned())].into()));
    let Fact::Known(moment) = found.moment else { panic!("the time is given") };
    assert_eq!(moment.instant, "2027-01-31T18:00Z".parse().unwrap());
}

#[test]
fn a_time_of_today_and_a_local_time_are_those_of_the_host() {
    let of = |at: At| match moment(&TestRequest { at: Some(at), ..request() }) {
        Ok(Fact::Known(moment)) => moment.local,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(At::Local("2027-01-31T18:00".parse().unwrap())), "2027-01-31T18:00".parse().unwrap());
    assert_eq!(of(At::Today("18:00".parse().unwrap())).time(), "18:00".parse().unwrap());
    assert!(matches!(moment(&request()), Ok(Fact::Known(_))), "now");
}

#[test]
fn names_that_do_not_exist_are_errors() {
    let error = |request: TestRequest| facts(&request, &Config::of(vec![], vec![])).map(drop);
    let no_user = error(TestRequest { user: Some("no-such-user".to_owned()), ..request() });
    assert_eq!(no_user, Err("there is no user `no-such-user` on this host".to_owned()));
    let no_group = error(TestRequest { group: vec!["root".to_owned(), "no-such-group".to_owned()], ..request() });
    assert_eq!(no_group, Err("there is no group `no-such-group` on this host".to_owned()));
    let no_process = error(TestRequest { pid: Some(u32::MAX), user: None, ..request() });
    assert_eq!(no_process, Err(format!("there is no process {}", u32::MAX)));
}

#[test]
fn a_program_of_the_rules_is_known_if_it_exists() {
    let rule = |exe: &str| Rule { exe: Some(exe.into()), ..model::rule(Answer::Allow) };
    let config = Config::of(vec![], vec![rule("/no/such/program")]);
    let found = facts(&request(), &config).unwrap().named_files;
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("/no/such/program".into(), Fact::Unknown)]);
}

#[test]
fn a_session_is_that_of_its_word_and_its_seat() {
    let of = |class: &str, seat: Option<&str>, active, remote| {
        Fact::Known(Session::Of { class: class.to_owned(), seat: seat.map(str::to_owned), active, remote })
    };
    let one = Some("seat1");
    for (word, seat, expected) in [
        (None, None, Fact::Unknown),
        (None, one, of("user", one, false, false)),
        (Some("none"), None, Fact::Known(Session::None)),
        (Some("active"), None, of("user", Some("seat0"), true, false)),
        (Some("active"), one, of("user", one, true, false)),
        (Some("inactive"), None, of("user", Some("seat0"), false, false)),
        (Some("local"), one, of("user", one, false, false)),
        (Some("remote"), None, of("user", None, false, true)),
        (Some("greeter"), None, of("greeter", None, false, false)),
        (Some("greeter"), one, of("greeter", one, false, false)),
    ] {
        assert_eq!(session(word, seat), expected, "{word:?} {seat:?}");
    }
}

/// The verdict of these rules, as JSON and as text.
fn shown(rules: Vec<Rule>) -> (String, String) {
    let config = Config::of(vec![], rules);
    let facts = model::facts();
    let verdict = decide(&config.rules, &facts, &History::default());
    let near = if verdict.rule().is_none() { near_misses(&config.rules, &facts) } else { Vec::new() };
    (json(&verdict, &near), text(&verdict, &config, &near))
}

#[test]
fn a_verdict_names_the_rule_that_decides() {
    let (json, text) = shown(vec![model::rule(Answer::Deny)]);
    assert_eq!(json, r#"{"verdict":"deny","rule":"r","reason":"rule"}"#);
    assert_eq!(text, "deny: rule \"r\" (agent.toml:1)");
    let (json, text) = shown(vec![]);
    assert_eq!(json, r#"{"verdict":"deny","rule":null,"reason":"no-rule"}"#);
    assert_eq!(text, "deny: no rule matches");
}

#[test]
fn a_grant_is_shown_with_what_it_assumes() {
    let limited =
        Rule { at_most: Some(AtMost { times: 1, per: Duration::from_secs(60) }), ..model::rule(Answer::Allow) };
    let other = Rule { id: "other".into(), ..model::rule(Answer::Allow) };
    let lines = |rule: Rule| -> Vec<String> { shown(vec![rule, other.clone()]).1.lines().map(str::to_owned).collect() };
    let plain = lines(model::rule(Answer::Allow));
    assert!(plain[0].starts_with("allow: rule \"r\"") && plain[1].starts_with("This verdict assumes"), "{plain:?}");
    assert!(plain.iter().skip(2).all(|line| line.starts_with("rule \"r\" ")), "notes of its own: {plain:?}");
    let counted = lines(limited);
    assert!(counted[2].starts_with("The counts of at_most are in the running agent"), "{counted:?}");
    assert_eq!(counted.len(), plain.len() + 1);
}

#[test]
fn the_three_nearest_rules_are_shown() {
    let near = |id: &str| Rule {
        id: id.into(),
        user: Some(Named { name: "alice".into(), id: 1000 }),
        ..model::rule(Answer::Allow)
    };
    let (json, text) = shown(["a", "b", "c", "d"].map(near).into());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["near"][3], serde_json::json!({ "rule": "d", "keys": ["user"] }));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3], "rule \"c\" (agent.toml:1) would match but for: user");
}
