use super::*;
use crate::escape::is_hostile;
use insta::assert_snapshot;
use proptest::prelude::*;

fn report(text: &str, span: Range<usize>) -> Report {
    let source = Source::new("/etc/x.toml", text);
    let mut report = Report::new();
    report.add_source(&source);
    report.push(Problem::error(source.at(span), "unknown key `unti`").help("did you mean `unit`?"));
    report
}

#[test]
fn a_problem_shows_its_line_a_caret_and_the_help() {
    let report = report("[[rule]]\r\nunti = 1\r\n", 10..14);
    assert_snapshot!(report.render(false), @r"
    error: unknown key `unti`
     --> /etc/x.toml:2:1
      |
    2 | unti = 1
      | ^^^^
      |
      = help: did you mean `unit`?
    ");
    assert_eq!(report.lines(), ["/etc/x.toml:2:1: unknown key `unti` (did you mean `unit`?)"]);
}

#[test]
fn colour_is_used_only_on_request() {
    let report = report("unti = 1", 0..4);
    assert!(report.render(true).contains('\x1b'));
    assert!(!report.render(false).contains('\x1b'));
}

#[test]
fn a_hostile_line_is_escaped_and_marked_in_the_right_place() {
    let report = report(
        "a\u{202e}\x1b[2J = \"é\"\tunti",
        "a\u{202e}\x1b[2J = \"é\"\t".len().."a\u{202e}\x1b[2J = \"é\"\tunti".len(),
    );
    assert_snapshot!(report.render(false), @r#"
    error: unknown key `unti`
     --> /etc/x.toml:1:14
      |
    1 | a\u{202e}\x1b[2J = "é"    unti
      |                           ^^^^
      |
      = help: did you mean `unit`?
    "#);
}

#[test]
fn a_long_line_is_cut_around_the_marked_place() {
    let text = format!("{} unti {}", "x".repeat(5_000_000), "y".repeat(5_000_000));
    let shown = report(&text, 5_000_001..5_000_005).render(false);
    assert!(shown.len() < 1000, "{} bytes", shown.len());
    assert!(shown.contains("/etc/x.toml:1:5000002") && shown.contains("x unti y") && shown.contains("^^^^"));
}

#[test]
fn a_problem_of_the_whole_file_shows_no_line() {
    let mut report = Report::new();
    let source = Source::new("/etc/\x1bx", "");
    report.push(Problem::warning(source.whole(), "it is\nempty"));
    assert_snapshot!(report.render(false), @r"
    warning: it is\x0aempty
    --> /etc/\x1bx
    ");
    assert!(!report.has_errors());
}

#[test]
fn problems_are_in_file_order_and_the_surplus_is_counted() {
    let source = Source::new("f", "a\n".repeat(500));
    let mut report = Report::new();
    report.add_source(&source);
    for line in (0..130).rev() {
        report.push(Problem::error(source.at(line * 2..line * 2 + 1), format!("number {line}")));
    }
    let shown = report.render(false);
    assert!(shown.starts_with("error: number 0\n"), "{shown}");
    assert!(shown.ends_with("30 more problems are not shown\n"), "{shown}");
}

#[test]
fn places_without_characters_and_wide_characters_are_marked() {
    let source = Source::new("/etc/x", "a\n\n  b漢字 = 1   \n");
    let mut report = Report::new();
    report.add_source(&source);
    report.push(Problem::warning(source.whole(), "whole file").help("do x"));
    report.push(Problem::note(source.at(2..2), "empty line").help("do x"));
    report.push(Problem::error(source.at(5..14), "wide characters"));
    report.push(Problem::error(source.at(18..30), "end of the line"));
    assert_snapshot!(report.render(false), @r"
    warning: whole file
    --> /etc/x
     = help: do x

    note: empty line
     --> /etc/x:2:1
      |
    2 |
      | ^
      |
      = help: do x

    error: wide characters
     --> /etc/x:3:3
      |
    3 |   b漢字 = 1   
      |   ^^^^^^^

    error: end of the line
     --> /etc/x:3:12
      |
    3 |   b漢字 = 1   
      |              ^
    ");
}

proptest! {
    #[test]
    fn every_text_and_span_is_shown_escaped(text in any::<String>(), start in 0usize..300, length in 0usize..300) {
        let shown = report(&text, start..start + length).render(false);
        prop_assert!(!shown.chars().any(|c| c != '\n' && is_hostile(c)), "{shown:?}");
        prop_assert!(shown.contains("error: unknown key `unti`\n"));
    }
}

#[test]
fn a_line_with_a_syntax_error_has_only_this_problem() {
    let source = Source::new("a.toml", "a = = 1\nb = 2\n");
    let at = |span: Range<usize>| source.at(span);
    let mut report = Report::new();
    report.add_source(&source);
    report.push_broken(Problem::error(at(4..5), "a value is missing"));
    report.push(Problem::error(at(0..1), "unknown key"));
    report.push(Problem::error(at(8..9), "another key"));
    let messages: Vec<&str> = report.problems().iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["a value is missing", "another key"]);
}
