use std::{collections::BTreeMap, time::Duration};

use polkit_agent_rules::{
    model,
    rule::{Answer, AtMost, Named},
    schedule::{Until, When},
    unit_pattern::UnitPattern,
};
use polkit_types::pattern::{ActionPattern, Glob};

use super::*;

fn named(name: &str) -> Named {
    Named { name: name.into(), id: 1000 }
}

fn unit() -> UnitPattern {
    UnitPattern::new("web.service").unwrap()
}

#[test]
fn a_rule_is_one_line_with_all_its_conditions() {
    let bare = Rule { user: None, ..model::rule(Answer::Deny) };
    assert_eq!(line_of(&bare), "deny \"r\": org.libvirt.unix.manage for every subject (agent.toml:1)");
    let until: Until = "2030-01-01".parse().unwrap();
    let full = Rule {
        actions: vec![ActionPattern::new("org.a.b").unwrap(), ActionPattern::new("org.c.*").unwrap()],
        unit: Some(unit()),
        user: Some(named("bob")),
        group: Some(named("vm")),
        exe: Some("/usr/bin/web".into()),
        session: Some(SessionKey::Active),
        seat: Some(Glob::new("seat*")),
        details: BTreeMap::from([("verb".to_owned(), Glob::new("start"))]),
        at_most: Some(AtMost { times: 3, per: Duration::from_secs(60) }),
        when: When { until: Some(until), ..When::default() },
        ..model::rule(Answer::Allow)
    };
    assert_eq!(
        line_of(&full),
        "allow \"r\": org.a.b, org.c.* for unit web.service, user bob, group vm, exe /usr/bin/web, session active, \
         seat seat*, at_most 3 in 60 s, detail verb=start, at certain times (agent.toml:1)"
    );
    for (session, word) in [
        (SessionKey::None, "none"),
        (SessionKey::Inactive, "inactive"),
        (SessionKey::Local, "local"),
        (SessionKey::Remote, "remote"),
        (SessionKey::Class("greeter".into()), "greeter"),
    ] {
        let line = line_of(&Rule { session: Some(session), ..bare.clone() });
        assert!(line.contains(&format!(" for session {word} (")), "{line}");
    }
}

#[test]
fn an_entry_is_shown_with_its_way_and_its_users() {
    let of_unit = Serve::of(ServeTarget::Unit(unit()));
    assert_eq!(line_of_entry(&of_unit), "web.service");
    assert_eq!(line_of_entry(&Serve { by_hook: true, ..of_unit }), "web.service (hook)");
    let principals = vec![ExecPrincipal::User(named("bob")), ExecPrincipal::Group(named("vm"))];
    assert_eq!(line_of_entry(&Serve::of(ServeTarget::Exec(principals))), "exec by bob, @vm");
}

fn described(config: &Config, notes: &[&str]) -> Vec<String> {
    let loaded = Loaded { files: Vec::new(), report: polkit_config::report::Report::new(), config: None };
    let notes = notes.iter().map(|note| (*note).to_owned()).collect();
    describe(&loaded, config, notes).lines().map(str::to_owned).collect()
}

#[test]
fn a_configuration_is_described_from_its_files_to_its_notes() {
    let empty = described(&Config::of(vec![], vec![]), &["of the host"]);
    assert_eq!(
        empty,
        [
            "Files, in the order of their rules:",
            "Nothing is served.",
            "There are no rules: every request is refused.",
            "note: of the host",
        ]
    );
    let rule = Rule { unit: Some(unit()), ..model::rule(Answer::Allow) };
    let lines = described(&Config::of(vec![Serve::of(ServeTarget::Unit(unit()))], vec![rule]), &[]);
    assert_eq!(lines[1..3], ["Served:".to_owned(), "  web.service".to_owned()]);
    assert!(lines[3].starts_with("Rules, in their order; the first match wins."), "{lines:?}");
    assert!(lines[4].starts_with("  allow \"r\": org.libvirt.unix.manage for unit web.service"), "{lines:?}");
    assert!(lines[5].starts_with("A unit separates programs"), "{lines:?}");
    assert!(lines.iter().skip(6).any(|line| line.starts_with("note: ")), "the action is root-equivalent: {lines:?}");
}

#[test]
fn only_grants_to_units_are_separated() {
    let rule = |answer, unit| Rule { unit, ..model::rule(answer) };
    let of = |rule: Rule| separations(&Config::of(vec![], vec![rule]));
    assert_eq!(of(rule(Answer::Deny, Some(unit()))), [""; 0]);
    assert_eq!(of(rule(Answer::Allow, None)), [""; 0]);
    let lines = of(rule(Answer::Ask, Some(unit())));
    assert!(lines[0].starts_with("A unit separates programs"), "{lines:?}");
    assert_eq!(lines[1], "  \"r\", web.service:");
    assert!(lines.len() > 2 && lines.iter().skip(2).all(|line| line.starts_with("    ")), "{lines:?}");
}
