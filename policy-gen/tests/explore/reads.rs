//! Each read of a rule becomes a fact, and what is no fact becomes a remark.

use crate::policies::{Policy, found};
use polkit_policy_gen::explore::Limits;

/// The conditions and the remarks of a rule, whose body is in line 2. Where it returns nothing, the implicit authorizations count: those
/// conditions are left out.
fn explored(body: &str) -> (Vec<String>, Vec<String>) {
    let (conditions, remarks) = found(&Policy::rule(body).explore(127));
    let by_rule = |text: &String| ["yes:", "auth_self_keep:", "depends:"].iter().any(|word| text.starts_with(word));
    (conditions.into_iter().filter(by_rule).collect(), remarks)
}

/// Checks that the exploration of each rule is exact, and has these conditions with a yes.
#[track_caller]
fn exact(rules: &[(&str, &[&str])]) {
    for (body, expected) in rules {
        let expected: Vec<String> = expected.iter().map(|facts| format!("yes: {facts}")).collect();
        assert_eq!(explored(body), (expected, Vec::new()), "{body}");
    }
}

/// Checks the remark of each rule.
#[track_caller]
fn remarks(rules: &[(&str, &str)]) {
    for (body, expected) in rules {
        let (_, remarks) = explored(body);
        assert!(remarks.iter().any(|remark| remark == expected), "{body}: {remarks:?}");
    }
}

#[test]
fn names_and_groups_are_facts() {
    exact(&[
        ("if (subject.isInGroup('vm')) { return 'yes'; }", &["group vm"]),
        ("if (!subject.isInGroup('vm')) { return 'yes'; }", &["not group vm"]),
        ("if (subject.user == 'a' || 'b' === subject.user) { return 'yes'; }", &["user a", "user b"]),
        ("if (subject.user != 'a') { return 'yes'; }", &["not user a"]),
        ("return ['a', 'b'].indexOf(subject.user) >= 0 ? 'yes' : 'no';", &["user a", "user b"]),
        ("switch (subject.user) { case 'a': return 'yes'; case 'b': return 'no'; }", &["user a"]),
        ("if (subject.groups.indexOf('vm') >= 0) { return 'yes'; }", &["group vm"]),
        (
            "for (var i = 0; i < subject.groups.length; i++) { if (subject.groups[i] == 'a') { return 'yes'; } }",
            &["group a"],
        ),
        (
            "return subject.groups.some(function (g) { return g == 'a' || g == 'b'; }) ? 'yes' : 'no';",
            &["group a", "not group a, group b"],
        ),
        ("return 'unix-user:' + subject.user == 'unix-user:a' ? 'yes' : 'no';", &["user a"]),
        (
            "var t = {$a: 'yes'}; var k = '$' + subject.user; return {}.hasOwnProperty.call(t, k) ? t[k] : null;",
            &["user a"],
        ),
        ("if (subject.uid == 500) { return 'yes'; }", &["uid 500"]),
        ("if (subject.uid === '500') { return 'yes'; }", &[]),
    ]);
}

#[test]
fn a_text_that_is_returned_is_compared_with_the_results() {
    let (conditions, remarks) = explored("return subject.user;");
    assert_eq!(conditions, ["yes: user yes", "auth_self_keep: user auth_self_keep"]);
    assert_eq!(remarks, Vec::<String>::new());
}

#[test]
fn a_table_also_has_what_every_object_inherits() {
    let policy = Policy::rule("var t = {alice: 'yes'}; return t[subject.user];");
    let exploration = policy.explore(127);
    assert!(exploration.is_exact(), "{exploration:?}");
    let (conditions, _) = found(&exploration);
    assert!(conditions.iter().any(|text| text == "no: user toString"), "{conditions:?}");
    let ends = exploration.conditions.iter().filter(|condition| condition.ends_polkitd.is_some()).count();
    assert!(ends > 5, "{conditions:?}");
}

#[test]
fn sessions_and_units_are_facts() {
    exact(&[
        ("if (subject.local && subject.active) { return 'yes'; }", &["active, local"]),
        ("if (subject.local == true) { return 'yes'; }", &["local"]),
        ("if (!subject.session) { return 'yes'; }", &["not session"]),
        ("if (subject.session == 'c1') { return 'yes'; }", &["session, session c1"]),
        ("if (subject.seat === 'seat0') { return 'yes'; }", &["local, seat seat0"]),
        ("if (subject.session && !subject.seat) { return 'yes'; }", &["active, not local"]),
        ("if (subject.system_unit == 'a.service') { return 'yes'; }", &["system_unit a.service"]),
        ("if (subject.system_unit) { return 'yes'; }", &["system_unit"]),
        ("if (subject.no_new_privileges) { return 'yes'; }", &["no_new_privileges, system_unit"]),
    ]);
    let unit = Policy::rule("if (subject.system_unit == null) { return 'yes'; }");
    let (old, new) = (found(&unit.explore(122)).0, found(&unit.explore(126)).0);
    assert!(old.contains(&"yes: ".to_owned()) && new.contains(&"yes: not system_unit".to_owned()), "{old:?} {new:?}");
}

#[test]
fn details_are_facts() {
    exact(&[
        ("if (action.lookup('unit') == 'a') { return 'yes'; }", &["detail:unit a"]),
        ("if (action.lookup('unit')) { return 'yes'; }", &["detail:unit, not detail:unit "]),
        ("if (action.lookup('unit') === undefined) { return 'yes'; }", &["not detail:unit"]),
    ]);
    let (conditions, remarks) = explored("if (action.lookup('verb') in {start: 1}) { return 'yes'; }");
    assert!(conditions.contains(&"yes: detail:verb start".to_owned()) && remarks.is_empty(), "{conditions:?}");
    // The text "undefined" is not in the table, but every object inherits `toString`.
    assert!(conditions.contains(&"yes: detail:verb toString".to_owned()), "{conditions:?}");
}

#[test]
fn what_is_logged_is_not_compared() {
    exact(&[
        ("polkit.log('x' + subject + action + subject.groups); return subject.local ? 'yes' : 'no';", &["local"]),
        ("polkit.log('unit ' + action.lookup('unit')); return subject.local ? 'yes' : 'no';", &["local"]),
    ]);
}

#[test]
fn functions_that_tell_texts_apart_are_remarks() {
    remarks(&[
        (
            "if (subject.user.indexOf('web-') == 0) return 'yes';",
            "2: by sample: a rule applies indexOf() (subject.user)",
        ),
        ("if (/^a/.test(action.lookup('u'))) return 'yes';", "2: by sample: a rule applies test() (the detail u)"),
        ("if (subject.user > 'm') return 'yes';", "2: by sample: a rule compares the order (subject.user)"),
        (
            "if (subject.user[0] == 'a') return 'yes';",
            "2: by sample: a rule reads a character or the length (subject.user)",
        ),
        (
            "if (subject.user.length > 3) return 'yes';",
            "2: by sample: a rule reads a character or the length (subject.user)",
        ),
        ("if (parseInt(subject.user) > 3) return 'yes';", "2: by sample: a rule applies parseInt() (subject.user)"),
        (
            "if (subject.user == 5) return 'yes';",
            "2: by sample: a rule compares with a value that is no text (subject.user)",
        ),
        ("if (subject.uid >= 1000) return 'yes';", "2: a rule compares the order (subject.uid)"),
        ("if (subject.uid % 2 == 0) return 'yes';", "2: a rule computes with the value (subject.uid)"),
        ("if (String(subject).indexOf('x') > 0) return 'yes';", "2: a rule applies indexOf()"),
        (
            "return subject.groups[0] == 'vm' ? 'yes' : 'no';",
            "1: the result depends on the order or the number of the user's groups",
        ),
        ("if (subject.groups.length > 3) return 'yes';", "2: a rule reads the number of groups"),
        (
            "if (subject.user == action.lookup('user')) return 'yes';",
            "2: by sample: a rule compares two open texts (subject.user)",
        ),
    ]);
}

#[test]
fn what_no_fact_decides_is_a_remark() {
    remarks(&[
        ("return subject.isInNetGroup('n') ? 'yes' : 'no';", "2: whether the user is in the netgroup n"),
        (
            "try { polkit.spawn(['/x']); } catch (e) { return 'yes'; }",
            "2: the output of a program that a rule runs: /x",
        ),
        ("if (new Date().getHours() > 5) return 'yes';", "2: a rule reads the time"),
        ("if (Math.random() > 0.5) return 'yes';", "2: a rule uses Math.random()"),
        ("if (subject.pid > 100) return 'yes';", "2: a rule reads subject.pid"),
        ("for (var k in action) { }", "2: a rule lists the properties of the action"),
        ("if (JSON.stringify(action).length > 5) return 'yes';", "2: a rule applies stringify() to the action"),
        ("if (action['_detail_' + 'unit']) return 'yes';", "2: a rule reads details without action.lookup()"),
        ("n = 1;", "2: a rule changes a variable that outlives the request"),
        ("eval('1');", "2: `eval` runs a text as a program"),
    ]);
}

#[test]
fn values_that_a_rule_keeps_are_found_by_running_it_again() {
    let kept = "var seen = {}; polkit.addRule(function (action, subject) {\n  if (seen.once) { return 'no'; }\n  seen.once = 1;\n\
                return subject.local ? 'yes' : 'auth_self'; });";
    let (_, remarks) = found(&Policy::rules(kept).explore(126));
    assert!(remarks.iter().any(|remark| remark.contains("keeps values")), "{remarks:?}");
}

#[test]
fn a_file_that_cannot_be_followed_is_a_remark() {
    let (conditions, remarks) = found(
        &Policy::rules("polkit.addRule(function (a, s) {\n with (s) { return user == 'a' ? 'yes' : 'no'; } });")
            .explore(126),
    );
    assert_eq!(remarks, ["2: the file has a form that exploring cannot follow"]);
    assert!(!conditions.is_empty());
}

#[test]
fn exploring_ends_at_its_limit_and_names_the_facts_that_multiply() {
    let body = "var n = 0; for (var i = 0; i < 40; i++) { if (subject.isInGroup('g' + i)) { n = n + 1; } }\n\
                return n % 2 ? 'yes' : 'no';";
    let exploration = Policy::rule(body).explore_with(126, Limits { paths: 200, ..Limits::default() });
    let (conditions, remarks) = found(&exploration);
    assert!(exploration.paths <= 200 && !conditions.is_empty());
    assert!(remarks[0].starts_with("0: more than 200 paths; the facts that multiply: subject.groups g"), "{remarks:?}");
}

#[test]
fn rules_that_do_not_end_are_a_remark() {
    let (_, remarks) = found(&Policy::rule("while (subject.local === false) { }\nreturn 'yes';").explore(126));
    assert!(remarks.iter().any(|remark| remark.contains("it did not end within 5 s")), "{remarks:?}");
}

#[test]
fn details_that_are_given_are_not_open() {
    use polkit_policy_gen::explore::{Explorer, sample::Samples};
    use polkit_policy_gen::verdict::AccessRequest;
    let policy = Policy::rule("if (/^web-/.test(action.lookup('unit')) && subject.isInGroup('vm')) { return 'yes'; }");
    let mut explorer = Explorer::new(policy.evaluator(126), Samples::default(), Limits::default());
    let base = AccessRequest {
        action: crate::policies::ACTION.to_owned(),
        details: [("unit".to_owned(), "web-1".to_owned())].into(),
        ..AccessRequest::default()
    };
    let (conditions, remarks) = found(&explorer.explore(&base).unwrap());
    assert_eq!(remarks, Vec::<String>::new());
    assert!(conditions.contains(&"yes: group vm".to_owned()), "{conditions:?}");
}

#[test]
fn rules_that_never_concern_the_action_multiply_no_paths() {
    let others: String = (0..30)
        .map(|n| {
            format!(
                "polkit.addRule(function (action, subject) {{\n  if (subject.isInGroup('g{n}') && action.id == 'org.a.b{n}') \
                 {{ return 'yes'; }}\n  if (!subject.isInGroup('h{n}')) {{ return undefined; }}\n  \
                 if (action.id.indexOf('org.a.c{n}') === 0) {{ return 'yes'; }}\n}});\n"
            )
        })
        .collect();
    let text = format!("{others}polkit.addRule(function (a, s) {{ if (s.isInGroup('vm')) {{ return 'yes'; }} }});\n");
    let exploration = Policy::rules(&text).explore(126);
    let (conditions, remarks) = found(&exploration);
    assert!(conditions.contains(&"yes: group vm".to_owned()) && remarks.is_empty(), "{conditions:?} {remarks:?}");
    assert!(exploration.paths < 10, "{}", exploration.paths);
}

#[test]
fn a_rule_that_changes_what_later_rules_read_is_run() {
    let reads = "if (shared.on && s.isInGroup('vm')) { return 'yes'; }";
    for changes in [
        "shared.on = true;",
        "shared['on'] = true;",
        "var one = shared; one.on = 1;",
        "[].push.call(list, 1); shared.on = list.length;",
        "delete shared.off; shared.on = !shared.off;",
        "for (shared.on in {x: 1}) { }",
        "s.on = 1; shared = s;",
        "Object.assign(shared, {on: 1});",
        "shared.count++; shared.on = shared.count;",
    ] {
        let text = format!(
            "var shared = {{off: 1, count: 1}}, list = [];\npolkit.addRule(function (a, s) {{ {changes} }});\n\
             polkit.addRule(function (a, s) {{ {reads} }});\n"
        );
        let (conditions, remarks) = found(&Policy::rules(&text).explore(126));
        assert!(conditions.contains(&"yes: group vm".to_owned()) || !remarks.is_empty(), "{changes}: {conditions:?}");
    }
}

#[test]
fn a_file_that_polkitd_drops_has_no_rules_and_no_remark() {
    let files = [
        ("etc/polkit-1/rules.d/10-a.rules", "# not a comment\npolkit.addRule(function () { return 'yes'; });\n"),
        ("etc/polkit-1/rules.d/20-a.rules", "polkit.addRule(function (a, s) { return s.local ? 'yes' : 'no'; });\n"),
    ];
    let (conditions, remarks) = found(&Policy::new(&files).explore(126));
    assert_eq!((conditions, remarks), (vec!["no: not local".to_owned(), "yes: local".to_owned()], Vec::new()));
}
