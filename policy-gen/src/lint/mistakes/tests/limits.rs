//! What looks like a mistake and is none, and the other way round: each condition alone.

use super::*;

/// Whether a rule with this body has a finding of this code.
fn has(code: &str, body: &str) -> bool {
    rule(body).contains(&code)
}

#[test]
fn pg063_only_names_and_the_request_lose_a_result() {
    for body in [
        "var all = []; all[0] = polkit.Result.YES; return all[0];",
        "all['a'] = polkit.Result.YES;",
        "cache.result = polkit.Result.YES;",
        "f().result = polkit.Result.YES;",
        "polkit.Result.YES == action.id;",
        "f(polkit.Result.YES);",
    ] {
        assert!(!has("PG063", body), "{body}: {:?}", rule(body));
    }
    for object in ["action", "subject", "polkit"] {
        assert!(has("PG063", &format!("{object}.result = polkit.Result.YES;")), "{object}");
    }
    for method in ["forEach", "map", "some", "every", "filter"] {
        let body = |result: &str| format!("subject.groups.{method}(function (group) {{ return {result}; }});");
        assert!(has("PG063", &body("'yes'")) && !has("PG063", &body("group == 'a'")), "{method}");
    }
    assert!(!has("PG063", "subject.groups.find(function (group) { return 'yes'; });"));
}

#[test]
fn pg060_an_assignment_of_a_call_in_parentheses_is_deliberate() {
    assert!(!has("PG060", "var a; if ((a = f())) { return 'no'; }"));
    assert!(!has("PG060", "var a; if ((a = new F())) { return 'no'; }"));
    assert!(has("PG060", "var a; if (a = f()) { return 'no'; }"), "without parentheses");
    assert!(has("PG060", "var a; if ((a = 'b')) { return 'no'; }"), "no call");
    assert!(!has("PG060", "var a; if (a += 1) { return 'no'; }"));
    assert!(!has("PG060", "var a = (b = 'c'); return null;"), "the value of another name");
}

#[test]
fn pg061_texts_lists_and_results_are_always_true() {
    for condition in ["'a'", "['a']", "[]", "{a: 1}", "/a/", "polkit.Result.YES", "subject.local && 'a'", "!'a'"] {
        let condition = format!("({condition})");
        assert!(yes_if(&condition).contains(&"PG061"), "{condition}: {:?}", yes_if(&condition));
    }
    none(&["''", "polkit.Result.NOT_HANDLED", "1", "a", "subject.local"]);
    assert!(has("PG061", "var all = ['a']; if (all) { return 'no'; }"));
    assert!(!has("PG061", "var text = f(); if (text) { return 'no'; }"));
}

#[test]
fn pg061_a_text_after_a_test_is_no_alternative() {
    for test in [
        "action.id == 'a'",
        "action.id != 'a'",
        "action.id === 'a'",
        "!subject.local",
        "action.id == 'a' && f()",
        "(f() || action.id == 'a')",
        "subject.isInGroup('a')",
    ] {
        assert!(has("PG061", &format!("var is = {test} || 'b'; return is ? 'yes' : null;")), "{test}");
    }
    for value in ["action.lookup('a')", "subject.user", "a + b", "f(a)", "a < b"] {
        assert!(!has("PG061", &format!("var text = {value} || 'b'; return text == 'c' ? 'yes' : null;")), "{value}");
    }
}

#[test]
fn pg061_two_comparisons_of_one_value_contradict_each_other() {
    each(
        "PG061",
        &[
            "action.id == 'a' && action.id === 'b'",
            "action.id != 'a' || action.id !== 'b'",
            "'a' == action.id && action.id == 'b'",
            "action.id == 'a' == true",
            "action.id == 'a' != subject.local",
        ],
    );
    none(&[
        "action.id == 'a' || action.id == 'b'",
        "action.id != 'a' && action.id != 'b'",
        "action.id == 'a' && action.id != 'b'",
        "action.id == a && action.id == b",
        "(action.id == 'a') && subject.local",
    ]);
}

#[test]
fn pg062_the_sign_and_the_list_decide_about_a_position() {
    each(
        "PG062",
        &[
            "subject.groups.indexOf('a') > 0",
            "0 < subject.groups.indexOf('a')",
            "action.id.indexOf('net.a.') > 0",
            "action.id.indexOf('io.a.') > 0",
            "action.id.indexOf('com.a.') > 0",
            "true == action.id.indexOf('a')",
            "action.id.indexOf('a') == false",
        ],
    );
    none(&[
        "subject.groups.indexOf('a') >= 0",
        "subject.groups.indexOf('a') < 0",
        "0 > subject.groups.indexOf('a')",
        "subject.groups.indexOf('a') > 1",
        "subject.user.indexOf('org.') > 0",
        "action.id.lastIndexOf('org.') > 0",
        "action.id.indexOf('a') == 3",
        "!action.id.indexOf('a')",
        "Boolean(subject.local)",
        "Number(action.id.indexOf('a')) == 0",
    ]);
}

#[test]
fn pg064_lists_patterns_and_truth_values_equal_no_text() {
    each(
        "PG064",
        &[
            "action.id == ['a']",
            "action.lookup('unit') == /a/",
            "subject.user == subject.groups",
            "subject.system_unit == ['a']",
            "subject.seat == ['a']",
            "subject.session == ['a']",
            "subject.local == 'true'",
            "subject.isInNetGroup('a') != 'yes'",
            "action in {a: 1}",
            "action.lookup('unit') in ['a']",
            "subject.groups.indexOf(subject) >= 0",
            "subject.isInGroup(subject.groups)",
        ],
    );
    none(&[
        "subject.local == action.id",
        "subject.pid == ['a']",
        "action.id < ['a']",
        "'a' in {a: 1}",
        "0 in ['a']",
        "subject.groups.lastIndexOf(subject) >= 0",
        "list.isInGroup(['a'])",
        "subject.groups == list",
    ]);
}

#[test]
fn pg065_a_method_of_another_object_is_a_value() {
    each("PG065", &["action.lookup", "subject.user.indexOf == 'a'", "action.lookup('a').match", "action.id.test['a']"]);
    none(&["list.indexOf", "subject.user.length", "action.id.trim", "subject.seen"]);
    for method in ["startsWith", "endsWith", "includes", "match", "search", "toString", "toLowerCase", "toUpperCase"] {
        assert!(yes_if(&format!("action.id.{method}")).contains(&"PG065"), "{method}");
    }
}

#[test]
fn pg066_a_star_counts_where_a_text_is_compared_with_the_request() {
    each(
        "PG066",
        &[
            "action.id.endsWith('*')",
            "action.id.includes('a*')",
            "subject.isInNetGroup('a*')",
            "subject.seat != 'seat*'",
            "'a*' == action.lookup('a')",
        ],
    );
    none(&[
        "action.id > 'a*'",
        "subject.pid == 'a*'",
        "list.isInGroup('a*')",
        "action.id.match('a*')",
        "['a*'].lastIndexOf(action.id) >= 0",
    ]);
    assert!(!has("PG066", "var all = {'a*': 'yes'}; return all[subject.pid];"));
    assert!(!has("PG066", "var all = {a: 'yes'}; return all[action.id];"));
}

#[test]
fn pg073_only_a_property_of_the_request_is_changed() {
    for property in ["id", "user", "groups", "local", "active", "seat", "session", "pid", "system_unit", "uid"] {
        assert!(has("PG073", &format!("subject.{property} = 'a';")), "{property}");
    }
    for method in ["push", "pop", "shift", "unshift", "splice", "sort"] {
        assert!(has("PG073", &format!("subject.groups.{method}('a');")), "{method}");
    }
    for body in ["subject.pid++;", "--subject.uid;", "delete subject.groups[0];"] {
        assert!(has("PG073", body), "{body}");
    }
    for body in ["subject.groups.concat('a');", "list.push('a');", "a.id = 'b';", "!subject.local;", "list[0] = 'a';"] {
        assert!(!has("PG073", body), "{body}");
    }
}

#[test]
fn pg067_the_alternative_without_the_other_test_is_marked() {
    let text = "polkit.addRule(function (action, subject) {\nif (action.id == 'a' || action.id == 'b' && subject.local) { return 'no'; }\n});\n";
    let found = lint(&Script::of(text)).into_iter().find(|finding| finding.code.id == "PG067").unwrap();
    assert!(found.message.contains("`action.id == 'a'` alone makes the condition true"), "{}", found.message);
}

#[test]
fn a_long_expression_is_shortened() {
    let shown = |name: &str| {
        let text =
            format!("polkit.addRule(function (action, subject) {{\nif ({name} = 'a') {{ return 'no'; }}\n}});\n");
        lint(&Script::of(&text))[0].message.to_string()
    };
    let (fits, long) = ("x".repeat(54), "x".repeat(55));
    assert!(shown(&fits).contains(&format!("`{fits} = 'a'`")), "{}", shown(&fits));
    assert!(shown(&long).contains(&format!("`{long} = '…`")), "{}", shown(&long));
}
