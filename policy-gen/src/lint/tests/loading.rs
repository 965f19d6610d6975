//! Findings from loading the rules files.

use super::*;

/// The findings about one file of two lines, for a script that replies with this line when the file is loaded.
fn found(reply: &str, text: &str, javascript: JavaScript) -> Vec<Finding> {
    let engine = Engine::of_script(
        &format!("read -r load; echo '{reply}'; cat"),
        &[Rules { path: "/a.rules".to_owned(), bytes: text.as_bytes().to_vec() }],
    );
    let files = [File::new("other.pkla", Vec::new()), File::new("/a.rules", text.as_bytes().to_vec())];
    let target = Target { version: Version(126), pkla: Pkla::No, javascript };
    loaded(&engine, &parse(&files), target)
}

fn reply(error: &str, line: Option<usize>, unknown: &[&str]) -> String {
    serde_json::json!({ "error": error, "line": line, "lines": [], "unknown": unknown }).to_string()
}

/// The code, the message, the help and the first byte of the only finding.
fn only(reply: &str, text: &str, javascript: JavaScript) -> (&'static str, String, &'static str, Option<usize>) {
    let [finding] = found(reply, text, javascript).try_into().unwrap();
    assert_eq!(finding.file, 1);
    (finding.code.id, finding.message.to_string(), finding.help, finding.span.map(|span| span.start))
}

#[test]
fn a_file_that_does_not_compile_has_the_likely_reason() {
    let text = "a = 1;\n# managed\n";
    let syntax = reply("SyntaxError: bad", Some(2), &[]);
    let expected = ("PG001", "`#` does not start a comment".to_owned(), "start comments with `//`", Some(7));
    assert_eq!(only(&syntax, text, JavaScript::Duktape), expected);
    let plain = only(&syntax, "a = 1;\nb = 2;\n", JavaScript::Duktape);
    assert_eq!(plain, ("PG001", "SyntaxError: bad".to_owned(), codes::PG001.help, Some(7)));
    let other = only(&syntax, "a = 1;\nb = 2;\n", JavaScript::Mozilla);
    assert_eq!((other.0, other.2), ("PG003", codes::PG003.help));
}

#[test]
fn an_exception_is_no_mistake_of_the_syntax() {
    let threw = only(&reply("Error: bad", Some(2), &[]), "a = 1;\n# managed\n", JavaScript::Duktape);
    assert_eq!(threw, ("PG002", "Error: bad".to_owned(), codes::PG002.help, Some(7)));
    for line in [None, Some(3)] {
        let threw = only(&reply("Error: bad", line, &[]), "a = 1;\nb = 2;\n", JavaScript::Duktape);
        assert_eq!((threw.0, threw.3), ("PG002", None), "{line:?}: no line of the file");
    }
}

#[test]
fn an_error_after_an_unknown_fact_says_nothing_about_the_file() {
    let unknown = ["program /bin/a", "netgroup ops", "the clock"];
    let found = only(&reply("Error: bad", Some(1), &unknown), "a = 1;\n", JavaScript::Duktape);
    let message = "the effect of the file depends on the output of a program that is not run: /bin/a, the members of the \
                   netgroup ops, the clock";
    assert_eq!(found, ("PG005", message.to_owned(), codes::PG005.help, None));
}

#[test]
fn a_file_without_an_error_has_no_finding() {
    let fine = serde_json::json!({ "error": null, "line": 1, "lines": [], "unknown": ["the clock"] }).to_string();
    assert!(found(&fine, "a = 1;\n", JavaScript::Duktape).is_empty());
}
