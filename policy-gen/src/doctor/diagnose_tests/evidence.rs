//! The evidence of findings about a verdict.

use super::super::evidence::{decided, with_evidence};
use super::*;

/// The evidence about these facts.
fn evidence(facts: &Facts) -> Vec<String> {
    let (subject, answer) = (facts.subject.as_ref().unwrap(), facts.answer.as_ref().unwrap());
    with_evidence(Finding::new("x", "y"), facts, subject, answer).evidence
}

#[test]
fn the_decision_is_shown_with_its_source() {
    let shown = |kind, line, grant: Option<&str>| {
        let mut answer = answer(ImplicitAuthorization::No, kind, "/a");
        let by = answer.verdict.decided_by.as_mut().unwrap();
        (by.line, by.grant) = (line, grant.map(str::to_owned));
        decided(&answer)
    };
    assert_eq!(shown(DeciderKind::Rule, Some(3), None), "polkit's decision is no, from a rule at /a:3");
    assert_eq!(shown(DeciderKind::Pkla, None, None), "polkit's decision is no, from a pkla entry at /a");
    assert_eq!(
        shown(DeciderKind::Implicit, Some(1), None),
        "polkit's decision is no, from the implicit authorization of the action at /a:1"
    );
    assert_eq!(
        shown(DeciderKind::Rule, Some(3), Some("web")),
        "polkit's decision is no, from a rule at /a:3 (the grant \"web\")"
    );
    let mut root = answer(ImplicitAuthorization::Yes, DeciderKind::Root, "");
    root.verdict.decided_by.as_mut().unwrap().file = None;
    assert_eq!(decided(&root), "polkit's decision is yes, from the rule that root is allowed everything");
}

#[test]
fn a_decision_without_a_source_is_unknown_or_stands_alone() {
    let mut none = answer(ImplicitAuthorization::No, DeciderKind::Rule, "/a");
    none.verdict.decided_by = None;
    assert_eq!(decided(&none), "polkit's decision is no");
    none.verdict.outcome = Outcome::Unregistered;
    assert_eq!(decided(&none), "polkit's decision is unregistered");
    none.verdict.outcome = Outcome::Depends;
    assert_eq!(decided(&none), "polkit's decision cannot be predicted");
}

#[test]
fn the_checked_subject_is_named_with_its_session() {
    let with = |session, change: fn(&mut Subject)| {
        evidence(&changed(|facts| {
            facts.answer.as_mut().unwrap().session = session;
            facts.subject.as_mut().unwrap().by = "as requested".to_owned();
            change(facts.subject.as_mut().unwrap());
        }))[0]
            .clone()
    };
    for (session, text) in [
        (Session::None, "no login session"),
        (Session::Remote, "a session without a seat, such as ssh"),
        (Session::Inactive, "a background session"),
        (Session::Active, "the active session"),
    ] {
        assert_eq!(with(session, |_| ()), format!("checked: user www-data (as requested), {text}"));
    }
    let process = |subject: &mut Subject| subject.process = Some(Process { pid: 7, ..Process::default() });
    assert_eq!(with(Session::None, process), "checked: process 7, user www-data, no login session");
    let of_unit = |subject: &mut Subject| {
        subject.process = Some(Process { pid: 7, ..Process::default() });
        subject.unit = Some("web.service".to_owned());
    };
    assert_eq!(with(Session::None, of_unit), "checked: process 7 of web.service, user www-data, no login session");
}

#[test]
fn groups_of_the_process_alone_are_named() {
    let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let with = |of_process: Option<&[&str]>| {
        let facts = changed(|facts| {
            let subject = facts.subject.as_mut().unwrap();
            subject.groups = groups(&["www-data", "vm"]);
            subject.process = of_process.map(|names| Process { groups: groups(names), ..Process::default() });
        });
        evidence(&facts)[2..].to_vec()
    };
    let database = "groups in the user database, which polkit uses: www-data, vm";
    let only = "groups of the process only, which polkit does not see (SupplementaryGroups= has no effect): ops, dev";
    assert_eq!([with(None), with(Some(&["vm"])), with(Some(&[]))], [[database]; 3]);
    assert_eq!(with(Some(&["ops", "vm", "dev"])), [database, only]);
}

#[test]
fn the_state_of_the_agent_and_unknown_facts_are_evidence() {
    let with = |running, verdict: Option<&str>| {
        let facts = changed(|facts| {
            (facts.agent.running, facts.agent.verdict) = (running, verdict.map(str::to_owned));
            facts.answer.as_mut().unwrap().depends_on = vec!["the clock".to_owned()];
            facts.sign_of_libvirt = Some("its program is virsh".to_owned());
        });
        let lines = evidence(&facts);
        assert_eq!(lines[2], "examined for libvirt: its program is virsh");
        assert_eq!(lines.last().unwrap(), "unknown: the clock");
        lines[4..lines.len() - 1].to_vec()
    };
    assert_eq!(with(true, Some("deny")), ["the verdict of polkit-service-agent for the process: deny"]);
    assert_eq!(with(true, None), ["polkit-service-agent is running"]);
    assert_eq!([with(false, Some("deny")), with(false, None)], [[""; 0]; 2]);
}

#[test]
fn the_reported_error_is_the_first_evidence_and_bad_advice_the_last() {
    let with = |text: &str, journal: Option<&str>| {
        let facts = changed(|facts| {
            facts.reported = first(text, &|_| false);
            facts.reported_in = journal.map(str::to_owned);
            facts.bad_advice = vec!["it is harmful".to_owned()];
        });
        let found = diagnose(&facts).remove(0);
        assert_eq!(found.evidence.last().unwrap(), "do not follow this advice: it is harmful");
        found.evidence[0].clone()
    };
    let error = "no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
    assert_eq!(with(error, None), format!("line 1 of the text: {error}"));
    assert_eq!(
        with(&format!("x\n{error}"), Some("the journal of a.service")),
        format!("the journal of a.service: {error}")
    );
    let several = format!("{error}\nError: a\nError: b\n");
    assert_eq!(
        with(&several, None),
        format!("line 1 of the text: {error} (2 more errors follow, probably caused by it)")
    );
}

#[test]
fn a_text_with_advice_alone_has_its_own_finding() {
    let facts = changed(|facts| {
        (facts.subject, facts.answer) = (None, None);
        facts.is_text_unknown = true;
        facts.bad_advice = vec!["it is harmful".to_owned()];
    });
    let [found] = diagnose(&facts).try_into().unwrap();
    assert_eq!((found.code, found.fixes[0].id, found.fixes[0].manual), ("unsafe-advice", "use-a-policy", true));
    assert_eq!(found.fixes[0].commands.len(), 2);
    assert_eq!(found.evidence, ["do not follow this advice: it is harmful"]);
}
