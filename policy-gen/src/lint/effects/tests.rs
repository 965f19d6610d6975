use super::*;
use crate::lint::read::Script;
use crate::target::{JavaScript, Pkla, Version};

const TARGET: Target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };

/// Returns the probes of a file that is replaced by a fixed reply.
fn matrix(text: &str, limit: usize) -> Matrix {
    Matrix::of(&Script::of(text), TARGET, &Registered::new(), limit)
}

#[test]
fn the_requests_cover_the_names_of_a_file() {
    let text = "polkit.addRule(function (action, subject) { var verb = action.lookup('verb'); if (action.id == 'org.a.run' && \
                subject.isInGroup('ops') && (verb == 'start' || verb == 'stop')) { return polkit.Result.YES; } });";
    let matrix = matrix(text, 6000);
    assert!(matrix.is_complete);
    let has = |action: &str, group: &str, verb: &str| {
        matrix.probes.iter().any(|probe| {
            let request = &probe.request;
            request.action == action
                && request.groups.iter().any(|own| own == group)
                && request.details.iter().any(|(key, value)| key == "verb" && value == verb)
        })
    };
    assert!(has("org.a.run", "ops", "start") && has("org.a.run", "ops", "stop"));
    assert!(
        matrix
            .probes
            .iter()
            .any(|probe| probe.who == matrix::Who::Stranger && probe.request.action == matrix::INVENTED)
    );
}

#[test]
fn patterns_and_too_many_names_are_not_covered() {
    let rule = |condition: &str| {
        format!("polkit.addRule(function (action, subject) {{ if ({condition}) {{ return 'yes'; }} }});")
    };
    assert!(matrix(&rule("action.id == 'org.a.b'"), 6000).is_complete);
    assert!(!matrix(&rule("/^org/.test(action.id)"), 6000).is_complete);
    assert!(!matrix(&rule("action.id.length % 2 == 1"), 6000).is_complete);
    assert!(!matrix(&rule("subject.pid == 3"), 6000).is_complete);
    let many: Vec<String> = (0..40).map(|number| format!("subject.user == 'u{number}'")).collect();
    assert!(!matrix(&rule(&many.join(" || ")), 6000).is_complete);
}

#[test]
fn at_most_24_accounts_of_a_file_make_requests() {
    let of = |number: usize| {
        let users: Vec<String> = (0..number).map(|number| format!("subject.user == 'u{number}'")).collect();
        let text = format!(
            "polkit.addRule(function (action, subject) {{ if ({}) {{ return 'yes'; }} }});",
            users.join(" || ")
        );
        let probes = matrix(&text, 6000).probes;
        let named = probes.into_iter().filter(|probe| matches!(probe.who, matrix::Who::User(_)));
        named.map(|probe| probe.request.user).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(of(3) < 24);
    assert_eq!([of(25), of(40)], [24, 24]);
}

#[test]
fn the_number_of_requests_is_limited() {
    let ids: Vec<String> = (0..5000).map(|number| format!("action.id == 'org.a.b{number}'")).collect();
    let text = format!("polkit.addRule(function (action) {{ if ({}) {{ return 'yes'; }} }});", ids.join(" || "));
    for limit in [12, 100, 6000] {
        assert!(matrix(&text, limit).probes.len() <= limit);
    }
}

#[test]
fn the_first_requests_are_those_of_a_stranger_in_each_session() {
    let text = "polkit.addRule(function (action, subject) { if (action.id == 'org.a.run' && subject.user == 'bob') { return polkit.Result.YES; } });";
    let probes = matrix(text, 6000).probes;
    let sessions: Vec<_> = probes.iter().take(4).map(|probe| (probe.session, probe.request.action.as_str())).collect();
    assert_eq!(sessions, Session::ALL.map(|session| (session, matrix::INVENTED)));
    assert!(probes.iter().take(4).all(|probe| probe.who == matrix::Who::Stranger && probe.request.groups.is_empty()));
    for probe in &probes {
        let (request, session) = (&probe.request, probe.session);
        let seen = (request.in_session, request.local, request.active);
        assert_eq!(seen, (session != Session::None, session.is_local(), session.is_active()), "{session}");
    }
    // Each subject: a stranger, the account as group and as user, and both with all groups.
    let of = |action: &str| probes.iter().filter(|probe| probe.request.action == action).count();
    assert_eq!((of(matrix::INVENTED), of("org.a.run")), (5 * 4, 5 * 4));
    let several = probes.iter().filter(|probe| probe.who == matrix::Who::Several);
    assert!(several.clone().all(|probe| probe.request.groups == ["bob"]));
    let users: std::collections::BTreeSet<&str> = several.map(|probe| probe.request.user.as_str()).collect();
    assert_eq!(users.len(), 2);
}

#[test]
fn registered_actions_that_the_file_does_not_name_are_tried_for_a_stranger() {
    let text = "polkit.addRule(function (action) { if (action.id == 'org.a.run') { return polkit.Result.YES; } });";
    let registered: Registered =
        ["org.a.run", "org.b.x"].map(|action| (action.to_owned(), ImplicitAuthorization::No)).into();
    let matrix = Matrix::of(&Script::of(text), TARGET, &registered, 6000);
    let other: Vec<_> = matrix.probes.iter().filter(|probe| probe.request.action == "org.b.x").collect();
    assert_eq!(other.iter().map(|probe| probe.session).collect::<Vec<_>>(), [Session::None, Session::Active]);
    assert!(other.iter().all(|probe| probe.who == matrix::Who::Stranger && probe.request.unit == Some(None)));
    assert_eq!(other.iter().map(|probe| probe.request.in_session).collect::<Vec<_>>(), [false, true]);
    let named = matrix.probes.iter().filter(|probe| probe.request.action == "org.a.run");
    assert_eq!(named.count(), 2 * 4, "a named action is tried once");
}

#[test]
fn units_and_details_are_combined() {
    let text = "polkit.addRule(function (action, subject) { if (subject.system_unit == 'a.service' && action.id == 'org.a.run' && \
                action.lookup('verb') == 'start' && action.lookup('unit') == 'x') { return polkit.Result.YES; } });";
    let probes = matrix(text, 6000).probes;
    let details: std::collections::BTreeSet<_> = probes.iter().map(|probe| probe.request.details.clone()).collect();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(details, [vec![], vec![pair("unit", "x"), pair("verb", "start")]].into());
    let units: std::collections::BTreeSet<_> = probes.iter().map(|probe| probe.request.unit.clone()).collect();
    assert_eq!(units, [Some(None), Some(Some("a.service".to_owned()))].into());
    let alone = probes.iter().filter(|probe| probe.who != matrix::Who::Several);
    assert!(alone.clone().count() > 0 && alone.clone().all(|probe| probe.request.unit == Some(None)));
    assert!(probes.iter().all(|probe| probe.request.action != matrix::INVENTED || probe.request.details.is_empty()));
}

#[test]
fn the_facts_of_a_request_are_those_of_the_version() {
    let has = |version: u32| {
        let target = Target { version: Version(version), ..TARGET };
        let request = Matrix::of(&Script::of(""), target, &Registered::new(), 10).probes[0].request.clone();
        (request.has_unit, request.has_uid)
    };
    assert_eq!([123, 124, 126, 127].map(has), [(false, false), (true, false), (true, false), (true, true)]);
}

#[test]
fn a_file_without_a_result_or_with_too_many_requests_is_not_complete() {
    let is_complete = |text: &str, limit| matrix(text, limit).is_complete;
    let rule = "polkit.addRule(function (action) { if (action.id == 'org.a.run') { return polkit.Result.YES; } });";
    assert!(is_complete(rule, 16) && !is_complete(rule, 15));
    assert!(!is_complete(&rule.replace("polkit.Result.YES", "null"), 6000));
    let units: Vec<String> = (0..5).map(|number| format!("subject.system_unit == '{number}.service'")).collect();
    let of = |count: usize| rule.replace("action.id == 'org.a.run'", &units[..count].join(" || "));
    assert!(is_complete(&of(4), 6000) && !is_complete(&of(5), 6000));
}

#[test]
fn only_a_known_result_counts() {
    let reply = |end: End, unknown: &[&str]| {
        result(&EngineReply::new(end, None, unknown.iter().map(|what| (*what).to_owned()).collect()))
    };
    let yes = || End::Text("yes".to_owned());
    assert_eq!(reply(yes(), &[]), Some(ImplicitAuthorization::Yes));
    assert_eq!(reply(yes(), &["subject.pid"]), None);
    assert_eq!(
        [reply(End::Text("x".into()), &[]), reply(End::Nothing, &[]), reply(End::Kills("x".into()), &[])],
        [None; 3]
    );
}

#[test]
fn at_most_four_units_are_tried() {
    let units: Vec<String> = (0..6).map(|number| format!("subject.system_unit == '{number}.service'")).collect();
    let text =
        format!("polkit.addRule(function (action, subject) {{ if ({}) {{ return 'yes'; }} }});", units.join(" || "));
    let tried: std::collections::BTreeSet<_> =
        matrix(&text, 6000).probes.into_iter().filter_map(|probe| probe.request.unit.flatten()).collect();
    assert_eq!(tried.into_iter().collect::<Vec<_>>(), ["0.service", "1.service", "2.service", "3.service"]);
}
