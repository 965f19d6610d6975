//! The marked text of each finding, and the checks of all files together.

use super::entries::ENTRY;
use super::syntax::Lexeme;
use super::*;

/// The codes and the marked texts of a rule.
fn marked(body: &str) -> Vec<(&'static str, String)> {
    let text = format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n");
    let file = File::new("10-x.rules", text.clone().into_bytes());
    let mark = |finding: &Finding| text.get(finding.span.clone().unwrap()).unwrap().to_owned();
    rules::lint(&file, &Script::of(&text), target(126)).iter().map(|finding| (finding.code.id, mark(finding))).collect()
}

#[test]
fn a_finding_marks_the_part_that_is_wrong() {
    for (body, code, text) in [
        ("return polkit.Result.Yes;", "PG012", "polkit.Result.Yes"),
        ("return polkit.YES;", "PG012", "polkit.YES"),
        ("if (subject.inactive) { return \"no\"; }", "PG015", "subject.inactive"),
        ("if (action.startsWith(\"a\")) { return \"no\"; }", "PG014", "action.startsWith"),
        ("var x = new Set();", "PG019", "new Set"),
        ("var x = Object.values(subject);", "PG019", "Object.values"),
        ("var x = \"a\".padStart(3);", "PG019", "padStart"),
        ("polkit.spawn([\"/bin/true\"]);", "PG021", "polkit.spawn"),
        ("return \"YES\";", "PG011", "\"YES\""),
        ("return true;", "PG010", "true"),
        ("return 7;", "PG010", "7"),
        ("return new String(\"yes\");", "PG010", "new String"),
        ("return [\"yes\"];", "PG010", "[\"yes\"]"),
        ("return subject.isInGroup(\"a\");", "PG010", "subject.isInGroup(\"a\")"),
        ("return subject.local;", "PG010", "subject.local"),
        ("if (action.lookup(\"unit\").length) { return \"no\"; }", "PG013", "action.lookup(\"unit\").length"),
        ("if (action.lookup(\"a\") == \"b\") { return \"auth_self_keep\"; }", "PG016", "\"auth_self_keep\""),
        ("if (action.id == \"org.libvirt.api.x.y\") { return \"auth_self\"; }", "PG017", "\"auth_self\""),
        ("if (subject.local) { return \"yes\"; }", "PG018", "subject.local"),
    ] {
        let found = marked(body);
        assert!(found.iter().any(|(of, mark)| *of == code && mark == text), "{body}: {found:?}");
    }
}

#[test]
fn the_first_of_several_conditions_on_the_session_is_marked() {
    let found = marked("if (subject.local) { return \"yes\"; }\nif (subject.local) { return \"no\"; }");
    assert_eq!(found.iter().filter(|(code, _)| *code == "PG018").count(), 1);
}

#[test]
fn systemd_passes_unit_and_verb_together() {
    let uses = "action.lookup(\"unit\").length";
    for tested in ["unit", "verb"] {
        let body = format!("if (action.lookup(\"{tested}\") == \"x\" && {uses}) {{ return \"no\"; }}");
        assert_eq!(rule(&body), CLEAN, "{tested}");
    }
    let late = format!("if ({uses} && action.lookup(\"verb\") == \"x\") {{ return \"no\"; }}");
    assert_eq!(rule(&late), [("PG013", 2)], "the test comes too late");
    let other = format!("if (action.lookup(\"other\") == \"x\" && {uses}) {{ return \"no\"; }}");
    assert_eq!(rule(&other), [("PG013", 2)]);
}

#[test]
fn libvirt_always_passes_the_names_of_its_objects() {
    let with = |action: &str, key: &str| {
        rule(&format!("if (action.id == \"{action}\" && action.lookup(\"{key}\").length) {{ return \"no\"; }}"))
    };
    for (object, key) in [
        ("domain", "domain_name"),
        ("domain", "domain_uuid"),
        ("domain", "connect_driver"),
        ("network", "network_name"),
        ("storage-pool", "pool_uuid"),
        ("storage-vol", "vol_key"),
        ("storage-vol", "pool_name"),
        ("interface", "interface_name"),
        ("node-device", "node_device_name"),
    ] {
        assert_eq!(with(&format!("org.libvirt.api.{object}.read"), key), CLEAN, "{object} {key}");
    }
    for (action, key) in [
        ("org.libvirt.api.network.read", "domain_name"),
        ("org.libvirt.api.storage-pool.read", "vol_key"),
        ("org.libvirt.unix.manage", "connect_driver"),
        ("org.example.domain.read", "domain_name"),
    ] {
        assert_eq!(with(action, key), [("PG013", 2)], "{action} {key}");
    }
}

/// The codes, the files and the lines of all files together.
fn all(files: &[(&str, &str)], version: u32) -> Vec<(&'static str, usize, usize)> {
    let files: Vec<File> = files.iter().map(|(name, text)| File::new(name, text.as_bytes().to_vec())).collect();
    let (findings, _) = lint(&files, &parse(&files), target(version), &Registered::new());
    let line =
        |finding: &Finding| finding.span.as_ref().map_or(0, |span| files[finding.file].source.position(span.start).0);
    findings.iter().map(|finding| (finding.code.id, finding.file, line(finding))).collect()
}

const DECIDES: &str =
    "polkit.addRule(function (action) {\n    if (action.id == \"org.a.run\") { return \"no\"; }\n});\n";

#[test]
fn findings_have_the_order_of_their_files_and_places() {
    let odd = "polkit.addRule(function (action, subject) {\n    if (subject.inactive) { return \"YES\"; }\n});\n";
    let pkla = ENTRY.replace("ResultAny=yes", "ResultAny=yes ");
    let files =
        [("10-a.rules", DECIDES), ("20-b.rules", odd), ("30-c.rules", DECIDES), ("x.pkla", &*pkla), ("x.txt", odd)];
    let found = all(&files, 126);
    for wanted in [("PG015", 1, 2), ("PG011", 1, 2), ("PG022", 2, 2), ("PG031", 3, 4)] {
        assert!(found.contains(&wanted), "{wanted:?}: {found:?}");
    }
    assert!(found.iter().all(|(_, file, _)| *file < 4), "a file of an unknown kind is not checked");
    let places: Vec<_> = found.iter().map(|(_, file, line)| (*file, *line)).collect();
    assert!(places.is_sorted(), "{found:?}");
}

#[test]
fn polkit_0_105_reads_no_rules() {
    let pkla = ENTRY.replace("ResultAny=yes", "ResultAny=yes ");
    let files = [("10-a.rules", DECIDES), ("20-b.rules", DECIDES), ("x.pkla", &*pkla)];
    let found = all(&files, 105);
    assert_eq!(found.iter().filter(|(_, file, _)| *file < 2).count(), 0, "{found:?}");
    assert!(found.contains(&("PG031", 2, 4)), "{found:?}");
}

#[test]
fn a_kind_is_known_by_the_name_or_the_first_line() {
    let kinds = ["a.rules", "a.pkla", "a.toml", "a.txt", "rules"].map(FileKind::of_name);
    assert_eq!(FileKind::of_name("usr/share/polkit-policy-gen/mechanisms.d/a.toml"), Some(FileKind::Mechanism));
    assert_eq!(kinds, [Some(FileKind::Rules), Some(FileKind::Pkla), Some(FileKind::Policy), None, None]);
    for (text, kind) in [
        ("[[grant]]\n", FileKind::Policy),
        ("# c\n\n  [libvirt]\n", FileKind::Policy),
        ("\u{feff}[group]\n[[grant]]\n", FileKind::Pkla),
        ("// c\n[[grant]]\n", FileKind::Rules),
        ("", FileKind::Rules),
    ] {
        assert_eq!(FileKind::of_content(text), kind, "{text:?}");
    }
}

#[test]
fn the_span_of_a_line_has_no_blanks_at_its_ends() {
    let source = Source::new("x", "a\n  b c \r\n\n   \nlast");
    let span = |line| source.text().get(line_span(&source, line)).unwrap().to_owned();
    assert_eq!([span(1), span(2), span(5)], ["a", "b c", "last"]);
    assert_eq!([line_span(&source, 3), line_span(&source, 4)], [10..11, 11..12], "one byte of a line without text");
}

#[test]
fn an_unknown_fact_at_load_is_described() {
    assert_eq!(unknown_at_load("program /bin/x -a"), "the output of a program that is not run: /bin/x -a");
    assert_eq!(unknown_at_load("netgroup ops"), "the members of the netgroup ops");
    assert_eq!(unknown_at_load("the time"), "the time");
}

#[test]
fn a_finding_becomes_a_problem_of_its_level_at_its_place() {
    let source = Source::new("x", "one\ntwo\n");
    let shown = |finding: Finding| {
        let mut report = polkit_config::report::Report::new();
        report.add_source(&source);
        report.push(finding.problem(&source));
        (report.has_errors(), report.lines().remove(0))
    };
    let level = |level| codes::ALL.iter().find(|code| code.level == level).unwrap();
    let (is_error, line) = shown(Finding::at(level(Level::Error), 4..7, "wrong"));
    assert!(is_error && line.starts_with("x:2:1: wrong ("), "{line}");
    let (is_error, line) = shown(Finding::of_file(level(Level::Warning), 0, "odd"));
    assert!(!is_error && line.starts_with("x: odd ("), "{line}");
    assert!(!shown(Finding::of_file(level(Level::Note), 0, "note")).0);
}

/// The kinds and the texts of the tokens.
fn tokens_of(text: &str) -> Vec<String> {
    let shown = |token: &syntax::Placed<'_>| {
        let source = text.get(token.span.clone()).unwrap();
        match &token.lexeme {
            Lexeme::Word(_) | Lexeme::Number => format!("word {source}"),
            Lexeme::Text(text) => format!("text {text}"),
            Lexeme::Sign(sign) => format!("sign {sign}"),
            _ => format!("other {source}"),
        }
    };
    Script::of(text).tokens.iter().map(shown).collect()
}

#[test]
fn comments_end_at_their_first_end() {
    assert_eq!(tokens_of("a /* b */ c /* d */ e"), ["word a", "word c", "word e"]);
    assert_eq!(tokens_of("a // b\nc // d"), ["word a", "word c"]);
    assert_eq!(tokens_of("a /* b"), ["word a"]);
}

#[test]
fn a_slash_after_a_value_is_a_division() {
    assert_eq!(tokens_of("a / b / c"), ["word a", "sign /", "word b", "sign /", "word c"]);
    assert_eq!(tokens_of("f(/a/)"), ["word f", "sign (", "other /a/", "sign )"]);
    assert_eq!(tokens_of("return /a/"), ["word return", "other /a/"]);
    assert_eq!(tokens_of("(a) / b"), ["sign (", "word a", "sign )", "sign /", "word b"]);
    assert_eq!(tokens_of("= /[/]a/;"), ["sign =", "other /[/]a/", "sign ;"]);
    assert_eq!(tokens_of("= /]a/ + b"), ["sign =", "other /]a/", "sign +", "word b"]);
    assert_eq!(tokens_of(r"= /\/a/"), ["sign =", r"other /\/a/"]);
    assert_eq!(tokens_of("= /a\nb"), ["sign =", "other /a", "word b"]);
}

#[test]
fn a_string_ends_at_its_quote_or_its_line() {
    assert_eq!(tokens_of("'a\"b' \"c'd\""), ["text a\"b", "text c'd"]);
    assert_eq!(tokens_of(r"'a\'b'"), ["text a'b"]);
    assert_eq!(tokens_of("'a\nb"), ["other 'a", "word b"]);
    assert_eq!(tokens_of("`a\nb` c"), ["other `a\nb`", "word c"]);
}

#[test]
fn a_mistake_in_a_later_line_than_the_engine_reports_is_named() {
    let why = |text: &str| compile::why(&Script::of(text), 1).map(|why| (why.message, why.span));
    let comment = "`#` does not start a comment".to_owned();
    assert_eq!(why("x = 1;\n# managed\n"), Some((comment, Some(7..16))));
}

#[test]
fn an_unknown_property_is_a_mistake_unless_it_is_assigned() {
    assert_eq!(rule("if (subject.inactive == true) { return \"no\"; }"), [("PG015", 2)]);
    assert_eq!(rule("if (subject.inactive === true) { return \"no\"; }"), [("PG015", 2)]);
    assert_eq!(rule("subject.inactive = true;"), CLEAN);
}

#[test]
fn the_name_of_a_missing_group_is_marked() {
    let names = Names::Root(polkit_config::names::Tree::parse("", "libvirt:x:100:\n"));
    let text = "subject.isInGroup(\"libvirtd\")";
    let file = File::new("a.rules", text.as_bytes().to_vec());
    let found = groups::lint(&parse(&[File::new("x.pkla", Vec::new()), file]), &names).unwrap();
    let marks: Vec<_> =
        found.iter().map(|finding| (finding.file, text.get(finding.span.clone().unwrap()).unwrap())).collect();
    assert_eq!(marks, [(1, "\"libvirtd\"")]);
}
