use super::*;
use crate::doctor::facts::{NearCondition, Process};
use crate::target::{JavaScript, Pkla, Target, Version};

const ACTION: &str = "org.example.run";

/// A tree with an action, accounts and these files.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    let action = |id: &str| {
        format!(
            "<action id='{id}'><defaults><allow_any>auth_admin</allow_any><allow_inactive>no</allow_inactive>\
             <allow_active>yes</allow_active></defaults></action>"
        )
    };
    let actions = format!("<policyconfig>{}{}{}</policyconfig>", action(ACTION), action(MANAGE), action(EXEC));
    let always = [
        ("usr/share/polkit-1/actions/a.policy", actions.as_str()),
        ("etc/group", "zz-vm:x:3100:\nzz-ops:x:3200:\nkvm:x:3300:\n"),
    ];
    for (path, text) in [&always, files].concat() {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

/// The policy of polkit 0.105 in a tree with this pkla file, which runs no rules.
fn with_entries(text: &str) -> (tempfile::TempDir, Tree, Evaluator) {
    let (root, tree) = tree(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", text)]);
    let passwd = "bob:x:3002:3002::/:/bin/sh\n";
    let group = "bob:x:3002:\nzz-vm:x:3100:\nzz-ops:x:3200:\nkvm:x:3300:bob\n";
    let names = Names::Root(polkit_config::names::Tree::parse(passwd, group));
    let target = Target { version: Version(105), pkla: Pkla::Native, javascript: JavaScript::Mozilla };
    let evaluator = Evaluator::open(&tree, names, target).unwrap();
    (root, tree, evaluator)
}

fn entry(identity: &str, action: &str, result: &str) -> String {
    format!("[{identity}]\nIdentity={identity}\nAction={action}\nResultAny={result}\n")
}

fn bob(session: Session) -> Subject {
    let process = Process { session, ..Process::default() };
    let groups = vec!["bob".to_owned(), "kvm".to_owned()];
    Subject { user: "bob".to_owned(), uid: 3002, groups, process: Some(process), ..Subject::default() }
}

fn decided(text: &str, session: Session) -> Decision {
    let (_root, tree, mut evaluator) = with_entries(text);
    answer(&mut evaluator, &tree, &bob(session), ACTION, (&BTreeMap::new(), None)).unwrap()
}

#[test]
fn the_decision_is_about_the_session_of_the_process() {
    let outcomes = Session::ALL.map(|session| {
        let found = decided("", session);
        assert_eq!((found.action.as_str(), found.session), (ACTION, session));
        (session, found.result())
    });
    for (session, result) in outcomes {
        let expected = match session {
            Session::Active => ImplicitAuthorization::Yes,
            Session::Inactive => ImplicitAuthorization::No,
            Session::None | Session::Remote => ImplicitAuthorization::AuthAdmin,
        };
        assert_eq!(result, Some(expected), "{session:?}");
    }
    let (_root, tree, mut evaluator) = with_entries("");
    let without_process = Subject { process: None, ..bob(Session::Active) };
    let found = answer(&mut evaluator, &tree, &without_process, ACTION, (&BTreeMap::new(), None)).unwrap();
    assert_eq!((found.session, found.result()), (Session::None, Some(ImplicitAuthorization::AuthAdmin)));
}

#[test]
fn the_sessions_that_would_be_allowed_are_named_with_the_place() {
    let found = decided("", Session::None);
    let [(session, Some(place))] = found.sessions.as_slice() else { panic!("{found:?}") };
    assert!(*session == Session::Active && place.ends_with("/actions/a.policy:1"), "{place}");
    let allowed = decided("", Session::Active);
    assert!(allowed.sessions.is_empty() && allowed.groups.is_empty() && allowed.near.is_empty(), "{allowed:?}");
    assert!(found.grant_comes_first && found.naming.is_empty() && found.no_grant.is_none() && found.real.is_none());
}

#[test]
fn the_groups_whose_members_would_be_allowed_are_named() {
    let found = decided(&entry("unix-group:zz-vm", ACTION, "yes"), Session::None);
    let [remedy] = found.groups.as_slice() else { panic!("{found:?}") };
    assert_eq!((remedy.group.as_str(), remedy.exists, remedy.similar_name.as_deref()), ("zz-vm", true, None));
    assert!(remedy.place.as_ref().is_some_and(|place| place.ends_with("/x.pkla:1")), "{remedy:?}");
    let [near] = found.near.as_slice() else { panic!("{found:?}") };
    assert!(near.place.ends_with("/x.pkla:1") && matches!(near.condition, NearCondition::Entry(_)), "{near:?}");
    assert_eq!(decided(&entry("unix-group:zz-vm", ACTION, "auth_self"), Session::None).groups, []);
    assert_eq!(decided(&entry("unix-group:kvm", ACTION, "yes"), Session::None).groups, [], "bob is in it");
    let unregistered = {
        let (_root, tree, mut evaluator) = with_entries(&entry("unix-group:zz-vm", "org.none.*", "yes"));
        answer(&mut evaluator, &tree, &bob(Session::None), "org.none.run", (&BTreeMap::new(), None)).unwrap()
    };
    assert!(unregistered.groups.is_empty() && unregistered.sessions.is_empty(), "{unregistered:?}");
}

#[test]
fn a_group_of_the_same_purpose_that_the_user_has_is_named() {
    let similar = |group: &str| {
        let found = decided(&entry(&format!("unix-group:{group}"), ACTION, "yes"), Session::None);
        found.groups.into_iter().find(|remedy| remedy.group == group).unwrap().similar_name
    };
    assert_eq!([similar("libvirt"), similar("libvirtd")], [(); 2].map(|()| Some("kvm".to_owned())));
    assert_eq!([similar("wheel"), similar("zz-ops")], [None, None]);
}

#[test]
fn groups_that_exist_come_first_and_groups_of_administrators_last() {
    let all = ["libvirt-qemu", "sudo", "wheel", "zz-vm", "zz-ops"].map(|group| format!("unix-group:{group}")).join(";");
    let found = decided(&entry(&all, ACTION, "yes"), Session::None);
    let groups: Vec<(&str, bool)> = found.groups.iter().map(|remedy| (remedy.group.as_str(), remedy.exists)).collect();
    assert_eq!(groups.len(), 5);
    assert!(groups.is_sorted_by_key(|(_, exists)| !exists), "{groups:?}");
    for exists in [true, false] {
        let of: Vec<&str> = groups.iter().filter(|(_, found)| *found == exists).map(|(group, _)| *group).collect();
        assert!(of.is_sorted_by_key(|group| ["sudo", "wheel"].contains(group)), "{groups:?}");
    }
    assert!(groups.contains(&("zz-vm", true)) && groups.contains(&("zz-ops", true)), "{groups:?}");
}

#[test]
fn at_most_five_groups_are_named() {
    let names: Vec<String> = (0..7).map(|number| format!("zz-{number}")).collect();
    let lines: String = names.iter().map(|name| format!("{name}:x:3100:\n")).collect();
    let all: Vec<String> = names.iter().map(|name| format!("unix-group:{name}")).collect();
    let (root, tree, mut evaluator) = with_entries(&entry(&all.join(";"), ACTION, "yes"));
    std::fs::write(root.path().join("etc/group"), lines).unwrap();
    let found = answer(&mut evaluator, &tree, &bob(Session::None), ACTION, (&BTreeMap::new(), None)).unwrap();
    let groups: Vec<&str> = found.groups.iter().map(|remedy| remedy.group.as_str()).collect();
    assert_eq!(groups, ["zz-0", "zz-1", "zz-2", "zz-3", "zz-4"]);
}

#[test]
fn a_place_is_the_file_and_its_line() {
    let of = |file: Option<&str>, line| {
        let file = file.map(str::to_owned);
        place(&Decider { kind: DeciderKind::Rule, file, line, by_action: None, grant: None })
    };
    assert_eq!(of(Some("/a"), Some(3)).as_deref(), Some("/a:3"));
    assert_eq!((of(Some("/a"), None).as_deref(), of(None, Some(3))), (Some("/a"), None));
}

#[test]
fn a_file_or_a_directory_with_such_a_file_is_about_the_action() {
    let (_root, tree) = tree(&[("etc/d/a.rules", "'org.example.run'"), ("etc/d/b.rules", ""), ("etc/e/a.rules", "x")]);
    let about = |path: &str| is_about(&tree, path, ACTION);
    assert!(about("/etc/d/a.rules") && about("/etc/d"));
    assert!(!about("/etc/d/b.rules") && !about("/etc/e") && !about("/etc/none"));
}

#[test]
fn a_policy_from_another_file_allows_no_grant_of_its_own() {
    use crate::install::record::MemberRecord;
    let member = MemberRecord { user: "bob".to_owned(), group: "vm".to_owned(), before: false };
    let text = Record { members: vec![member], ..Record::default() }.to_text();
    let state = ("var/lib/polkit-policy-gen/state.json", text.as_str());
    let is_refused = |files: &[(&str, &str)]| {
        let why = no_grant(&tree(files).1);
        assert!(why.as_ref().is_none_or(|why| why.contains("the installed policy comes from another policy file")));
        why.is_some()
    };
    assert!(is_refused(&[state]) && !is_refused(&[]));
    for own in ["etc/polkit-policy-gen/policy.toml", "etc/polkit-policy-gen/policy.d/a.toml"] {
        assert!(!is_refused(&[(own, "")]) && !is_refused(&[state, (own, "")]), "{own}");
    }
}

#[test]
fn actions_that_every_user_may_perform_are_found_once_for_each_place() {
    let open = |entries: &str, about_libvirt| {
        let (_root, _tree, mut evaluator) = with_entries(entries);
        let mut facts = Facts { about_libvirt, ..Facts::default() };
        open_to_all(&mut evaluator, &mut facts);
        let name = |file: Option<String>| file.and_then(|file| file.rsplit('/').next().map(str::to_owned));
        let found = facts.open_to_all.into_iter();
        found.map(|open| (open.action, open.who, name(open.file), open.line, open.implicit)).collect::<Vec<_>>()
    };
    let found = |action: &str, who: &str, line| {
        (action.to_owned(), who.to_owned(), Some("x.pkla".to_owned()), Some(line), false)
    };
    assert_eq!(open("", true), []);
    let all = entry("unix-user:*", &format!("{MANAGE};{EXEC}"), "yes");
    assert_eq!(open(&all, true), [found(MANAGE, "every user", 1)], "one place");
    assert_eq!(open(&all, false), [found(EXEC, "every user", 1)]);
    assert_eq!(open(&entry("unix-user:*", EXEC, "auth_self"), true), []);
    for group in ["sudo", "wheel"] {
        let who = format!("every member of the group {group}");
        assert_eq!(open(&entry(&format!("unix-group:{group}"), EXEC, "yes"), true), [found(EXEC, &who, 1)]);
    }
    assert_eq!(open(&entry("unix-group:sudo", MANAGE, "yes"), true), []);
}

#[test]
fn a_recent_refusal_counts_while_polkit_would_ask_again() {
    let refusal = |user: &str, action: &str| RecentRefusal {
        unit: "web.service".to_owned(),
        user: user.to_owned(),
        action: action.to_owned(),
        line: "x".to_owned(),
        verdict: String::new(),
    };
    let still = |result: &str| {
        let (_root, _tree, mut evaluator) = with_entries(&entry("unix-user:bob", ACTION, result));
        still_refused(&mut evaluator, refusal("3002", ACTION), None).map(|one| (one.unit, one.verdict))
    };
    assert_eq!(still("auth_self"), Some(("web.service".to_owned(), "auth_self".to_owned())));
    assert_eq!([still("yes"), still("no")], [None, None], "allowed, or intended");
    let (_root, _tree, mut evaluator) = with_entries("");
    assert_eq!(still_refused(&mut evaluator, refusal("3002", "org.none.run"), None), None);
    assert_eq!(still_refused(&mut evaluator, refusal("no number", ACTION), None), None);
}
