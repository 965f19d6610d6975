use super::*;

#[path = "tests/limits.rs"]
mod limits;
#[path = "tests/names.rs"]
mod names;
#[path = "tests/scopes.rs"]
mod scopes;

/// Returns the codes of the findings in a file.
fn codes_of(text: &str) -> Vec<&'static str> {
    let script = Script::of(text);
    assert!(script.tree.is_ok(), "{text}: {:?}", script.tree);
    let mut codes: Vec<&str> = lint(&script).iter().map(|finding| finding.code.id).collect();
    codes.dedup();
    codes
}

fn rule(body: &str) -> Vec<&'static str> {
    codes_of(&format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n"))
}

fn yes_if(condition: &str) -> Vec<&'static str> {
    rule(&format!("if ({condition}) {{ return polkit.Result.YES; }}"))
}

fn each(code: &str, conditions: &[&str]) {
    for condition in conditions {
        assert!(yes_if(condition).contains(&code), "{condition}: {:?}", yes_if(condition));
    }
}

fn none(conditions: &[&str]) {
    for condition in conditions {
        assert!(yes_if(condition).is_empty(), "{condition}: {:?}", yes_if(condition));
    }
}

#[test]
fn pg060_an_assignment_is_not_a_comparison() {
    each(
        "PG060",
        &[
            "action.id = 'org.a.run'",
            "action.id = \"org.a.run\" && subject.isInGroup(\"wheel\")",
            "subject.user == 'bob' && (action.id = 'org.a.run')",
            "!(subject.user = 'bob')",
            "subject[\"user\"] = 'bob'",
            "user = 'bob'",
        ],
    );
    assert!(rule("return (action.id = 'a') ? polkit.Result.YES : null;").contains(&"PG060"));
    assert!(rule("var is = action.id = 'a'; if (is) { return 'yes'; }").contains(&"PG060"));
    assert!(rule("if (subject.isInGroup('a')) { if (subject.user = 'bob') return 'no'; }").contains(&"PG060"));
    assert!(rule("while (subject.user = 'bob') { return 'no'; }").contains(&"PG060"));
    none(&[
        "action.id == 'a'",
        "'a' === action.id",
        "action.id !== 'a'",
        "(found = action.id.match(/a/)) && found[1] == 'b'",
    ]);
    assert!(rule("var id; id = action.id; if (id == 'a') { return 'yes'; }").is_empty());
}

#[test]
fn pg061_a_condition_depends_on_the_request() {
    each(
        "PG061",
        &[
            "action.id == \"org.a.run\" || \"org.a.stop\"",
            "action.id === 'org.a.run' || 'org.a.stop' || 'org.a.show'",
            "action.id == ('org.a.run' || 'org.a.stop')",
            "(action.id == 'a' || 'b') && subject.isInGroup('wheel')",
            "subject.isInGroup('wheel') || 'sudo'",
            "subject.isInGroup('wheel') && 'org.a.run'",
            "'org.a.run'",
            "action.id != 'a' || action.id != 'b'",
            "action.id !== 'a' || subject.local || 'b' !== action.id",
            "action.id == 'a' && action.id == 'b'",
            "subject.user === 'bob' && subject.user === 'eve' && subject.local",
            "action.id == 'a' == 'b'",
            "[\"a\", \"b\"]",
            "/org/",
            "subject.user == 'bob' && polkit.Result.YES",
        ],
    );
    assert!(rule("var ok = action.id == 'a' || 'b'; if (ok) { return 'yes'; }").contains(&"PG061"));
    assert!(rule("return action.id == 'a' || 'b' ? 'yes' : null;").contains(&"PG061"));
    assert!(rule("switch (action.id) { case 'a' || 'b': return 'yes'; }").contains(&"PG061"));
    assert!(codes_of("function is(id) { return id == 'a' || 'b'; }").contains(&"PG061"));
    none(&[
        "action.id == 'a' || action.id == 'b'",
        "action.id != 'a' && action.id != 'b'",
        "subject.isInGroup('a') && subject.isInGroup('b')",
        "action.lookup('unit') == 'a' && action.lookup('verb') == 'b'",
        "true",
        "(action.lookup('unit') || 'none') == 'a'",
    ]);
    assert!(rule("var unit = action.lookup('unit') || 'none'; if (unit == 'a') { return 'yes'; }").is_empty());
    assert!(rule("return subject.isInGroup('a') && 'yes';").is_empty());
    assert!(rule("var word = subject.local ? 'here' : 'there'; polkit.log(word);").is_empty());
}

#[test]
fn pg062_a_position_is_not_a_truth_value() {
    each(
        "PG062",
        &[
            "action.id.indexOf('org.a.')",
            "action.id.indexOf(\"org.a.\") && subject.local",
            "subject.local || action.id.indexOf('a')",
            "subject.groups.indexOf('wheel')",
            "!subject.groups.indexOf('wheel')",
            "['a', 'b'].indexOf(action.id)",
            "!['a', 'b'].indexOf(action.id)",
            "['a', 'b'].indexOf(action.id) > 0",
            "0 < ['a', 'b'].indexOf(action.id)",
            "action.id.indexOf('org.a.') > 0",
            "action.id.indexOf('a') == true",
            "action.id.indexOf('a') !== false",
            "action.id.search(/a/)",
            "action.id.lastIndexOf('a')",
            "!!action.id.indexOf('a')",
            "Boolean(action.id.indexOf('a'))",
        ],
    );
    assert!(rule("var at = action.id.indexOf('a'); if (at) { return 'yes'; }").contains(&"PG062"));
    assert!(rule("var all = ['a']; return all.indexOf(action.id) ? 'yes' : null;").contains(&"PG062"));
    assert!(rule("return action.id.indexOf('a') && 'yes';").contains(&"PG062"));
    assert!(rule("while (action.id.indexOf('a')) { return 'yes'; }").contains(&"PG062"));
    let helper = "function is(a) { return a.id.indexOf('x'); }\npolkit.addRule(function (action) { if (is(action)) { return 'yes'; } });";
    assert!(codes_of(helper).contains(&"PG062"));
    let callback = "if (['a'].some(function (start) { return action.id.indexOf(start); })) { return 'yes'; }";
    assert!(rule(callback).contains(&"PG062"));
    none(&[
        "action.id.indexOf('org.a.') == 0",
        "action.id.indexOf('a') >= 0",
        "action.id.indexOf('a') > -1",
        "action.id.indexOf('a') != -1",
        "action.id.indexOf('.') > 0",
        "~action.id.indexOf('a')",
        "!action.id.indexOf('org.a.')",
        "['a', 'b'].indexOf(action.id) !== -1",
    ]);
    assert!(rule("var at = action.id.indexOf('a'); if (at === 0) { return 'yes'; }").is_empty());
    assert!(
        rule("if (['a'].some(function (start) { return action.id.indexOf(start) == 0; })) { return 'yes'; }")
            .is_empty()
    );
}

#[test]
fn pg063_a_result_is_returned() {
    for body in [
        "if (action.id == 'a') { polkit.Result.YES; }",
        "if (action.id == 'a') polkit.Result.NO",
        "if (action.id == 'a') { \"yes\"; }",
        "subject.local ? polkit.Result.YES : polkit.Result.NO;",
        "action.id == 'a' && polkit.Result.YES;",
        "var YES = polkit.Result.YES; if (subject.local) { YES; }",
        "var result; if (subject.local) { result = polkit.Result.YES; }",
        "action.result = polkit.Result.YES;",
        "switch (action.id) { case 'a': polkit.Result.YES; break; }",
        "['a', 'b'].forEach(function (id) { if (action.id == id) { return polkit.Result.YES; } });",
        "subject.groups.some(function (group) { if (group == 'a') { return 'yes'; } });",
    ] {
        assert!(rule(body).contains(&"PG063"), "{body}: {:?}", rule(body));
    }
    let helper = "function decide(a) { return a.id == 'x' ? polkit.Result.YES : null; }\npolkit.addRule(function (action) { decide(action); });";
    assert_eq!(codes_of(helper), ["PG063"]);
    for body in [
        "{ return 'yes'; }",
        "while (a.next()) { return 'yes'; }",
        "switch (a.id) { default: return 'yes'; }",
        "try { return 'yes'; } catch (error) { return null; }",
        "if (a.id == 'x') { return null; } else { return 'yes'; }",
    ] {
        let helper =
            format!("function decide(a) {{ {body} }}\npolkit.addRule(function (action) {{ decide(action); }});");
        assert_eq!(codes_of(&helper), ["PG063"], "{body}");
    }
    for right in [
        "if (action.id == 'a') { return polkit.Result.YES; }",
        "var result = null; if (subject.local) { result = polkit.Result.YES; } return result;",
        "return subject.local ? polkit.Result.YES : polkit.Result.NO;",
        "var found = ['a'].some(function (id) { return id == action.id; }); if (found) { return 'yes'; }",
        "var all = { a: polkit.Result.YES }; return all[action.id];",
        "'use strict'; return null;",
        "polkit.log('yes');",
    ] {
        assert!(rule(right).is_empty(), "{right}: {:?}", rule(right));
    }
}

#[test]
fn pg064_values_of_other_kinds_are_never_equal() {
    each(
        "PG064",
        &[
            "action == 'a'",
            "'a' === action",
            "action != 'a'",
            "subject == 'bob'",
            "subject.groups == 'wheel'",
            "'wheel' !== subject.groups",
            "action.id == ['a', 'b']",
            "action.id in ['a', 'b']",
            "'wheel' in subject.groups",
            "action.id == /^org/",
            "subject.isInGroup('a') == 'true'",
            "subject.active == 'yes'",
            "['a'].indexOf(action) >= 0",
            "subject.isInGroup(['a', 'b'])",
        ],
    );
    assert!(rule("switch (action) { case 'a': return 'yes'; }").contains(&"PG064"));
    assert!(rule("var all = {a: 'yes'}; return all[action];").contains(&"PG064"));
    assert!(rule("var ids = ['a']; if (action.id in ids) { return 'yes'; }").contains(&"PG064"));
    assert!(codes_of("polkit.addRule(function (a, s) { if (s == 'bob') { return 'no'; } });").contains(&"PG064"));
    assert!(
        codes_of("function f(action, subject) { if (action == 'a') { return 'no'; } } polkit.addRule(f);")
            .contains(&"PG064")
    );
    none(&[
        "action.id == 'a'",
        "subject.user == 'bob'",
        "action.id in {a: 1}",
        "subject.groups.length == 1",
        "subject.groups[0] == 'wheel'",
        "subject.active == true",
        "/^org/.test(action.id)",
        "subject.session == null",
    ]);
    // In a helper function, `action` is what its callers pass.
    assert!(codes_of("function is(action) { return action == 'a'; }\npolkit.addRule(function (a) { if (is(a.id)) { return 'no'; } });").is_empty());
}

#[test]
fn pg065_a_function_is_called() {
    each(
        "PG065",
        &[
            "subject.isInGroup == 'wheel'",
            "action.id == 'a' && subject.isInGroup",
            "!subject.isInGroup",
            "subject.isInGroup['wheel']",
            "action.lookup == 'unit'",
            "action.lookup['unit'] == 'a'",
            "action.id.startsWith == 'a'",
            "subject.isInGroup === true || subject.local",
            "subject.isInNetGroup",
        ],
    );
    assert!(rule("return subject.isInGroup ? 'yes' : null;").contains(&"PG065"));
    assert!(
        codes_of("function ok() { return true; }\npolkit.addRule(function () { if (ok) { return 'no'; } });")
            .contains(&"PG065")
    );
    none(&[
        "subject.isInGroup('wheel')",
        "subject.isInNetGroup && subject.isInNetGroup('a')",
        "action.lookup('unit') == 'a'",
        "typeof action.lookup == 'function'",
        "['a'].some(subject.isInGroup, subject)",
        "subject.isInGroup.call(subject, 'a')",
    ]);
}

#[test]
fn pg066_a_comparison_knows_no_patterns() {
    each(
        "PG066",
        &[
            "action.id == 'org.a.*'",
            "\"org.a.*\" === action.id",
            "action.id != 'org.a.*'",
            "subject.user == 'web*'",
            "subject.isInGroup('admin*')",
            "action.lookup('unit') == 'web@*.service'",
            "action.id.indexOf('org.a.*') == 0",
            "action.id.startsWith('org.a.*')",
            "['org.a.*', 'org.b'].indexOf(action.id) >= 0",
        ],
    );
    assert!(rule("switch (action.id) { case 'org.a.*': return 'yes'; }").contains(&"PG066"));
    assert!(rule("var all = {'org.a.*': 'yes'}; return all[action.id];").contains(&"PG066"));
    assert!(rule("var id = action.id; if (id == 'org.a.*') { return 'yes'; }").contains(&"PG066"));
    assert!(rule("var ids = ['org.a.*']; if (ids.indexOf(action.id) != -1) { return 'yes'; }").contains(&"PG066"));
    none(&[
        "action.id.match('org.a.*')",
        "/org.a.*/.test(action.id)",
        "new RegExp('^org.a.*').test(action.id)",
        "letter === '*'",
        "action.id.indexOf('org.a.') == 0",
    ]);
}

#[test]
fn pg067_alternatives_have_parentheses() {
    each(
        "PG067",
        &[
            "action.id == 'a' || action.id == 'b' && subject.isInGroup('wheel')",
            "subject.isInGroup('wheel') && action.id == 'a' || action.id == 'b'",
            "action.id == 'a' && subject.user == 'bob' || subject.user == 'eve'",
            "action.id == 'a' || action.id == 'b' || action.id == 'c' && subject.local && subject.active",
            "action.id.indexOf('a') == 0 || action.id == 'b' && subject.local",
        ],
    );
    none(&[
        "(action.id == 'a' || action.id == 'b') && subject.isInGroup('wheel')",
        "action.id == 'a' || (action.id == 'b' && subject.isInGroup('wheel'))",
        "action.id == 'a' && subject.isInGroup('x') || action.id == 'b' && subject.isInGroup('y')",
        "subject.isInGroup('x') || subject.isInGroup('y') && subject.local",
        "action.id == 'a' || action.id == 'b' && action.lookup('unit') == 'c'",
    ]);
}

#[test]
fn pg073_a_rule_does_not_change_the_request() {
    for body in [
        "action.id = 'a';",
        "subject.user = 'bob';",
        "subject.groups.push('wheel');",
        "delete action.id;",
        "subject.groups[0] = 'a';",
    ] {
        assert!(rule(body).contains(&"PG073"), "{body}");
    }
    for body in ["subject.seen = 1;", "var groups = subject.groups.slice(0); groups.push('a');", "var id = action.id;"]
    {
        assert!(rule(body).is_empty(), "{body}");
    }
}

#[test]
fn text_in_comments_strings_and_patterns_is_no_code() {
    for body in [
        "// if (action.id = 'a') { polkit.Result.YES; }",
        "/* action == 'a' || 'b' */",
        "polkit.log(\"if (action.id = 'a') polkit.Result.YES;\");",
        "if (/action.id = \\/a|\"b\"/.test(action.id)) { return 'no'; }",
    ] {
        assert!(rule(body).is_empty(), "{body}: {:?}", rule(body));
    }
}
