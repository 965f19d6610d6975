//! Names, methods and callbacks: what their values are, and where they are read.

use super::*;

#[test]
fn a_name_that_is_set_twice_has_no_known_value() {
    let rebound = |more: &str| rule(&format!("var id = 'org.a.*'; {more} if (action.id == id) {{ return 'yes'; }}"));
    assert!(rebound("").contains(&"PG066"));
    for more in ["id = 'x';", "id++;", "--id;", "var id = 'y';", "if (subject.local) { id = 'x'; }"] {
        assert!(!rebound(more).contains(&"PG066"), "{more}");
    }
}

#[test]
fn a_result_that_is_read_anywhere_is_not_lost() {
    let kept = |reads: &str| rule(&format!("var word; word = polkit.Result.YES; {reads}"));
    assert!(kept("return null;").contains(&"PG063"));
    for reads in [
        "return word;",
        "return subject.local ? word : null;",
        "return subject.local && word;",
        "var other = word; return other;",
        "return [word][0];",
        "return {a: word}[action.id];",
        "polkit.log(word);",
        "if (word) { return 'no'; }",
        "return f(word);",
        "switch (word) { default: return 'no'; }",
        "throw word;",
        "return !word;",
        "return word.length;",
        "return all[word];",
        "other = word;",
    ] {
        assert!(!kept(reads).contains(&"PG063"), "{reads}: {:?}", kept(reads));
    }
}

#[test]
fn a_method_may_be_tested_before_its_call_and_no_other_method() {
    assert!(!yes_if("subject.isInNetGroup && subject.local && subject.isInNetGroup('a')").contains(&"PG065"));
    assert!(!yes_if("(subject.isInNetGroup ? subject.isInNetGroup('a') : false)").contains(&"PG065"));
    each(
        "PG065",
        &[
            "subject.isInNetGroup && subject.isInGroup('a')",
            "subject.isInGroup ? subject.local : false",
            "subject.isInGroup && subject.local",
        ],
    );
    assert!(yes_if("subject.local && subject.local.x").is_empty(), "no method");
}

#[test]
fn the_parameters_of_a_callback_are_not_action_and_subject() {
    let mixed = |one: &str| yes_if(&format!("action.id == 'a' && subject.user == 'b' || {one}"));
    assert_eq!(mixed("subject.user == 'c'"), ["PG067"]);
    assert_eq!(mixed("list.some(function (group, place) { return place.length; })"), [""; 0]);
}

#[test]
fn one_value_has_one_text() {
    none(&[
        "action.id == 'a' && action.id == 'a'",
        "action.id == 'a' && subject.user == 'b'",
        "action.id != 'a' || subject.user != 'b'",
        "action.id == 'a' || subject.user == 'b'",
        "action.id == 'a' && subject.user == 'b' && subject.user == 'b'",
    ]);
    each(
        "PG061",
        &["subject.user == 'b' && action.id == 'a' && action.id == 'c'", "'a' == action.id && 'b' == action.id"],
    );
}

#[test]
fn the_whole_expression_is_marked() {
    let marked = |body: &str| -> Vec<String> {
        let text = format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n");
        lint(&Script::of(&text))
            .iter()
            .map(|finding| text.get(finding.span.clone().unwrap()).unwrap().to_owned())
            .collect()
    };
    for (body, mark) in [
        ("if (action.id = 'a') { return 'no'; }", "action.id = 'a'"),
        ("if (action.id == 'a' == 'b') { return 'no'; }", "action.id == 'a' == 'b'"),
        ("if (action == 'a') { return 'no'; }", "action == 'a'"),
        ("if ((action.id.indexOf('org.a.')) > 0) { return 'no'; }", "(action.id.indexOf('org.a.')) > 0"),
        ("polkit.Result.YES;", "polkit.Result.YES"),
        ("delete action.id;", "delete action.id"),
        ("subject.groups.push('a');", "subject.groups.push('a')"),
        ("if (subject.isInGroup == 'a') { return 'no'; }", "subject.isInGroup"),
        ("if (action.id == 'org.a.*') { return 'no'; }", "'org.a.*'"),
    ] {
        assert!(marked(body).iter().any(|found| found == mark), "{body}: {:?}", marked(body));
    }
}
