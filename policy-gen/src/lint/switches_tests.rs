use super::*;

fn texts(source: &str) -> Vec<(&str, bool)> {
    let found = conditions(&Script::of(source), 100);
    found.iter().map(|one| (source.get(one.span.clone()).unwrap(), one.wanted)).collect()
}

fn rule(body: &str) -> String {
    format!("polkit.addRule(function (action, subject) {{ {body} }});")
}

#[test]
fn operands_of_conjunctions_are_conditions_unless_they_read_the_action() {
    let text = rule("if (action.id == 'a' && (subject.local && subject.isInGroup('x'))) { return 'yes'; }");
    assert_eq!(texts(&text)[..2], [("subject.local", true), ("subject.isInGroup('x')", true)]);
    let text =
        rule("var id = action.id; if (id == 'a' && mine(action) && action.lookup('unit') == 'b') { return 'yes'; }");
    assert_eq!(texts(&text), [("action.lookup('unit') == 'b'", true)]);
    let text = rule("return subject.user == 'bob' ? 'yes' : null;");
    assert_eq!(texts(&text), [("subject.user == 'bob'", true)]);
    let text = rule("return subject.active && 'yes';");
    assert_eq!(texts(&text), [("subject.active", true)]);
}

#[test]
fn a_variable_of_a_function_that_is_no_rule_does_not_come_from_the_action() {
    let helper = "function helper(a, b) { var x = a.id; }";
    let text = format!("{helper}\n{}", rule("if (x == 'a') { return 'yes'; }"));
    assert_eq!(texts(&text).first(), Some(&("x == 'a'", true)));
}

#[test]
fn conditions_that_end_a_rule_are_switched_off() {
    let text = rule("if (!subject.local) return null; return 'yes';");
    assert_eq!(texts(&text), [("!subject.local", true), ("!subject.local", false)]);
}

#[test]
fn conditions_tell_what_they_read() {
    let text = rule("if (subject.isInGroup('x') || subject.seat == 'seat0' || action.lookup('unit')) { x(); }");
    let found = conditions(&Script::of(&text), 100);
    let expected = [Reading::Subject("seat".into()), Reading::Group("x".into()), Reading::Detail("unit".into())].into();
    assert_eq!(found[0].reads, expected);
}

#[test]
fn only_facts_of_the_subject_and_details_are_readings() {
    let reads = |condition: &str| {
        let text = rule(&format!("if ({condition}) {{ return 'yes'; }}"));
        conditions(&Script::of(&text), 100).into_iter().next().map(|one| one.reads).unwrap_or_default()
    };
    let group = |name: &str| [Reading::Group(name.into())].into();
    assert_eq!(reads("subject.isInGroup('vm')"), group("vm"));
    assert_eq!(reads("subject['isInGroup']('vm')"), group("vm"));
    for none in
        ["other.isInGroup('vm')", "subject.isInNetGroup('vm')", "subject.matches('vm')", "isInGroup('vm')", "x.seat"]
    {
        assert!(!reads(none).contains(&Reading::Group("vm".into())), "{none}");
        assert!(!reads(none).contains(&Reading::Subject("seat".into())), "{none}");
    }
    assert_eq!(reads("subject.seat == 'a'"), [Reading::Subject("seat".into())].into());
}

#[test]
fn a_switched_file_still_compiles_and_keeps_its_lines() {
    let text =
        rule("if ((subject.a ||\nsubject.b) && f(function () { if (subject.c) { return 1; } })) { return 'yes'; }");
    let found = conditions(&Script::of(&text), 100);
    let changed = switched(&text, &found, 7);
    assert!(Script::of(&changed).tree.is_ok(), "{changed}");
    assert_eq!(changed.lines().count(), text.lines().count());
    for number in 7..7 + found.len() {
        assert_eq!(changed.matches(&format!("(pgSwitch == \"{number}\" ?")).count(), 1, "{changed}");
    }
    assert!(FILE.contains(DETAIL) && Script::of(FILE).tree.is_ok());
}

#[test]
fn the_number_of_conditions_is_limited() {
    let text = rule(&"if (subject.local) { x(); }\n".repeat(500));
    assert_eq!(conditions(&Script::of(&text), 30).len(), 30);
}
