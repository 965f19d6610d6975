//! The place and the situation at which a file stops being ECMAScript 5.

use super::*;

#[test]
fn each_part_that_is_missing_is_named_at_its_place() {
    for (source, place, context) in [
        ("a = ", 4, Context::Value),
        ("a + ;", 4, Context::Value),
        ("a +* b", 3, Context::Value),
        ("f(a, )", 5, Context::Value),
        ("a = if", 4, Context::Value),
        ("a = class", 4, Context::Value),
        ("a ? b", 5, Context::Sign(":")),
        ("a ? b, c : d", 5, Context::Sign(":")),
        ("a.'b'", 2, Context::Name),
        ("a.", 2, Context::Name),
        ("a = {[b]: c}", 5, Context::Name),
        ("a = {b c}", 7, Context::Sign(":")),
        ("a = [b c]", 7, Context::List('[', 4, 6)),
        ("a[b c]", 4, Context::List('[', 1, 3)),
        ("(a b)", 3, Context::List('(', 0, 2)),
        ("var if = a", 4, Context::Name),
        ("var a = b c", 10, Context::StatementEnd),
        ("var a b", 6, Context::StatementEnd),
        ("throw a b", 8, Context::StatementEnd),
        ("function a { }", 11, Context::Sign("(")),
        ("function a(b c) { }", 13, Context::List('(', 10, 12)),
        ("function a(1) { }", 11, Context::Name),
        ("function a() b", 13, Context::Sign("{")),
        ("function a() { return b c }", 24, Context::StatementEnd),
        ("if (a) {", 8, Context::BlockEnd(7)),
        ("if (a", 5, Context::ConditionEnd(3)),
        ("if (a) and (b) c", 7, Context::AfterCondition(6)),
        ("if (a) or b", 7, Context::AfterCondition(6)),
        ("if (a) && b", 7, Context::AfterCondition(6)),
        ("if (a)", 6, Context::AfterCondition(6)),
        ("while a", 6, Context::ConditionStart),
        ("for a", 4, Context::ConditionStart),
        ("for (a b", 7, Context::Sign(";")),
        ("for (a; b c", 10, Context::Sign(";")),
        ("for (a; b; c d", 13, Context::ConditionEnd(4)),
        ("for (a in b c", 12, Context::ConditionEnd(4)),
        ("do a; until (b)", 6, Context::Sign("while")),
        ("do { a } while b", 15, Context::ConditionStart),
        ("switch (a) b", 11, Context::Sign("{")),
        ("switch (a) { b }", 13, Context::BlockEnd(11)),
        ("switch (a) { case b c }", 20, Context::Sign(":")),
        ("switch (a) { case b: c", 22, Context::BlockEnd(11)),
        ("try a", 4, Context::Sign("{")),
        ("try { } catch { }", 14, Context::Sign("(")),
        ("try { } catch (a b) { }", 17, Context::List('(', 14, 16)),
        ("try { } catch (1) { }", 15, Context::Name),
        ("try { } finally a", 16, Context::Sign("{")),
        ("a => b", 2, Context::StatementEnd),
        ("let a = b", 4, Context::StatementEnd),
        ("a = `b`", 4, Context::Value),
        ("break a b", 8, Context::StatementEnd),
        ("break 1", 6, Context::StatementEnd),
    ] {
        let unexpected = parse(source).0.expect_err(source);
        assert_eq!((unexpected.span.start, unexpected.context), (place, context), "{source}");
    }
}

#[test]
fn the_unexpected_bytes_are_the_whole_lexeme() {
    for (source, bytes) in
        [("a 'b c' d", "'b c'"), ("a => b", "=>"), ("a = `b` c", "`b`"), ("a = ;", ";"), ("a word", "word")]
    {
        let unexpected = parse(source).0.expect_err(source);
        assert_eq!(source.get(unexpected.span), Some(bytes), "{source}");
    }
}

#[test]
fn eighty_levels_have_a_tree_and_more_have_none() {
    // An expression is a level of its statement.
    let nested = |levels: usize| format!("{}a{}", "[".repeat(levels), "]".repeat(levels));
    let errs = |source: &str| parse(source).0.err().map(|error| error.context);
    assert_eq!(errs(&nested(DEPTH_MAX - 2)), None);
    assert_eq!(errs(&nested(DEPTH_MAX - 1)), Some(Context::Depth));
    let calls = |count: usize| format!("a{}", ".b".repeat(count));
    assert_eq!(errs(&calls(DEPTH_MAX - 1)), None);
    assert_eq!(errs(&calls(DEPTH_MAX)), Some(Context::Depth));
    // What ends gives its levels back.
    assert_eq!(errs(&"[[a]];".repeat(DEPTH_MAX)), None);
}

#[test]
fn a_keyword_is_no_name() {
    let keywords = "break case catch class const continue debugger default delete do else enum export extends false finally \
                    for function if import in instanceof new null return super switch this throw true try typeof var void \
                    while with";
    for keyword in keywords.split_whitespace() {
        let unexpected = parse(&format!("var {keyword};")).0.expect_err(keyword);
        assert_eq!((unexpected.span.start, unexpected.context), (4, Context::Name), "{keyword}");
    }
    for name in ["of", "let", "get", "undefined", "iff"] {
        assert!(parse(&format!("var {name};")).0.is_ok(), "{name}");
    }
}
