use super::super::tests::{decision, details, host, subject};
use super::*;
use crate::libvirt::MANAGE;

const POLICY: &str = "/etc/polkit-policy-gen/policy.d";

/// A host with an installed agent.
fn with_agent(version: u32, running: bool, enabled: bool) -> Facts {
    let mut facts = host(version);
    (facts.agent.installed, facts.agent.running, facts.agent.enabled) = (true, running, enabled);
    facts
}

fn web() -> Subject {
    subject(Some("web.service"))
}

#[test]
fn the_agent_is_started_or_reloaded_and_the_undo_restores_its_state() {
    let of = |running, enabled| {
        let fix = start(&with_agent(126, running, enabled));
        assert_eq!((fix.grants.as_str(), fix.steps.as_slice()), ("what the agent's rules allow", &[Step::Agent][..]));
        assert!(!fix.manual && !fix.root_equivalent && fix.undo.len() == 1 && fix.commands.len() == 1, "{fix:?}");
        (fix.id, fix.commands[0].clone(), fix.undo[0].clone())
    };
    let expected = |id, command: &str, undo: &str| {
        (id, format!("systemctl {command} {AGENT}"), format!("systemctl {undo} {AGENT}"))
    };
    for enabled in [true, false] {
        assert_eq!(of(true, enabled), expected("reload-agent", "reload", "reload"));
    }
    assert_eq!(of(false, true), expected("start-agent", "enable --now", "stop"));
    assert_eq!(of(false, false), expected("start-agent", "enable --now", "disable --now"));
}

#[test]
fn without_systemd_or_without_its_unit_the_agent_is_started_by_hand() {
    let mut bare = with_agent(126, false, false);
    bare.has_systemd = false;
    for facts in [bare, host(126)] {
        let fix = start(&facts);
        assert_eq!(
            (fix.id, fix.manual, fix.commands),
            ("start-agent", true, vec!["polkit-service-agent run".to_owned()])
        );
    }
}

#[test]
fn polkitd_vouches_for_the_subject_by_an_agent_table() {
    let asked = decision("org.a.run");
    let fix = bind(&host(126), &web(), &asked);
    let path = format!("{POLICY}/50-doctor-agent-www-data.toml");
    let text = "[[agent]]\nactions = [\"org.a.run\"]\nusers = [\"www-data\"]\n".to_owned();
    assert_eq!(fix.commands, [&written(&path, &text)[..], &["polkit-policy-gen install".to_owned()]].concat());
    assert_eq!(fix.undo, [&format!("rm {path}"), "polkit-policy-gen install || polkit-policy-gen remove"]);
    assert_eq!(fix.steps, [Step::Write { path, text }, Step::Install]);
    assert_eq!((fix.id, fix.grants.as_str()), ("bind-agent", "what the agent's rules allow to www-data"));
    assert!(!fix.manual && !fix.root_equivalent);
    let no_grant = Decision { no_grant: Some("x".to_owned()), ..asked.clone() };
    let late = Decision { grant_comes_first: false, ..asked.clone() };
    assert!(bind(&host(126), &web(), &no_grant).manual && bind(&host(126), &web(), &late).manual);
    assert!(bind(&Facts::default(), &web(), &asked).manual, "the version of polkit is unknown");
}

#[test]
fn the_agent_helps_a_service_that_it_does_not_serve_yet() {
    let id = |facts: &Facts, subject: &Subject| rule(facts, subject, &decision("org.a.run")).map(|fix| fix.id);
    assert_eq!(id(&host(126), &web()), Some("hook-rule"));
    assert_eq!([id(&host(106), &web()), id(&host(105), &web())], [Some("hook-rule"), Some("agent-rule")]);
    assert_eq!(id(&host(126), &subject(None)), None);
    assert_eq!(id(&host(126), &subject(Some("session-1.scope"))), None);
    assert_eq!(id(&host(126), &Subject { uid: 0, ..web() }), None);
    let mut served = host(126);
    served.agent.serves = true;
    assert_eq!(id(&served, &web()), None);
    let selinux = Facts { has_selinux: true, ..host(126) };
    assert_eq!(id(&selinux, &web()), Some("agent-rule"));
}

#[test]
fn a_registration_needs_an_account_without_a_password_and_a_process_that_lives() {
    let id = |version, subject: Subject| rule(&host(version), &subject, &decision("org.a.run")).map(|fix| fix.id);
    let password = |password| Subject { password, ..web() };
    assert_eq!(id(105, password(Some(true))), None);
    assert_eq!([id(105, password(Some(false))), id(105, password(None))], [Some("agent-rule"); 2]);
    let kind = |kind: &str| Subject { unit_type: Some(kind.to_owned()), ..web() };
    assert_eq!([id(105, kind("oneshot")), id(105, kind("simple"))], [None, Some("agent-rule")]);
    let dynamic = || Subject { is_dynamic: true, ..web() };
    assert_eq!([id(105, dynamic()), id(126, dynamic())], [None, Some("hook-rule")]);
    for by_hook in [password(Some(true)), kind("oneshot")] {
        assert_eq!(id(126, by_hook), Some("hook-rule"), "the hook has none of these limits");
    }
}

#[test]
fn an_action_that_is_root_equivalent_without_its_detail_gets_no_rule() {
    let id = |version, action: &str, pairs: &[(&str, &str)]| {
        let facts = Facts { details: details(pairs), ..host(version) };
        rule(&facts, &web(), &decision(action)).map(|fix| fix.id)
    };
    let unit = [("unit", "a.service")];
    assert_eq!(id(126, EXEC, &[("program", "/bin/a")]), None);
    assert_eq!(id(126, SYSTEMD_ACTION, &[]), None);
    assert_eq!(id(126, SYSTEMD_ACTION, &[("verb", "start")]), None);
    assert_eq!(id(126, SYSTEMD_ACTION, &unit), Some("hook-rule"));
    assert_eq!(id(105, SYSTEMD_ACTION, &unit), None, "a registration passes no details");
}

#[test]
fn a_rule_by_the_hook_names_unit_user_and_details() {
    let mut facts = with_agent(126, true, true);
    facts.details = details(&[("k", "v"), ("l m", "w")]);
    let fix = rule(&facts, &web(), &decision("org.x.a.b.run")).unwrap();
    let own = "/etc/polkit-service-agent/agent.d/50-doctor-web.toml";
    let policy = format!("{POLICY}/50-doctor-hook-a-b-run.toml");
    let text = "[[serve]]\nunit = \"web.service\"\nway = \"hook\"\n\n[[rule]]\nid = \"doctor-web\"\naction = \"org.x.a.b.run\"\n\
                unit = \"web.service\"\nuser = \"www-data\"\ndetails = { k = \"v\", \"l m\" = \"w\" }\nanswer = \"allow\"\n";
    // The table of mechanisms does not have the action, so the hook passes these details only if the policy says so.
    let asks = "[[hook]]\nactions = [\"org.x.a.b.run\"]\non_failure = \"nothing\"\ndetails = [\"k\", \"l m\"]\n";
    let write = |path: &str, text: &str| Step::Write { path: path.to_owned(), text: text.to_owned() };
    assert_eq!(fix.steps, [write(own, text), write(&policy, asks), Step::Install, Step::Agent]);
    let last = ["polkit-policy-gen install".to_owned(), format!("systemctl reload {AGENT}")];
    assert_eq!(fix.commands, [&written(own, text)[..], &written(&policy, asks), &last].concat());
    let reload = format!("systemctl reload {AGENT}");
    assert_eq!(
        fix.undo,
        [&format!("rm {own} {policy}"), "polkit-policy-gen install || polkit-policy-gen remove", &reload]
    );
    let grants = "processes of web.service with the user www-data org.x.a.b.run with k=v l m=w; each decision is recorded. This \
                  separates programs, not attackers: ";
    assert!(fix.grants.starts_with(grants), "{}", fix.grants);
    assert_eq!((fix.id, fix.manual, fix.root_equivalent), ("hook-rule", false, false));
    assert!(rule(&facts, &web(), &decision(MANAGE)).unwrap().root_equivalent);
}

#[test]
fn a_rule_for_a_registration_has_no_details_and_lets_polkitd_vouch() {
    let mut facts = with_agent(105, false, false);
    facts.details = details(&[("k", "v")]);
    let fix = rule(&facts, &web(), &decision("org.a.run")).unwrap();
    let Step::Write { text, .. } = &fix.steps[0] else { panic!("{fix:?}") };
    assert!(text.starts_with("[[serve]]\nunit = \"web.service\"\n\n[[rule]]") && !text.contains("details"), "{text}");
    let Step::Write { path, text } = &fix.steps[1] else { panic!("{fix:?}") };
    assert_eq!(*path, format!("{POLICY}/50-doctor-agent-web.toml"));
    assert_eq!(text, "[[agent]]\nactions = [\"org.a.run\"]\nusers = [\"www-data\"]\n");
    assert_eq!(fix.steps[2..], [Step::Install, Step::Agent, Step::RestartPolkitd]);
    assert_eq!(fix.undo[2], format!("systemctl disable --now {AGENT}"));
}

#[test]
fn the_rule_for_a_dynamic_user_names_the_unit_alone() {
    let subject = Subject { is_dynamic: true, ..web() };
    let fix = rule(&with_agent(126, true, true), &subject, &decision("org.a.run")).unwrap();
    let Step::Write { text, .. } = &fix.steps[0] else { panic!("{fix:?}") };
    assert!(text.contains("unit = \"web.service\"\nanswer") && !text.contains("user ="), "{text}");
    assert!(fix.grants.starts_with("processes of web.service org.a.run; "), "{}", fix.grants);
}

#[test]
fn a_rule_is_made_by_hand_if_a_step_is_impossible() {
    let manual = |facts: &Facts, decision: &Decision| rule(facts, &web(), decision).unwrap().manual;
    let (facts, asked) = (with_agent(126, true, true), decision("org.a.run"));
    assert!(!manual(&facts, &asked));
    assert!(manual(&host(126), &asked), "the agent is not installed");
    assert!(manual(&facts, &Decision { no_grant: Some("x".to_owned()), ..asked.clone() }));
    assert!(manual(&facts, &Decision { grant_comes_first: false, ..asked.clone() }));
    assert!(manual(&Facts { has_systemd: false, ..with_agent(126, true, true) }, &asked));
}
