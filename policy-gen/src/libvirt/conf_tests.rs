use proptest::prelude::*;

use super::*;

const SAMPLE: &str =
    "# Master configuration\n\n#auth_unix_rw = \"polkit\"\n\n#access_drivers = [ \"polkit\" ]\nmax_clients = 20\n";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn set(name: &'static str, value: Value) -> Key {
    Key { name, want: Want::Set(value), why: "" }
}

fn drivers() -> Key {
    set("access_drivers", Value::List(vec![text("polkit")]))
}

#[test]
fn a_key_is_set_below_its_sample_and_taken_back() {
    let edited = apply(SAMPLE, &[drivers(), set("auth_unix_rw", text("none"))], &[]).unwrap();
    assert_eq!(edited.clashes, [""; 0]);
    let lines: Vec<&str> = edited.text.lines().collect();
    assert_eq!(lines[2..5], ["#auth_unix_rw = \"polkit\"", "auth_unix_rw = \"none\" # set by polkit-policy-gen", ""]);
    assert_eq!(lines[6], "access_drivers = [ \"polkit\" ] # set by polkit-policy-gen");
    assert_eq!(value(&edited.text, "auth_unix_rw"), Ok(Some(text("none"))));
    let undone = undo(&edited.text, &edited.ours).unwrap();
    assert_eq!((undone.text.as_str(), undone.clashes.len()), (SAMPLE, 0));
    // And once more changes nothing: it has been taken back already.
    assert_eq!(undo(SAMPLE, &edited.ours).unwrap().text, SAMPLE);
}

#[test]
fn what_a_person_changes_elsewhere_stays() {
    let edited = apply(SAMPLE, &[drivers()], &[]).unwrap();
    let theirs = edited.text.replace("max_clients = 20", "max_clients = 30\nlog_level = 1");
    let undone = undo(&theirs, &edited.ours).unwrap();
    assert_eq!(undone.text, SAMPLE.replace("max_clients = 20", "max_clients = 30\nlog_level = 1"));
    assert_eq!(undone.clashes, [""; 0]);
}

#[test]
fn what_a_person_wrote_there_is_said_and_comes_back() {
    let theirs = "a = 1\n  access_drivers = [\n  \"other\",\n]  # mine\nunix_sock_group = 'kvm'";
    let aside = Key { name: "unix_sock_group", want: Want::Unset, why: "it closes the socket" };
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
    // What was agreed to once is not asked again.
    assert_eq!(apply(&undone.text, &[drivers(), aside], &edited.ours).unwrap().clashes, [""; 0]);
}

#[test]
fn a_line_of_ours_that_a_person_changed_is_theirs() {
    let edited = apply(SAMPLE, &[drivers()], &[]).unwrap();
    let changed = edited.text.replace("[ \"polkit\" ] # set", "[] # set");
    assert_eq!(
        undo(&changed, &edited.ours).unwrap().clashes,
        ["line 6: `access_drivers` was changed by hand since it was installed"]
    );
    assert_eq!(undo(&changed, &edited.ours).unwrap().text, SAMPLE);
    // Where there was no such line, and there is none now, nothing is left to do.
    assert_eq!(undo(SAMPLE, &edited.ours).unwrap().clashes, [""; 0]);
    let replaced = apply("x = 1\n", &[set("x", Value::Number("2".into()))], &[]).unwrap();
    let gone = undo("", &replaced.ours).unwrap();
    assert_eq!(gone.clashes, ["the line of `x` was removed by hand since it was installed"]);
    assert_eq!(gone.text, "x = 1\n");
}

#[test]
fn after_an_installation_that_was_cut_short_either_state_is_known() {
    let first = apply("x = 1\n", &[set("x", Value::Number("2".into()))], &[]).unwrap();
    let second = apply("x = 1\n", &[set("x", Value::Number("3".into()))], &first.ours).unwrap();
    let both = [first.ours.clone(), second.ours.clone()].concat();
    for state in ["x = 1\n", &first.text, &second.text] {
        let undone = undo(state, &both).unwrap();
        assert_eq!((undone.text.as_str(), undone.clashes.len()), ("x = 1\n", 0), "{state}");
    }
}

#[test]
fn the_default_written_out_is_left_and_what_is_only_ours_is_not_shared() {
    let default = Key { name: "auth_unix_rw", want: Want::Default(text("polkit")), why: "no" };
    assert_eq!(apply("auth_unix_rw = 'polkit'\n", &[default], &[]).unwrap().clashes, [""; 0]);
    let none = Key { name: "auth_unix_rw", want: Want::Set(text("none")), why: "no" };
    assert_eq!(apply("auth_unix_rw = 'none'\n", &[none], &[]).unwrap().clashes.len(), 1);
    let shared = apply("auth_unix_rw = 'none'\n", &[set("auth_unix_rw", text("none"))], &[]).unwrap();
    assert_eq!((shared.clashes.len(), shared.ours.len()), (0, 0));
}

#[test]
fn what_libvirt_cannot_read_is_not_edited() {
    for (broken, said) in [
        ("a = 1\nb\n", "line 2 is not one that libvirt could read"),
        ("a = \"x\n\"\n", "line 1 is not one that libvirt could read"),
        ("a = [ 1 2 ]\n", "line 1 is not one that libvirt could read"),
        ("a = 1 b = 2\n", "line 1 is not one that libvirt could read"),
        (
            "access_drivers = []\n#\naccess_drivers = []\n",
            "`access_drivers` is set twice, in the lines 1 and 3: leave one out",
        ),
    ] {
        assert_eq!(apply(broken, &[drivers()], &[]).unwrap_err(), said, "{broken}");
    }
}

#[test]
fn a_file_that_is_made_is_empty_again_afterwards() {
    let edited = apply("", &[drivers()], &[]).unwrap();
    assert_eq!(edited.text, "access_drivers = [ \"polkit\" ] # set by polkit-policy-gen\n");
    assert_eq!(undo(&edited.text, &edited.ours).unwrap().text, "");
}

proptest! {
    #[test]
    fn taking_back_restores_every_byte(
        lines in proptest::collection::vec("(#? ?(a|b|c) ?= ?(1|'x'|\"y\"|\\[ 'x',\n 2 \\])( # n)?|#.{0,9}| ?)", 0..8),
        end in "\n?",
    ) {
        let theirs = lines.join("\n") + &end;
        let keys = [set("a", text("ours")), Key { name: "b", want: Want::Unset, why: "" }, set("d", drivers_value())];
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
