use polkit_config::names::Names;

use super::*;
use crate::check::known_actions::KnownActions;
use crate::target::Pkla;

#[path = "tests/compile.rs"]
mod compile_errors;
#[path = "tests/entries.rs"]
mod entries;
#[path = "tests/loading.rs"]
mod loading;
#[path = "tests/packages.rs"]
mod packages;
#[path = "tests/places.rs"]
mod places;
#[path = "tests/reading.rs"]
mod reading;
#[path = "tests/requests.rs"]
mod requests;
#[path = "tests/tokens.rs"]
mod tokens;

fn target(version: u32) -> Target {
    let javascript = if version >= 126 { JavaScript::Duktape } else { JavaScript::Mozilla };
    let pkla = if version < 106 { Pkla::Native } else { Pkla::Compat };
    Target { version: Version(version), pkla, javascript }
}

fn found(name: &str, text: &str, version: u32) -> Vec<(&'static str, usize)> {
    let file = File::new(name, text.as_bytes().to_vec());
    let findings = if file.is_rules() {
        rules::lint(&file, &Script::of(file.source.text()), target(version))
    } else {
        pkla::lint(&file, target(version), &KnownActions::new(std::iter::empty()))
    };
    findings
        .iter()
        .map(|finding| {
            let line = finding.span.as_ref().map_or(0, |span| file.source.position(span.start).0);
            (finding.code.id, line)
        })
        .collect()
}

/// Returns the codes of a rule whose body starts in line 2.
fn rule(body: &str) -> Vec<(&'static str, usize)> {
    found("10-x.rules", &format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n"), 126)
}

const CLEAN: [(&str, usize); 0] = [];

#[test]
fn codes_are_sorted_and_unique() {
    let ids: Vec<&str> = codes::ALL.iter().map(|code| code.id).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    assert!(codes::find("pg012").is_some() && codes::find("PG999").is_none());
}

#[test]
fn pg001_names_common_mistakes() {
    let why = |text: &str, line| compile::why(&Script::of(text), line).map(|why| why.message).unwrap_or_default();
    for (text, line, expected) in [
        ("# managed\npolkit.addRule(function () {});\n", 1, "`#` does not start a comment"),
        ("polkit.addRule((action) => {});\n", 1, "an arrow function is newer than ECMAScript 5"),
        ("var a = `b`;\n", 1, "a template literal is newer than ECMAScript 5"),
        ("let a = 1;\n", 1, "`let` is newer than ECMAScript 5"),
        ("for (var a of b) {}\n", 1, "`for … of` is newer than ECMAScript 5"),
        ("\nif action.id == \"x\" {\n}\n", 2, "the condition of `if` needs parentheses"),
        ("f(function () {\n  if ((a ||\n      b) {\n  }\n});\n", 3, "the `(` in line 2 is not closed"),
        ("f(function () {\n});\n}\n", 3, "the `}` in line 3 closes nothing"),
        ("f(function () {\n  if (a) {\n});\n", 3, "the `{` in line 1 is not closed"),
        ("var a = \"(\" // {\n  @;\n", 2, "the character `@` has no meaning here"),
        ("if (a and b) {\n}\n", 1, "`and` is not an operator: `&&` is meant"),
        ("f(function () {\n  return a or b;\n});\n", 2, "`or` is not an operator: `||` is meant"),
        ("if (not a) {\n}\n", 1, "`not` is not an operator: `!` is meant"),
        ("if (a) then {\n}\n", 1, "`then` is not a keyword: put statements between `{` and `}`"),
        ("if (a) {\n} elif (b) {\n}\n", 2, "`elif` is not a keyword: `else if` is meant"),
        (
            "f(function () {\n  if (a.b(\"c\")) == 0 && d) { e; }\n});\n",
            2,
            "one `)` too many: the condition ends before `==`",
        ),
        ("if (a) && (b) {\n}\n", 1, "one `)` too many: the condition ends before `&&`"),
        ("var a = {\n  \"b\": 1\n  \"c\": 2\n};\n", 3, "a `,` is missing after the property in line 2"),
        ("var a = [\n  \"b\"\n  \"c\"\n];\n", 3, "a `,` is missing after the item in line 2"),
        ("var a = {b: 1; c: 2};\n", 1, "a list is separated by `,`, and not by `;`"),
        ("f(function (a b) {\n});\n", 1, "an operator or a `,` is missing before `b`"),
        ("if (a == \"b) {\n}\n", 1, "the string is not closed in its line"),
        ("if (a == “b”) {\n}\n", 1, "`“` is not a quotation mark of JavaScript"),
        ("if (a &&) {\n}\n", 1, "a value is missing before `)`"),
        ("if (a) {\n  b;\n}; else { c; }\n", 3, "`else` does not follow the statement of an `if`"),
        ("if (a == b {\n}\n", 1, "the `(` in line 1 is not closed"),
        ("if (a b) {\n}\n", 1, "an operator or a `,` is missing before `b`"),
        ("f({\n  a: b,\n  c: d\n);\n", 4, "the `{` in line 1 is not closed"),
        ("var a = 1;\n", 1, ""),
    ] {
        assert_eq!(why(text, line), expected, "{text}");
    }
}

#[test]
fn pg010_returns_of_values_that_are_not_strings() {
    for wrong in ["true", "1", "[\"yes\"]", "{a: 1}", "new String(\"yes\")", "subject.isInGroup(\"a\")"] {
        assert_eq!(rule(&format!("return {wrong};")), [("PG010", 2)], "{wrong}");
    }
    for right in [
        "return;",
        "return null;",
        "return 0;",
        "return false;",
        "return \"yes\";",
        "return [\"yes\"][0];",
        "return {a: \"yes\"}[action.id];",
        "return subject.isInGroup(\"a\") ? \"yes\" : null;",
        "return subject.isInGroup(\"a\") && \"yes\";",
        "var f = function () { return true; }; return f() ? \"yes\" : null;",
        "return [1].some(function () { return true; }) ? \"yes\" : null;",
    ] {
        assert_eq!(rule(right), CLEAN, "{right}");
    }
    // The results of other functions do not matter.
    assert_eq!(found("a.rules", "function helper() { return true; }\n", 126), CLEAN);
}

#[test]
fn pg011_strings_that_are_not_results() {
    assert_eq!(rule("return \"YES\";"), [("PG011", 2)]);
    assert_eq!(rule("return 'yes ';"), [("PG011", 2)]);
    assert_eq!(rule("return \"auth_admin\";"), CLEAN);
    assert_eq!(rule("return \"yes;"), CLEAN, "a string that is not closed is no result: the engine reports it");
    assert_eq!(rule("return \"\";"), CLEAN);
}

#[test]
fn pg012_unknown_names_of_polkit_result() {
    assert_eq!(rule("return polkit.Result.Yes;"), [("PG012", 2)]);
    assert_eq!(rule("return polkit.YES;"), [("PG012", 2)]);
    assert_eq!(rule("return polkit.Result.NOT_HANDLED || polkit.Result.YES;"), CLEAN);
    assert_eq!(rule("// polkit.Result.Yes\nvar text = \"polkit.Result.Yes\", pattern = /polkit.Result.Yes/;"), CLEAN);
}

#[test]
fn pg013_details_used_without_a_test() {
    assert_eq!(rule("if (action.lookup(\"unit\").indexOf(\"a\") == 0) { return \"yes\"; }"), [("PG013", 2)]);
    assert_eq!(
        rule("if (action.lookup(\"unit\") && action.lookup(\"unit\").indexOf(\"a\") == 0) { return \"yes\"; }"),
        CLEAN
    );
    assert_eq!(rule("if (action.lookup(\"unit\") == \"a\") { return \"yes\"; }"), CLEAN);
}

#[test]
fn pg014_unknown_methods_of_action() {
    assert_eq!(rule("if (action.startsWith(\"org.\")) { return \"yes\"; }"), [("PG014", 2)]);
    assert_eq!(rule("if (action.id.indexOf(\"org.\") == 0) { polkit.log(action.toString()); }"), CLEAN);
    // The parameters may have other names.
    let renamed = "polkit.addRule(function (a, s) { if (a.match(/x/) && s.inactive) { return \"yes\"; } });";
    assert_eq!(found("a.rules", renamed, 126), [("PG014", 1), ("PG015", 1)]);
}

#[test]
fn pg015_unknown_properties_of_subject() {
    assert_eq!(rule("if (subject.inactive) { return \"yes\"; }"), [("PG015", 2)]);
    assert_eq!(
        rule("subject.seen = 1; if (subject.user == \"a\" && subject.groups.length) { return \"yes\"; }"),
        CLEAN
    );
}

#[test]
fn pg016_kept_results_that_depend_on_details() {
    assert_eq!(rule("if (action.lookup(\"unit\") == \"a\") { return polkit.Result.AUTH_ADMIN_KEEP; }"), [("PG016", 2)]);
    assert_eq!(rule("if (action.lookup(\"unit\") == \"a\") { return polkit.Result.AUTH_ADMIN; }"), CLEAN);
    assert_eq!(rule("return polkit.Result.AUTH_ADMIN_KEEP;"), CLEAN);
}

#[test]
fn pg017_authentication_that_libvirt_cannot_request() {
    assert_eq!(rule("if (action.id == \"org.libvirt.api.domain.start\") { return \"auth_self\"; }"), [("PG017", 2)]);
    assert_eq!(rule("if (action.id == \"org.libvirt.api.domain.start\") { return \"yes\"; }"), CLEAN);
    assert_eq!(rule("if (action.id == \"org.libvirt.unix.manage\") { return \"auth_self\"; }"), CLEAN);
}

#[test]
fn pg018_session_conditions_that_exclude_services() {
    assert_eq!(rule("if (subject.local) { return \"yes\"; }"), [("PG018", 2)]);
    for right in [
        // The rule decides for both.
        "!subject.local) { return \"no\"; } if (subject.active",
        // The rule is for users at the seat.
        "subject.local && subject.active",
        "subject.session",
        "!subject.local",
        "subject.active !== true",
        "subject.local == false",
    ] {
        assert_eq!(rule(&format!("if ({right}) {{ return \"yes\"; }}")), CLEAN, "{right}");
    }
}

#[test]
fn pg019_names_missing_in_duktape() {
    for wrong in ["new Set([1])", "Object.values(subject)", "Array.from(subject.groups)", "\"a\".padStart(3)"] {
        assert_eq!(rule(&format!("var x = {wrong};")), [("PG019", 2)], "{wrong}");
    }
    assert_eq!(rule("var x = Object.keys(subject), Map = 1, y = a.values();"), CLEAN);
    assert_eq!(rule("var x = typeof Set == \"function\" ? new Set() : null;"), CLEAN);
    assert_eq!(found("a.rules", "var x = new Set();", 115), CLEAN);
}

#[test]
fn pg020_file_names_that_sort_too_early() {
    assert_eq!(found("d/100-libvirt-acl.rules", "", 126), [("PG020", 0)]);
    assert_eq!(found("d/50-libvirt-acl.rules", "", 126), CLEAN);
}

#[test]
fn pg021_spawn_without_catch() {
    assert_eq!(rule("polkit.spawn([\"/bin/true\"]);"), [("PG021", 2)]);
    assert_eq!(rule("try { polkit.spawn([\"/bin/true\"]); } catch (error) { return null; }"), CLEAN);
    let late = "polkit.spawn([\"/bin/true\"]);\ntry { subject.isInGroup(\"vm\"); } catch (error) { return null; }";
    assert_eq!(rule(late), [("PG021", 2)], "a later try catches nothing");
}

/// Returns the codes and lines of findings in a second file.
fn after(earlier: &str, later: &str) -> Vec<(&'static str, usize)> {
    let rule = |body: &str| format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n").into_bytes();
    let files = [File::new("10-a.rules", rule(earlier)), File::new("20-b.rules", rule(later))];
    let line = |finding: &Finding| {
        assert_eq!(finding.file, 1, "{finding:?}");
        files[1].source.position(finding.span.as_ref().unwrap().start).0
    };
    shadow::lint(&parse(&files)).iter().map(|finding| (finding.code.id, line(finding))).collect()
}

#[test]
fn pg022_rules_that_are_never_run() {
    let later = "if (action.id == \"org.a\" && subject.user == \"bob\") { return \"yes\"; }";
    for always in [
        "if (action.id == \"org.a\") { return polkit.Result.NO; }",
        "if (action.id === 'org.b' || action.id === 'org.a') return \"auth_admin\";",
        "var unit = action.lookup(\"unit\");\npolkit.log(\"asked\");\nif (action.id == \"org.a\") { return \"no\"; }",
        "if (action.id == \"org.b\") { return \"no\"; }\nif (action.id == \"org.a\") { return \"no\"; }\nreturn null;",
    ] {
        assert_eq!(after(always, later), [("PG022", 2)], "{always}");
    }
    for not_always in [
        "if (action.id == \"org.a\" && subject.isInGroup(\"vm\")) { return \"yes\"; }",
        "if (action.id != \"org.a\") { return \"yes\"; }",
        "if (action.id == \"org.a\" && action.id == \"org.b\") { return \"yes\"; }",
        "if (action.id == \"org.a\" | action.id == \"org.b\") { return \"yes\"; }",
        "if (action.id == \"org.a\") { return polkit.Result.NOT_HANDLED; }",
        "if (action.id == \"org.a\") { return answer; }",
        "if (action.id == \"org.a\") { polkit.log(\"asked\"); }",
        "if (action.id == \"org.a.b\") { return \"yes\"; }",
        "if (subject.local) { return null; }\nif (action.id == \"org.a\") { return \"yes\"; }",
        "if (subject.local) { if (action.id == \"org.a\") { return \"yes\"; } }",
        "var f = g();\nif (action.id == \"org.a\") { return \"yes\"; }",
        "// if (action.id == \"org.a\") { return \"yes\"; }",
    ] {
        assert_eq!(after(not_always, later), CLEAN, "{not_always}");
    }
    let says = "if (action.id == \"org.a\") { return \"no\"; }";
    assert_eq!(after(says, "if (action.id != \"org.a\") { return \"no\"; }"), CLEAN);
}

#[test]
fn pg023_groups_with_another_name() {
    let names = Names::Root(polkit_config::names::Tree::parse("", "libvirt:x:100:\nsudo:x:27:\n"));
    let found = |rule: &str| {
        let file = File::new("a.rules", rule.as_bytes().to_vec());
        groups::lint(&parse(&[file]), &names).unwrap().iter().map(|finding| finding.code.id).collect::<Vec<_>>()
    };
    assert_eq!(found("subject.isInGroup(\"libvirtd\") || subject.isInGroup('wheel')"), ["PG023", "PG023"]);
    assert!(found("subject.isInGroup(\"libvirt\") || subject.isInGroup(\"ops\")").is_empty());
    assert!(found("subject.isInGroup(\"lib\" + \"virtd\"); // subject.isInGroup(\"libvirtd\")").is_empty());
}

#[test]
fn pg024_remote_sessions_that_are_active() {
    for wrong in ["subject.active", "subject.active === true", "subject.active != false && subject.isInGroup(\"vm\")"] {
        let codes = rule(&format!("if ({wrong}) {{ return \"yes\"; }}"));
        assert!(codes.contains(&("PG024", 2)), "{wrong}: {codes:?}");
    }
    for right in
        ["subject.active && subject.local", "!subject.active", "subject.active == false", "subject.active !== true"]
    {
        let codes = rule(&format!("if ({right}) {{ return \"no\"; }}"));
        assert!(!codes.contains(&("PG024", 2)), "{right}: {codes:?}");
    }
}

#[test]
fn pg025_sessions_required_of_services() {
    for wrong in ["subject.user == \"www-data\" && subject.active", "subject.local && subject.user === 'nginx'"] {
        let codes = rule(&format!("if ({wrong}) {{ return \"yes\"; }}"));
        assert!(codes.contains(&("PG025", 2)), "{wrong}: {codes:?}");
    }
    for right in [
        "subject.user == \"www-data\" || subject.local",
        "subject.user == \"www-data\" && !subject.active",
        "subject.user == \"alice\" && subject.local",
        "subject.user != \"www-data\" && subject.local",
    ] {
        let codes = rule(&format!("if ({right}) {{ return \"yes\"; }}"));
        assert!(!codes.contains(&("PG025", 2)), "{right}: {codes:?}");
    }
}

#[test]
fn pg013_a_detail_that_is_passed_with_a_tested_one_is_present() {
    let both = "action.lookup(\"verb\") == \"start\" && action.lookup(\"unit\").indexOf(\"a@\") == 0";
    assert_eq!(rule(&format!("if ({both}) {{ return \"yes\"; }}")), CLEAN);
    let nested = "if (action.lookup('verb') == 'start') {\nif (action.lookup('unit').match(/a/)) { return 'yes'; }\n}";
    assert_eq!(rule(nested), CLEAN);
    let other = "action.lookup(\"reader\") == \"a\" && action.lookup(\"unit\").indexOf(\"a\") == 0";
    assert_eq!(rule(&format!("if ({other}) {{ return \"yes\"; }}")), [("PG013", 2)]);
    let libvirt = "action.id == \"org.libvirt.api.domain.start\" && action.lookup(\"domain_name\").indexOf(\"a\") == 0";
    assert_eq!(rule(&format!("if ({libvirt}) {{ return \"yes\"; }}")), CLEAN);
}

#[test]
fn pg015_properties_that_a_version_does_not_have() {
    let codes = |property: &str, version| {
        let text = format!(
            "polkit.addRule(function (action, subject) {{ if (subject.{property} == \"a\") {{ return \"no\"; }} }});"
        );
        found("a.rules", &text, version)
    };
    for (property, since) in [("system_unit", 124), ("no_new_privileges", 124), ("uid", 127)] {
        assert_eq!(codes(property, since - 1), [("PG015", 1)], "{property}");
        assert_eq!(codes(property, since), CLEAN, "{property}");
    }
}
