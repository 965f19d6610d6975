//! The reasons why a script does not compile, with their help and their place.

use super::*;

/// The message, the help and the marked text of the mistake in a line.
fn why(text: &str, line: usize) -> (String, Option<&'static str>, String) {
    let script = Script::of(text);
    let found = compile::why(&script, line).unwrap_or_else(|| panic!("{text}"));
    let mark = found.span.and_then(|span| text.get(span)).unwrap_or_default();
    (found.message, found.help, mark.to_owned())
}

fn found(message: &str, help: &'static str, mark: &str) -> (String, Option<&'static str>, String) {
    (message.to_owned(), Some(help), mark.to_owned())
}

#[test]
fn a_character_of_another_language_is_explained() {
    assert_eq!(why("a = 1; # b\n", 1), found("`#` does not start a comment", "start comments with `//`", "#"));
    assert_eq!(why("  # b\n", 1), found("`#` does not start a comment", "start comments with `//`", "# b"));
    for character in ["“", "”", "„", "‘", "’", "«", "»"] {
        let (message, help, mark) = why(&format!("a = {character}b;\n"), 1);
        assert_eq!(message, format!("`{character}` is not a quotation mark of JavaScript"));
        assert!(help == Some("use `\"`") && mark.starts_with(character), "{mark}");
    }
    for character in ["@", "\\"] {
        let (message, help, _) = why(&format!("a = {character}b;\n"), 1);
        assert_eq!((message, help), (format!("the character `{character}` has no meaning here"), Some("remove it")));
    }
    for text in ["a = \"b;\n", "a = 'b;\n", "a = \";\n", "a = '\n"] {
        assert_eq!(why(text, 1).0, "the string is not closed in its line", "{text}");
    }
}

#[test]
fn a_word_of_another_language_is_explained() {
    for (word, what, help) in [
        ("and", "an operator", "`&&` is meant"),
        ("or", "an operator", "`||` is meant"),
        ("is", "an operator", "`==` is meant"),
    ] {
        let (message, hint, mark) = why(&format!("if (a {word} b) {{ }}\n"), 1);
        assert_eq!((message, hint), (format!("`{word}` is not {what}: {help}"), Some(help)));
        assert_eq!(mark, word);
    }
    assert_eq!(why("if (not a) { }\n", 1).1, Some("`!` is meant"));
    for word in ["then", "begin"] {
        assert_eq!(why(&format!("if (a) {word} b c\n"), 1).1, Some("put statements between `{` and `}`"), "{word}");
    }
    for word in ["endif", "end", "fi"] {
        let (message, help, _) = why(&format!("f(a) {word}\n"), 1);
        assert!(message.starts_with(&format!("`{word}` is not a keyword")), "{message}");
        assert_eq!(help, Some("put statements between `{` and `}`"));
    }
    for word in ["elif", "elsif", "elseif"] {
        assert_eq!(why(&format!("if (a) {{\n}} {word} (b) {{ }}\n"), 2).1, Some("`else if` is meant"), "{word}");
    }
    for word in ["def", "fn", "func"] {
        assert_eq!(why(&format!("{word} f(a) {{ }}\n"), 1).1, Some("`function` is meant"), "{word}");
    }
}

#[test]
fn what_ecmascript_5_does_not_have_is_named() {
    for (text, expected) in [
        ("class A { }\n", "`class`"),
        ("async function f() { }\n", "`async`"),
        ("f(function () { await g(); });\n", "`async`"),
        ("let a = 1;\n", "`let`"),
        ("a = (b) => c;\n", "an arrow function"),
        ("a = `b`;\n", "a template literal"),
        ("for (var a of b) { }\n", "`for … of`"),
    ] {
        let script = Script::of(text);
        let found = compile::why(&script, 1).unwrap();
        assert_eq!((found.message, found.help), (format!("{expected} is newer than ECMAScript 5"), None), "{text}");
    }
    assert!(compile::why(&Script::of("var let = 1, of = 2;\n"), 1).is_none(), "names");
    assert!(compile::why(&Script::of("a = 1;\nlet b = 2;\n"), 1).is_some(), "in a later line than the engine reports");
}

#[test]
fn the_remedy_of_a_missing_sign_names_it() {
    let close = "add the missing bracket, or remove the extra one";
    let separate = "put a `,` between the two";
    for (text, line, message, help) in [
        ("var a = {\n  b: 1\n  c: 2\n};\n", 3, "a `,` is missing after the property in line 2", separate),
        ("var a = [1 2];\n", 1, "a `,` is missing after the item in line 1", separate),
        ("var a = {b: 1; c: 2};\n", 1, "a list is separated by `,`, and not by `;`", "replace the `;`"),
        ("var a = [1; 2];\n", 1, "a list is separated by `,`, and not by `;`", "replace the `;`"),
        (
            "if (a) && b { }\n",
            1,
            "one `)` too many: the condition ends before `&&`",
            "remove the `)`, or put the whole condition in parentheses",
        ),
        ("while a { }\n", 1, "the condition of `while` needs parentheses", "put `(` and `)` around it"),
        ("f(a b);\n", 1, "an operator or a `,` is missing before `b`", "join the two values"),
        ("a b;\n", 1, "an operator or `;` is missing before `b`", "complete or end the statement before it"),
        ("a = * b;\n", 1, "a value is missing before `*`", "complete the expression"),
        ("a = (b;\n", 1, "the `(` in line 1 is not closed", close),
        ("f(a;\n", 1, "the `(` in line 1 is not closed", close),
        ("a[b;\n", 1, "a list is separated by `,`, and not by `;`", "replace the `;`"),
        ("if (a\n", 1, "the `(` in line 1 is not closed", close),
        ("if (a) {\n  b;\n", 2, "the `{` in line 1 is not closed", close),
        ("if (a)\n", 1, "a statement is missing at the end", close),
        ("a = b ? c;\n", 1, "`:` is missing before `;`", "add it"),
        ("var 1 = a;\n", 1, "a name is missing before `1`", "add the name"),
        ("a. = 1;\n", 1, "a name is missing before `=`", "add the name"),
        ("a = ];\n", 1, "the `]` in line 1 closes nothing", close),
        ("a = );\n", 1, "the `)` in line 1 closes nothing", close),
        ("(a = b];\n", 1, "the `(` in line 1 is not closed", close),
        (
            "else { }\n",
            1,
            "`else` does not follow the statement of an `if`",
            "close the braces of the `if` before `else`",
        ),
    ] {
        let (found, remedy, _) = why(text, line);
        assert_eq!((found.as_str(), remedy), (message, Some(help)), "{text}");
    }
}

#[test]
fn a_missing_comma_is_marked_after_the_item() {
    assert_eq!(why("var a = {\n  b: 1\n  c: 2\n};\n", 3).2, "1");
    assert_eq!(why("var a = [11 2];\n", 1).2, "1");
    assert_eq!(why("f(a bc);\n", 1).2, "bc");
}
