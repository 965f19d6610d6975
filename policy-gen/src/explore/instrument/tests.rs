use super::*;

fn written(source: &str) -> String {
    instrument("/a.rules", source).unwrap().text
}

#[test]
fn operators_become_calls_and_the_rest_stays() {
    for (source, expected) in [
        ("if (a == \"x\") { b(); }", "if ($pg_eq(0, (a), (\"x\"))) { b(); }"),
        ("a === b !== c;", "$pg_eq(3, $pg_eq(2, (a), (b)), (c));"),
        ("typeof a === \"string\" && (b, c) != d", "((typeof a) === (\"string\")) && $pg_eq(1, (b, c), (d))"),
        ("return_ = x[i].length;", "return_ = $pg_outer(($pg_count(($pg_get((x), (i))))));"),
        ("x[i](y[j]);", "x[$pg_key((i))]($pg_get((y), (j)));"),
        ("delete x[i]; x[j] = 1;", "$pg_set(delete x[$pg_key((i))]); x[$pg_key((j))] = $pg_set((1));"),
        ("new Role(\"a\", b + c)", "new Role(\"a\", $pg_plus((b), (c)))"),
        ("- -x", " -$pg_number(( -$pg_number((x))))"),
        ("for (var k in o) { f(k); }", "for (var k in $pg_each((o))) { f(k); }"),
        ("(a)[b]", "$pg_get(((a)), (b))"),
    ] {
        assert_eq!(written(source), expected, "{source}");
    }
}

#[test]
fn lines_stay_where_they_are() {
    let source =
        "f(a ==\n  // why\n  b ||\n  c);\ng(x\n  + y);\nreturn_(function () {\n  return z\n    [0];\n});\nlast";
    let text = written(source);
    assert_eq!(text.matches('\n').count(), source.matches('\n').count(), "{text}");
    assert_eq!(text.lines().last(), Some("last"));
}

#[test]
fn a_variable_that_outlives_the_request_is_marked_when_it_is_assigned() {
    let marked = |source: &str| written(source).contains("$pg_outer");
    for source in [
        "var n = 0; polkit.addRule(function () { n += 1; });",
        "(function () { var n = 0; polkit.addRule(function () { n++; }); }());",
        "(function () { var n; function f() { n = 1; } polkit.addRule(f); })();",
        "polkit.addRule(function () { n = 1; });",
    ] {
        assert!(marked(source), "{source}");
    }
    for source in [
        "polkit.addRule(function () { var n = 0; n += 1; });",
        "polkit.addRule(function (a) { for (var i = 0; i < 3; i += 1) { a = i; } });",
        "polkit.addRule(function () { var n; [1].forEach(function (x) { n = x; }); });",
        "polkit.addRule(function () { try { f(); } catch (e) { e = 1; } });",
        "function f() { function g() { } g = 1; }",
    ] {
        assert!(!marked(source), "{source}: {}", written(source));
    }
}

#[test]
fn what_escapes_the_rewriting_is_a_remark() {
    let remarks = |source: &str| instrument("/a.rules", source).unwrap().remarks;
    let one = remarks("\nvar x = eval(\"1\");");
    assert_eq!(one, [Remark::new("`eval` runs a text as a program", Some("/a.rules".into()), Some(2))]);
    assert_eq!(remarks("String.prototype.starts = function () { };").len(), 1);
    assert_eq!(remarks("Role.prototype.starts = Object.prototype.hasOwnProperty;"), []);
    assert_eq!(remarks("f(action[\"_detail_unit\"]);").len(), 1);
    assert_eq!(instrument("/a.rules", "a;\nlet x = 1;").unwrap_err(), 2);
}
