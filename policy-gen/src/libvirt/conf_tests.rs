use proptest::prelude::*;

use super::*;

const SAMPLE: &str =
    "# Master configuration\n\n#auth_unix_rw = \"polkit\"\n\n#access_drivers = [ \"polkit\" ]\nmax_clients = 20\n";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn set(name: &'static str, value: Value) -> Key {
    Key { name, want: DesiredValue::Set(value), why: "" }
}

fn drivers() -> Key {
    set("access_drivers", Value::List(vec![text("polkit")]))
}

#[test]
fn a_key_is_set_below_its_sample_and_unset_again() {
    let edited = apply(SAMPLE, &[drivers(), set("auth_unix_rw", text("none"))], &[]).unwrap();
    assert_eq!(edited.clashes, [""; 0]);
    let lines: Vec<&str> = edited.text.lines().collect();
    assert_eq!(lines[2..5], ["#auth_unix_rw = \"polkit\"", "auth_unix_rw = \"none\" # set by polkit-policy-gen", ""]);
    assert_eq!(lines[6], "access_drivers = [ \"polkit\" ] # set by polkit-policy-gen");
    assert_eq!(value(&edited.text, "auth_unix_rw"), Ok(Some(text("none"))));
    let undone = undo(&edited.text, &edited.ours).unwrap();
    assert_eq!((undone.text.as_str(), undone.clashes.len()), (SAMPLE, 0));
    // Undoing twice changes nothing.
    assert_eq!(undo(SAMPLE, &edited.ours).unwrap().text, SAMPLE);
}

#[test]
fn manual_changes_of_other_lines_are_kept() {
    let edited = apply(SAMPLE, &[drivers()], &[]).unwrap();
    let theirs = edited.text.replace("max_clients = 20", "max_clients = 30\nlog_level = 1");
    let undone = undo(&theirs, &edited.ours).unwrap();
    assert_eq!(undone.text, SAMPLE.replace("max_clients = 20", "max_clients = 30\nlog_level = 1"));
    assert_eq!(undone.clashes, [""; 0]);
}

#[test]
fn a_manual_setting_is_reported_and_restored() {
    let theirs = "a = 1\n  access_drivers = [\n  \"other\",\n]  # mine\nunix_sock_group = 'kvm'";
    let aside = Key { name: "unix_sock_group", want: DesiredValue::Unset, why: "it closes the socket" };
    let edited = apply(theirs, &[drivers(), aside.clone()], &[]).unwrap();
    assert_eq!(
        edited.clashes,
        [
            "line 2: `access_drivers` was set by hand: it is not what the policy's mode needs",
            "line 3: `unix_sock_group` was set by hand: it closes the socket"
        ]
    );
    assert_eq!(value(&edited.text, "unix_sock_group"), Ok(None));
    assert!(edited.text.ends_with("\n# set aside by polkit-policy-gen: unix_sock_group = 'kvm'"), "{}", edited.text);
    let undone = undo(&edited.text, &edited.ours).unwrap();
    assert_eq!(undone.text, theirs);
    // A setting that was replaced once is no conflict again.
    assert_eq!(apply(&undone.text, &[drivers(), aside], &edited.ours).unwrap().clashes, [""; 0]);
}

#[test]
fn a_manual_change_of_an_edited_line_is_reported() {
    let edited = apply(SAMPLE, &[drivers()], &[]).unwrap();
    let changed = edited.text.replace("[ \"polkit\" ] # set", "[] # set");
    assert_eq!(
        undo(&changed, &edited.ours).unwrap().clashes,
        ["line 6: `access_drivers` was changed by hand since it was installed"]
    );
    assert_eq!(undo(&changed, &edited.ours).unwrap().text, SAMPLE);
    // Nothing to do if the line neither existed before nor exists now.
    assert_eq!(undo(SAMPLE, &edited.ours).unwrap().clashes, [""; 0]);
    let replaced = apply("x = 1\n", &[set("x", Value::Number("2".into()))], &[]).unwrap();
    let gone = undo("", &replaced.ours).unwrap();
    assert_eq!(gone.clashes, ["the line of `x` was removed by hand since it was installed"]);
    assert_eq!(gone.text, "x = 1\n");
}

#[test]
fn a_line_that_was_made_longer_is_a_manual_change() {
    let edited = apply("x = 1", &[set("x", Value::Number("2".into()))], &[]).unwrap();
    assert_eq!(edited.text, "x = 2 # set by polkit-policy-gen");
    for (after, clashes) in [("", 0), ("\ny = 3\n", 0), (" and more", 1), ("0\n", 1)] {
        let undone = undo(&format!("{}{after}", edited.text), &edited.ours).unwrap();
        assert_eq!(undone.clashes.len(), clashes, "{after:?}: {undone:?}");
    }
    let before = undo(&format!("y = {}", edited.text), &edited.ours);
    assert!(before.is_err() || before.is_ok_and(|undone| undone.clashes.len() == 1), "not at the start of a line");
}

#[test]
fn both_states_of_an_interrupted_installation_are_recognized() {
    let first = apply("x = 1\n", &[set("x", Value::Number("2".into()))], &[]).unwrap();
    let second = apply("x = 1\n", &[set("x", Value::Number("3".into()))], &first.ours).unwrap();
    let both = [first.ours.clone(), second.ours.clone()].concat();
    for state in ["x = 1\n", &first.text, &second.text] {
        let undone = undo(state, &both).unwrap();
        assert_eq!((undone.text.as_str(), undone.clashes.len()), ("x = 1\n", 0), "{state}");
    }
}

#[test]
fn an_explicit_default_is_kept_and_an_exclusive_key_is_a_conflict() {
    let default = Key { name: "auth_unix_rw", want: DesiredValue::Default(text("polkit")), why: "no" };
    assert_eq!(apply("auth_unix_rw = 'polkit'\n", &[default], &[]).unwrap().clashes, [""; 0]);
    let none = Key { name: "auth_unix_rw", want: DesiredValue::Set(text("none")), why: "no" };
    assert_eq!(apply("auth_unix_rw = 'none'\n", &[none], &[]).unwrap().clashes.len(), 1);
    let shared = apply("auth_unix_rw = 'none'\n", &[set("auth_unix_rw", text("none"))], &[]).unwrap();
    assert_eq!((shared.clashes.len(), shared.ours.len()), (0, 0));
}

#[test]
fn a_file_that_libvirt_cannot_parse_is_not_edited() {
    for (broken, expected) in [
        ("a = 1\nb\n", "libvirt could not parse line 2"),
        ("a = \"x\n\"\n", "libvirt could not parse line 1"),
        ("a = [ 1 2 ]\n", "libvirt could not parse line 1"),
        ("a = 1 b = 2\n", "libvirt could not parse line 1"),
        (
            "access_drivers = []\n#\naccess_drivers = []\n",
            "`access_drivers` is set twice, in the lines 1 and 3: remove one of them",
        ),
    ] {
        assert_eq!(apply(broken, &[drivers()], &[]).unwrap_err(), expected, "{broken}");
    }
}

#[test]
fn a_new_file_is_empty_after_the_undo() {
    let edited = apply("", &[drivers()], &[]).unwrap();
    assert_eq!(edited.text, "access_drivers = [ \"polkit\" ] # set by polkit-policy-gen\n");
    assert_eq!(undo(&edited.text, &edited.ours).unwrap().text, "");
}

#[test]
fn only_the_same_old_line_of_the_same_key_is_no_conflict_again() {
    let number = |text: &str| Value::Number(text.to_owned());
    let known = apply("x = 1\ny = 1\n", &[set("x", number("2")), set("y", number("3"))], &[]).unwrap().ours;
    let clashes = |text: &str, key: &'static str| apply(text, &[set(key, number("9"))], &known).unwrap().clashes;
    assert_eq!([clashes("x = 1\n", "x").len(), clashes("y = 1\n", "y").len()], [0, 0]);
    let why = "it is not what the policy's mode needs";
    assert_eq!(clashes("x = 7\n", "x"), [format!("line 1: `x` was set by hand: {why}")], "another old line");
    assert_eq!(clashes("z = 1\n", "z"), [format!("line 1: `z` was set by hand: {why}")], "another key");
    // The line is that of another key.
    let renamed = [KeyRecord { key: "z".into(), was: Some("x = 1\n".into()), now: String::new() }];
    assert_eq!(apply("x = 1\n", &[set("x", number("9"))], &renamed).unwrap().clashes.len(), 1);
    let unset = [KeyRecord { key: "x".into(), was: None, now: "x = 1\n".into() }];
    assert_eq!(apply("x = 1\n", &[set("x", number("9"))], &unset).unwrap().clashes.len(), 1, "there was no line");
}

#[test]
fn a_record_sets_its_key_only() {
    let record =
        |was: Option<&str>, now: &str| KeyRecord { key: "x".into(), was: was.map(str::to_owned), now: now.into() };
    assert!(record(None, "x = 1\n").is_of_its_key() && record(Some("x = 1\n"), "# x = 1\n").is_of_its_key());
    for (was, now) in [
        (None, "y = 1\n"),
        (None, "x = 1\ny = 1\n"),
        (Some("y = 1\n"), "x = 1\n"),
        (Some("x = 1\ny = 1\n"), "x = 1\n"),
        (None, "no line"),
        (Some("no line"), "x = 1\n"),
    ] {
        assert!(!record(was, now).is_of_its_key(), "{was:?} {now:?}");
    }
}

#[test]
fn a_line_is_placed_below_the_last_sample_of_its_own_key() {
    let placed = |text: &str| apply(text, &[set("x", Value::Number("1".into()))], &[]).unwrap().text;
    let line = "x = 1 # set by polkit-policy-gen\n";
    assert_eq!(
        placed("#x = 2\n#x=3\n#xy = 4\n# about x\n#y = 1\n"),
        format!("#x = 2\n#x=3\n{line}#xy = 4\n# about x\n#y = 1\n")
    );
    assert_eq!(placed("y = 1\n"), format!("y = 1\n{line}"));
    assert_eq!(placed("y = 1"), format!("{line}y = 1"), "the last line has no line break");
    assert_eq!(placed("y = 1\n#x = 2"), format!("{line}y = 1\n#x = 2"), "the sample has no line break");
}

proptest! {
    #[test]
    fn an_undo_restores_every_byte(
        lines in proptest::collection::vec("(#? ?(a|b|c) ?= ?(1|'x'|\"y\"|\\[ 'x',\n 2 \\])( # n)?|#.{0,9}| ?)", 0..8),
        end in "\n?",
    ) {
        let theirs = lines.join("\n") + &end;
        let keys = [set("a", text("ours")), Key { name: "b", want: DesiredValue::Unset, why: "" }, set("d", drivers_value())];
        if let Ok(edited) = apply(&theirs, &keys, &[]) {
            prop_assert_eq!(value(&edited.text, "a").unwrap(), Some(text("ours")));
            prop_assert_eq!(value(&edited.text, "b").unwrap(), None);
            let undone = undo(&edited.text, &edited.ours).unwrap();
            prop_assert_eq!(undone.text, theirs);
            prop_assert_eq!(undone.clashes.len(), 0);
        }
    }
}

fn drivers_value() -> Value {
    Value::List(vec![text("polkit"), Value::Number("1".into())])
}

#[test]
fn lines_removed_by_hand_are_restored_in_the_order_of_their_keys() {
    let record = |key: &str| KeyRecord {
        key: key.to_owned(),
        was: Some(format!("{key} = 1\n")),
        now: format!("{key} = 2 # set by polkit-policy-gen\n"),
    };
    let undone = undo("z = 3\n", &[record("b"), record("a"), record("b")]).unwrap();
    assert_eq!(undone.text, "z = 3\na = 1\nb = 1\n");
    let removed = |key: &str| format!("the line of `{key}` was removed by hand since it was installed");
    assert_eq!(undone.clashes, [removed("a"), removed("b")]);
}
