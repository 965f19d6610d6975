//! Findings about files that affect all users, and about an action that is not registered.

use super::*;
use crate::doctor::fixes::Step;
use crate::verdict::{RuleError, Step as VerdictStep};

fn step(by: &str, file: Option<&str>) -> VerdictStep {
    VerdictStep { by: by.to_owned(), says: format!("said by {by}"), file: file.map(str::to_owned), line: None }
}

/// The finding about a rule that throws, with this decider and these steps.
fn throws(file: Option<&str>, steps: Vec<VerdictStep>) -> Finding {
    let facts = changed(|facts| {
        let mut refusal = answer(ImplicitAuthorization::No, DeciderKind::Rule, "");
        refusal.verdict.decided_by.as_mut().unwrap().file = file.map(str::to_owned);
        refusal.verdict.steps = steps;
        refusal.verdict.rule_error = Some(RuleError::Throws("x".to_owned()));
        facts.answer = Some(refusal);
    });
    diagnose(&facts).remove(0)
}

#[test]
fn the_file_of_the_rule_is_checked_or_set_aside() {
    let found =
        throws(Some("/etc/polkit-1/rules.d/a b.rules"), vec![step("rules", Some("/b.rules")), step("root", None)]);
    assert_eq!(found.evidence[1], "said by rules");
    let ids: Vec<&str> = found.fixes.iter().map(|fix| fix.id).collect();
    assert_eq!((found.code, ids), ("rule-throws", vec!["edit-file", "set-aside"]));
    assert_eq!(found.fixes[0].commands, ["polkit-policy-gen check '/etc/polkit-1/rules.d/a b.rules'"]);
    assert_eq!(found.fixes[1].steps.len(), 1, "polkitd notices the change");
}

#[test]
fn the_last_rules_file_of_the_steps_counts_if_the_decider_has_no_file() {
    let steps = vec![
        step("rules", Some("/a.rules")),
        step("rules", Some("/b.rules")),
        step("implicit", Some("/c.policy")),
        step("root", None),
    ];
    assert_eq!(throws(None, steps).fixes[0].commands, ["polkit-policy-gen check /b.rules"]);
    let found = throws(None, vec![step("implicit", Some("/c.policy"))]);
    let ids: Vec<&str> = found.fixes.iter().map(|fix| fix.id).collect();
    assert_eq!((ids, found.evidence[1].as_str()), (vec!["restart-polkitd"], ""));
}

#[test]
fn polkitd_is_restarted_after_a_rule_that_ends_it_is_set_aside() {
    let with = |polkitd: Option<Polkitd>| {
        let facts = changed(|facts| {
            let mut refusal = answer(ImplicitAuthorization::No, DeciderKind::Rule, "/a.rules");
            refusal.verdict.ends_polkitd = Some("it is a number".to_owned());
            facts.answer = Some(refusal);
            facts.polkitd = polkitd.unwrap_or(facts.polkitd.clone());
        });
        diagnose(&facts)
    };
    let absent = Polkitd::Absent { why: "x".to_owned(), installed: true, unit: None };
    for polkitd in [None, Some(Polkitd::Silent), Some(absent)] {
        let [found] = with(polkitd).try_into().unwrap();
        assert_eq!((found.code, found.evidence[1].as_str()), ("rule-ends-polkitd", "it is a number"));
        let fix = &found.fixes[1];
        assert_eq!((fix.id, fix.steps.last()), ("set-aside", Some(&Step::RestartPolkitd)));
        assert_eq!(fix.commands, ["mv /a.rules /a.rules.set-aside", "systemctl restart polkit.service"]);
    }
}

/// The finding about an action that is not registered.
fn unregistered(change: impl FnOnce(&mut Facts)) -> Finding {
    let facts = changed(|facts| {
        facts.answer.as_mut().unwrap().verdict.outcome = Outcome::Unregistered;
        change(facts);
    });
    let found = diagnose(&facts).remove(0);
    assert_eq!(found.code, "action-not-registered");
    assert!(found.cause.starts_with("the action org."), "{found:?}");
    found
}

#[test]
fn an_action_that_is_not_registered_is_meant_or_of_a_package() {
    let of = |action: &str| unregistered(|facts| facts.answer.as_mut().unwrap().action = action.to_owned());
    let found = of("org.a.run");
    assert_eq!(found.evidence, ["no .policy file of this polkit defines the action"]);
    assert_eq!(found.fixes[0].commands, ["apt-get install --reinstall PACKAGE-OF-THE-MECHANISM"]);
    assert_eq!(of(MANAGE).fixes[0].commands, ["apt-get install --reinstall libvirt-daemon-system libvirt-daemon"]);
    let container = unregistered(|facts| facts.container = Some("/.dockerenv".to_owned()));
    assert!(container.evidence[0].starts_with("this is a container (/.dockerenv): "), "{container:?}");
    let meant = unregistered(|facts| facts.meant_actions = vec!["org.a.runs".to_owned(), "org.a.ran".to_owned()]);
    assert_eq!(meant.evidence[1], "registered actions with a similar id: org.a.runs, org.a.ran");
    let commands = ["org.a.runs", "org.a.ran"].map(|action| format!("polkit-policy-gen doctor --action {action}"));
    assert_eq!(
        (meant.fixes.len(), meant.fixes[0].id, &meant.fixes[0].commands[..]),
        (1, "use-the-right-id", &commands[..])
    );
}

#[test]
fn an_action_that_polkitd_has_not_read_needs_a_restart() {
    let facts = with_answer(|answer| answer.real = Some(RunningResult::Unregistered));
    let found = diagnose(&facts).remove(0);
    assert_eq!((found.code, found.fixes[0].id), ("action-not-registered", "restart-polkitd"));
    assert!(found.evidence[0].contains("polkitd has not read it"), "{found:?}");
}

#[test]
fn files_that_polkitd_has_not_loaded_need_a_restart() {
    let cause = |real| {
        let facts = changed(|facts| {
            let mut allowed = answer(ImplicitAuthorization::Yes, DeciderKind::Rule, "/a.rules");
            allowed.real = Some(real);
            facts.answer = Some(allowed);
        });
        let found = diagnose(&facts).remove(0);
        assert_eq!((found.code, found.fixes[0].id), ("polkitd-not-reloaded", "restart-polkitd"));
        found.evidence.last().unwrap().clone()
    };
    assert!(cause(RunningResult::Challenge).starts_with("polkitd decides: authentication is required; "));
    assert!(cause(RunningResult::No).starts_with("polkitd decides: no; "));
}

#[test]
fn rules_that_were_not_run_leave_the_refusal_open() {
    let facts = with_answer(|answer| {
        answer.depends_on = vec![format!("{}: no engine", crate::verdict::evaluate::NOT_RUN)];
    });
    let found = diagnose(&facts).remove(0);
    assert_eq!((found.code, found.fixes[0].id, found.fixes[0].manual), ("rules-not-run", "install-engine", true));
}

#[test]
fn a_missing_group_of_the_administrator_s_rule_comes_before_one_of_libvirt() {
    let missing =
        |group: &str, place: &str| GroupRemedy { place: Some(place.to_owned()), ..remedy(group, false, None) };
    let cause = |groups: &[GroupRemedy]| {
        let found = diagnose(&with_answer(|answer| answer.groups = groups.to_vec())).remove(0);
        (found.code, found.cause)
    };
    let shipped = "/usr/share/polkit-1/rules.d/60-libvirt.rules:1";
    let own = "/etc/polkit-1/rules.d/a.rules:2";
    let (libvirt, other) = (missing("libvirt", shipped), missing("libvirtd", shipped));
    let (vm, ops) = (missing("vm", own), missing("ops", own));
    let of = |group: &str, place: &str| {
        ("group-missing", format!("a rule allows the group {group} ({place}), but there is no such group"))
    };
    assert_eq!(cause(&[libvirt.clone(), vm.clone(), ops]), of("vm", own));
    assert_eq!(cause(&[libvirt.clone(), other]), of("libvirt", shipped));
    assert_eq!(cause(&[missing("games", shipped), libvirt.clone()]), of("libvirt", shipped));
    assert_eq!(cause(&[missing("games", shipped)]).0, "must-authenticate");
    // An existing group is nearer than a missing one of a package.
    assert_eq!(cause(&[remedy("kvm", true, None), libvirt]).0, "not-in-group");
    assert_eq!(cause(&[remedy("kvm", true, None), vm]), of("vm", own));
    let (first, second) = (remedy("a", true, None), remedy("b", true, Some("c")));
    let similar = cause(&[first, second, remedy("d", true, Some("e"))]);
    let place = "/usr/share/polkit-1/rules.d/60-libvirt.rules:1";
    assert_eq!(
        similar,
        ("wrong-group", format!("www-data is in the group c, but the rule allows the group b ({place})"))
    );
    assert_eq!(cause(&[remedy("d", false, Some("e"))]).0, "must-authenticate", "a group that does not exist");
}

#[test]
fn the_session_of_a_rule_comes_before_that_of_the_implicit_authorization() {
    let cause = |sessions: &[(Session, Option<&str>)]| {
        let facts = with_answer(|answer| {
            answer.sessions = sessions.iter().map(|(session, place)| (*session, place.map(str::to_owned))).collect();
        });
        diagnose(&facts).remove(0).cause
    };
    let rest = "; services and cron jobs have no session";
    let policy = "/usr/share/polkit-1/actions/a.policy:1";
    assert_eq!(
        cause(&[(Session::Active, Some(policy)), (Session::Inactive, Some("/a.rules:1"))]),
        format!("www-data would be allowed only in a session at a seat (/a.rules:1){rest}")
    );
    assert_eq!(
        cause(&[(Session::Active, Some(policy)), (Session::Remote, Some(policy))]),
        format!("www-data would be allowed only in the active session at a seat ({policy}){rest}")
    );
    assert_eq!(cause(&[(Session::Remote, None)]), format!("www-data would be allowed only in a session{rest}"));
}

#[test]
fn a_refusing_rule_is_changed_by_hand_or_its_request_is_granted() {
    let facts = changed(|facts| {
        facts.answer = Some(answer(ImplicitAuthorization::No, DeciderKind::Pkla, "/etc/a b.pkla"));
    });
    let found = diagnose(&facts).remove(0);
    assert_eq!(found.cause, "a pkla entry refuses org.libvirt.unix.manage to www-data");
    assert_eq!((found.fixes[0].id, found.fixes[0].commands[0].as_str()), ("change-rule", "editor '/etc/a b.pkla'"));
    let ids: Vec<&str> = found.fixes.iter().skip(1).map(|fix| fix.id).collect();
    assert_eq!(ids, ["open-read-only", "grant-user"]);
}
