//! Findings from the tokens of a rule, and from the keys of an entry: each condition alone.

use super::entries::ENTRY;
use super::*;

/// The codes of a rule.
fn codes(body: &str) -> Vec<&'static str> {
    rule(body).into_iter().map(|(code, _)| code).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn authentication_is_a_refusal_for_access_control_alone() {
    let asks = |condition: &str, result: &str| codes(&format!("if ({condition}) {{ return {result}; }}"));
    let (api, unix) = ("action.id == 'org.libvirt.api.domain.start'", "action.id == 'org.libvirt.unix.manage'");
    for result in ["'auth_self'", "'auth_admin_keep'", "polkit.Result.AUTH_ADMIN"] {
        assert_eq!(asks(api, result), ["PG017"], "{result}");
        assert_eq!(asks(&format!("{api} || {unix}"), result), NONE, "{result}");
    }
    for result in ["'yes'", "'no'", "'auth_'", "polkit.Result.NO"] {
        assert!(!asks(api, result).contains(&"PG017"), "{result}");
    }
    assert_eq!(asks("action.id.indexOf('org.libvirt.api.') == 0", "'auth_self'"), ["PG017"]);
}

#[test]
fn a_kept_result_is_kept_for_all_details() {
    let keeps = |result: &str| codes(&format!("if (action.lookup('unit') == 'a') {{ return {result}; }}"));
    for result in ["'auth_self_keep'", "'auth_admin_keep'", "polkit.Result.AUTH_SELF_KEEP"] {
        assert_eq!(keeps(result), ["PG016"], "{result}");
    }
    for result in ["'auth_self'", "'auth_admin'", "'yes'"] {
        assert_eq!(keeps(result), NONE, "{result}");
    }
}

#[test]
fn a_return_of_another_value_is_named() {
    let message = |value: &str| {
        let text = format!("polkit.addRule(function (action, subject) {{\nreturn {value};\n}});\n");
        let file = File::new("10-x.rules", text.into_bytes());
        let found = rules::lint(&file, &Script::of(file.source.text()), target(126));
        found.into_iter().filter(|finding| finding.code.id == "PG010").map(|finding| finding.message.to_string()).next()
    };
    let of = |text: &str| Some(format!("{text} is returned"));
    assert_eq!([message("true"), message("7")], [of("true"), of("7")]);
    assert_eq!(
        [message("new String('yes')"), message("['yes']"), message("{a: 1}")],
        [(); 3].map(|()| of("an object"))
    );
    let truth = ["subject.local", "subject.active", "subject.isInGroup('a')", "subject.isInNetGroup('a')"];
    assert_eq!(truth.map(message), [(); 4].map(|()| of("true or false")));
    for value in
        ["false", "0", "null", "subject.user", "subject.local ? 'yes' : 'no'", "['yes'][0]", "7 + a", "{a: 'yes'}.a"]
    {
        assert_eq!(message(value), None, "{value}");
    }
}

#[test]
fn an_unknown_result_is_found_unless_the_name_belongs_to_another_object() {
    for body in
        ["return polkit.YES;", "return polkit.NOT_HANDLED;", "return polkit.Result.Yes;", "return polkit.Result.ASK;"]
    {
        assert_eq!(codes(body), ["PG012"], "{body}");
    }
    for body in ["return a.polkit.YES;", "polkit.YES = 'yes';", "polkit.log('x');", "return polkit.Result['YES'];"] {
        assert_eq!(codes(body), NONE, "{body}");
    }
}

#[test]
fn names_that_duktape_lacks_are_found_where_they_are_used() {
    for body in [
        "var a = new Set();",
        "var a = new Promise(f);",
        "var a = Object.values(b);",
        "var a = Array.from(b);",
        "var a = b.padStart(2);",
        "var a = b.c.findIndex(f);",
    ] {
        assert_eq!(codes(body), ["PG019"], "{body}");
        let text = format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n");
        assert!(!found("10-x.rules", &text, 122).iter().any(|(code, _)| *code == "PG019"), "{body}: another engine");
    }
    for body in [
        "if (typeof Set == 'function') { var a = new Set(); }",
        "var a = Set;",
        "var a = b.Object.values(c);",
        "var a = Object.values;",
        "var a = Object.keys(b);",
        "var a = b.padStart;",
        "var a = padStart(2);",
    ] {
        assert_eq!(codes(body), NONE, "{body}");
    }
}

#[test]
fn a_detail_is_tested_before_it_is_used() {
    let use_of = |key: &str| format!("action.lookup('{key}').indexOf('a') == 0");
    let with = |condition: &str| codes(&format!("if ({condition}) {{ return 'yes'; }}"));
    assert_eq!(with(&use_of("reader")), ["PG013"]);
    assert_eq!(with(&format!("action.lookup('reader') && {}", use_of("reader"))), NONE);
    assert_eq!(with(&format!("action.lookup('unit') && {}", use_of("verb"))), NONE, "systemd passes both");
    assert_eq!(with(&format!("{} && action.lookup('verb')", use_of("unit"))), ["PG013"], "the test comes too late");
    assert_eq!(with(&format!("action.lookup('device') && {}", use_of("reader"))), ["PG013"]);
}

#[test]
fn an_exception_of_a_program_is_caught_by_a_try_before_it() {
    let spawn = "polkit.spawn(['/bin/a']);";
    assert_eq!(codes(spawn), ["PG021"]);
    assert_eq!(codes(&format!("try {{ {spawn} }} catch (e) {{ return null; }}")), NONE);
}

#[test]
fn a_name_with_three_digits_sorts_too_early() {
    let early = |name: &str| !found(name, "", 126).is_empty();
    assert!(early("100-a.rules") && early("/etc/polkit-1/rules.d/0001-a.rules"));
    assert!(!early("10-a.rules") && !early("9-a.rules") && !early("abc-a.rules") && !early("1a0-a.rules"));
}

#[test]
fn the_identity_default_has_a_meaning_for_pkla_compat_alone() {
    let with = |version| found("x.pkla", &ENTRY.replace("unix-user:bob", "default"), version);
    assert_eq!(with(105), [("PG032", 2)]);
    assert_eq!([with(106), with(122)], [CLEAN; 2]);
}

#[test]
fn an_identity_that_matches_no_user_says_why() {
    let why = |identity: &str| {
        let text = ENTRY.replace("unix-user:bob", identity);
        let file = File::new("x.pkla", text.into_bytes());
        let found = pkla::lint(&file, target(122), &KnownActions::new(std::iter::empty()));
        found.first().map(|finding| finding.message.to_string())
    };
    for (identity, expected) in [
        ("bob", "does not begin with unix-user:, unix-group: or unix-netgroup:"),
        ("unix-user:33", "is a number, but entries are compared by name"),
        ("unix-group:33", "is a number, but entries are compared by name"),
        ("unix-user:a b", "contains a character that names cannot have and that has no special meaning"),
        ("unix-user:a,b", "contains a character that names cannot have and that has no special meaning"),
        ("unix-user:a#b", "contains a character that names cannot have and that has no special meaning"),
        ("unix-user:a'b", "contains a character that names cannot have and that has no special meaning"),
    ] {
        assert_eq!(why(identity), Some(format!("`{identity}` {expected}")), "{identity}");
    }
    for identity in ["unix-user:", "unix-x:a", "*bob", "unix-user:3a", "unix-group:w?"] {
        assert_eq!(why(identity), None, "{identity}");
    }
}

#[test]
fn a_later_entry_removes_results_that_it_does_not_have() {
    let later = |results: &str| {
        let text = format!("{ENTRY}[b]\nIdentity=unix-user:bob\nAction=org.example.*\n{results}");
        found("x.pkla", &text, 122).into_iter().any(|finding| finding == ("PG037", 1))
    };
    let (any, inactive, active) = ("ResultAny=no\n", "ResultInactive=no\n", "ResultActive=no\n");
    assert!(
        later(&format!("{inactive}{active}")) && later(&format!("{any}{active}")) && later(&format!("{any}{inactive}"))
    );
    assert!(!later(&format!("{any}{inactive}{active}")));
    let other = format!("{ENTRY}[b]\nIdentity=unix-user:eve\nAction=org.example.*\nResultAny=no\n");
    assert!(!found("x.pkla", &other, 122).iter().any(|(code, _)| *code == "PG037"));
}
