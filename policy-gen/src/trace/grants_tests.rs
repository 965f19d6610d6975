use proptest::prelude::*;

use super::*;

const RULES: Limits = Limits { version: Version(126), format: Format::Rules };

fn alice() -> Subject {
    Subject { uid: Some(1000), user: "alice".into(), ..Subject::default() }
}

fn request(subject: Subject, action: &str, details: &[(&str, &str)]) -> Request {
    let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Request { subject, action: action.to_owned(), details }
}

fn restart(unit: &str, verb: &str) -> Request {
    request(alice(), "org.freedesktop.systemd1.manage-units", &[("unit", unit), ("verb", verb)])
}

fn shown(grants: &[Grant]) -> Vec<String> {
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
    let of = |grant: &Grant| {
        let details = grant.details.iter().map(|(key, values)| format!(" {key}={}", list(values)));
        let details: String = details.collect();
        let subject =
            [grant.user.as_deref(), grant.unit.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/");
        format!("{subject}: {}{details}", list(&grant.actions))
    };
    grants.iter().map(of).collect()
}

fn left_out(request: &Request, limits: Limits) -> LeftOut {
    let found = narrowest(std::iter::once(request), limits, &BTreeSet::new());
    assert!(found.grants.is_empty() && found.granted.is_empty(), "{found:?}");
    found.left_out.into_iter().next().expect("the request is left out")
}

#[test]
fn requests_that_differ_in_one_thing_are_one_grant_and_others_are_not() {
    let all = [
        restart("a.service", "restart"),
        restart("b.service", "restart"),
        restart("b.service", "stop"),
        restart("c.service", "stop"),
        restart("c.service", "restart"),
        request(alice(), "org.example.one", &[]),
        request(alice(), "org.example.two", &[]),
        request(alice(), "org.freedesktop.NetworkManager.reload", &[]),
        request(alice(), "org.freedesktop.NetworkManager.wifi.scan", &[]),
        request(Subject { user: "bob".into(), ..alice() }, "org.example.one", &[]),
    ];
    let Narrowest { grants, left_out, .. } = narrowest(all.iter(), RULES, &BTreeSet::new());
    assert_eq!(left_out, []);
    assert_eq!(
        shown(&grants),
        [
            "alice: org.example.one,org.example.two",
            "alice: org.freedesktop.NetworkManager.reload,org.freedesktop.NetworkManager.wifi.scan",
            "alice: org.freedesktop.systemd1.manage-units unit=a.service,b.service,c.service verb=restart",
            "alice: org.freedesktop.systemd1.manage-units unit=b.service,c.service verb=stop",
            "bob: org.example.one",
        ]
    );
}

#[test]
fn the_unit_is_named_where_polkit_knows_it_and_alone_if_its_user_is_dynamic() {
    let of = |unit: &str| Subject { unit: Some(unit.into()), is_unit_known: true, ..alice() };
    let all = [request(of("web.service"), "org.example.one", &[]), request(of("dyn.service"), "org.example.one", &[])];
    let Narrowest { grants, .. } = narrowest(all.iter(), RULES, &BTreeSet::from(["dyn.service".to_owned()]));
    assert_eq!(shown(&grants), ["dyn.service: org.example.one", "alice/web.service: org.example.one"]);
}

#[test]
fn a_request_of_a_unit_that_polkit_does_not_know_is_left_to_the_agent() {
    let unknown = Subject { unit: Some("web panel.service".into()), ..alice() };
    let action = "org.freedesktop.NetworkManager.network-control";
    let found = left_out(&request(unknown.clone(), action, &[]), RULES);
    assert!(found.why.ends_with("a grant would be for every process of alice"), "{found:?}");
    assert_eq!(
        found.instead.as_deref(),
        Some(&*format!("polkit-service-agent enable 'web panel.service' --user alice --action {action}"))
    );
    let known = Subject { is_unit_known: true, ..unknown };
    let old = Limits { version: Version(122), ..RULES };
    let found = left_out(&request(known, "org.example.one", &[("job", "a b")]), old);
    assert!(found.instead.unwrap().ends_with("--action org.example.one --detail 'job=a b'"));
}

#[test]
fn what_a_grant_cannot_name_alone_is_left_out_with_the_reason() {
    let pkla = Limits { version: Version(105), format: Format::Pkla };
    let unnamed = |unnamed| Subject { unnamed: Some(unnamed), ..alice() };
    let root = Subject { uid: Some(0), user: "root".into(), ..alice() };
    for (request, limits, why) in [
        (request(unnamed(Unnamed::Ended), "a.b", &[]), RULES, "ended before"),
        (request(unnamed(Unnamed::NoMechanism), "a.b", &[]), RULES, "any user can make up"),
        (request(unnamed(Unnamed::Session), "a.b", &[]), RULES, "about a session"),
        (request(root, "a.b", &[]), RULES, "a request of root"),
        (restart("web-*.service", "restart"), RULES, "the detail `unit`"),
        (request(alice(), "a.b", &[("name", "\u{1f600}")]), RULES, "the detail `name`"),
        (request(alice(), "a.b", &[("na\nme", "x")]), RULES, "the detail `na\nme`"),
        (request(alice(), "org.freedesktop.systemd1.manage-units", &[]), RULES, "it has no detail `unit`"),
        (request(alice(), EXEC, &[("user", "root")]), RULES, "it has no detail `program`"),
        (restart("a.service", "restart"), pkla, "pkla"),
    ] {
        let found = left_out(&request, limits);
        assert!(found.why.contains(why), "{why}: {found:?}");
        assert_eq!(found.instead, None);
    }
    let plain = request(alice(), "a.b", &[]);
    assert_eq!(shown(&narrowest(std::iter::once(&plain), pkla, &BTreeSet::new()).grants), ["alice: a.b"]);
}

#[test]
fn a_request_that_was_repeated_because_its_process_had_ended_is_not_left_out() {
    let ended = Subject { unnamed: Some(Unnamed::Ended), ..Subject::default() };
    let all = [restart("a.service", "stop"), Request { subject: ended.clone(), ..restart("a.service", "stop") }];
    let Narrowest { grants, left_out, .. } = narrowest(all.iter(), RULES, &BTreeSet::new());
    assert_eq!((grants.len(), left_out.len()), (1, 0));
    let other = [all[0].clone(), Request { subject: ended, ..restart("b.service", "stop") }];
    assert_eq!(narrowest(other.iter(), RULES, &BTreeSet::new()).left_out.len(), 1);
}

#[test]
fn the_program_makes_no_difference() {
    let by = |program: &str| {
        let subject = Subject { program: Some(program.into()), unit: Some("web.service".into()), ..alice() };
        request(subject, "org.freedesktop.NetworkManager.reload", &[])
    };
    let Narrowest { grants, left_out, .. } =
        narrowest([by("/usr/bin/nmcli"), by("/usr/bin/php")].iter(), RULES, &BTreeSet::new());
    assert_eq!((grants.len(), left_out.len()), (0, 1));
}

/// All requests that grants cover.
fn covered(grants: &[Grant]) -> BTreeSet<(Option<String>, String, BTreeMap<String, String>)> {
    let mut all = BTreeSet::new();
    for grant in grants {
        let mut combinations = vec![BTreeMap::new()];
        for (key, values) in &grant.details {
            let with = |known: &BTreeMap<String, String>, value: &String| {
                let mut more = known.clone();
                more.insert(key.clone(), value.clone());
                more
            };
            combinations =
                combinations.iter().flat_map(|known| values.iter().map(move |value| with(known, value))).collect();
        }
        for action in &grant.actions {
            all.extend(combinations.iter().map(|details| (grant.user.clone(), action.clone(), details.clone())));
        }
    }
    all
}

proptest! {
    #[test]
    fn grants_cover_the_refused_requests_and_no_others(
        rows in proptest::collection::vec((0..2_u8, 0..3_u8, 0..4_u8, proptest::option::of(0..4_u8)), 0..24)
    ) {
        let requests: Vec<Request> = rows.iter().map(|(user, action, first, second)| {
            let subject = Subject { user: format!("u{user}"), ..alice() };
            let mut details = BTreeMap::from([("first".to_owned(), first.to_string())]);
            details.extend(second.map(|second| ("second".to_owned(), second.to_string())));
            Request { subject, action: format!("org.example.a{action}"), details }
        }).collect();
        let Narrowest { grants, left_out, .. } = narrowest(requests.iter(), RULES, &BTreeSet::new());
        prop_assert!(left_out.is_empty());
        let asked = requests.into_iter().map(|request| (Some(request.subject.user), request.action, request.details)).collect();
        prop_assert_eq!(covered(&grants), asked);
    }
}
