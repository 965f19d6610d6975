//! How a text is split into lexemes.

use super::*;

/// The lexemes of a source, each as its kind and its bytes.
fn lexemes(source: &str) -> Vec<String> {
    let one = |placed: &Placed<'_>| {
        let bytes = source.get(placed.span.clone()).unwrap();
        match &placed.lexeme {
            Lexeme::Word(word) => {
                assert_eq!(*word, bytes);
                format!("word {bytes}")
            }
            Lexeme::Number => format!("number {bytes}"),
            Lexeme::Text(text) => format!("text {text} in {bytes}"),
            Lexeme::Regex => format!("regex {bytes}"),
            Lexeme::Sign(sign) => {
                assert_eq!(*sign, bytes);
                format!("sign {bytes}")
            }
            Lexeme::Foreign => format!("foreign {bytes}"),
            Lexeme::End => "end".to_owned(),
        }
    };
    parse(source).1.iter().map(one).collect()
}

#[test]
fn a_source_is_split_into_lexemes() {
    let cases: [(&str, &[&str]); 29] = [
        ("a1 _b $c é", &["word a1", "word _b", "word $c", "word é"]),
        ("\u{feff}a", &["word a"]),
        (
            "1 0x1F 1.5e+3 2E-1 .5 1+2",
            &["number 1", "number 0x1F", "number 1.5e+3", "number 2E-1", "number .5", "number 1", "sign +", "number 2"],
        ),
        ("a.5", &["word a", "number .5"]),
        ("a.b", &["word a", "sign .", "word b"]),
        ("3", &["number 3"]),
        ("'a' \"b'c\"", &["text a in 'a'", "text b'c in \"b'c\""]),
        ("'a\\'b\\\\'", &["text a'b\\ in 'a\\'b\\\\'"]),
        ("'a\\\nb'", &["text a\nb in 'a\\\nb'"]),
        ("'a\nb", &["foreign 'a", "word b"]),
        ("'\\a\nb", &["foreign '\\a", "word b"]),
        ("'a", &["foreign 'a"]),
        ("'a\\", &["foreign 'a\\"]),
        ("''", &["text  in ''"]),
        ("`a\\`b` c", &["foreign `a\\`b`", "word c"]),
        ("`a", &["foreign `a"]),
        ("/a\\/b/gi.c", &["regex /a\\/b/gi", "sign .", "word c"]),
        ("/[/]/ a", &["regex /[/]/", "word a"]),
        ("/[a]b/ c", &["regex /[a]b/", "word c"]),
        ("/a\nb", &["foreign /a", "word b"]),
        ("/a", &["foreign /a"]),
        ("a / b / c", &["word a", "sign /", "word b", "sign /", "word c"]),
        ("a /= b", &["word a", "sign /=", "word b"]),
        ("a = b == c === d", &["word a", "sign =", "word b", "sign ==", "word c", "sign ===", "word d"]),
        (
            "a >>>= b >>> c >> d >= e",
            &["word a", "sign >>>=", "word b", "sign >>>", "word c", "sign >>", "word d", "sign >=", "word e"],
        ),
        ("a => b", &["word a", "sign =>", "word b"]),
        ("a # b", &["word a", "foreign #", "word b"]),
        ("a // b\nc /* d */ e /* f", &["word a", "word c", "word e"]),
        ("// a", &[]),
    ];
    for (source, expected) in cases {
        assert_eq!(lexemes(source), expected, "{source}");
    }
}

#[test]
fn a_slash_starts_a_regular_expression_only_where_a_value_is_expected() {
    for (source, is_regex) in [
        ("a = /b/", true),
        ("(/b/)", true),
        ("[/b/, /b/]", true),
        ("f(/b/)", true),
        ("a + /b/", true),
        ("a && /b/", true),
        ("!/b/", true),
        ("typeof /b/", true),
        ("new /b/", true),
        ("a ? /b/ : /b/", true),
        ("{ /b/ }", true),
        ("if (a) /b/", true),
        ("a; /b/", true),
        ("throw /b/", true),
        ("function a() { return /b/ }", true),
        ("function a() {} /b/", true),
        ("do /b/; while (a)", true),
        ("if (a) b; else /b/", true),
        ("while (a) /b/", true),
        ("switch (a) { case /b/: /b/ }", true),
        ("var a\n/b/.test(c)", true),
        ("break\n/b/.test(c)", true),
        ("a++\n/b/.test(c)", false),
        ("a\n/b/", false),
        ("a /b/ c", false),
        ("(a) /b/ c", false),
        ("f(a) /b/ c", false),
        ("a[1] /b/ c", false),
        ("[1] /b/ c", false),
        ("1 /b/ c", false),
        ("'a' /b/ c", false),
        ("a.return /b/ c", false),
        ("a++ /b/ c", false),
        ("x = {} /b/ c", false),
        ("this /b/ c", false),
    ] {
        let regex = lexemes(source).iter().any(|lexeme| lexeme == "regex /b/");
        assert_eq!(regex, is_regex, "{source}: {:?}", lexemes(source));
    }
}

#[test]
fn lexemes_after_an_error_are_read_to_the_end() {
    let after = |source: &str, lexeme: &str| {
        assert!(parse(source).0.is_err(), "{source}");
        assert!(lexemes(source).iter().any(|one| one == lexeme), "{source}: {:?}", lexemes(source));
    };
    for word in ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new"] {
        after(&format!("a b {word} /c/"), "regex /c/");
    }
    for before in ["= ", "( ", "[ ", "{ ", ", "] {
        after(&format!("a b {before}/c/"), "regex /c/");
    }
    for before in ["c ", ") ", "] ", "} ", "1 ", "'c' "] {
        after(&format!("a b {before}/c/ d"), "sign /");
    }
}
