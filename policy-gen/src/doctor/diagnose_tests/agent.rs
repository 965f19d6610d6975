//! Findings about the state of polkit-service-agent.

use super::*;

fn served_by_agent(facts: &mut Facts) {
    facts.subject.as_mut().unwrap().unit = Some("web.service".to_owned());
    facts.agent.installed = true;
    facts.agent.running = true;
    facts.agent.serves = true;
    facts.agent.verdict = Some("allow".to_owned());
}

/// polkit vouches for the subject, by an `[[agent]]` rule.
fn bound(facts: &mut Facts) {
    let file = "/etc/polkit-1/rules.d/46-polkit-policy-gen-agent.rules";
    facts.answer = Some(answer(ImplicitAuthorization::AuthSelf, DeciderKind::Rule, file));
}

/// polkit runs the hook of the agent.
fn hooked(facts: &mut Facts) {
    let mut asked = answer(ImplicitAuthorization::AuthAdmin, DeciderKind::Rule, "/etc/polkit-1/rules.d/44-x.rules");
    asked.verdict.outcome = Outcome::Depends;
    asked.depends_on = vec!["the output of /usr/libexec/polkit-service-agent-hook".to_owned()];
    asked.real = Some(RunningResult::Challenge);
    facts.answer = Some(asked);
}

#[test]
fn each_state_of_the_agent_has_its_own_code_and_no_fix_bypasses_it() {
    type Change = fn(&mut Facts);
    let cases: [(&str, &str, Change); 8] = [
        ("agent-unbound", "bind-agent", |_| ()),
        ("agent-not-running", "start-agent", |facts| {
            bound(facts);
            facts.agent.running = false;
        }),
        ("hook-agent-down", "start-agent", |facts| {
            hooked(facts);
            facts.agent.running = false;
        }),
        ("agent-not-serving", "change-agent-rule", |facts| {
            bound(facts);
            facts.agent.serves = false;
        }),
        ("agent-not-serving", "change-agent-rule", |facts| facts.agent.serves = false),
        ("agent-refuses", "change-agent-rule", |facts| {
            facts.agent.verdict = Some("deny".to_owned());
            facts.agent.near = vec![("web".to_owned(), vec!["unit".to_owned()])];
        }),
        ("agent-config-outdated", "reload-agent", |facts| {
            served_by_agent(facts);
            facts.has_systemd = true;
            facts.agent.installed = true;
            facts.agent.is_outdated = true;
        }),
        ("agent-config-broken", "correct-config", |facts| facts.agent.broken = Some("error: unknown key".to_owned())),
    ];
    for (code, fix, change) in cases {
        let facts = changed(|facts| {
            served_by_agent(facts);
            change(facts);
        });
        let found = diagnose(&facts);
        let fixes: Vec<&str> = found[0].fixes.iter().map(|fix| fix.id).collect();
        assert_eq!((found[0].code, fixes, found.len()), (code, vec![fix], 1), "{found:?}");
        if code == "agent-refuses" {
            let named = "the rule \"web\" would allow it but for its unit";
            assert!(found[0].evidence.iter().any(|line| line == named), "{found:?}");
        }
    }
}

#[test]
fn without_root_the_agent_is_not_the_cause_because_only_root_may_ask_it() {
    for is_root in [true, false] {
        let facts = changed(|facts| {
            served_by_agent(facts);
            facts.is_root = is_root;
        });
        assert_eq!(codes(&facts).iter().any(|code| code.starts_with("agent-")), is_root, "{:?}", codes(&facts));
    }
}

#[test]
fn with_a_running_agent_the_first_fix_is_a_rule_of_the_agent() {
    let facts = changed(|facts| {
        facts.agent.installed = true;
        facts.agent.running = true;
        facts.answer.as_mut().unwrap().action = "org.example.run".to_owned();
    });
    let ids: Vec<&str> = diagnose(&facts)[0].fixes.iter().map(|fix| fix.id).collect();
    assert_eq!(ids, ["use-the-agent", "grant-user", "join-group"]);
}

#[test]
fn an_allowed_user_and_a_served_unit_have_no_findings() {
    assert_eq!(
        codes(&changed(
            |facts| facts.answer = Some(answer(ImplicitAuthorization::Yes, DeciderKind::Rule, "/etc/x.rules"))
        )),
        [""; 0]
    );
    let by_hook = changed(|facts| {
        served_by_agent(facts);
        facts.agent.by_hook = true;
    });
    assert_eq!(codes(&by_hook), [""; 0]);
    let by_registration = changed(|facts| {
        served_by_agent(facts);
        bound(facts);
    });
    assert_eq!(codes(&by_registration), [""; 0]);
}
