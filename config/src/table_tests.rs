use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;

/// Reads `text` as a file with one `[agent]` table and any number of `[[rule]]` tables.
fn read(text: &str) -> Report {
    let mut report = Report::new();
    let mut root = parse(&Source::new("x.toml", text), &mut report);
    if let Some(mut agent) = root.table("agent", &mut report) {
        agent.duration("answer_within", &mut report);
        agent.integer("max_registrations", &mut report);
        agent.bool("vendor_rules", &mut report);
        agent.path("socket", &mut report);
        agent.finish(&mut report);
    }
    for mut rule in root.tables("rule", &mut report) {
        rule.required_string("id", &mut report);
        rule.required_strings("action", &mut report);
        rule.string("unit", &mut report);
        rule.finish(&mut report);
    }
    root.finish(&mut report);
    report
}

#[test]
fn a_valid_file_has_no_problems_and_values_have_places() {
    let text = "[agent]\nanswer_within = \"500ms\"\nsocket = '/run/x'\nvendor_rules = true\nmax_registrations = 0x10\n";
    assert!(read(text).problems().is_empty());
    let mut report = Report::new();
    let mut agent = parse(&Source::new("x.toml", text), &mut report).table("agent", &mut report).unwrap();
    let within = agent.duration("answer_within", &mut report).unwrap();
    assert_eq!((within.value, report.place(&within.at)), (Duration::from_millis(500), "x.toml:2:17".to_owned()));
    assert_eq!(agent.path("socket", &mut report).unwrap().value, PathBuf::from("/run/x"));
    assert!(agent.bool("vendor_rules", &mut report).unwrap().value);
    assert_eq!(agent.integer("max_registrations", &mut report).unwrap().value, 16);
    assert_eq!(agent.string("absent", &mut report), None);
    assert!(!report.has_errors());
}

#[test]
fn a_string_is_a_list_of_one() {
    let mut report = Report::new();
    let mut root = parse(&Source::new("x", "a = 'one'\nb = ['one', 'two']"), &mut report);
    let mut values =
        |key| -> Vec<String> { root.strings(key, &mut report).unwrap().into_iter().map(|item| item.value).collect() };
    assert_eq!(values("a"), ["one"]);
    assert_eq!(values("b"), ["one", "two"]);
}

#[test]
fn all_errors_of_a_file_are_reported_together() {
    let text = "\
[agent]
answer_within = 20
max_registrations = 99999999999999999999
socket = \"run/x\"
answer_wthin = \"20\"

[[rule]]
action = []
unit = [\"a\"]
colour = 1

[[rule]]
id = \"b\"
action = [\"x\", 5]

[[rul]]
id = \"c\"
";
    assert_snapshot!(read(text).render(false), @r#"
    error: `answer_within`: expected a length of time, found an integer
     --> x.toml:2:17
      |
    2 | answer_within = 20
      |                 ^^
      |
      = help: write `answer_within = "20s"`

    error: the number `max_registrations` is too large
     --> x.toml:3:21
      |
    3 | max_registrations = 99999999999999999999
      |                     ^^^^^^^^^^^^^^^^^^^^

    error: `run/x` is not an absolute path
     --> x.toml:4:10
      |
    4 | socket = "run/x"
      |          ^^^^^^^
      |
      = help: begin with /, without `.` and `..`

    error: unknown key `answer_wthin` in [agent]
     --> x.toml:5:1
      |
    5 | answer_wthin = "20"
      | ^^^^^^^^^^^^
      |
      = help: did you mean `answer_within`?

    error: [[rule]] has no `id`
     --> x.toml:7:1
      |
    7 | [[rule]]
      | ^^^^^^^^
      |
      = help: add `id = "…"`

    error: the list `action` is empty
     --> x.toml:8:10
      |
    8 | action = []
      |          ^^
      |
      = help: remove the key, or list at least one value

    error: `unit`: expected a string, found a list
     --> x.toml:9:8
      |
    9 | unit = ["a"]
      |        ^^^^^
      |
      = help: write `unit = "…"`

    error: unknown key `colour` in [[rule]]
      --> x.toml:10:1
       |
    10 | colour = 1
       | ^^^^^^
       |
       = help: known here: action, id, unit

    error: `action`: expected a string in the list, found an integer
      --> x.toml:14:16
       |
    14 | action = ["x", 5]
       |                ^
       |
       = help: write `action = ["…", "…"]`

    error: unknown key `rul`
      --> x.toml:16:3
       |
    16 | [[rul]]
       |   ^^^
       |
       = help: did you mean `rule`?
    "#);
}

#[test]
fn syntax_errors_are_reported_without_follow_up_errors() {
    let text = "[[rule]]\naction = \nunit = 5\n[[rule]\nid = 'x'\naction = 'y'\n";
    assert_snapshot!(read(text).render(false), @r#"
    error: string values must be quoted, expected literal string
     --> x.toml:2:10
      |
    2 | action = 
      |          ^

    error: `unit`: expected a string, found an integer
     --> x.toml:3:8
      |
    3 | unit = 5
      |        ^
      |
      = help: write `unit = "…"`

    error: unclosed array table, expected `]`
     --> x.toml:4:8
      |
    4 | [[rule]
      |        ^
    "#);
}

#[test]
fn values_after_a_key_without_equals_sign_are_not_read() {
    let report = read("[[rule]]\nid \"a\"\nunit = 5\naction = 'y'\n");
    assert_eq!(report.lines(), ["x.toml:2:4: key with no value, expected `=`"]);
}

#[test]
fn single_and_repeated_tables_are_not_interchangeable() {
    assert_snapshot!(read("[rule]\nid = 1\n[[agent]]\n").lines().join("\n"), @r"
    x.toml:1:1: `rule`: expected a list of tables, found a table (write `[[rule]]`)
    x.toml:3:1: `agent`: expected one table, found a list (write `[agent]`)
    ");
}

#[test]
fn a_key_without_a_value_is_an_error() {
    for text in
        ["[agent]\nsocket =\n", "[agent]\nsocket\n", "[agent]\nsocket = \nvendor_rules = true\n", "[agent]\nsocket = ["]
    {
        assert!(read(text).has_errors(), "{text:?}");
    }
}

#[test]
fn an_empty_file_is_valid() {
    for text in ["", "\n", "# nothing\n", "\u{feff}"] {
        assert!(read(text).problems().is_empty(), "{text:?}");
    }
}

#[test]
fn durations_are_whole_numbers_with_a_unit() {
    assert_eq!(parse_duration("20s"), Some(Duration::from_secs(20)));
    assert_eq!(parse_duration("10m"), Some(Duration::from_secs(600)));
    assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
    for wrong in ["", "20", "s", "-1s", "1.5s", "20 s", "20S", "99999999999999999999s", "18446744073709551615h", "٢s"]
    {
        assert_eq!(parse_duration(wrong), None, "{wrong}");
    }
}

#[test]
fn deep_nesting_and_many_errors_are_limited() {
    let deep = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&deep).has_errors());
    let report = read(&"= =\n".repeat(100_000));
    assert!(report.render(false).len() < 100_000);
}

#[test]
fn a_table_without_fixed_keys_has_strings_or_lists() {
    let mut report = Report::new();
    let mut root = parse(&Source::new("x.toml", "[a]\nunit = 'x'\nverb = ['y', 'z']\nodd = [1]\n[b]\n"), &mut report);
    let a = root.table("a", &mut report).unwrap().lists_by_key(&mut report);
    let values = |list: &Vec<Spanned<String>>| list.iter().map(|value| value.value.clone()).collect::<Vec<_>>();
    let found: Vec<(&str, Vec<String>)> = a.iter().map(|(key, list)| (key.value.as_str(), values(list))).collect();
    assert!(found.contains(&("unit", vec!["x".into()])) && found.contains(&("verb", vec!["y".into(), "z".into()])));
    assert_eq!(root.table("b", &mut report).unwrap().lists_by_key(&mut report), []);
    assert_snapshot!(report.lines().join("\n"), @r#"
    x.toml:4:8: `odd`: expected a string in the list, found an integer (write `odd = ["…", "…"]`)
    x.toml:5:1: [b] is empty (remove it)
    "#);
}

/// Text fragments that form a configuration more often than random text does.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,3}",
        proptest::sample::select(vec![
            "[agent]",
            "[[rule]]",
            "[[",
            "]]",
            "\n",
            "\r\n",
            "id",
            "action",
            "unit",
            " = ",
            "\"",
            "'''",
            "\"\"\"",
            "{",
            "}",
            ",",
            "1",
            "\"a\"",
            "true",
            "1979-05-27",
            "0x",
            ".",
            "#",
            "\u{feff}",
            "\\u0000",
            "inf",
            "rule",
            "agent",
            "é",
            "\0",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn no_text_panics_and_every_problem_is_inside_the_file(text in pieces()) {
        let report = read(&text);
        for problem in report.problems() {
            if let Some(span) = &problem.at.span {
                prop_assert!(span.start <= span.end && span.end <= text.len());
                prop_assert!(text.is_char_boundary(span.start));
            }
        }
        prop_assert!(report.render(false).lines().count() < 2000);
    }
}

#[test]
fn a_key_is_suggested_if_at_most_two_letters_or_a_third_of_it_differ() {
    let help = |key: &str| {
        let report = read(&format!("[agent]\n{key} = 1\n"));
        let [line] = report.lines().try_into().unwrap();
        line
    };
    for (key, near) in
        [("sockt", "socket"), ("sockxy", "socket"), ("max_regist", ""), ("max_registra", "max_registrations")]
    {
        let found = help(key);
        let suggestion = format!("did you mean `{near}`?");
        assert_eq!(found.contains(&suggestion), !near.is_empty(), "{key}: {found}");
    }
    assert!(help("sxxxet").contains("known here: answer_within, max_registrations, socket, vendor_rules"));
}
