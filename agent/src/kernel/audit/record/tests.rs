use polkit_dbus::{StartTime, SubjectPid, SubjectUid};
use proptest::prelude::*;

use super::*;
use crate::rules::verdict::Reason;

fn subject() -> Process {
    Process { pid: SubjectPid::new(4242).unwrap(), start_time: StartTime(99), uid: SubjectUid::new(33).unwrap() }
}

fn entry(action: &str, described: &Described) -> Entry {
    let verdict = Verdict::refuse(Reason::Unbound);
    let decision = Decision {
        way: Way::Challenge,
        action: Some(action),
        verdict: &verdict,
        subject: Some(subject()),
        uid: subject().uid,
        session: None,
        described,
        caller: None,
        identity: None,
        approver: None,
    };
    Entry::decision(&RecordId("0123".into()), &decision)
}

#[test]
fn a_decision_says_who_what_and_why() {
    let described = Described {
        user: Some("www-data".into()),
        unit: Some("apache2.service".into()),
        exe: Some("/usr/sbin/apache2".into()),
        exe_claimed: None,
        command_line: Some("apache2 -k start".into()),
    };
    let entry = entry("org.libvirt.unix.manage", &described);
    assert_eq!(
        entry.message,
        "Denied org.libvirt.unix.manage to pid 4242 of apache2.service (www-data): polkitd does not vouch for the \
         subject. Name the user in an [[agent]] and run polkit-policy-gen install"
    );
    assert_eq!(
        entry.to_string(),
        "record=\"0123\" entry=\"decision\" way=\"challenge\" action=\"org.libvirt.unix.manage\" verdict=\"deny\" \
         reason=\"unbound\" subject_pid=\"4242\" subject_start=\"99\" subject_uid=\"33\" user=\"www-data\" \
         unit=\"apache2.service\" exe=\"/usr/sbin/apache2\" command_line=\"apache2 -k start\""
    );
}

#[test]
fn a_path_that_is_no_fact_has_another_field() {
    let claimed = Described { exe_claimed: Some("/usr/bin/virsh".into()), ..Described::default() };
    let shown = entry("org.example.x", &claimed).to_string();
    assert!(shown.contains(" exe_claimed=\"/usr/bin/virsh\"") && !shown.contains(" exe=\""), "{shown}");
}

#[test]
fn ids_are_random() {
    let [first, second] = [RecordId::random().unwrap(), RecordId::random().unwrap()];
    assert_ne!(first, second);
    assert_eq!(first.0.len(), 32);
}

#[test]
fn a_value_is_cut_at_a_characters_boundary_and_marked() {
    assert_eq!(cut("abcdef", 3), "abc…");
    assert_eq!(cut("aéb", 2), "a…");
    assert_eq!(cut("abc", 3), "abc");
}

proptest! {
    #[test]
    fn no_text_makes_a_second_line_or_an_entry_over_four_kilobytes(
        action in ".{0,500}", exe in ".{0,500}", is_fact in any::<bool>(), line in "(?s).{0,1100}",
    ) {
        let described = Described {
            exe: is_fact.then(|| escape(&exe)),
            exe_claimed: (!is_fact).then(|| escape(&exe)),
            command_line: Some(escape(&line)),
            unit: Some("u".repeat(255)),
            user: Some(escape(&line)),
        };
        let entry = entry(&action, &described);
        let texts = entry.fields.iter().map(|(_, value)| value).chain([&entry.message]);
        prop_assert!(texts.clone().all(|text| !text.chars().any(char::is_control)));
        let names: usize = entry.fields.iter().map(|(key, _)| key.len() + "POLKIT_AGENT_=\n".len()).sum();
        prop_assert!(texts.map(String::len).sum::<usize>() + names + 200 <= 4096);
        prop_assert!(!entry.to_string().contains('\n'));
    }
}
