use super::*;

#[test]
fn a_paragraph_is_wrapped_for_a_terminal_and_stays_whole_for_a_file() {
    let text = "polkit's decision is auth_admin, from the implicit authorization of the action org.example.run";
    let wrapped = Style { colour: false, width: Some(40) }.wrap("  - ", "    ", text);
    assert!(wrapped.lines().count() > 2 && wrapped.lines().all(|line| line.len() <= 40), "{wrapped}");
    assert!(wrapped.starts_with("  - polkit's") && wrapped.lines().skip(1).all(|line| line.starts_with("    ")));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(wrapped.trim_start_matches("  - ")), words(text));
    assert_eq!(Style::default().wrap("  - ", "    ", text), format!("  - {text}\n"));
    let path = "/etc/polkit-1/rules.d/".repeat(4);
    assert!(Style { colour: false, width: Some(40) }.wrap("", "", &path).contains(&path));
}

/// Facts of root about a host without problems.
fn facts() -> Facts {
    Facts { is_root: true, ..Facts::default() }
}

fn finding() -> Finding {
    let fix = |id, manual, root_equivalent, undo: &[&str]| Fix {
        id,
        manual,
        root_equivalent,
        commands: vec!["first\nsecond".to_owned(), "third".to_owned()],
        grants: "a\u{1b}thing".to_owned(),
        undo: undo.iter().map(|line| (*line).to_owned()).collect(),
        expected: undo.first().map(|_| "yes".to_owned()),
        ..Fix::default()
    };
    Finding {
        code: "a-code",
        cause: "the cause".to_owned(),
        evidence: vec!["evidence\u{7}".to_owned()],
        fixes: vec![fix("one", true, true, &[]), fix("two", false, false, &["back"])],
        ..Finding::default()
    }
}

#[test]
fn a_finding_is_shown_with_its_evidence_and_its_fixes() {
    let note = Finding { code: "b-code", level: Level::Note, cause: "a remark".to_owned(), ..Finding::default() };
    let facts = Facts { unseen: vec!["the journal".to_owned()], ..facts() };
    let shown = text(&[finding(), note], &facts, Style::default());
    let expected = "a-code  the cause\n  - evidence\\x07\n\n  one, by hand: grants a\\x1bthing; root-equivalent\n    first\n    \
                    second\n    third\n\n  two: grants a\\x1bthing\n    With it, polkit's decision is yes.\n    first\n    second\n    third\n    to undo:\n      back\n\n\
                    b-code (note)  a remark\n\nTo apply a fix, repeat the command with --fix ID. You are asked first; afterwards \
                    the check is repeated.\n\nNot checked\n  the journal\n";
    assert_eq!(shown, expected);
    let bold = text(&[finding()], &facts, Style { colour: true, width: None });
    for word in ["a-code", "one", "two", "Not checked"] {
        assert!(bold.contains(&format!("\u{1b}[1m{word}\u{1b}[0m")), "{bold:?}");
    }
}

#[test]
fn without_a_fix_for_this_program_none_is_advertised() {
    let mut by_hand = finding();
    by_hand.fixes.truncate(1);
    assert!(!text(&[by_hand], &facts(), Style::default()).contains("--fix"));
}

#[test]
fn a_host_without_findings_is_summarized_or_was_not_examined() {
    let shown = |facts: &Facts| text(&[], facts, Style::default());
    assert_eq!(shown(&facts()), "no problem found\n");
    assert_eq!(shown(&Facts::default()), "could not look everywhere: run this as root\n");
    let answers = Polkitd::Answers { version: "126".to_owned(), pid: None, uid: None };
    assert_eq!(shown(&Facts { polkitd: answers, ..facts() }), "no problem found; polkit 126 answers\n");
    let mut listening = facts();
    let socket = |listened| super::super::facts::Socket { listened, ..Default::default() };
    let daemon = |sockets| super::super::facts::Daemon { name: "libvirtd".to_owned(), sockets, ..Default::default() };
    listening.libvirt.daemons = vec![daemon(vec![socket(false), socket(true)])];
    assert_eq!(shown(&listening), "no problem found; libvirtd is listening\n");
    listening.libvirt.daemons = vec![daemon(vec![socket(false)])];
    assert_eq!(shown(&listening), "no problem found\n");
    let reported = super::super::error::first("access denied by policy", &|_| false);
    let old = shown(&Facts { reported, ..facts() });
    assert!(old.starts_with("no problem found; the error is older or concerns another subject"), "{old}");
}

#[test]
fn the_json_form_has_the_request_and_the_findings() {
    let mut facts = facts();
    facts.action = Some("org.a.run".to_owned());
    facts.details = [("k".to_owned(), "v".to_owned())].into();
    facts.unseen = vec!["the journal".to_owned()];
    let subject = super::super::facts::Subject {
        user: "bob".to_owned(),
        unit: Some("a.service".to_owned()),
        ..Default::default()
    };
    facts.subject = Some(subject);
    let note = Finding { code: "b-code", level: Level::Note, ..Finding::default() };
    let expected = json!({
        "request": {
            "action": "org.a.run", "also": [], "details": { "k": "v" }, "mechanism": null, "user": "bob", "unit": "a.service",
        },
        "findings": [
            {
                "code": "a-code", "level": "problem", "cause": "the cause", "evidence": ["evidence\\x07"],
                "fixes": [
                    {
                        "id": "one", "manual": true, "root_equivalent": true, "commands": ["first\nsecond", "third"],
                        "grants": "a\\x1bthing", "undo": [], "expected": null,
                    },
                    {
                        "id": "two", "manual": false, "root_equivalent": false, "commands": ["first\nsecond", "third"],
                        "grants": "a\\x1bthing", "undo": ["back"], "expected": "yes",
                    },
                ],
            },
            { "code": "b-code", "level": "note", "cause": "", "evidence": [], "fixes": [] },
        ],
        "unseen": ["the journal"],
    });
    assert_eq!(json(&[finding(), note], &facts), expected);
    let mechanism = |facts: &Facts| json(&[], facts).pointer("/request/mechanism").cloned().unwrap();
    facts.mechanism = crate::mechanisms::of_action("org.freedesktop.bolt.enroll");
    assert_eq!(mechanism(&facts), "bolt");
    facts.mechanism = None;
    facts.reported =
        super::super::error::first("Failed to start a.service: Interactive authentication required.", &|_| false);
    assert_eq!(mechanism(&facts), "systemd");
}

#[test]
fn without_findings_it_is_said_who_allows_the_request() {
    use crate::doctor::facts::Subject;
    use crate::verdict::Outcome;
    let with = |result: &str, verdict: Option<&str>| {
        let outcome = Outcome::Result(crate::implicit_authorization::ImplicitAuthorization::parse(result).unwrap());
        let answer = crate::doctor::facts::model::decision("org.a.run", outcome);
        let subject = Some(Subject { user: "bob".to_owned(), ..Subject::default() });
        let mut facts = Facts { subject, answer: Some(answer), ..facts() };
        facts.agent.verdict = verdict.map(str::to_owned);
        content(&facts)
    };
    assert!(with("yes", None).contains("; bob may perform org.a.run"));
    assert!(with("auth_self", Some("allow")).contains("; polkit-service-agent allows bob org.a.run"));
    for verdict in [Some("deny"), None] {
        let text = with("auth_self", verdict);
        assert!(!text.contains("allows") && !text.contains("may perform"), "{text}");
    }
}
