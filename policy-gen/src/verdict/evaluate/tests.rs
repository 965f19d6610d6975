use super::*;
use crate::implicit_authorization::Session;
use crate::target::{JavaScript, Pkla, Version};
use crate::verdict::files::{Files, Rules};
use crate::verdict::wire::Program;
use crate::verdict::{Decider, RuleError};

mod rules;

const ACTION: &str = "org.example.run";
const RULES: &str = "/etc/polkit-1/rules.d/10-a.rules";

fn target(version: u32, javascript: JavaScript) -> Target {
    let pkla = if version < 106 { Pkla::Native } else { Pkla::Compat };
    Target { version: Version(version), pkla, javascript }
}

/// A tree with two users and the action, and with these files.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    let action = "<policyconfig><action id='org.example.run'><defaults><allow_any>auth_admin</allow_any>\
                  <allow_inactive>no</allow_inactive><allow_active>yes</allow_active></defaults></action></policyconfig>";
    for (path, text) in [&[("usr/share/polkit-1/actions/a.policy", action)], files].concat() {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

fn names() -> Names {
    let passwd = "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\nalso-bob:x:3002:3002::/:/bin/sh\n\
                  eve:x:3003:3100::/:/bin/sh\n";
    let group = "root:x:0:\nbob:x:3002:\nvm:x:3100:bob\n";
    Names::Root(polkit_config::names::Tree::parse(passwd, group))
}

fn request(user: &str) -> AccessRequest {
    AccessRequest { user: user.into(), action: ACTION.into(), ..AccessRequest::default() }
}

/// Opens the policy of polkit 0.105, which runs no rules.
fn native(files: &[(&str, &str)]) -> Evaluator {
    let (_root, tree) = tree(files);
    Evaluator::open(&tree, names(), target(105, JavaScript::Mozilla)).unwrap()
}

fn result(text: &str) -> Outcome {
    Outcome::Result(ImplicitAuthorization::parse(text).unwrap())
}

/// The kind, the file name and the line of the decider.
fn decider(verdict: &Verdict) -> Option<(DeciderKind, String, Option<usize>)> {
    let name = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let decider = verdict.decided_by.as_ref()?;
    Some((decider.kind, decider.file.as_ref().map(name).unwrap_or_default(), decider.line))
}

/// The sources and results of the steps.
fn steps(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict.steps.iter().map(|step| (step.by.as_str(), step.says.as_str())).collect()
}

fn pkla(identity: &str, result: &str) -> String {
    format!("[a]\nIdentity={identity}\nAction=org.example.*\nResultAny={result}\n")
}

#[test]
fn the_implicit_authorization_is_that_of_the_session() {
    let mut policy = native(&[]);
    let mut of = |session| policy.verdict(&AccessRequest { session, ..request("bob") }).unwrap();
    let outcomes = [Session::None, Session::Remote, Session::Inactive, Session::Active].map(|session| {
        let verdict = of(session);
        assert_eq!(decider(&verdict), Some((DeciderKind::Implicit, "a.policy".into(), Some(1))));
        verdict.outcome
    });
    assert_eq!(outcomes, ["auth_admin", "auth_admin", "no", "yes"].map(result));
    let none = policy.verdict(&AccessRequest { action: "org.example.none".into(), ..request("bob") }).unwrap();
    assert_eq!((none.outcome, none.decided_by), (Outcome::Unregistered, None));
}

#[test]
fn root_is_allowed_by_name_and_by_uid() {
    let deny = pkla("unix-user:*", "no");
    let mut policy = native(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", &deny)]);
    for user in ["root", "0"] {
        let verdict = policy.verdict(&request(user)).unwrap();
        assert_eq!((verdict.outcome, decider(&verdict).unwrap().0), (result("yes"), DeciderKind::Root), "{user}");
        let unregistered = AccessRequest { action: "org.example.none".into(), ..request(user) };
        assert_eq!(policy.verdict(&unregistered).unwrap().outcome, Outcome::Unregistered, "{user}");
    }
    assert_eq!(policy.verdict(&request("bob")).unwrap().outcome, result("no"));
}

#[test]
fn an_entry_decides_before_the_implicit_authorization() {
    let entries = [pkla("unix-user:eve", "no"), pkla("unix-user:bob", "yes").replace("[a]", "[b]")].concat();
    let mut policy = native(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", &entries)]);
    let verdict = policy.verdict(&request("bob")).unwrap();
    assert_eq!(
        (verdict.outcome, decider(&verdict)),
        (result("yes"), Some((DeciderKind::Pkla, "x.pkla".into(), Some(5))))
    );
    assert_eq!(steps(&verdict), [("implicit", "auth_admin"), ("pkla", "yes")]);
    let none = policy.verdict(&AccessRequest { session: Session::Active, ..request("bob") }).unwrap();
    assert_eq!(steps(&none), [("implicit", "yes"), ("pkla", "nothing")]);
    assert_eq!(decider(&none).unwrap().0, DeciderKind::Implicit);
}

#[test]
fn two_files_with_different_results_leave_the_decision_open_in_0_105() {
    let at = |name: &str| format!("etc/polkit-1/localauthority/50-local.d/{name}");
    let two = |one: &str, other: &str| {
        let (one, other) = (pkla("unix-user:bob", one), pkla("unix-user:bob", other));
        let mut policy = native(&[(&at("1.pkla"), &one), (&at("2.pkla"), &other)]);
        policy.verdict(&request("bob")).unwrap()
    };
    for (one, other) in [("yes", "no"), ("no", "yes")] {
        let open = two(one, other);
        assert_eq!((open.outcome, &open.decided_by), (Outcome::Depends, &None), "{one} {other}");
        let [order] = open.depends_on.as_slice() else { panic!("{open:?}") };
        assert!(order.starts_with("the order in which polkit 0.105 reads /"), "{order}");
        assert!(order.contains("/1.pkla and /") && order.ends_with("/2.pkla"), "{order}");
    }
    let same = two("yes", "yes");
    assert_eq!((same.outcome, same.depends_on.len()), (result("yes"), 0));
    assert_eq!(decider(&same).unwrap().0, DeciderKind::Pkla);
}

#[test]
fn an_unknown_netgroup_leaves_the_decision_open() {
    let entry = pkla("unix-netgroup:ops", "yes");
    let mut policy = native(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", &entry)]);
    let open = policy.verdict(&request("bob")).unwrap();
    assert_eq!((open.outcome, open.depends_on), (Outcome::Depends, vec!["netgroup ops".to_owned()]));
    let mut of = |netgroups: &[&str]| {
        let netgroups = Some(netgroups.iter().map(|name| (*name).to_owned()).collect());
        policy.verdict(&AccessRequest { netgroups, ..request("bob") }).unwrap().outcome
    };
    assert_eq!([of(&["ops"]), of(&["web"]), of(&[])], ["yes", "auth_admin", "auth_admin"].map(result));
}

#[test]
fn an_action_that_implies_the_requested_one_grants_it() {
    let policy = |by: &str| {
        format!(
            "<policyconfig><action id='org.example.admin'><defaults><allow_any>{by}</allow_any></defaults>\
             <annotate key='org.freedesktop.policykit.imply'>org.example.run org.example.admin</annotate></action>\
             <action id='org.example.other'><defaults><allow_any>yes</allow_any></defaults></action></policyconfig>"
        )
    };
    let verdict = |by: &str, action: &str| {
        let mut policy = native(&[("usr/share/polkit-1/actions/b.policy", &policy(by))]);
        policy.verdict(&AccessRequest { action: action.into(), ..request("bob") }).unwrap()
    };
    let granted = verdict("yes", ACTION);
    assert_eq!(granted.outcome, result("yes"));
    assert_eq!(granted.decided_by.as_ref().and_then(|by| by.by_action.as_deref()), Some("org.example.admin"));
    assert_eq!(decider(&granted), Some((DeciderKind::Implicit, "b.policy".into(), Some(1))));
    assert_eq!(steps(&granted).last(), Some(&("implied by org.example.admin", "yes")));
    for other in ["no", "auth_self"] {
        let same = verdict(other, ACTION);
        assert_eq!((same.outcome, steps(&same).len()), (result("auth_admin"), 2), "{other}");
    }
    // An action does not imply itself, and an action of the same file implies nothing.
    assert_eq!(steps(&verdict("auth_self", "org.example.admin")), [("implicit", "auth_self"), ("pkla", "nothing")]);
}

#[test]
fn an_implying_action_that_is_open_leaves_the_decision_open() {
    let policy = "<policyconfig><action id='org.admin'><defaults/>\
                  <annotate key='org.freedesktop.policykit.imply'>org.example.run</annotate></action></policyconfig>";
    let entry = pkla("unix-netgroup:ops", "yes").replace("org.example.*", "org.admin");
    let mut policy = native(&[
        ("usr/share/polkit-1/actions/b.policy", policy),
        ("etc/polkit-1/localauthority/50-local.d/x.pkla", &entry),
    ]);
    let open = policy.verdict(&request("bob")).unwrap();
    assert_eq!((open.outcome, open.depends_on), (Outcome::Depends, vec!["netgroup ops (for org.admin)".to_owned()]));
    // An action that is allowed needs no other action.
    let active = policy.verdict(&AccessRequest { session: Session::Active, ..request("bob") }).unwrap();
    assert_eq!((active.outcome, active.depends_on.len()), (result("yes"), 0));
}

#[test]
fn verdicts_have_the_order_of_their_requests() {
    let entry = pkla("unix-user:eve", "no");
    let mut policy = native(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", &entry)]);
    let unregistered = AccessRequest { action: "org.example.none".into(), ..request("bob") };
    let verdicts = policy.verdicts(&[request("root"), unregistered, request("eve"), request("bob")]).unwrap();
    let outcomes: Vec<Outcome> = verdicts.iter().map(|verdict| verdict.outcome).collect();
    assert_eq!(outcomes, [result("yes"), Outcome::Unregistered, result("no"), result("auth_admin")]);
}

#[test]
fn the_groups_of_a_user_are_those_of_the_database_or_of_the_request() {
    let mut policy = native(&[]);
    assert_eq!(policy.groups(&request("bob")).unwrap(), ["bob", "vm"]);
    let given = AccessRequest { groups: Some(vec!["ops".into()]), ..request("bob") };
    assert_eq!(policy.groups(&given).unwrap(), ["ops"]);
    assert_eq!(policy.groups(&request("bob")).unwrap(), ["bob", "vm"], "given groups are not remembered");
    assert_eq!(policy.groups(&request("eve")).unwrap(), ["vm"]);
}

#[test]
fn a_user_is_found_by_name_or_uid_and_the_first_name_of_a_uid_counts() {
    let mut policy = native(&[]);
    let mut facts = |user: &str| policy.user_facts(&request(user)).map(|user| (*user).clone());
    for user in ["bob", "3002", "also-bob"] {
        let found = facts(user).unwrap();
        assert_eq!((found.name.as_str(), found.uid, found.has_name), ("bob", Some(3002), true), "{user}");
    }
    let number = facts("4000").unwrap();
    assert_eq!((number.name.as_str(), number.uid, number.has_name), ("4000", Some(4000), false));
    let refused = facts("nemo").unwrap_err();
    assert_eq!(refused.to_string(), "there is no user `nemo`: give the groups of the user with --group");
    let with_groups = AccessRequest { groups: Some(vec!["vm".into()]), ..request("nemo") };
    let given = policy.user_facts(&with_groups).unwrap();
    assert_eq!((given.name.as_str(), given.uid, given.has_name), ("nemo", None, true));
    assert_eq!(given.groups, ["vm"]);
}

#[test]
fn a_generated_file_is_evaluated_in_the_place_of_the_file_of_the_tree() {
    let path = "etc/polkit-1/localauthority/50-local.d/a.pkla";
    let (_root, tree) = tree(&[(path, &pkla("unix-user:bob", "no"))]);
    let generated = [(path.to_owned(), pkla("unix-user:bob", "yes"))];
    for (generated, expected) in [(&generated[..], "yes"), (&[], "no")] {
        let mut policy = Evaluator::open(&tree, names(), target(105, JavaScript::Mozilla)).unwrap().with_changes(
            &tree,
            generated,
            &[],
        );
        let verdicts = policy.verdicts(&[request("bob")]).unwrap();
        assert_eq!(verdicts[0].outcome, result(expected));
    }
}

#[test]
fn an_unknown_action_depends_only_on_closed_directories_of_actions() {
    let (_root, tree) = tree(&[]);
    let target = target(126, JavaScript::Duktape);
    let mut files: Files = files::read(&tree, &names(), target).unwrap();
    files.closed_to_us = vec!["/etc/polkit-1/rules.d".into(), "/usr/share/polkit-1/actions/b.policy".into()];
    let data = PolicyData::new(target, files, None);
    let (access_request, user) = (request("bob"), rules::bob());
    let request = ActionRequest { access_request: &access_request, user: &user, action: "org.example.unknown" };
    let verdict = data.before_rules(&request).unwrap();
    assert_eq!(verdict.depends_on, ["the content of /usr/share/polkit-1/actions/b.policy, which only root may read"]);
}
