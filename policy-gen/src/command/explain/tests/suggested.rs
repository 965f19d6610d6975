//! The changes that `explain` suggests.

use super::*;
use crate::target::Spelling;

/// The suggested changes, each with its command and its reason.
fn suggested(entries: &str, request: &AccessRequest, target: &Spelling) -> Vec<String> {
    let (root, tree, mut evaluator) = policy(entries);
    let verdict = evaluator.verdict(request).unwrap();
    let all = suggestions(&mut evaluator, &tree, target, request, &verdict).unwrap();
    let line = |suggestion: &Suggestion| {
        let [command, because] = [&suggestion.command, &suggestion.because].map(|text| text.as_deref().unwrap_or("-"));
        format!("{} | {command} | {because}", suggestion.change).replace(root.path().to_str().unwrap(), "ROOT")
    };
    all.iter().map(line).collect()
}

const FILE: &str = "ROOT/etc/polkit-1/localauthority/50-local.d/a.pkla";
const ADD: &str = "add a rule for bob to /etc/polkit-1/localauthority/50-local.d | \
                   polkit-policy-gen generate --user bob --action org.example.stop --result yes | -";

#[test]
fn a_group_that_would_allow_the_request_is_suggested_first() {
    let vm = entry("unix-group:vm", "org.example.stop", "yes");
    let join = format!("add bob to the group vm | usermod --prefix ROOT -aG vm bob | {FILE}:1");
    assert_eq!(suggested(&vm, &request("org.example.stop"), &Spelling::Host), [join, ADD.to_owned()]);
    // bob is in this group.
    let ops = entry("unix-group:ops", "org.example.other", "yes");
    assert_eq!(suggested(&ops, &request("org.example.stop"), &Spelling::Host), [ADD]);
}

#[test]
fn a_session_that_would_allow_the_request_is_suggested() {
    let active = "make the request in the active session at a seat | - | ROOT/usr/share/polkit-1/actions/a.policy:1";
    let found = suggested("", &request(RUN), &Spelling::Host);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], active);
    let inactive = AccessRequest { session: Session::Inactive, ..request(RUN) };
    assert_eq!(suggested("", &inactive, &Spelling::Host)[0], active);
}

#[test]
fn the_rule_is_generated_for_the_target_of_the_request() {
    let debian = suggested("", &request("org.example.stop"), &Spelling::Debian(11));
    assert!(debian[0].contains("--result yes --target debian:11 | -"), "{debian:?}");
}

#[test]
fn a_request_that_is_allowed_or_depends_on_the_unknown_has_no_suggestion() {
    assert!(suggested(&entry("unix-user:bob", RUN, "yes"), &request(RUN), &Spelling::Host).is_empty());
    assert!(suggested(&entry("unix-netgroup:n", RUN, "yes"), &request(RUN), &Spelling::Host).is_empty());
}

#[test]
fn a_mistyped_action_has_the_most_similar_one_as_a_suggestion() {
    for (action, found) in [
        ("org.example.stpo", true),
        ("org.example.stop123", true),
        ("org.example.stop1234", false),
        ("com.other.action", false),
    ] {
        let suggested = suggested("", &request(action), &Spelling::Host);
        assert_eq!(suggested.len(), usize::from(found), "{action}: {suggested:?}");
        assert!(suggested.iter().all(|text| text.contains("org.example.stop")), "{suggested:?}");
    }
}

#[test]
fn at_most_five_groups_are_suggested() {
    let root = tempfile::tempdir().unwrap();
    let groups: String = (0..9).map(|number| format!("g{number}:x:31{number}:\n")).collect();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    std::fs::write(root.path().join("etc/group"), groups).unwrap();
    let (_root, _tree, mut evaluator) = policy(&entry("unix-group:g*", "org.example.stop", "yes"));
    let tree = Tree::open(Some(root.path())).unwrap();
    let request = request("org.example.stop");
    let verdict = evaluator.verdict(&request).unwrap();
    let all = suggestions(&mut evaluator, &tree, &Spelling::Host, &request, &verdict).unwrap();
    let joins: Vec<&str> = all.iter().map(|one| one.change.as_str()).filter(|text| text.contains("group")).collect();
    let expected: Vec<String> = (0..5).map(|number| format!("add bob to the group g{number}")).collect();
    assert_eq!(joins, expected);
}

#[test]
fn each_session_has_its_words() {
    let words = Session::ALL.map(crate::command::explain::suggest::in_session);
    for (session, word) in [
        (Session::None, "without a session"),
        (Session::Remote, "without a seat"),
        (Session::Inactive, "in a background session"),
        (Session::Active, "in the active session"),
    ] {
        let place = Session::ALL.iter().position(|one| *one == session).unwrap();
        assert!(words[place].contains(word), "{session:?}: {}", words[place]);
    }
}
