use super::*;

#[path = "tests/errors.rs"]
mod errors;
#[path = "tests/lexemes.rs"]
mod lexemes;
#[path = "tests/trees.rs"]
mod trees;
#[path = "tests/uses.rs"]
mod uses;

fn error(source: &str) -> (usize, Context) {
    let unexpected = parse(source).0.expect_err(source);
    (unexpected.span.start, unexpected.context)
}

#[test]
fn everything_that_duktape_compiles_has_a_tree() {
    for source in [
        "",
        "polkit.addRule(function (action, subject) { return null; });",
        "var a = 1, b; const c = /[/]x\\//gi; a = b / c / 2; if (a) /x/.test(b);",
        "for (var i = 0; i < 3; i += 1) { continue; } for (var k in {a: 1, 'b': 2,}) ; do { a } while (a) b",
        "label: while (true) { break label }\nfunction f(a, b) { return\n a }\nf()",
        "switch (a) { case 'x': case \"y\": b; break; default: c }",
        "try { a() } catch (e) { throw e } finally { b() }",
        "x = a ? b : c ? d : function () {} ; new Role('x').check(a)[0].b; new a.B; typeof a === 'x' && !('k' in b)",
        "a = [1, , 2,]; b = -1e-3 + .5 + 0x1F; a\n++b; c++; delete a.b, void 0;",
        "(function () { \"use strict\"; }());\n!function () {}();",
        "if (a) b; else if (c) d; else { e }",
        "var text = 'it\\'s', other = \"a\\\nb\";",
        "function a() {}\n/x/.test(b);",
        "if (a)\n  /x/.test(b);",
    ] {
        assert!(parse(source).0.is_ok(), "{source}: {:?}", parse(source));
    }
}

#[test]
fn the_place_and_the_situation_of_an_error_are_known() {
    assert_eq!(error("if (a and b) { }"), (6, Context::ConditionEnd(3)));
    assert_eq!(error("if (a) == b) { }"), (7, Context::AfterCondition(6)));
    assert_eq!(error("if a { }"), (3, Context::ConditionStart));
    assert_eq!(error("a = {b: 1\n c: 2}"), (11, Context::List('{', 4, 9)));
    assert_eq!(error("f(a b)"), (4, Context::List('(', 1, 3)));
    assert_eq!(error("{ a;"), (4, Context::BlockEnd(0)));
    assert_eq!(error("a = ;"), (4, Context::Value));
    assert_eq!(error("a b"), (2, Context::StatementEnd));
}

#[test]
fn deep_nesting_has_no_tree_and_ends() {
    for source in
        ["(".repeat(100_000), "[".repeat(100_000), "{".repeat(100_000), "!".repeat(100_000), "a=".repeat(100_000)]
    {
        assert!(parse(&source).0.is_err());
    }
    let calls = format!("a{}", ".b()".repeat(100_000));
    assert_eq!(parse(&calls).0.map(|_| ()).map_err(|error| error.context), Err(Context::Depth));
    // Long lists and chains are not deep.
    let chain = vec!["a == b"; 20_000].join(" || ");
    let branches = vec!["if (a) { b }"; 20_000].join(" else ");
    assert!(parse(&chain).0.is_ok() && parse(&branches).0.is_ok());
}

#[test]
fn a_statement_ends_at_a_line_break_also_inside_a_comment() {
    for source in ["a\nb", "a\n  b", "a /* c\n */ b", "a // c\nb", "a /* c */ /* d\n */ b"] {
        assert!(parse(source).0.is_ok(), "{source}");
    }
    for source in ["a b", "a /* c */ b", "a   b"] {
        assert_eq!(error(source).1, Context::StatementEnd, "{source}");
    }
}

#[test]
fn a_slash_before_an_equals_sign_is_an_assignment() {
    for source in ["a /= b", "a / b", "a = /=/.test(b)"] {
        assert!(parse(source).0.is_ok(), "{source}");
    }
}
