use super::*;

/// The names in a rule with this body.
fn named(body: &str) -> Named {
    Named::of(&Script::of(&format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n")))
}

fn yes_if(condition: &str) -> Named {
    named(&format!("if ({condition}) {{ return polkit.Result.YES; }}"))
}

fn texts(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

#[test]
fn a_text_is_an_action_a_unit_an_account_or_a_result() {
    let found =
        yes_if("action.id == 'org.a.run' || subject.user == 'bob' || subject.system_unit == 'x.service' || 'no'");
    assert_eq!(texts(&found.actions), ["org.a.run"]);
    assert_eq!(texts(&found.units), ["x.service"]);
    assert_eq!(texts(&found.accounts), ["bob", "no", "x.service"]);
    let start = yes_if("action.id.indexOf('org.a.') == 0");
    assert_eq!(texts(&start.actions), ["org.a.x"], "the start of an id stands for one action");
    let keys = named("return {'org.a.run': 'yes', 'org.a.stop': 'no'}[action.id];");
    assert_eq!(texts(&keys.actions), ["org.a.run", "org.a.stop"]);
}

#[test]
fn an_account_has_1_to_64_bytes_without_control_characters() {
    let longest = "x".repeat(64);
    let accounts = |text: &str| yes_if(&format!("subject.user == '{text}'")).accounts.len();
    assert_eq!([accounts(""), accounts("b"), accounts(&longest), accounts(&format!("{longest}x"))], [0, 1, 1, 0]);
    assert_eq!(accounts("a\u{1}b"), 0);
    assert_eq!(accounts("org.a.run"), 0, "an action is no account");
}

#[test]
fn an_action_has_letters_and_two_dots() {
    for text in ["org.a.run", "com.a-b.c_d", "org.a.b1.c", "org.a.", "io.a.b"] {
        assert!(is_action(text), "{text}");
    }
    for text in ["", "org.a", "o.a.b", "toplevel.a.b", ".org.a.b", "org.a/b.c", "org.a b.c", "1.2", "a..b"] {
        assert!(!is_action(text), "{text}");
    }
}

#[test]
fn a_file_has_a_result_if_it_returns_one_that_decides() {
    for right in ["return polkit.Result.NO;", "return 'auth_admin';", "var r = polkit.Result; return r['x'] || 'yes';"]
    {
        assert!(named(right).has_result, "{right}");
    }
    for none in [
        "return null;",
        "return polkit.Result.NOT_HANDLED;",
        "return polkit.Result.OTHER;",
        "return 'YES';",
        "return action.YES;",
    ] {
        assert!(!named(none).has_result, "{none}");
    }
}

#[test]
fn comparisons_of_texts_are_plain() {
    for plain in [
        "action.id == 'org.a.run' && subject.isInGroup('ops')",
        "action.id !== 'org.a.run' || subject.user != 'bob'",
        "['a', 'b'].indexOf(subject.user) >= 0",
        "['a'].indexOf(subject.user) > -1",
        "subject.local && subject.active",
        "action.lookup('verb') == 'start'",
        "subject.user in {bob: 1}",
    ] {
        assert!(yes_if(plain).is_plain, "{plain}");
    }
    for other in [
        "/^org/.test(action.id)",
        "new RegExp('a').test(action.id)",
        "action.id.length % 2 == 0",
        "subject.pid == 3",
        "action.id.match('a')",
        "subject.user <= 'b'",
        "action.lookup('verb')",
        "list.indexOf(action.lookup('verb')) >= 0",
    ] {
        assert!(!yes_if(other).is_plain, "{other}");
    }
    assert!(!Named::of(&Script::of("this is no rule")).is_plain);
}

/// The values of the detail `verb`.
fn verbs(found: &Named) -> Vec<&str> {
    found.details.get("verb").map(texts).unwrap_or_default()
}

#[test]
fn a_detail_has_the_values_that_it_is_compared_with() {
    for condition in [
        "action.lookup('verb') == 'start' || 'stop' === action.lookup('verb')",
        "['start', 'stop'].indexOf(action.lookup('verb')) >= 0",
        "['start', 'stop'].indexOf(action.lookup('verb'), 0) >= 0",
    ] {
        assert_eq!(verbs(&yes_if(condition)), ["start", "stop"], "{condition}");
    }
    assert_eq!(verbs(&yes_if("action.lookup('verb').indexOf('st') == 0")), ["stx"]);
    assert_eq!(verbs(&yes_if("action.lookup('verb').startsWith('st')")), ["stx"]);
    let body = "var verb = action.lookup('verb'); if (verb == 'start') { return 'yes'; }";
    assert_eq!(verbs(&named(body)), ["start"]);
    let switch = "switch (action.lookup('verb')) { case 'start': return 'yes'; case 'stop': return 'no'; default: return null; }";
    assert_eq!(verbs(&named(switch)), ["start", "stop"]);
    let list = "var all = ['start', 'stop']; if (all.indexOf(action.lookup('verb')) >= 0) { return 'yes'; }";
    assert_eq!((verbs(&named(list)), named(list).is_plain), (vec!["start", "stop"], true));
    let other = "var verb = action.lookup('verb'); var user = subject.user; if (user == 'bob' && verb == 'start') { return 'yes'; }";
    assert_eq!(verbs(&named(other)), ["start"]);
    assert_eq!(yes_if("subject.user == 'bob'").details.len(), 0);
}
