//! The declared names of a file, and what their values are.

use super::scope::LEVELS_MAX;
use super::*;
use crate::lint::syntax::Kind;

/// Whether the value of the last statement of a source is one of polkit's results.
fn is_result(source: &str) -> bool {
    let script = Script::of(source);
    let tree = script.tree.as_ref().unwrap();
    let scope = Scope::of(tree);
    let Some(Statement::Expression(value)) = tree.last() else { panic!("{source}") };
    scope.is_result(value)
}

#[test]
fn a_result_is_recognized_through_names_functions_and_branches() {
    for source in [
        "polkit.Result.YES",
        "'yes'",
        "'auth_admin_keep'",
        "a ? 'yes' : b",
        "a ? b : 'no'",
        "a && 'yes'",
        "a || b || polkit.Result.NO",
        "var r = 'yes'; r",
        "function f() { return 'yes'; } f()",
        "var f = function () { return 'yes'; }; f()",
        "var r = b || 'yes'; a && r",
        "var r = a ? 'yes' : 'no'; r",
    ] {
        assert!(is_result(source), "{source}");
    }
    for source in [
        "'maybe'",
        "a",
        "1",
        "polkit.Results.YES",
        "other.Result.YES",
        "Result.YES",
        "a ? b : c",
        "'yes' && a",
        "'yes' || a",
        "'yes' == a",
        "var r; r = 'yes'; r",
        "var r = 'yes'; r = 'maybe'; r",
        "var r = 'yes'; var r = 'maybe'; r",
        "var r = 'yes'; r++; r",
        "function f() { a; return 'yes'; } f()",
        "function f() { return; } f()",
        "function f() { return 'maybe'; } f()",
        "function f(r) { r = 1; } var r = 'yes'; r",
        "var r = s; var s = r; r",
        "function f() { return f(); } f()",
        "g()",
    ] {
        assert!(!is_result(source), "{source}");
    }
}

#[test]
fn a_value_is_searched_in_at_most_eight_levels() {
    let nested = |levels: usize| format!("{}'yes'{}", "a && (".repeat(levels), ")".repeat(levels));
    assert!(is_result(&nested(LEVELS_MAX - 1)) && !is_result(&nested(LEVELS_MAX)));
    assert!(!is_result("var r = a && r; r"), "a name in its own value");
}

/// Whether the last function of a source returns a result.
fn returning(source: &str) -> bool {
    let script = Script::of(source);
    let tree = script.tree.as_ref().unwrap();
    let scope = Scope::of(tree);
    let Some(Statement::Function(function)) = tree.last() else { panic!("{source}") };
    scope.returns_result(function)
}

#[test]
fn a_function_returns_a_result_from_every_kind_of_statement() {
    for body in [
        "return 'yes';",
        "a; return 'yes';",
        "if (a) return 'yes';",
        "if (a) b; else if (c) { return 'yes'; }",
        "if (a) b; else return 'yes';",
        "while (a) { return 'yes'; }",
        "{ return 'yes'; }",
        "switch (a) { case b: c; break; default: return 'yes'; }",
        "try { return 'yes'; } catch (e) { a; }",
        "try { a; } catch (e) { return 'yes'; }",
    ] {
        assert!(returning(&format!("function f() {{ {body} }}")), "{body}");
    }
    for body in
        ["", "return;", "return a;", "a;", "'yes';", "if (a) b; else c;", "var f = function () { return 'yes'; };"]
    {
        assert!(!returning(&format!("function f() {{ {body} }}")), "{body}");
    }
}

#[test]
fn names_are_declared_in_every_kind_of_statement() {
    for source in [
        "if (a) { var r = 'yes'; }",
        "if (a) b; else if (c) { var r = 'yes'; }",
        "if (a) b; else { var r = 'yes'; }",
        "if (f(function () { var r = 'yes'; })) b;",
        "while (a) { var r = 'yes'; }",
        "{ var r = 'yes'; }",
        "switch (a) { case b: var r = 'yes'; }",
        "try { var r = 'yes'; } finally { a; }",
        "function f() { var r = 'yes'; }",
        "var f = function () { var r = 'yes'; };",
        "(function () { var r = 'yes'; })();",
        "f(function () { var r = 'yes'; });",
        "a.b(function () { var r = 'yes'; }).c;",
        "!function () { var r = 'yes'; }();",
        "x = function () { var r = 'yes'; };",
        "[function () { var r = 'yes'; }];",
        "x = {k: function () { var r = 'yes'; }};",
        "a && function () { var r = 'yes'; };",
        "a || function () { var r = 'yes'; };",
        "a, function () { var r = 'yes'; };",
        "function f() { return function () { var r = 'yes'; }; }",
        "var l = [function () { var r = 'yes'; }];",
    ] {
        assert!(is_result(&format!("{source} r")), "{source}");
    }
}

#[test]
fn a_name_that_is_a_parameter_has_no_single_value() {
    for source in ["function f(r) {}", "f(function (r) {});", "x = function (a, r) {};"] {
        assert!(!is_result(&format!("var r = 'yes'; {source} r")), "{source}");
        assert!(is_result(&format!("var s = 'yes'; {source} s")), "{source}");
    }
}

#[test]
fn a_value_is_read_in_every_place_that_uses_it() {
    let is_read = |source: &str| {
        let script = Script::of(source);
        Scope::of(script.tree.as_ref().unwrap()).is_read("a")
    };
    for source in [
        "x = a;",
        "a();",
        "f(a);",
        "a.b;",
        "!a;",
        "new a;",
        "a[b];",
        "b[a];",
        "[a];",
        "b && a;",
        "a || b;",
        "(b, a);",
        "a == b;",
        "b + a;",
        "x = {k: a};",
        "a ? b : c;",
        "b ? a : c;",
        "if (a) b;",
        "while (a) b;",
        "for (x = 0; b; a) c;",
        "function f() { return a; }",
        "throw a;",
        "switch (a) {}",
        "var x = a;",
    ] {
        assert!(is_read(source), "{source}");
    }
    for source in ["a = b;", "var a = b;", "a;", "b.a;", "'a';", "function a() {}", "if (b) c;", "x = {a: b};"] {
        assert!(!is_read(source), "{source}");
    }
}

#[test]
fn a_function_is_a_rule_if_its_name_is_passed_to_add_rule() {
    let is_rule = |source: &str| {
        let script = Script::of(source);
        let tree = script.tree.as_ref().unwrap();
        let scope = Scope::of(tree);
        let function = tree.iter().find_map(|statement| match statement {
            Statement::Function(function) => Some(function),
            Statement::Declaration(declared) => match declared.first()?.1.as_ref()?.kind {
                Kind::Function(ref function) => Some(function),
                _ => None,
            },
            _ => None,
        });
        scope.is_rule(function.unwrap())
    };
    assert!(is_rule("function f(a, s) {} polkit.addRule(f);"));
    assert!(is_rule("polkit.addRule(f); function f(a, s) {}"));
    assert!(is_rule("var f = function (a, s) {}; polkit['addRule'](f);"));
    for source in [
        "function f(a, s) {} polkit.addRule(g);",
        "function f(a, s) {} polkit.other(f);",
        "function f(a, s) {} addRule(f);",
        "function f(a, s) {} polkit.addRule(g, f);",
    ] {
        assert!(!is_rule(source), "{source}");
    }
}

#[test]
fn a_name_stands_for_its_function_unless_it_is_set_again() {
    let known = |source: &str| {
        let script = Script::of(source);
        let tree = script.tree.as_ref().unwrap();
        let scope = Scope::of(tree);
        let Some(Statement::Expression(name)) = tree.last() else { panic!("{source}") };
        scope.function(name).is_some()
    };
    for (source, expected) in [
        ("function f() {} f", true),
        ("var f = function () {}; f", true),
        ("var f = 1; f", false),
        ("g", false),
        ("'f'", false),
        ("function f() {} f = g; f", false),
        ("var f = function () {}; var f = function () {}; f", false),
    ] {
        assert_eq!(known(source), expected, "{source}");
    }
}
