use polkit_agent_rules::{
    facts::SubjectInfo,
    verdict::{Reason, Verdict},
};
use polkit_types::{Process, StartTime, SubjectPid, SubjectUid};
use proptest::prelude::*;

use super::*;
use crate::kernel::audit::decision::Way;

fn subject() -> Process {
    Process { pid: SubjectPid::new(4242).unwrap(), start_time: StartTime(99), uid: SubjectUid::new(33).unwrap() }
}

fn entry(action: &str, info: &SubjectInfo) -> JournalEntry {
    let verdict = Verdict::refuse(Reason::Unbound);
    let decision = DecisionRecord {
        way: Way::Challenge,
        action: Some(action),
        verdict: &verdict,
        subject: Some(subject()),
        uid: subject().uid,
        session: None,
        info,
        caller: None,
        identity: None,
    };
    JournalEntry::decision(&RecordId("0123".into()), &decision)
}

#[test]
fn the_record_of_a_decision_has_subject_action_and_reason() {
    let info = SubjectInfo {
        user: Some("www-data".into()),
        unit: Some("apache2.service".into()),
        exe: Some("/usr/sbin/apache2".into()),
        exe_claimed: None,
        command_line: Some("apache2 -k start".into()),
    };
    let entry = entry("org.libvirt.unix.manage", &info);
    assert_eq!(
        entry.message,
        "Denied org.libvirt.unix.manage to pid 4242 of apache2.service (www-data): polkit asked for another user's password, so \
         the request cannot be tied to the process. Add the user to an [[agent]] table in \
         /etc/polkit-policy-gen/policy.toml and run polkit-policy-gen install"
    );
    assert_eq!(
        entry.to_string(),
        "record=\"0123\" entry=\"decision\" way=\"challenge\" action=\"org.libvirt.unix.manage\" verdict=\"deny\" \
         reason=\"unbound\" subject_pid=\"4242\" subject_start=\"99\" subject_uid=\"33\" user=\"www-data\" \
         unit=\"apache2.service\" exe=\"/usr/sbin/apache2\" command_line=\"apache2 -k start\""
    );
}

#[test]
fn a_claimed_path_has_a_field_of_its_own() {
    let claimed = SubjectInfo { exe_claimed: Some("/usr/bin/virsh".into()), ..SubjectInfo::default() };
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
fn a_value_is_cut_at_the_boundary_of_a_character() {
    assert_eq!(cut("abcdef", 3), "abc…");
    assert_eq!(cut("aéb", 2), "a…");
    assert_eq!(cut("abc", 3), "abc");
}

proptest! {
    #[test]
    fn no_text_makes_a_second_line_or_an_entry_longer_than_four_kilobytes(
        action in ".{0,500}", exe in ".{0,500}", is_fact in any::<bool>(), line in "(?s).{0,1100}",
    ) {
        let info = SubjectInfo {
            exe: is_fact.then(|| escape(&exe)),
            exe_claimed: (!is_fact).then(|| escape(&exe)),
            command_line: Some(escape(&line)),
            unit: Some("u".repeat(255)),
            user: Some(escape(&line)),
        };
        let entry = entry(&action, &info);
        let texts = entry.fields.iter().map(|(_, value)| value).chain([&entry.message]);
        prop_assert!(texts.clone().all(|text| !text.chars().any(char::is_control)));
        let names: usize = entry.fields.iter().map(|(key, _)| key.len() + "POLKIT_AGENT_=\n".len()).sum();
        prop_assert!(texts.map(String::len).sum::<usize>() + names + 200 <= 4096);
        prop_assert!(!entry.to_string().contains('\n'));
    }
}
