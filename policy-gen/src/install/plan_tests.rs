use super::*;

const PATH: &str = "etc/polkit-1/rules.d/45-polkit-policy-gen.rules";

fn desired(text: &str) -> Vec<File> {
    let (directory, name) = ("etc/polkit-1/rules.d", "45-polkit-policy-gen.rules");
    vec![File { directory, name: name.into(), text: text.to_owned() }]
}

fn current(text: &str) -> Current {
    [(PATH.to_owned(), Contents { bytes: text.as_bytes().to_vec(), mode: 0o600, uid: 5, gid: 6 })].into()
}

fn no_member(_: &str, _: &str) -> bool {
    false
}

fn member(user: &str, group: &str) -> (String, String) {
    (user.to_owned(), group.to_owned())
}

#[test]
fn a_new_file_is_written_once() {
    let first = plan(&desired("a\n"), &[], &Record::default(), &Current::new(), &no_member);
    let to = NewFile { bytes: b"a\n".to_vec(), mode: 0o644, owner: None };
    assert_eq!(first.changes, [Change { path: PATH.into(), to: Some(to) }]);
    assert!(first.conflicts.is_empty() && first.diff.starts_with("--- /dev/null\n+++ b/etc/"), "{}", first.diff);
    let second = plan(&desired("a\n"), &[], &first.done, &current("a\n"), &no_member);
    assert!(second.is_empty() && second.done == first.done, "{second:?}");
    let removal = plan(&[], &[], &first.done, &current("a\n"), &no_member);
    assert_eq!(removal.changes, [Change { path: PATH.into(), to: None }]);
    assert!(removal.conflicts.is_empty() && removal.done.is_empty());
}

#[test]
fn a_file_that_existed_before_is_restored() {
    let first = plan(&desired("a\n"), &[], &Record::default(), &current("theirs\n"), &no_member);
    assert_eq!(first.conflicts.len(), 1);
    let removal = plan(&[], &[], &first.done, &current("a\n"), &no_member);
    let to = NewFile { bytes: b"theirs\n".to_vec(), mode: 0o600, owner: Some((5, 6)) };
    assert_eq!(removal.changes, [Change { path: PATH.into(), to: Some(to) }]);
}

#[test]
fn every_manual_change_is_a_conflict() {
    let record = plan(&desired("a\n"), &[], &Record::default(), &Current::new(), &no_member).done;
    let changed = plan(&desired("b\n"), &[], &record, &current("mine\n"), &no_member);
    assert!(changed.conflicts[0].diff.contains("-a\n+mine\n"), "{:?}", changed.conflicts);
    assert_eq!(plan(&desired("a\n"), &[], &record, &Current::new(), &no_member).conflicts.len(), 1);
    assert_eq!(plan(&[], &[], &record, &current("mine\n"), &no_member).conflicts.len(), 1);
    // A file that is already removed, and is to be removed.
    assert!(plan(&[], &[], &record, &Current::new(), &no_member).conflicts.is_empty());
    // A file that already has the new content.
    assert!(plan(&desired("b\n"), &[], &record, &current("b\n"), &no_member).conflicts.is_empty());
}

#[test]
fn both_states_of_an_interrupted_installation_are_accepted() {
    let record = plan(&desired("a\n"), &[], &Record::default(), &Current::new(), &no_member).done;
    let pending = plan(&desired("b\n"), &[], &record, &current("a\n"), &no_member).pending;
    assert!(pending.pending);
    for text in ["a\n", "b\n"] {
        assert!(plan(&desired("c\n"), &[], &pending, &current(text), &no_member).conflicts.is_empty(), "{text}");
    }
    assert_eq!(plan(&desired("c\n"), &[], &pending, &current("mine\n"), &no_member).conflicts.len(), 1);
    let first = plan(&desired("a\n"), &[], &Record::default(), &Current::new(), &no_member).pending;
    assert!(plan(&desired("a\n"), &[], &first, &Current::new(), &no_member).conflicts.is_empty());
}

#[test]
fn only_added_memberships_are_removed() {
    let alice = |user: &str, _: &str| user == "alice";
    let both = [member("alice", "vm"), member("bob", "vm")];
    let first = plan(&[], &both, &Record::default(), &Current::new(), &alice);
    let add = MemberChange { user: "bob".into(), group: "vm".into(), add: true };
    assert_eq!(first.members, std::slice::from_ref(&add));
    assert_eq!(first.diff, "+member bob vm\n");
    let all_members = |_: &str, _: &str| true;
    let removal = plan(&[], &[], &first.done, &Current::new(), &all_members);
    assert_eq!(removal.members, [MemberChange { add: false, ..add }]);
    assert!(plan(&[], &[], &first.done, &Current::new(), &no_member).members.is_empty());
    // Removed by hand in the meantime.
    assert_eq!(plan(&[], &both, &first.done, &Current::new(), &alice).conflicts.len(), 1);
    assert!(plan(&[], &both, &first.pending, &Current::new(), &alice).conflicts.is_empty());
}

#[test]
fn a_file_that_cannot_be_restored_is_not_overwritten() {
    let latin1 = Contents { bytes: vec![0xe9], mode: 0o644, uid: 0, gid: 0 };
    let plan = plan(&desired("a\n"), &[], &Record::default(), &[(PATH.to_owned(), latin1)].into(), &no_member);
    assert!(plan.changes.is_empty() && plan.conflicts.len() == 1 && plan.done.files.is_empty());
}
