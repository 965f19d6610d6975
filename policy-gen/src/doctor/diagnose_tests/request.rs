//! Findings about the request itself.

use super::super::request::{of_text, statements, without_action, without_subject};
use super::*;
use crate::mechanisms::of_action;

const AGENTLESS: &str = "no polkit agent available to authenticate";

/// A host without a request, with this error text.
fn host_with(text: Option<&str>) -> Facts {
    changed(|facts| {
        (facts.subject, facts.answer, facts.action) = (None, None, None);
        facts.about_libvirt = false;
        facts.reported = text.map(|text| first(text, &|_| true).unwrap());
    })
}

fn subject(unit: Option<&str>) -> Subject {
    Subject { user: "bob".to_owned(), unit: unit.map(str::to_owned), ..Subject::default() }
}

#[test]
fn a_text_that_is_not_recognized_says_what_was_examined() {
    let of = |change: fn(&mut Facts)| {
        let mut facts = host_with(None);
        facts.is_text_unknown = true;
        change(&mut facts);
        let found = diagnose(&facts);
        assert_eq!((found.len(), found[0].code, found[0].fixes[0].id), (1, "text-not-recognized", "name-the-action"));
        assert_eq!((found[0].fixes[0].manual, found[0].fixes[0].commands.len()), (true, 3));
        found[0].evidence.clone()
    };
    let polkit = "examined: polkit 126, its files, and the host";
    assert_eq!(of(|_| ()), [polkit, "not examined: a request, because no action is known"]);
    assert_eq!(
        of(|facts| facts.action = Some("org.a.run".to_owned())),
        [polkit, "examined: org.a.run, for no subject"]
    );
    let both = of(|facts| (facts.action, facts.subject) = (Some("org.a.run".to_owned()), Some(subject(None))));
    assert_eq!(both, [polkit, "examined: org.a.run for bob"]);
    assert_eq!(of(|facts| facts.polkitd = Polkitd::Unknown).len(), 1);
    let advice = Facts { is_text_unknown: true, bad_advice: vec!["x".to_owned()], ..host_with(None) };
    assert_eq!(of_text(&advice), None);
}

#[test]
fn an_unknown_action_is_asked_for() {
    let found = without_action(&host_with(Some(AGENTLESS))).unwrap();
    assert_eq!((found.code, found.evidence[0].as_str()), ("action-unknown", "the text names no action"));
    assert!(found.evidence.last().unwrap().starts_with("services that ask polkit only if"), "{found:?}");
    let refused = without_action(&host_with(Some("access denied by policy"))).unwrap();
    assert!(!refused.evidence.iter().any(|line| line.starts_with("services that ask")), "{refused:?}");
    assert_eq!(without_action(&host_with(None)), None, "nothing is examined");
    assert_eq!(without_action(&Facts { action: Some("org.a.run".to_owned()), ..host_with(Some(AGENTLESS)) }), None);
    let decided = answer(ImplicitAuthorization::No, DeciderKind::Rule, "/a");
    assert_eq!(without_action(&Facts { answer: Some(decided), ..host_with(Some(AGENTLESS)) }), None);
    assert_eq!(without_action(&Facts { is_text_unknown: true, ..host_with(Some(AGENTLESS)) }), None);
    assert_eq!(without_action(&host_with(Some("authentication required"))), None, "the class needs no action");
}

#[test]
fn a_subject_without_a_known_action_is_asked_for_it() {
    let of = |subject: Option<Subject>| {
        let mut facts = host_with(subject.is_none().then_some(AGENTLESS));
        facts.subject = subject;
        let found = without_action(&facts).unwrap();
        let commands = &found.fixes[0].commands;
        let who = commands[0].strip_suffix(" --error 'THE ERROR TEXT'").unwrap().to_owned();
        assert_eq!(commands[1], format!("{who} --action ACTION"));
        (found.evidence[0].clone(), who.strip_prefix("polkit-policy-gen doctor ").unwrap().to_owned())
    };
    let (evidence, who) = of(Some(subject(Some("a.service"))));
    assert!(evidence.starts_with("neither the journal of the unit") && who == "--unit a.service", "{evidence} {who}");
    let (evidence, who) = of(Some(subject(None)));
    assert!(evidence.starts_with("no text, action or unit was given") && who == "--user bob", "{evidence} {who}");
    assert_eq!(of(None).1, "--user USER");
}

#[test]
fn a_refusal_without_a_subject_asks_for_it_and_offers_a_grant() {
    let text = format!("{AGENTLESS} action 'org.example.store.write'");
    let mut facts = host_with(Some(&text));
    facts.action = Some("org.example.store.write".to_owned());
    facts.details = [("k".to_owned(), "v".to_owned())].into();
    let found = without_subject(&facts).unwrap();
    let start = "a service required authentication for org.example.store.write, and there was no agent";
    assert_eq!((found.code, found.cause.as_str()), ("must-authenticate", start));
    assert_eq!(found.evidence[..2], ["the text does not name the subject", "details of the request: k=v"]);
    let rest = "--action org.example.store.write --detail k=v";
    let commands = ["--user USER", "--unit UNIT"].map(|who| format!("polkit-policy-gen doctor {who} {rest}"));
    assert_eq!((found.fixes[0].id, &found.fixes[0].commands[..]), ("say-who", &commands[..]));
    assert_eq!((found.fixes[1].id, found.fixes[1].manual, found.fixes.len()), ("grant-user", true, 2));
    facts.subject = Some(subject(None));
    assert_eq!(without_subject(&facts), None);
    facts.subject = None;
    facts.about_libvirt = true;
    assert_eq!(without_subject(&facts), None);
}

#[test]
fn a_mechanism_is_named_with_its_limits() {
    let said = |action: &str| statements(&Facts { mechanism: of_action(action), ..host_with(None) }).join("\n");
    let systemd = said("org.freedesktop.systemd1.manage-units");
    assert!(systemd.contains("lets polkit ask an agent only if the client allows interaction"), "{systemd}");
    assert_eq!(statements(&host_with(None)), [""; 0]);
    let limits = |action: &str| {
        let text = said(action);
        let of = |part: &str| text.contains(part);
        (
            of("only if the client allows interaction"),
            of("never lets polkit ask an agent: only a policy rule"),
            of("passes polkit a process without its unit"),
        )
    };
    assert_eq!(limits("org.freedesktop.systemd1.manage-units"), (true, false, false));
    assert_eq!(limits("org.freedesktop.bolt.enroll"), (false, false, false));
    assert_eq!(limits("org.freedesktop.RealtimeKit1.acquire-real-time"), (false, true, true));
    assert_eq!(limits("org.freedesktop.NetworkManager.network-control"), (false, false, true));
    assert_eq!(limits("io.snapcraft.snapd.manage"), (true, false, true));
}

#[test]
fn a_text_that_can_mean_several_actions_names_them_with_its_hint() {
    let with = |also: &'static [String], hint: Option<&'static str>| {
        let mut facts = host_with(Some("Failed to start a.service: Interactive authentication required."));
        let recognized = facts.reported.as_mut().unwrap().recognized.as_mut().unwrap();
        (recognized.also, recognized.hint) = (also, hint);
        facts.details.clear();
        statements(&facts)
    };
    let also: &'static [String] = Box::leak(Box::new(["org.a.run".to_owned(), "org.b.run".to_owned()]));
    let named = "depending on the request, the action can also be org.a.run, org.b.run";
    assert_eq!([with(also, None), with(&[], Some("a hint"))], [[named], ["a hint"]]);
    assert_eq!(with(also, Some("a hint")), [named, "a hint"]);
    assert_eq!(with(&[], None), [""; 0]);
}

#[test]
fn the_device_of_a_request_is_named() {
    let mut facts = host_with(Some("Failed to start a.service: Interactive authentication required."));
    facts.reported.as_mut().unwrap().recognized.as_mut().unwrap().device = Some("/dev/sdb1".to_owned());
    facts.details.clear();
    assert_eq!(statements(&facts), ["device: /dev/sdb1"]);
}

#[test]
fn a_hint_that_says_what_the_class_says_is_not_repeated() {
    let said = |hint: Option<&'static str>| {
        let mut facts = host_with(Some("Failed to start a.service: Interactive authentication required."));
        facts.reported.as_mut().unwrap().recognized.as_mut().unwrap().hint = hint;
        facts.mechanism = of_action("org.debian.pcsc-lite.access_card");
        facts.implicit = Some(ImplicitAuthorization::No);
        statements(&facts).iter().filter(|text| text.contains("says auth_self")).count()
    };
    assert_eq!([said(None), said(Some("a hint"))], [1, 1]);
    assert_eq!(said(Some("polkit asks an agent only after a policy rule says auth_self ([[agent]])")), 1);
}

#[test]
fn a_text_with_another_cause_than_polkit_has_its_own_code() {
    let mut facts = host_with(Some("Failed to start a.service: Interactive authentication required."));
    assert_eq!(of_text(&facts), None);
    let recognized = facts.reported.as_mut().unwrap().recognized.as_mut().unwrap();
    (recognized.code, recognized.hint) = (Some("bus-refused"), Some("a hint"));
    let found = diagnose(&facts);
    assert_eq!((found.len(), found[0].code), (1, "bus-refused"));
    assert!(found[0].evidence.contains(&"a hint".to_owned()), "{found:?}");
}

#[test]
fn an_error_of_libvirt_without_a_subject_asks_for_it() {
    let with = |text: &str, change: fn(&mut Facts)| {
        let mut facts = host_with(Some(text));
        facts.about_libvirt = true;
        change(&mut facts);
        super::super::reported::reported(&facts, &[])
    };
    let text = format!("{AGENTLESS} action 'org.libvirt.unix.manage'");
    let [found] = with(&text, |_| ()).try_into().unwrap();
    assert!(found.code == "must-authenticate" && found.cause.contains("for org.libvirt.unix.manage, but"), "{found:?}");
    assert_eq!(found.fixes[0].commands[0], "polkit-policy-gen doctor --user USER --action org.libvirt.unix.manage");
    let [found] = with("access denied by policy", |_| ()).try_into().unwrap();
    assert_eq!((found.code, found.evidence.len()), ("rule-refuses", 1));
    assert!(found.fixes[0].commands[0].ends_with("--action ID"), "{found:?}");
    let with_subject = |facts: &mut Facts| facts.subject = Some(Subject::default());
    assert_eq!([with(&text, with_subject), with("access denied by policy", with_subject)], [[], []]);
    let [found] = with("user cancelled authentication process", with_subject).try_into().unwrap();
    assert_eq!((found.code, found.fixes[0].id), ("dismissed", "say-who"));
    let known = [Finding::new("x", "y")];
    assert_eq!(super::super::reported::reported(&host_with(Some(&text)), &known), []);
    assert_eq!(super::super::reported::reported(&host_with(None), &[]), []);
}

#[test]
fn a_refusal_of_access_control_names_the_drivers_even_if_the_connection_is_allowed() {
    let text = "error: access denied: 'QEMU' denied access";
    let mut facts = host_with(Some(text));
    facts.libvirt.daemons[0].drivers = vec!["polkit".to_owned(), "none".to_owned()];
    facts.libvirt.daemons.push(Daemon::default());
    facts.answer = Some(answer(ImplicitAuthorization::Yes, DeciderKind::Rule, "/a"));
    let [found] = super::super::reported::reported(&facts, &[]).try_into().unwrap();
    assert_eq!(found.evidence, ["/etc/libvirt/libvirtd.conf: access_drivers = polkit, none"]);
    assert_eq!((found.code, found.fixes[0].id, found.fixes[0].commands.len()), ("acl-refuses", "give-a-role", 3));
    facts.reported = first("user cancelled authentication process", &|_| false);
    assert_eq!(super::super::reported::reported(&facts, &[]), [], "the request is allowed now");
}
