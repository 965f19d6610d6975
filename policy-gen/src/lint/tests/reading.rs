//! The lexemes of a script, and what is read from them.

use super::*;
use crate::lint::syntax::parse as tree_of;

#[test]
fn a_slash_after_a_value_divides_and_elsewhere_starts_a_pattern() {
    for value in [
        "a", "1", "'b'", "this", "true", "a.b", "a[0]", "f()", "(a)", "[1]", "a++", "a--", "/x/", "new A", "new A()",
        "{a: 1}.a", "f(a)(b)", "a.if",
    ] {
        let source = format!("x = {value} / b / c;");
        assert!(tree_of(&source).0.is_ok(), "{source}: {:?}", tree_of(&source).0);
    }
    for source in [
        "x = /a b/;",
        "x += /a b/;",
        "f(/a b/, /c d/);",
        "x = [/a b/, /c d/];",
        "x = {a: /a b/, b: /c d/};",
        "x = a ? /a b/ : /c d/;",
        "x = a || /a b/ && /c d/;",
        "x = a == /a b/;",
        "x = a, /a b/;",
        "x = !/a b/.test(c);",
        "x = typeof /a b/;",
        "x = a[/a b/];",
        "x = (/a b/);",
        "x = a in /a b/;",
        "throw /a b/;",
        "return /a b/;",
        ";/a b/.test(c);",
        "{ /a b/.test(c); }",
        "{ } /a b/.test(c);",
        "if (a) { } /a b/.test(c);",
        "if (a) /a b/.test(c); else /a b/.test(d);",
        "while (a) /a b/.test(c);",
        "do /a b/.test(c); while (a);",
        "for (/a b/.test(c); /a b/.test(d); /a b/.test(e)) { }",
        "for (var a in /a b/) { }",
        "for (;;) /a b/.test(c);",
        "switch (a) { case /a b/: /a b/.test(c); default: /a b/.test(d); }",
        "switch (a) { } /a b/.test(c);",
        "try { } catch (e) { } /a b/.test(c);",
        "try { } finally { } /a b/.test(c);",
        "function f() { /a b/.test(c); }",
        "function f() { } /a b/.test(c);",
        "label: /a b/.test(c);",
        "var a = /a b/, b = /c d/;",
        "a\n++b; a;/a b/.test(c);",
    ] {
        assert!(tree_of(source).0.is_ok(), "{source}: {:?}", tree_of(source).0);
    }
}

#[test]
fn a_return_or_a_jump_ends_with_its_line() {
    for source in
        ["return\n/a b/.test(c);", "while (a) { break\nb }", "while (a) { continue b; }", "return", "{ return }"]
    {
        assert!(tree_of(source).0.is_ok(), "{source}: {:?}", tree_of(source).0);
    }
    for source in [
        "break a b",
        "return a b",
        "throw",
        "var",
        "var a b",
        "a.",
        "a.1",
        "f(a,)",
        "{a",
        "(a",
        "[a",
        "if",
        "for (a)",
        "do a",
    ] {
        assert!(tree_of(source).0.is_err(), "{source}");
    }
}

#[test]
fn in_is_an_operator_except_at_the_start_of_a_loop() {
    for source in [
        "x = a in b;",
        "for (var a in b) { }",
        "for (a in b) { }",
        "for (var a = (b in c); d; e) { }",
        "for (var a = [b in c]; d; e) { }",
        "for (var a = {b: c in d}; e; f) { }",
        "for (var a = f(b in c); d; e) { }",
        "for (var a = b[c in d]; e; f) { }",
        "for (var a = b ? c in d : e; f; g) { }",
        "for (var a = function () { return b in c; }; d; e) { }",
        "for (a = 1; b in c; d in e) { }",
        "for (a in b in c) { }",
    ] {
        assert!(tree_of(source).0.is_ok(), "{source}: {:?}", tree_of(source).0);
    }
    assert!(tree_of("for (var a = b in c; d; e) { }").0.is_err());
}

#[test]
fn operators_of_one_precedence_are_one_expression() {
    use crate::lint::syntax::{Kind, Statement};
    let shape = |source: &str| {
        let (parsed, _) = tree_of(source);
        let [Statement::Expression(expression)] = &parsed.unwrap()[..] else { panic!("{source}") };
        let Kind::Binary(operands, signs) = &expression.kind else { panic!("{source}") };
        (operands.len(), signs.clone())
    };
    assert_eq!(shape("a + b - c"), (3, vec!["+", "-"]));
    assert_eq!(shape("a + b * c"), (2, vec!["+"]));
    assert_eq!(shape("a * b + c"), (2, vec!["+"]));
    assert_eq!(shape("a == b == c"), (3, vec!["==", "=="]));
    assert_eq!(shape("a == b < c"), (2, vec!["=="]));
    assert_eq!(shape("a | b ^ c & d"), (2, vec!["|"]));
    assert_eq!(shape("(a + b) + c"), (2, vec!["+"]));
    assert_eq!(shape("a instanceof b in c"), (3, vec!["instanceof", "in"]));
}

#[test]
fn numbers_names_and_signs_are_the_longest_that_fit() {
    let all = |text: &str| Script::of(text).spans().map(|span| text.get(span).unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(all("1 1.5 .5 1e5 1e-5 1E+5 0x1F 5.a"), ["1", "1.5", ".5", "1e5", "1e-5", "1E+5", "0x1F", "5.a"]);
    assert_eq!(all("1-2 a-1 .a"), ["1", "-", "2", "a", "-", "1", ".", "a"]);
    assert_eq!(all("$a _b c1 ä"), ["$a", "_b", "c1", "ä"]);
    let signs = [
        ">>>=", "===", "!==", ">>>", "<<=", ">>=", "...", "**=", "=>", "==", "!=", "<=", ">=", "&&", "||", "++", "--",
        "+=", "-=", "*=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "{", "}", "(", ")", "[", "]", ".", ";", ",", "<",
        ">", "+", "-", "*", "%", "&", "|", "^", "!", "~", "?", ":", "=",
    ];
    for sign in signs {
        assert_eq!(all(&format!("a{sign} b")), ["a", sign, "b"], "{sign}");
    }
    assert_eq!(all("\u{feff}a\u{a0}b"), ["a", "b"], "blanks of other kinds");
    assert_eq!(all("`a\\`b` c"), ["`a\\`b`", "c"]);
    assert_eq!(all("x = /a\\/b[/\\]]/gi.c"), ["x", "=", "/a\\/b[/\\]]/gi", ".", "c"]);
}

#[test]
fn brackets_functions_and_comparisons_are_found_by_their_place() {
    let script =
        Script::of("polkit.addRule(function name(a, b) { if (a.id == 'x') { f(function () { return 1; }); } });");
    let [rule] = script.rules().try_into().unwrap_or_else(|_| panic!());
    assert_eq!((rule.parameter(0, "action"), rule.parameter(1, "subject"), rule.parameter(2, "c")), ("a", "b", "c"));
    assert_eq!(rule.inner.len(), 1);
    let words = |range: std::ops::Range<usize>| range.map(|at| script.source_of(at)).collect::<Vec<_>>().join(" ");
    assert_eq!(words(rule.inner[0].clone()), "return 1 ;");
    assert!(
        words(rule.body.clone()).starts_with("if ( a . id == 'x' )") && words(rule.body.clone()).ends_with("} ) ; }")
    );
    let at = |word: &str| (0..script.tokens.len()).find(|at| script.word(*at) == word).unwrap();
    let condition = script.condition(at("if")).unwrap();
    assert_eq!(words(condition.clone()), "a . id == 'x'");
    assert_eq!(script.condition(at("f")), None);
    assert_eq!(script.compared(condition.start, "a", "id"), Some(("x", condition.start + 4)));
    assert_eq!([script.compared(condition.start, "b", "id"), script.compared(condition.start, "a", "x")], [None, None]);
    assert!(script.is_property(0, "polkit", "addRule") && !script.is_property(0, "polkit", "log"));
    assert_eq!(script.closing(script.tokens.len()), script.tokens.len());
    assert_eq!(Script::of("(a").closing(0), 2, "a bracket that is not closed");
    assert!(Script::of("addRule(f); addRule function () {}; a(function () {})").rules().is_empty());
    let other = Script::of("if (a.id != 'x' && a.id === 'y' && a.id == b) { }");
    let compared: Vec<_> =
        (0..other.tokens.len()).filter_map(|at| other.compared(at, "a", "id")).map(|(text, _)| text).collect();
    assert_eq!(compared, ["y"]);
}

#[test]
fn a_property_is_wanted_unless_it_is_denied() {
    let wanted = |text: &str| {
        let script = Script::of(text);
        let at = (0..script.tokens.len()).find(|at| script.is_property(*at, "s", "local")).unwrap();
        script.is_wanted(at)
    };
    for text in [
        "s.local",
        "s.local == true",
        "s.local === true",
        "s.local != false",
        "s.local !== false",
        "a + s.local",
        "s.local && false",
    ] {
        assert!(wanted(text), "{text}");
    }
    for text in ["!s.local", "s.local == false", "s.local === false", "s.local != true", "s.local !== true"] {
        assert!(!wanted(text), "{text}");
    }
}
