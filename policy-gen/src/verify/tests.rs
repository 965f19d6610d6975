use polkit_config::report::Source;

use super::*;

/// The first user that policies rarely name.
const FIRST: &str = UNNAMED_USERS[0];

fn names() -> Names {
    let passwd = format!(
        "root:x:0:0::/:/bin/sh\n{FIRST}:x:65534:65534::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n\
         bob:x:3002:3002::/:/bin/sh\neve:x:3003:3003::/:/bin/sh\n"
    );
    let group = format!(
        "root:x:0:\nnogroup:x:65534:\ndaemon:x:1:\nbob:x:3002:\neve:x:3003:\nvm:x:3100:root,bob\nall:x:3200:{FIRST}\n"
    );
    Names::Root(polkit_config::names::Tree::parse(&passwd, &group))
}

fn policy(text: &str) -> Policy {
    crate::policy::read(&[Source::new("policy.toml", text)]).map_err(|report| report.lines().join("\n")).unwrap().0
}

fn comparison(text: &str, actions: &[&str]) -> Comparison {
    let (policy, names) = (policy(text), names());
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    Planner { policy: &policy, names: &names, netgroups: Netgroups::default(), actions }.queries().unwrap()
}

/// The queries: the grant, the action, the user, and the expected result.
fn queries(text: &str, actions: &[&str]) -> Vec<String> {
    let row = |row: &Query| {
        let user = row.user.as_ref().map_or("-", |user| user.name.as_str());
        let details: String = row.details.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let expected = row.expected.map_or("-", |results| results.any.text());
        format!("{}: {}{details} {user} {expected}", row.grant, row.action)
    };
    comparison(text, actions).rows.iter().map(row).collect()
}

fn grant(rest: &str) -> String {
    format!("[[grant]]\nname = \"g\"\nresult = \"yes\"\n{rest}\n")
}

#[test]
fn a_grant_is_compared_for_a_user_that_it_names_and_for_another() {
    let users = grant("actions = [\"org.a.run\"]\nusers = [\"eve\"]");
    assert_eq!(queries(&users, &[]), ["g: org.a.run eve yes", &format!("g: org.a.run {FIRST} -")]);
    // root is allowed everything without policy.
    let group = grant("actions = [\"org.a.run\"]\ngroups = [\"vm\"]");
    assert_eq!(queries(&group, &[]), ["g: org.a.run bob yes", &format!("g: org.a.run {FIRST} -")]);
    let all = grant("actions = [\"org.a.run\"]\ngroups = [\"all\"]");
    assert_eq!(queries(&all, &[]), [&format!("g: org.a.run {FIRST} yes"), "g: org.a.run daemon -"], "another user");
    let missing = grant("actions = [\"org.a.run\"]\nusers = [\"mallory\"]");
    assert_eq!(queries(&missing, &[]), ["g: org.a.run - -", &format!("g: org.a.run {FIRST} -")]);
}

#[test]
fn an_earlier_grant_decides_what_is_expected() {
    let first = "[[grant]]\nname = \"f\"\nactions = [\"org.a.run\"]\nusers = [\"eve\"]\nresult = \"no\"\n";
    let both = format!("{first}{}", grant("actions = [\"org.a.run\"]\nusers = [\"eve\"]"));
    assert_eq!(queries(&both, &[])[2], "g: org.a.run eve no");
}

#[test]
fn a_pattern_is_compared_for_a_registered_action_that_it_covers() {
    let pattern = grant("actions = [\"org.a.*\"]\nusers = [\"eve\"]");
    let found = queries(&pattern, &["com.b.run", "org.a.stop", "org.b.run"]);
    assert_eq!(found, ["g: org.a.stop eve yes", &format!("g: org.a.stop {FIRST} -")]);
    assert_eq!(queries(&pattern, &["com.b.run"]), ["g: org.a.* - -"], "no action is registered");
    let exact = grant("actions = [\"org.a.run\"]\nusers = [\"eve\"]");
    assert_eq!(queries(&exact, &["org.a.other"])[0], "g: org.a.run eve yes");
}

#[test]
fn a_query_has_details_that_match_the_grant() {
    let text = grant(
        "actions = [\"org.a.run\"]\nusers = [\"eve\"]\ndetails = { unit = [\"web-*\", \"db\"], verb = \"start\" }",
    );
    assert_eq!(queries(&text, &[])[0], "g: org.a.run unit=web-x verb=start eve yes");
}

#[test]
fn a_hook_is_asked_for_a_user_that_policies_rarely_name() {
    let hook =
        |failure: &str| format!("[[hook]]\nactions = [\"org.a.run\", \"org.a.stop\"]\non_failure = \"{failure}\"\n");
    let no = comparison(&hook("no"), &[]);
    let shown = |row: &Query| (row.action.clone(), row.user.as_ref().unwrap().name.clone(), row.hook, row.expected);
    let refused = Some(BySession::always(ImplicitAuthorization::No));
    assert_eq!(
        no.rows.iter().map(shown).collect::<Vec<_>>(),
        ["org.a.run", "org.a.stop"].map(|action| (action.into(), FIRST.into(), Some(OnFailure::No), refused))
    );
    let nothing = comparison(&hook("nothing"), &[]);
    assert_eq!((nothing.rows[0].hook, nothing.rows[0].expected), (Some(OnFailure::Nothing), None));
    // A grant of an action of the hook: the agent decides first.
    let both = format!("{}{}", hook("no"), grant("actions = [\"org.a.run\"]\nusers = [\"eve\"]"));
    let rows = comparison(&both, &[]).rows;
    assert!(rows.iter().skip(2).all(|row| row.hook == Some(OnFailure::No)) && rows.len() == 4);
}

#[test]
fn the_number_of_queries_is_limited_and_the_rest_is_counted() {
    let actions = |count: usize| (0..count).map(|number| format!("\"org.a.r{number}\"")).collect::<Vec<_>>().join(", ");
    let grants = |count: usize| comparison(&grant(&format!("actions = [{}]\nusers = [\"eve\"]", actions(count))), &[]);
    let size = |found: Comparison| (found.rows.len(), found.left_out);
    assert_eq!([size(grants(20)), size(grants(21)), size(grants(23))], [(40, 0), (40, 2), (40, 6)]);
    let hooks =
        |count: usize| comparison(&format!("[[hook]]\nactions = [{}]\non_failure = \"no\"\n", actions(count)), &[]);
    assert_eq!([size(hooks(40)), size(hooks(43))], [(40, 0), (40, 3)]);
}

#[test]
fn a_role_is_compared_for_its_domain_and_for_that_of_others() {
    let text =
        "[libvirt]\nmode = \"acl\"\n[[libvirt_role]]\nrole = \"operator\"\ngroups = [\"vm\"]\ndomains = [\"web-*\"]\n";
    let found = queries(text, &[]);
    let [start, see] = &found[found.len() - 2..] else { panic!("{found:?}") };
    assert!(start.ends_with("org.libvirt.api.domain.start domain_name=web-x bob yes"), "{found:?}");
    assert!(see.contains("org.libvirt.api.domain.getattr domain_name=(a domain of others) bob "), "{found:?}");
}

#[test]
fn a_result_is_as_expected_if_it_is_that_of_a_session() {
    let results = |text: [&str; 3]| {
        let [any, inactive, active] = text.map(|word| ImplicitAuthorization::parse(word).unwrap());
        Some(BySession { any, inactive, active })
    };
    let noted = |expected, outcome| {
        let mut query = Query::new("g", "org.a.run", None, expected, None);
        query.note(outcome);
        (query.seen, query.as_expected)
    };
    let (yes, no, challenge) = (Some(QueryOutcome::Yes), Some(QueryOutcome::No), Some(QueryOutcome::Challenge));
    for (expected, outcome, seen, is_expected) in [
        (results(["yes", "yes", "yes"]), yes, "yes", true),
        (results(["yes", "yes", "yes"]), no, "no", false),
        (results(["yes", "yes", "yes"]), challenge, "must authenticate", false),
        (results(["no", "no", "yes"]), yes, "yes", true),
        (results(["no", "yes", "no"]), yes, "yes", true),
        (results(["yes", "no", "no"]), yes, "yes", true),
        (results(["no", "no", "no"]), yes, "yes", false),
        (results(["auth_self", "auth_admin_keep", "no"]), challenge, "must authenticate", true),
        (results(["no", "no", "no"]), None, "the action is not registered (yet)", true),
        (None, no, "no", true),
        (None, challenge, "must authenticate", true),
        (None, yes, "yes (by other policy)", true),
    ] {
        assert_eq!(noted(expected, outcome), (seen.to_owned(), is_expected), "{expected:?} {outcome:?}");
    }
}

#[test]
fn a_policy_is_in_force_if_all_results_that_the_agent_does_not_decide_are_as_expected() {
    let row = |hook, as_expected| Query { as_expected, ..Query::new("g", "org.a.run", None, None, hook) };
    let of = |rows: Vec<Query>| {
        let all = Comparison { rows, left_out: 0 };
        (all.as_expected(), all.all_as_expected())
    };
    assert_eq!(of(vec![]), (true, true));
    assert_eq!(of(vec![row(None, true), row(None, false)]), (false, false));
    assert_eq!(of(vec![row(None, true), row(Some(OnFailure::No), false)]), (true, false));
}
