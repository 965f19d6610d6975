use super::*;
use crate::doctor::facts::model;
use crate::target::{JavaScript, Pkla, Version};

#[test]
fn only_a_file_of_the_agent_is_its_configuration() {
    let write = |path: &str| Step::Write { path: path.to_owned(), text: "x".to_owned() };
    assert_eq!(agents_file(&write("/etc/polkit-service-agent/agent.d/a.toml")), Some("x"));
    for other in [write("/etc/polkit-policy-gen/policy.d/a.toml"), Step::Install] {
        assert_eq!(agents_file(&other), None);
    }
}

#[test]
fn a_draught_exists_until_its_end_and_replaces_no_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let text = path.to_str().unwrap();
    let draught = Draught::write(text, "k = 1\n").unwrap();
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), draught.path.as_str()), ("k = 1\n", text));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(Draught::write(text, "other").is_err());
    drop(draught);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_fix_that_is_not_evaluated_does_not_change() {
    let steps = vec![Step::Install];
    let fix = Fix { id: "grant-user", steps, ..Fix::default() };
    let finding = Finding { fixes: vec![fix], ..Finding::default() };
    for is_root in [false, true] {
        let mut findings = [finding.clone()];
        // The version of polkit is not known.
        fixes(&mut findings, &Facts { is_root, ..Facts::default() }).await;
        assert_eq!(findings, std::slice::from_ref(&finding), "{is_root}");
    }
}

const RUN: &str = "org.example.run";
const FILE: &str = "/etc/polkit-policy-gen/policy.d/50-x.toml";

fn decision(action: &str) -> Decision {
    model::decision(action, Outcome::Depends)
}

/// A tree with an action that is refused, and with this policy that is not installed.
fn tree(policy: Option<&str>) -> (tempfile::TempDir, Tree) {
    let action = "<policyconfig><action id='org.example.run'><defaults><allow_any>no</allow_any></defaults></action>\
                  </policyconfig>";
    let root = tempfile::tempdir().unwrap();
    let files = [("usr/share/polkit-1/actions/a.policy", Some(action)), ("etc/polkit-policy-gen/policy.toml", policy)];
    for (path, text) in files.into_iter().filter_map(|(path, text)| Some((path, text?))) {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

fn grants(users: &str, result: &str) -> String {
    format!("[[grant]]\nname = \"x\"\nactions = [\"{RUN}\"]\nusers = [{users}]\nresult = \"{result}\"\n")
}

/// The fix that writes this policy.
fn fix(id: &'static str, text: &str) -> Fix {
    let steps = vec![Step::Write { path: FILE.to_owned(), text: text.to_owned() }, Step::Install];
    Fix { id, steps, ..Fix::default() }
}

/// Evaluates a fix for `daemon` with polkit 0.105, which runs no rules.
fn granted(id: &'static str, text: &str, action: &str) -> Result<String, String> {
    let (_root, tree) = tree(None);
    let target = Target { version: Version(105), pkla: Pkla::Native, javascript: JavaScript::Mozilla };
    let mut before = Evaluator::open(&tree, Names::Host, target).unwrap();
    let subject = Subject { user: "daemon".to_owned(), uid: 1, ..Subject::default() };
    grant(&fix(id, text), &Facts::default(), &subject, &decision(action), (&tree, &mut before))
}

#[test]
fn a_grant_is_offered_if_the_request_and_no_other_user_is_allowed() {
    assert_eq!(granted("grant-user", &grants("\"daemon\"", "yes"), RUN), Ok("yes".to_owned()));
    let others = granted("grant-user", &grants(&format!("\"daemon\", \"{STRANGER}\""), "yes"), RUN);
    assert_eq!(others, Err("with it, polkit's decision about other users would be yes".to_owned()));
}

#[test]
fn a_grant_that_does_not_allow_the_request_is_not_offered() {
    for (id, users, result, expected) in [
        ("grant-user", "\"bin\"", "yes", "no"),
        ("grant-user", "\"daemon\"", "auth_self", "auth_self"),
        ("agent-rule", "\"daemon\"", "yes", "yes"),
        ("bind-agent", "\"daemon\"", "yes", "yes"),
        ("agent-hook", "\"daemon\"", "yes", "yes"),
    ] {
        let refused = granted(id, &grants(users, result), RUN);
        assert_eq!(refused, Err(format!("with it, polkit's decision would be {expected}")), "{id} {users} {result}");
    }
    let unregistered = granted("grant-user", &grants("\"daemon\"", "yes"), "org.example.none");
    assert_eq!(unregistered, Err("with it, polkit's decision would be unregistered".to_owned()));
}

#[test]
fn a_grant_for_the_agent_lets_polkit_ask_the_subject() {
    for id in ["agent-rule", "bind-agent"] {
        let expected = "auth_self, and the agent authenticates the request";
        assert_eq!(granted(id, &grants("\"daemon\"", "auth_self"), RUN), Ok(expected.to_owned()), "{id}");
    }
}

#[test]
fn a_grant_that_check_refuses_is_not_offered() {
    let refused = granted("grant-user", "[[grant]]\nname = \"x\"\n", RUN).unwrap_err();
    assert!(refused.starts_with("error: ") && !refused.contains('\n'), "{refused}");
}

#[test]
fn the_files_of_a_fix_are_generated_together_with_the_policy_of_the_host() {
    let names = |policy: Option<&str>, version, pkla| {
        let (_root, tree) = tree(policy);
        let target = Target { version: Version(version), pkla, javascript: JavaScript::Duktape };
        let files = generated(&fix("grant-user", &grants("\"daemon\"", "yes")), &tree, target).unwrap();
        assert!(files.iter().all(|(path, _)| path.ends_with(".rules") || path.ends_with(".pkla")), "{files:?}");
        let texts: String = files.into_iter().map(|(_, text)| text).collect();
        ["daemon", "games"].map(|user| texts.contains(user))
    };
    let policy = grants("\"games\"", "yes").replace("\"x\"", "\"y\"");
    assert_eq!(names(None, 126, Pkla::No), [true, false]);
    assert_eq!(names(Some(&policy), 126, Pkla::No), [true, true]);
    assert_eq!(names(Some(&policy), 105, Pkla::Native), [true, true]);
    let (_root, tree) = tree(Some("[[grant]"));
    let target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };
    assert!(generated(&fix("grant-user", &grants("\"daemon\"", "yes")), &tree, target).is_err());
}

#[test]
fn a_fix_writes_only_its_own_files_into_the_policy() {
    let (_root, tree) = tree(None);
    let target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };
    let path = "/etc/polkit-service-agent/agent.d/a.toml".to_owned();
    let mut fix = fix("agent-rule", &grants("\"daemon\"", "auth_self"));
    fix.steps.push(Step::Write { path, text: "[[serve]]\n".to_owned() });
    assert!(generated(&fix, &tree, target).is_ok(), "the agent's configuration is no policy");
}

#[test]
fn the_evaluated_request_is_the_examined_one() {
    let details = [("unit".to_owned(), "a.service".to_owned())].into();
    let facts = Facts { details, ..Facts::default() };
    let asked = request(&facts, &decision(RUN), ("bob", None), Some(vec!["vm".to_owned()]), Session::Active);
    assert_eq!((asked.user.as_str(), asked.action.as_str(), asked.session), ("bob", RUN, Session::Active));
    assert_eq!(
        (asked.groups, asked.details, asked.system_unit),
        (Some(vec!["vm".to_owned()]), facts.details, Some(None))
    );
}

#[test]
fn a_refused_fix_is_done_by_hand_and_has_its_reason() {
    let mut fix = Fix { grants: "all".to_owned(), ..Fix::default() };
    refuse(&mut fix, "why");
    assert_eq!((fix.manual, fix.grants.as_str()), (true, "all. Not possible with --fix: why"));
}

#[test]
fn rules_of_the_agent_allow_only_the_subject() {
    let of = |user: &str, unit: Option<&str>, is_dynamic| Subject {
        user: user.to_owned(),
        unit: unit.map(str::to_owned),
        is_dynamic,
        ..Subject::default()
    };
    let web = || of("web", Some("web.service"), false);
    let not = Err("the rule would not allow the request".to_owned());
    let others = Err("the rule would allow the request to other subjects as well".to_owned());
    assert_eq!(is_limited(&web(), |user, unit| (user, unit) == ("web", "web.service")), Ok(()));
    assert_eq!(is_limited(&web(), |_, _| false), not);
    assert_eq!(is_limited(&web(), |user, _| user == "web"), others, "another unit");
    assert_eq!(is_limited(&web(), |_, unit| unit == "web.service"), others, "another user");
    // A rule for a unit with a dynamic user names no user, and the stranger is not another user than itself.
    for subject in [of("web", Some("web.service"), true), of(STRANGER, Some("web.service"), false)] {
        assert_eq!(is_limited(&subject, |_, unit| unit == "web.service"), Ok(()), "{subject:?}");
        assert_eq!(is_limited(&subject, |_, _| true), others, "{subject:?}");
    }
    assert_eq!(is_limited(&of("web", None, false), |user, unit| (user, unit) == ("web", "")), Ok(()));
}

#[test]
fn the_rules_of_the_agent_are_asked_in_the_way_of_the_request() {
    let details = [("unit".to_owned(), "a.service".to_owned())].into();
    let facts = Facts { details, ..Facts::default() };
    let of = |intended| test_of_agent("/run/x", intended, &facts, &decision(RUN), ("web", "web.service")).join(" ");
    let asked =
        "polkit-service-agent test --json --config /run/x --action org.example.run --user web --unit web.service";
    for intended in [Intended::Yes, Intended::AuthSelf] {
        assert_eq!(of(intended), format!("{asked} --way challenge"));
    }
    assert_eq!(of(Intended::Hook), format!("{asked} --way hook --detail unit=a.service"));
}
