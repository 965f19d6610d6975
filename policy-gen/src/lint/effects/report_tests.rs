use super::*;
use crate::verdict::wire::EngineRequest;

const RULE: &str = "// a comment\npolkit.addRule(function (action, subject) {\n    return null;\n});\n";

fn file(text: &str) -> File {
    File::new("10-x.rules", text.as_bytes().to_vec())
}

/// A reply of the rule with this number.
fn reply(end: End) -> EngineReply {
    EngineReply::new(end, Some(0), Vec::new())
}

fn says(text: &str) -> EngineReply {
    reply(End::Text(text.to_owned()))
}

fn nothing() -> EngineReply {
    EngineReply::new(End::Nothing, None, Vec::new())
}

fn probe(who: Who, session: Session, action: &str, reply: EngineReply) -> (Probe, EngineReply) {
    let request = EngineRequest { action: action.to_owned(), ..EngineRequest::default() };
    (Probe { who, session, request }, reply)
}

/// The replies to the invented action for a user that the file does not name, in each session.
fn strangers(replies: [EngineReply; 4]) -> Vec<(Probe, EngineReply)> {
    let of_session = |(session, reply)| probe(Who::Stranger, session, INVENTED, reply);
    Session::ALL.into_iter().zip(replies).map(of_session).collect()
}

/// The codes, lines and messages of the findings in a file with a rule in line 2.
fn found(probes: Vec<(Probe, EngineReply)>) -> Vec<(&'static str, usize, String)> {
    found_in(RULE, probes, true, &[], &Registered::new())
}

fn found_in(
    text: &str,
    probes: Vec<(Probe, EngineReply)>,
    is_complete: bool,
    later: &[&str],
    registered: &Registered,
) -> Vec<(&'static str, usize, String)> {
    let file = file(text);
    let probes = Replies { probes, lines: vec![2, 3], is_complete };
    let line = |finding: &Finding| finding.span.as_ref().map_or(0, |span| file.source.position(span.start).0);
    let findings = Observed { file: &file, probes, later, registered }.findings();
    findings.into_iter().map(|finding| (finding.code.id, line(&finding), finding.message)).collect()
}

fn finding(code: &'static str, line: usize, message: &str) -> (&'static str, usize, String) {
    (code, line, message.to_owned())
}

#[test]
fn a_grant_of_everything_names_its_sessions_and_the_files_that_are_never_run() {
    let all = strangers([says("yes"), says("yes"), says("yes"), says("yes")]);
    assert_eq!(
        found(all.clone()),
        [finding("PG080", 2, "every user is granted every action, also services and remote users")]
    );
    let later = ["20-a.rules", "30-b.rules"];
    let message = "every user is granted every action, also services and remote users; the rules of 20-a.rules and 30-b.rules are \
                   never run";
    assert_eq!(found_in(RULE, all, true, &later, &Registered::new()), [finding("PG080", 2, message)]);
    let some = strangers([nothing(), says("no"), says("yes"), says("yes")]);
    let message =
        "every user is granted every action in a background session at a seat and in the active session at a seat";
    assert_eq!(found(some), [finding("PG080", 2, message)]);
    let one = strangers([says("yes"), nothing(), nothing(), nothing()]);
    assert_eq!(found(one), [finding("PG080", 2, "every user is granted every action without a session")]);
}

#[test]
fn a_refusal_of_everything_covers_each_session() {
    let message = "every user is refused every action that the file does not name";
    let all = strangers([says("no"), says("no"), says("no"), says("no")]);
    assert_eq!(found(all), [finding("PG084", 2, message)]);
    let mixed = strangers([says("no"), says("auth_self"), says("no"), says("no")]);
    let message = "every action that the file does not name is decided (no)";
    assert_eq!(found(mixed), [finding("PG085", 2, message)]);
    let asks = strangers([says("auth_admin"), says("no"), says("no"), says("no")]);
    assert_eq!(found(asks), [finding("PG085", 2, "every action that the file does not name is decided (auth_admin)")]);
    let open = strangers([says("no"), says("no"), says("no"), nothing()]);
    assert_eq!(found(open), [], "one session is left to other rules");
    let mut few = strangers([says("no"), says("no"), says("no"), says("no")]);
    few.pop();
    assert_eq!(found(few), [], "the last session was not observed");
}

#[test]
fn a_result_that_depends_on_an_unknown_fact_is_no_result() {
    let unknown = EngineReply { unknown: vec!["subject.pid".into()], ..says("yes") };
    assert_eq!(found(strangers([unknown.clone(), nothing(), nothing(), nothing()])), []);
    let of_user = probe(Who::User("bob".into()), Session::None, INVENTED, unknown);
    assert_eq!(found(vec![of_user]), []);
}

#[test]
fn a_named_account_that_is_granted_everything_is_reported_once() {
    let of = |who: Who, action: &str, reply| probe(who, Session::None, action, reply);
    let (bob, ops) = (Who::User("bob".into()), Who::Group("ops".into()));
    let probes = vec![
        of(bob.clone(), INVENTED, says("yes")),
        of(bob.clone(), INVENTED, says("yes")),
        of(ops, INVENTED, says("yes")),
        of(Who::Several, INVENTED, says("yes")),
        of(Who::User("eve".into()), INVENTED, says("no")),
        of(Who::User("joe".into()), "org.a.run", says("yes")),
    ];
    let message = "the user `bob` and the group `ops` are granted every action";
    assert_eq!(found(probes), [finding("PG081", 2, message)]);
    assert_eq!(
        found(vec![of(bob.clone(), INVENTED, says("yes"))]),
        [finding("PG081", 2, "the user `bob` is granted every action")]
    );
    let several = vec![of(Who::Several, INVENTED, says("yes"))];
    let message = "a user with several of the conditions of the file is granted every action";
    assert_eq!(found(several), [finding("PG081", 2, message)]);
    // Each rule has its own finding.
    let second = EngineReply { rule: Some(1), ..says("yes") };
    let two = vec![of(bob, INVENTED, says("yes")), of(Who::User("eve".into()), INVENTED, second)];
    assert_eq!(
        found(two).iter().map(|(code, line, _)| (*code, *line)).collect::<Vec<_>>(),
        [("PG081", 2), ("PG081", 3)]
    );
}

#[test]
fn an_action_that_is_granted_to_services_is_reported_unless_its_default_is_yes() {
    let of = |session, action: &str, reply| probe(Who::Stranger, session, action, reply);
    let granted = vec![of(Session::None, "org.a.run", says("yes")), of(Session::None, "org.a.stop", says("yes"))];
    let message = "`org.a.run` and `org.a.stop` are granted to every user, also to services";
    assert_eq!(found(granted.clone()), [finding("PG083", 2, message)]);
    let registered =
        [("org.a.run".to_owned(), ImplicitAuthorization::Yes), ("org.a.stop".to_owned(), ImplicitAuthorization::No)];
    let message = "`org.a.stop` is granted to every user, also to services";
    assert_eq!(found_in(RULE, granted, true, &[], &registered.into()), [finding("PG083", 2, message)]);
    for other in [
        of(Session::Active, "org.a.run", says("yes")),
        of(Session::None, "org.a.run", says("no")),
        probe(Who::User("bob".into()), Session::None, "org.a.run", says("yes")),
    ] {
        assert_eq!(found(vec![other.clone()]), [], "{other:?}");
    }
}

#[test]
fn rules_without_any_result_are_reported_if_every_name_was_tried() {
    let quiet = || strangers([nothing(), nothing(), nothing(), nothing()]);
    let message = "the rules have no result for any action and any subject that the file names";
    assert_eq!(found(quiet()), [finding("PG086", 0, message)]);
    assert_eq!(found_in(RULE, quiet(), false, &[], &Registered::new()), []);
    let unknown = EngineReply { unknown: vec!["subject.pid".into()], ..nothing() };
    assert_eq!(found(strangers([nothing(), nothing(), nothing(), unknown])), []);
    let one = probe(Who::User("bob".into()), Session::None, "org.a.run", says("yes"));
    assert_eq!(found([quiet(), vec![one]].concat()), []);
}

#[test]
fn a_rule_that_ends_polkitd_is_reported_with_its_message() {
    let kills = |unknown: &[&str]| {
        let unknown = unknown.iter().map(|what| (*what).to_owned()).collect();
        let end = EngineReply { unknown, ..reply(End::Kills("not a string".into())) };
        found_in(
            RULE,
            vec![probe(Who::User("bob".into()), Session::None, "org.a.run", end)],
            false,
            &[],
            &Registered::new(),
        )
    };
    assert_eq!(kills(&[]), [finding("PG010", 0, "a rule ends polkitd: not a string")]);
    assert_eq!(kills(&["subject.pid"]), []);
}

#[test]
fn an_exception_has_its_line_and_its_subjects() {
    let threw = |line| reply(End::Threw("x is not defined".into(), line));
    let of = |who, reply| probe(who, Session::None, INVENTED, reply);
    let (bob, ops) = (Who::User("bob".into()), Who::Group("ops".into()));
    let message = |who: &str| format!("the rule throws an exception for {who}: x is not defined");
    let both = vec![of(bob.clone(), threw(Some(3))), of(ops, threw(Some(3))), of(bob.clone(), threw(Some(3)))];
    assert_eq!(found(both), [("PG082", 3, message("the group `ops` and the user `bob`"))]);
    let every = vec![of(Who::Stranger, threw(Some(3))), of(bob.clone(), threw(Some(3)))];
    assert_eq!(found(every), [("PG082", 3, message("every user"))]);
    let several = vec![of(Who::Several, threw(None))];
    assert_eq!(found(several), [("PG082", 2, message("users with several of the conditions of the file"))]);
    // A line beyond the end of the file is that of another file.
    for line in [Some(0), Some(5), None] {
        assert_eq!(found(vec![of(bob.clone(), threw(line))])[0].1, 2, "{line:?}: the line of the rule");
    }
    assert_eq!(found(vec![of(bob.clone(), threw(Some(4)))])[0].1, 4);
    let nowhere = EngineReply { rule: None, ..threw(None) };
    assert_eq!(found(vec![of(bob.clone(), nowhere)])[0].1, 0);
    let unknown = EngineReply { unknown: vec!["subject.pid".into()], ..threw(None) };
    assert_eq!(found(vec![of(bob, unknown)]), []);
}

#[test]
fn an_exception_without_details_does_not_count_for_a_named_action() {
    let text = RULE.replace("null", "action.lookup('unit').length");
    let threw = || reply(End::Threw("x".into(), None));
    let with = |action: &str, details: &[(String, String)]| {
        let (mut probe, reply) = probe(Who::Stranger, Session::None, action, threw());
        probe.request.details = details.to_vec();
        found_in(&text, vec![(probe, reply)], false, &[], &Registered::new()).len()
    };
    let details = [("unit".to_owned(), "x".to_owned())];
    assert_eq!([with("org.a.run", &[]), with("org.a.run", &details), with(INVENTED, &[])], [0, 1, 1]);
    // A file that reads no details must work without them.
    assert_eq!(found(vec![probe(Who::Stranger, Session::None, "org.a.run", threw())]).len(), 1);
}

#[test]
fn at_most_four_names_and_four_exceptions_are_listed() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let lists = [0, 1, 2, 3, 4, 5, 6].map(|count| list(names.into_iter().take(count), "`"));
    assert_eq!(
        lists,
        [
            "",
            "`a`",
            "`a` and `b`",
            "`a`, `b` and `c`",
            "`a`, `b`, `c` and `d`",
            "`a`, `b`, `c`, `d` and 1 more",
            "`a`, `b`, `c`, `d` and 2 more"
        ]
    );
    let threw = |number: usize| reply(End::Threw(format!("{number}"), None));
    let many = (0..6).map(|number| probe(Who::Stranger, Session::None, INVENTED, threw(number))).collect();
    assert_eq!(found(many).len(), NAMES_MAX);
}
