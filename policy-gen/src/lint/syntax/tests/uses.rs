//! The uses of values, and the names of action and subject, as a visitor sees them.

use super::walk::{Names, Use, Visitor, statements};
use super::*;

struct Seen<'a> {
    source: &'a str,
    uses: Vec<(String, Use)>,
    names: Vec<(String, Names)>,
    statements: usize,
    rule: Option<&'a str>,
}

impl Visitor for Seen<'_> {
    fn expression(&mut self, expression: &Expression, used: Use, names: &Names) {
        let text = self.source.get(expression.span.clone()).unwrap().to_owned();
        self.uses.push((text.clone(), used));
        self.names.push((text, names.clone()));
    }
    fn statement(&mut self, _: &Statement, _: &Names) {
        self.statements += 1;
    }
    fn is_rule(&self, function: &Function) -> bool {
        function.name.is_some() && function.name.as_deref() == self.rule
    }
}

fn seen<'a>(source: &'a str, rule: Option<&'a str>) -> Seen<'a> {
    let mut seen = Seen { source, uses: Vec::new(), names: Vec::new(), statements: 0, rule };
    let tree = parse(source).0.unwrap();
    statements(&tree, &Names::default(), &mut seen);
    seen
}

/// The use of the first expression with this text.
fn used(source: &str, text: &str) -> Use {
    let seen = seen(source, None);
    seen.uses.iter().find(|(one, _)| one == text).unwrap_or_else(|| panic!("{source}: {text}")).1
}

#[test]
fn each_value_has_its_use() {
    for (source, text, expected) in [
        ("a;", "a", Use::Unused),
        ("x = a;", "a", Use::Value),
        ("x = a;", "x", Use::Value),
        ("var x = a;", "a", Use::Value),
        ("if (a) b;", "a", Use::Condition),
        ("if (a) b;", "b", Use::Unused),
        ("if (x) b; else if (a) c;", "a", Use::Condition),
        ("if (x) b; else a;", "a", Use::Unused),
        ("if (!a) b;", "a", Use::Negated),
        ("if (!a) b;", "!a", Use::Condition),
        ("x = -a;", "a", Use::Value),
        ("if (-a) b;", "a", Use::Value),
        ("if (a && b) c;", "a", Use::Condition),
        ("if (a && b) c;", "b", Use::Condition),
        ("if (!(a && b)) c;", "a && b", Use::Negated),
        ("if (!(a && b)) c;", "a", Use::Condition),
        ("if (!(a && b)) c;", "b", Use::Condition),
        ("x = a || b;", "a", Use::Condition),
        ("x = a || b;", "b", Use::Value),
        ("a && b;", "a", Use::Condition),
        ("a && b;", "b", Use::Unused),
        ("x = a && b && c;", "b", Use::Condition),
        ("x = a ? b : c;", "a", Use::Condition),
        ("x = a ? b : c;", "b", Use::Value),
        ("if (a ? b : c) d;", "b", Use::Condition),
        ("if (a ? b : c) d;", "c", Use::Condition),
        ("x = (a, b);", "a", Use::Unused),
        ("x = (a, b);", "b", Use::Value),
        ("a == b;", "a", Use::Value),
        ("a == b;", "b", Use::Value),
        ("x = [a];", "a", Use::Value),
        ("x = {k: a};", "a", Use::Value),
        ("a.b;", "a", Use::Value),
        ("a[b];", "a", Use::Value),
        ("a[b];", "b", Use::Value),
        ("f(a);", "f", Use::Value),
        ("f(a);", "a", Use::Value),
        ("new A;", "A", Use::Value),
        ("while (a) b;", "a", Use::Condition),
        ("while (a) b;", "b", Use::Unused),
        ("for (i = 0; a; b) c;", "a", Use::Condition),
        ("for (i = 0; a; b) c;", "b", Use::Value),
        ("for (i = 0; a; b) c;", "i = 0", Use::Value),
        ("for (i = 0; a; b) c;", "c", Use::Unused),
        ("switch (a) { case b: c }", "a", Use::Value),
        ("switch (a) { case b: c }", "b", Use::Value),
        ("switch (a) { case b: c }", "c", Use::Unused),
        ("throw a;", "a", Use::Value),
        ("try { a } catch (e) { b } finally { c }", "a", Use::Unused),
        ("try { a } catch (e) { b } finally { c }", "b", Use::Unused),
        ("try { a } catch (e) { b } finally { c }", "c", Use::Unused),
        ("{ a }", "a", Use::Unused),
        ("function f() { return a; }", "a", Use::Value),
        ("function f() { a; }", "a", Use::Unused),
        ("l.some(function (x) { return a; });", "a", Use::Condition),
        ("l.every(function (x) { return a; });", "a", Use::Condition),
        ("l.filter(function (x) { return a; });", "a", Use::Condition),
        ("l.find(function (x) { return a; });", "a", Use::Condition),
        ("l.map(function (x) { return a; });", "a", Use::Value),
        ("l.some(function (x) { return a; });", "function (x) { return a; }", Use::Value),
        ("l.some(function (x) { a; return b; });", "a", Use::Unused),
        ("l.some(function () { return function () { return a; }; });", "a", Use::Value),
    ] {
        assert_eq!(used(source, text), expected, "{text} in {source}");
    }
}

#[test]
fn only_the_truth_of_a_condition_and_of_a_negated_value_counts() {
    let truth = [Use::Condition, Use::Negated, Use::Unused, Use::Value].map(Use::is_truth);
    assert_eq!(truth, [true, true, false, false]);
}

#[test]
fn every_statement_is_seen_once() {
    for (source, count) in [
        ("a; b;", 2),
        ("if (a) b; else { c; d; }", 4),
        ("l.some(function () { a; return b; });", 3),
        ("function f() { return a; }", 2),
        ("try { a } catch (e) { b }", 3),
    ] {
        assert_eq!(seen(source, None).statements, count, "{source}");
    }
}

/// The names of action and subject where `mark` is; `-` is none.
fn names(source: &str, rule: Option<&str>) -> String {
    let seen = seen(source, rule);
    let (_, names) = seen.names.iter().find(|(text, _)| text == "mark").unwrap();
    format!("{} {}", names.action.as_deref().unwrap_or("-"), names.subject.as_deref().unwrap_or("-"))
}

#[test]
fn a_rule_names_action_and_subject_by_its_parameters() {
    for (source, expected) in [
        ("polkit.addRule(function (a, s) { mark; });", "a s"),
        ("polkit.addAdminRule(function (a, s) { mark; });", "a s"),
        ("polkit['addRule'](function (a, s) { mark; });", "a s"),
        ("polkit.addRule(function (a) { mark; });", "a subject"),
        ("polkit.addRule(function () { mark; });", "action subject"),
        ("polkit.other(function (a, s) { mark; });", "- -"),
        ("addRule(function (a, s) { mark; });", "- -"),
        ("mark;", "- -"),
        ("function f(a, s) { mark; }", "- -"),
        ("f = function (a, s) { mark; };", "- -"),
        // A function inside keeps the names, unless a parameter has the same name.
        ("polkit.addRule(function (a, s) { l.some(function (x) { return mark; }); });", "a s"),
        ("polkit.addRule(function (a, s) { l.some(function (a) { return mark; }); });", "- s"),
        ("polkit.addRule(function (a, s) { l.some(function (s) { return mark; }); });", "a -"),
        // A function whose parameter has the usual name and is read like an action or a subject gets one.
        ("function f(action) { mark; return action.id; }", "action -"),
        ("function f(action) { mark; return action.lookup('x'); }", "action -"),
        ("function f(action) { mark; return action.user; }", "- -"),
        ("function f(subject) { mark; return subject.user; }", "- subject"),
        ("function f(subject) { mark; return subject.isInGroup('x'); }", "- subject"),
        ("function f(subject) { mark; return subject.groups; }", "- subject"),
        ("function f(subject) { mark; return subject.local && subject.active; }", "- subject"),
        ("function f(subject) { mark; return subject.id; }", "- -"),
        ("function f(subject) { mark; return other.user; }", "- -"),
        ("function f(action, subject) { mark; return action.id == subject.user; }", "action subject"),
    ] {
        assert_eq!(names(source, None), expected, "{source}");
    }
    assert_eq!(names("function f(a, s) { mark; }", Some("f")), "a s");
    assert_eq!(names("function f(a, s) { mark; }", Some("g")), "- -");
}

#[test]
fn only_the_name_itself_is_the_action_or_the_subject() {
    let names = Names { action: Some("a".to_owned()), subject: Some("s".to_owned()) };
    let of = |source: &str, names: &Names| {
        let tree = parse(source).0.unwrap();
        let Some(Statement::Expression(one)) = tree.first() else { panic!("{source}") };
        (names.is_action(one), names.is_subject(one))
    };
    for (source, expected) in [
        ("a", (true, false)),
        ("s", (false, true)),
        ("a.b", (false, false)),
        ("b", (false, false)),
        ("'a'", (false, false)),
    ] {
        assert_eq!(of(source, &names), expected, "{source}");
    }
    assert_eq!(of("a", &Names::default()), (false, false));
}

#[test]
fn members_and_method_calls_are_recognized_by_dot_and_by_bracket() {
    let of = |source: &str| {
        let tree = parse(source).0.unwrap();
        let Some(Statement::Expression(one)) = tree.first() else { panic!("{source}") };
        let member = one.member().map(|(object, name)| format!("{}.{name}", object.name().unwrap_or("?")));
        let call = one
            .method_call()
            .map(|(object, name, arguments)| format!("{}.{name}/{}", object.name().unwrap_or("?"), arguments.len()));
        (member, call, one.text().map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of("a.b"), (some("a.b"), None, None));
    assert_eq!(of("a['b']"), (some("a.b"), None, None));
    assert_eq!(of("a[b]"), (None, None, None));
    assert_eq!(of("a.b(c, d)"), (None, some("a.b/2"), None));
    assert_eq!(of("a['b']()"), (None, some("a.b/0"), None));
    assert_eq!(of("a(b)"), (None, None, None));
    assert_eq!(of("('b')"), (None, None, some("b")));
    assert_eq!(of("b"), (None, None, None));
}
