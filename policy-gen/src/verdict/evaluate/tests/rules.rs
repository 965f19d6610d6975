//! The replies of the rules, and what follows if they give none.

use super::*;

/// The data of a polkit with one rules file, which has a rule in line 3 and one in line 7.
fn with_rules(
    version: u32,
    javascript: JavaScript,
    path: &str,
    pkla: Option<crate::verdict::pkla::Pkla>,
) -> PolicyData {
    let (_root, tree) = tree(&[]);
    let target = target(version, javascript);
    let mut files: Files = files::read(&tree, &names(), target).unwrap();
    files.rules = vec![Rules { path: path.into(), bytes: Vec::new() }];
    files.pkla = pkla;
    let mut data = PolicyData::new(target, files, None);
    data.rules = vec![(0, 3), (0, 7)];
    data
}

pub(super) fn bob() -> UserFacts {
    UserFacts { name: "bob".into(), groups: vec!["vm".into()], uid: Some(3002), has_name: true }
}

/// The verdict after a reply of the rules.
fn after(data: &PolicyData, end: End, rule: Option<usize>, unknown: &[&str]) -> Verdict {
    let unknown = unknown.iter().map(|what| (*what).to_owned()).collect();
    let (access_request, user) = (request("bob"), bob());
    let request = ActionRequest { access_request: &access_request, user: &user, action: ACTION };
    assert!(data.before_rules(&request).is_none());
    data.after_rules(&request, Some(Ok(EngineReply::new(end, rule, unknown))))
}

fn duktape() -> PolicyData {
    with_rules(126, JavaScript::Duktape, RULES, None)
}

#[test]
fn a_rule_with_a_result_decides() {
    let verdict = after(&duktape(), End::Text("no".into()), Some(1), &[]);
    assert_eq!(verdict.outcome, result("no"));
    assert_eq!(decider(&verdict), Some((DeciderKind::Rule, "10-a.rules".into(), Some(7))));
    assert_eq!(steps(&verdict), [("implicit", "auth_admin"), ("rules", "no")]);
    let nothing = after(&duktape(), End::Nothing, None, &[]);
    assert_eq!((nothing.outcome, decider(&nothing).unwrap().0), (result("auth_admin"), DeciderKind::Implicit));
    assert_eq!(steps(&nothing), [("implicit", "auth_admin"), ("rules", "nothing")]);
}

#[test]
fn a_rule_with_another_text_or_an_exception_refuses() {
    let text = after(&duktape(), End::Text("YES".into()), Some(0), &[]);
    assert_eq!((text.outcome, text.rule_error.clone()), (result("no"), Some(RuleError::NotAResult("YES".into()))));
    assert_eq!(decider(&text), Some((DeciderKind::Rule, "10-a.rules".into(), Some(3))));
    let threw = after(&duktape(), End::Threw("x".into(), Some(9)), Some(0), &[]);
    assert_eq!((threw.outcome, threw.rule_error.clone()), (result("no"), Some(RuleError::Throws("x".into()))));
    assert_eq!(decider(&threw).unwrap().2, Some(9), "the line of the exception");
    let somewhere = after(&duktape(), End::Threw("x".into(), None), Some(0), &[]);
    assert_eq!(decider(&somewhere).unwrap().2, Some(3), "the line of the rule");
}

#[test]
fn a_rule_that_ends_polkitd_refuses() {
    let verdict = after(&duktape(), End::Kills("not a string".into()), Some(0), &[]);
    assert_eq!((verdict.outcome, verdict.ends_polkitd.as_deref()), (result("no"), Some("not a string")));
    assert_eq!(steps(&verdict)[1], ("rules", "no result: the rule ends polkitd: not a string"));
}

#[test]
fn another_engine_may_decide_otherwise_about_exceptions_only() {
    for javascript in [JavaScript::Mozilla, JavaScript::Either] {
        let data = with_rules(115, javascript, RULES, None);
        let outcome = |end| after(&data, end, Some(0), &[]).outcome;
        assert_eq!(outcome(End::Text("yes".into())), result("yes"));
        assert_eq!([outcome(End::Threw("x".into(), None)), outcome(End::Kills("x".into()))], [Outcome::Depends; 2]);
    }
    let outcome = |end| after(&duktape(), end, Some(0), &[]).outcome;
    assert_eq!([outcome(End::Threw("x".into(), None)), outcome(End::Kills("x".into()))], ["no", "no"].map(result));
}

#[test]
fn an_unknown_fact_leaves_the_decision_open_and_is_described() {
    let unknown = ["program /bin/x -a", "netgroup ops", "memory", "subject.system_unit", "subject.pid", "subject.pid"];
    let verdict = after(&duktape(), End::Text("yes".into()), Some(0), &unknown);
    assert_eq!((verdict.outcome, verdict.decided_by), (Outcome::Depends, None));
    assert_eq!(
        verdict.depends_on,
        [
            "the output of a program that a rule runs: /bin/x -a",
            "whether the user is in the netgroup ops",
            "whether polkitd has more memory than this program allows a rule",
            "subject.system_unit, the unit of the client; `explain --unit` names it. It is null if the mechanism passes a process by its pid, as libvirtd does",
            "subject.pid, which a rule reads",
        ]
    );
}

#[test]
fn a_rule_that_this_program_cannot_run_leaves_the_decision_open() {
    let (access_request, user, mut data) = (request("bob"), bob(), duktape());
    let request = ActionRequest { access_request: &access_request, user: &user, action: ACTION };
    let failed = data.after_rules(&request, Some(Err("it did not end".into())));
    let why = "the effect of a rule in polkitd: when run by this program, it did not end";
    assert_eq!((failed.outcome, failed.depends_on), (Outcome::Depends, vec![why.to_owned()]));
    assert_eq!(data.after_rules(&request, None).outcome, result("auth_admin"), "there are no rules");
    data.always.push("the rest".into());
    assert_eq!(data.after_rules(&request, None).depends_on, ["the rest"]);
}

/// A pkla tree for polkit-pkla-compat, which allows bob.
fn compat_tree(identity: &str) -> crate::verdict::pkla::Pkla {
    use crate::verdict::pkla::{File, Pkla, Reader, Store, parse};
    let files = vec![File { path: "/x.pkla".into(), entries: parse(pkla(identity, "yes").as_bytes()).0 }];
    Pkla { reader: Reader::Compat, stores: vec![Store { key: "50-local.d-1".into(), files }] }
}

#[test]
fn a_result_of_pkla_compat_is_that_of_its_entry() {
    let path = "/usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules";
    let data = with_rules(122, JavaScript::Duktape, path, Some(compat_tree("unix-user:bob")));
    let verdict = after(&data, End::Text("yes".into()), Some(0), &[]);
    assert_eq!(decider(&verdict), Some((DeciderKind::Pkla, "x.pkla".into(), Some(1))));
    assert_eq!(steps(&verdict)[1], ("pkla", "yes"));
    let other = with_rules(122, JavaScript::Duktape, RULES, Some(compat_tree("unix-user:bob")));
    assert_eq!(decider(&after(&other, End::Text("yes".into()), Some(0), &[])).unwrap().0, DeciderKind::Rule);
}

#[test]
fn the_program_of_pkla_compat_has_the_result_of_the_entries() {
    let programs = |identity: &str, user: &UserFacts, session| {
        let data = with_rules(122, JavaScript::Duktape, RULES, Some(compat_tree(identity)));
        let access_request = AccessRequest { session, ..request("bob") };
        data.ask(&ActionRequest { access_request: &access_request, user, action: ACTION }).programs
    };
    let program = |path: &str, flags: [&str; 2], output| Program {
        argv: [path, "bob", flags[0], flags[1], ACTION].map(str::to_owned).to_vec(),
        output,
    };
    let both = |flags, output: Result<&str, i32>| {
        ["/usr/sbin/pkla-check-authorization", "/usr/bin/pkla-check-authorization"]
            .map(|path| program(path, flags, output.map(str::to_owned)))
    };
    assert_eq!(programs("unix-user:bob", &bob(), Session::None), both(["false", "false"], Ok("yes\n")));
    assert_eq!(programs("unix-user:bob", &bob(), Session::Active), both(["true", "true"], Ok("")));
    assert_eq!(programs("unix-user:bob", &bob(), Session::Inactive), both(["true", "false"], Ok("")));
    assert_eq!(programs("unix-user:eve", &bob(), Session::Remote), both(["false", "true"], Ok("")));
    let no_name = UserFacts { has_name: false, ..bob() };
    assert_eq!(programs("unix-user:bob", &no_name, Session::None), both(["false", "false"], Err(1)));
    assert_eq!(programs("unix-netgroup:n", &bob(), Session::None), [], "the netgroups are unknown");
    assert_eq!(
        duktape().ask(&ActionRequest { access_request: &request("bob"), user: &bob(), action: ACTION }).programs,
        []
    );
}

#[test]
fn rules_see_the_facts_that_the_version_has() {
    let asked = |version| {
        let data = with_rules(version, JavaScript::Duktape, RULES, None);
        let unit = Some(Some("x.service".to_owned()));
        let details = [("verb".to_owned(), "start".to_owned())].into();
        let session = Session::Remote;
        let access_request = AccessRequest { system_unit: unit, details, session, ..request("bob") };
        data.ask(&ActionRequest { access_request: &access_request, user: &bob(), action: "org.other" })
    };
    let versions = [123, 124, 126, 127].map(|version| (asked(version).has_unit, asked(version).has_uid));
    assert_eq!(versions, [(false, false), (true, false), (true, false), (true, true)]);
    let asked = asked(127);
    assert_eq!((asked.action.as_str(), asked.user.as_str(), asked.uid), ("org.other", "bob", Some(3002)));
    assert_eq!((asked.in_session, asked.local, asked.active), (true, false, true));
    assert_eq!((asked.unit, asked.groups), (Some(Some("x.service".into())), vec!["vm".to_owned()]));
    assert_eq!(asked.details, [("verb".to_owned(), "start".to_owned())]);
}

#[test]
fn later_files_with_rules_are_never_reached() {
    let (_root, tree) = tree(&[]);
    let rules = |name: &str| Rules { path: format!("/{name}"), bytes: Vec::new() };
    let mut policy = Evaluator::open(&tree, names(), target(126, JavaScript::Duktape)).unwrap();
    policy.data.files.rules = ["10.rules", "20.rules", "30.rules", "40.rules"].map(rules).into();
    policy.data.rules = vec![(0, 1), (1, 1), (1, 5), (3, 1)];
    let by = |kind, file: &str| {
        let decider = Decider { kind, file: Some(file.to_owned()), line: None, by_action: None, grant: None };
        Verdict::of(result("yes"), Some(decider))
    };
    assert_eq!(policy.never_reached(&by(DeciderKind::Rule, "/10.rules")), ["/20.rules", "/40.rules"]);
    assert_eq!(policy.never_reached(&by(DeciderKind::Rule, "/20.rules")), ["/40.rules"]);
    assert_eq!(policy.never_reached(&by(DeciderKind::Rule, "/40.rules")), [""; 0]);
    assert_eq!(policy.never_reached(&by(DeciderKind::Implicit, "/10.rules")), [""; 0]);
    assert_eq!(policy.rules_files(), ["/10.rules", "/20.rules", "/30.rules", "/40.rules"]);
    assert_eq!(policy.actions().collect::<Vec<_>>(), [ACTION]);
}

#[test]
fn an_action_is_implied_by_others_and_not_by_itself() {
    let action = |id: &str, implied: &str| {
        format!(
            "<action id='{id}'><defaults/><annotate key='org.freedesktop.policykit.imply'>{implied}</annotate></action>"
        )
    };
    let both = [action("org.a", "org.example.run org.a org.example.run"), action("org.b", "org.example.run")].concat();
    let (_root, tree) =
        tree(&[("usr/share/polkit-1/actions/b.policy", &format!("<policyconfig>{both}</policyconfig>"))]);
    let target = target(126, JavaScript::Duktape);
    let data = PolicyData::new(target, files::read(&tree, &names(), target).unwrap(), None);
    assert_eq!(data.implying(ACTION), ["org.a", "org.b"]);
    assert_eq!([data.implying("org.a"), data.implying("org.b")], [[""; 0]; 2]);
}

#[test]
fn logind_asks_about_root_as_about_other_users_for_actions_that_ignore_inhibitors() {
    let decided = |id: &str, version| {
        let policy = format!(
            "<policyconfig><action id='{id}'><defaults><allow_any>auth_admin</allow_any></defaults></action></policyconfig>"
        );
        let (_root, tree) = tree(&[("usr/share/polkit-1/actions/b.policy", &policy)]);
        let target = target(version, JavaScript::Duktape);
        let data = PolicyData::new(target, files::read(&tree, &names(), target).unwrap(), None);
        let user = UserFacts { name: "root".into(), groups: Vec::new(), uid: Some(0), has_name: true };
        let access_request = request("root");
        let request = ActionRequest { access_request: &access_request, user: &user, action: id };
        let verdict = data.before_rules(&request).unwrap_or_else(|| data.after_rules(&request, None));
        (verdict.outcome, verdict.steps.first().map(|step| step.by.clone()))
    };
    let ignoring = "org.freedesktop.login1.power-off-ignore-inhibit";
    let root = Some("root".to_owned());
    assert_eq!(
        [decided(ignoring, 125), decided(ignoring, 126)],
        [(); 2].map(|()| (result("auth_admin"), root.clone()))
    );
    assert_eq!(decided(ignoring, 124), (result("yes"), root.clone()));
    for other in ["org.freedesktop.login1.power-off", "org.example.x-ignore-inhibit"] {
        assert_eq!(decided(other, 126), (result("yes"), root.clone()), "{other}");
    }
}
