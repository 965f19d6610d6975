use polkit_agent_rules::{
    model,
    rule::{Answer, Named},
    unit_pattern::UnitPattern,
};
use polkit_types::pattern::ActionPattern;

use super::*;
use crate::config::separation::{Host, Unit};

fn unit(name: &str) -> UnitPattern {
    UnitPattern::new(name).unwrap()
}

fn of_unit(name: &str, action: &str) -> Rule {
    Rule {
        unit: Some(unit(name)),
        user: None,
        actions: vec![ActionPattern::new(action).unwrap()],
        ..model::rule(Answer::Allow)
    }
}

fn registered(id: &str, without_session: Implicit) -> RegisteredAction {
    RegisteredAction { id: id.to_owned(), without_session }
}

#[test]
fn a_unit_that_systemd_does_not_know_is_named_with_the_unit_that_is_meant() {
    let serve =
        vec![Serve::of(ServeTarget::Unit(unit("wbe.service"))), Serve::of(ServeTarget::Unit(unit("app@*.service")))];
    let mut config = Config::of(serve, vec![of_unit("httpd.service", "a.b"), of_unit("web.service", "a.b")]);
    let named = |name: &str| Unit { name: name.into(), ..Unit::default() };
    config.host.units = Some(vec![named("web.service"), named("wbe.service")]);
    let units = exact_units(&config);
    let names: Vec<&str> = units.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["wbe.service", "httpd.service", "web.service"], "a pattern is not looked up");
    let known =
        [("wbe.service", None), ("httpd.service", Some("apache2.service")), ("web.service", Some("web.service"))]
            .map(|(name, known)| (name.to_owned(), known.map(str::to_owned)));
    let notes = of_units(&config, &units, &known);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert_eq!(notes[0], "a [[serve]] entry names wbe.service, which systemd does not know. Did you mean web.service?");
    assert!(notes[1].contains("names httpd.service, which is another name of apache2.service"), "{notes:?}");
    assert_eq!(of_units(&config, &units, &[]), [""; 0], "systemd does not respond");
}

#[test]
fn an_action_that_polkitd_does_not_know_is_named() {
    let actions = [registered("org.example.run", Implicit::User)];
    let named = |action: &str| of_actions(&Config::of(vec![], vec![of_unit("w.service", action)]), &actions);
    assert_eq!(named("org.example.run"), [""; 0]);
    assert_eq!(named("org.example.*"), [""; 0]);
    assert!(named("org.example.rum")[0].ends_with("Did you mean org.example.run?"));
    assert!(named("org.other.*")[0].ends_with("polkitd knows no such action"));
}

#[test]
fn a_grant_that_polkit_does_not_offer_is_named() {
    let actions = [
        registered("a.b", Implicit::Administrator),
        registered("a.self", Implicit::User),
        registered("a.no", Implicit::Refused),
    ];
    let user = || Some(Named { name: "www-data".into(), id: 33 });
    let notes = |serve: Serve, rule: Rule, rules: &[&str]| {
        let rules: Vec<String> = rules.iter().map(|text| (*text).to_owned()).collect();
        not_offered(&Config::of(vec![serve], vec![rule]), &actions, &rules, |_| vec!["web".to_owned()])
    };
    let served = || Serve::of(ServeTarget::Unit(unit("w.service")));
    let rule = |action: &str| Rule { user: user(), ..of_unit("w.service", action) };
    let found = notes(served(), rule("a.b"), &[]);
    assert!(found[0].contains("grants a.b to www-data, but polkit requests an administrator for it"), "{found:?}");
    assert!(notes(served(), rule("a.no"), &[])[0].contains("polkit refuses every user for it"));
    let of_others = "if (action.id == \"a.b\" && subject.isInGroup(\"libvirt\")) { return polkit.Result.YES; }";
    assert_eq!(notes(served(), rule("a.b"), &[of_others]).len(), 1, "a rule for a group that the user is not in");
    let agent = "if (action.id === \"a.b\" && subject.user === \"www-data\") { return \"auth_self\"; }";
    for (serve, rule, rules, why) in [
        (served(), rule("a.self"), vec![], "polkit requests the user's own authentication"),
        (served(), rule("a.b"), vec![agent], "a rule of policy-gen"),
        (
            served(),
            rule("a.b"),
            vec!["action.id.indexOf(\"a.\") == 0 && subject.isInGroup('web') ? 'yes' : null"],
            "a prefix",
        ),
        (served(), rule("a.b"), vec!["return polkit.Result.YES; // for a.b and isInGroup('web')"], "another rule"),
        (served(), Rule { unbound: true, ..rule("a.b") }, vec![], "the rule accepts an administrator's challenge"),
        (served(), Rule { answer: Answer::Deny, ..rule("a.b") }, vec![], "a refusal"),
        (served(), Rule { user: None, ..rule("a.b") }, vec![], "an unknown user"),
        (Serve { by_hook: true, ..served() }, rule("a.b"), vec![], "the hook needs no challenge"),
        (Serve::of(ServeTarget::Unit(unit("x.service"))), rule("a.b"), vec![], "another unit is served"),
    ] {
        assert_eq!(notes(serve, rule, &rules), [""; 0], "{why}");
    }
    assert_eq!(
        notes(served(), rule("a.b"), &["subject.user === \"www-data\" && action.id === \"c.d\" ? \"auth_self\""]).len(),
        1
    );
}

#[test]
fn the_user_of_a_grant_is_that_of_its_unit() {
    let mut config = Config::of(vec![], vec![]);
    let of = |name: &str, user: &str| Unit { name: name.into(), user: Some(user.into()), ..Unit::default() };
    config.host = Host { units: Some(vec![of("w.service", "web"), of("r.service", "root")]), ..Host::default() };
    assert_eq!(user_of(&config, &of_unit("w.service", "a.b")).as_deref(), Some("web"));
    assert_eq!(user_of(&config, &of_unit("r.service", "a.b")), None);
    assert_eq!(user_of(&config, &of_unit("x.service", "a.b")), None);
}

#[test]
fn a_rule_covers_registered_processes_if_an_entry_can_have_them() {
    let registered = |target: ServeTarget, of: Option<&str>| {
        let rule = Rule { unit: of.map(unit), ..model::rule(Answer::Allow) };
        is_registered(&Config::of(vec![Serve::of(target)], vec![]), &rule)
    };
    let of_unit = |name: &str| ServeTarget::Unit(unit(name));
    for (served, of, expected) in [
        ("web.service", Some("web.service"), true),
        ("web@*.service", Some("web@1.service"), true),
        ("web@1.service", Some("web@*.service"), true),
        ("web.service", Some("db.service"), false),
        ("web.service", None, true),
    ] {
        assert_eq!(registered(of_unit(served), of), expected, "{served} {of:?}");
    }
    let user = || ServeTarget::User(Named { name: "web".into(), id: 33 });
    for of in [None, Some("web.service")] {
        assert!(registered(ServeTarget::PidFile("/run/a.pid".into()), of) && registered(user(), of), "{of:?}");
        assert!(!registered(ServeTarget::Exec(Vec::new()), of), "{of:?}");
    }
    assert!(!is_registered(&Config::of(vec![], vec![]), &model::rule(Answer::Allow)));
}
