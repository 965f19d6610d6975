use super::*;
use crate::libvirt::conf::{DesiredValue, Value};
use crate::tree::Contents;

const PATH: &str = "etc/libvirt/libvirtd.conf";
const OURS: &str = "access_drivers = [ \"polkit\" ] # set by polkit-policy-gen\n";

fn edits() -> Vec<Edit> {
    let drivers = Value::List(vec![Value::Text("polkit".to_owned())]);
    let key = Key { name: "access_drivers", want: DesiredValue::Set(drivers), why: "" };
    vec![Edit { path: PATH.to_owned(), keys: vec![key] }]
}

fn current(text: &str) -> Current {
    [(PATH.to_owned(), Contents { bytes: text.as_bytes().to_vec(), mode: 0o600, uid: 5, gid: 6 })].into()
}

fn planned(edits: &[Edit], record: &Record, current: &Current) -> Plan {
    let mut plan = Plan::default();
    plan.edit(edits, record, current).unwrap();
    plan
}

fn texts(plan: &Plan) -> Vec<Option<&str>> {
    let text = |change: &'_ Change| change.to.as_ref().map(|to| std::str::from_utf8(&to.bytes).unwrap().to_owned());
    plan.changes.iter().map(text).map(|text| text.map(|text| &*text.leak())).collect()
}

#[test]
fn a_configuration_keeps_its_owner_and_other_content() {
    let first = planned(&edits(), &Record::default(), &current("a = 1\n"));
    let to = NewFile { bytes: format!("a = 1\n{OURS}").into_bytes(), mode: 0o600, owner: Some((5, 6)) };
    assert_eq!(first.changes, [Change { path: PATH.into(), to: Some(to) }]);
    assert!(first.diff.contains("+access_drivers") && first.conflicts.is_empty(), "{first:?}");
    let again = planned(&edits(), &first.done, &current(&format!("a = 1\n{OURS}")));
    assert!(again.changes.is_empty() && again.done == first.done, "{again:?}");
    // A line that was added in the meantime remains.
    let removal = planned(&[], &first.done, &current(&format!("a = 2\n{OURS}b = 3\n")));
    assert_eq!(texts(&removal), [Some("a = 2\nb = 3\n")]);
    assert!(removal.conflicts.is_empty() && removal.done.is_empty());
}

#[test]
fn a_new_configuration_is_removed_unless_it_has_other_content() {
    let first = planned(&edits(), &Record::default(), &Current::new());
    assert_eq!(texts(&first), [Some(OURS)]);
    assert_eq!(texts(&planned(&[], &first.done, &current(OURS))), [None]);
    assert_eq!(texts(&planned(&[], &first.done, &current(&format!("{OURS}b = 3\n")))), [Some("b = 3\n")]);
    // An empty file that existed before remains.
    let there = planned(&edits(), &Record::default(), &current(""));
    assert_eq!(texts(&planned(&[], &there.done, &current(OURS))), [Some("")]);
}

#[test]
fn a_manual_change_of_a_key_is_a_conflict() {
    let theirs = planned(&edits(), &Record::default(), &current("access_drivers = []\n"));
    assert_eq!(theirs.conflicts.len(), 1);
    assert!(theirs.conflicts[0].message.starts_with("/etc/libvirt/libvirtd.conf, line 1: "), "{:?}", theirs.conflicts);
    // A value that --force replaced is no conflict later, and is restored.
    let ours = texts(&theirs)[0].unwrap();
    assert!(planned(&edits(), &theirs.done, &current(ours)).changes.is_empty());
    assert_eq!(texts(&planned(&[], &theirs.done, &current(ours))), [Some("access_drivers = []\n")]);
    let changed = planned(&edits(), &theirs.done, &current("access_drivers = ['other']\n"));
    assert!(changed.conflicts[0].message.contains("was changed by hand"), "{:?}", changed.conflicts);
}

#[test]
fn both_states_of_an_interrupted_installation_can_be_undone() {
    let pending = planned(&edits(), &Record::default(), &current("a = 1\n")).pending;
    for state in ["a = 1\n", &format!("a = 1\n{OURS}")] {
        let removal = planned(&[], &pending, &current(state));
        assert!(removal.conflicts.is_empty());
        assert_eq!(texts(&removal).first().copied().flatten().unwrap_or(state), "a = 1\n");
    }
}

#[test]
fn a_configuration_that_libvirt_cannot_parse_stops_the_plan() {
    let mut plan = Plan::default();
    let error = plan.edit(&edits(), &Record::default(), &current("what\n")).unwrap_err();
    assert_eq!(error, "cannot edit /etc/libvirt/libvirtd.conf: libvirt could not parse line 1");
    assert!(plan.changes.is_empty());
}

#[test]
fn the_order_of_changes_gives_no_excess_access() {
    let rules = "etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
    let socket = "etc/systemd/system/libvirtd.socket.d/50-polkit-policy-gen.conf";
    let order = |made: &str, gone: &str, edits: &[Edit], record: &Record, text: &str| {
        let to = NewFile { bytes: Vec::new(), mode: MODE, owner: None };
        let file = |path: &str, to| Change { path: path.to_owned(), to };
        let mut plan = Plan { changes: vec![file(gone, None), file(made, Some(to))], ..Plan::default() };
        plan.edit(edits, record, &current(text)).unwrap();
        plan.changes.into_iter().map(|change| change.path).collect::<Vec<_>>()
    };
    let none = Record::default();
    assert_eq!(order(rules, socket, &edits(), &none, ""), [PATH, socket, rules]);
    let record = planned(&edits(), &none, &current("")).done;
    assert_eq!(order(socket, rules, &[], &record, OURS), [rules, socket, PATH]);
}
