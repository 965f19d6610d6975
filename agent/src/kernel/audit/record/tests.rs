use polkit_agent_rules::{
    approval_queue::ApprovalScope,
    facts::{ApproverUid, Facts, SubjectInfo},
    history::History,
    model,
    rule::{Answer, Rule},
    verdict::{Reason, Verdict, decide},
};
use polkit_types::{CallerPid, IdentityUid, Process, StartTime, SubjectPid, SubjectUid};
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
        details: None,
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

fn approver() -> Approver {
    Approver { uid: ApproverUid::new(1001), login: LoginUid::parse("1002") }
}

#[test]
fn the_record_of_a_hook_request_has_its_details_escaped_and_refusals_with_other_details_differ() {
    let (rules, info) = ([], SubjectInfo::default());
    let verdict = decide(&rules, &model::facts(), &History::default());
    let details =
        |verb: &str| [("unit".to_owned(), "a\u{1b}.service".to_owned()), ("verb".to_owned(), verb.to_owned())].into();
    let (restart, stop) = (details("restart"), details("stop"));
    let decision = |details| DecisionRecord {
        way: Way::Hook,
        action: Some(model::ACTION),
        details: Some(details),
        verdict: &verdict,
        subject: Some(subject()),
        uid: subject().uid,
        session: None,
        info: &info,
        caller: None,
        identity: None,
    };
    let entry = JournalEntry::decision(&RecordId("0123".into()), &decision(&restart));
    let shown = entry.fields.iter().find(|(key, _)| *key == "DETAILS").map(|(_, value)| value.as_str());
    assert_eq!(shown, Some(r#"{"unit":"a\\x1b.service","verb":"restart"}"#));
    assert_ne!(decision(&restart).kind(), decision(&stop).kind());
}

#[test]
fn refusals_by_different_rules_are_not_equal() {
    let kind = |id: &str| {
        let rules = [Rule { id: id.to_owned(), ..model::rule(Answer::Deny) }];
        let verdict = decide(&rules, &model::facts(), &History::default());
        let decision = DecisionRecord {
            way: Way::Hook,
            action: Some(model::ACTION),
            details: None,
            verdict: &verdict,
            subject: Some(subject()),
            uid: subject().uid,
            session: None,
            info: &SubjectInfo::default(),
            caller: None,
            identity: None,
        };
        decision.kind()
    };
    assert_ne!(kind("a"), kind("b"));
    assert_eq!(kind("a"), kind("a"));
}

#[test]
fn the_record_of_a_grant_has_rule_caller_identity_and_approver() {
    let rules = [model::rule(Answer::Ask)];
    let history = History { approved: [("r".to_owned(), approver())].into(), ..History::default() };
    let verdict = decide(&rules, &model::facts(), &history);
    let decision = DecisionRecord {
        way: Way::Hook,
        action: Some(model::ACTION),
        details: None,
        verdict: &verdict,
        subject: Some(subject()),
        uid: subject().uid,
        session: Some("7"),
        info: &SubjectInfo::default(),
        caller: CallerPid::new(77).ok(),
        identity: IdentityUid::new(0).ok(),
    };
    let entry = JournalEntry::decision(&RecordId("0123".into()), &decision);
    assert_eq!(
        entry.to_string(),
        "record=\"0123\" entry=\"decision\" way=\"hook\" action=\"org.libvirt.unix.manage\" verdict=\"allow\" rule=\"r\" \
         reason=\"approved\" session=\"7\" subject_pid=\"4242\" subject_start=\"99\" subject_uid=\"33\" caller_pid=\"77\" \
         identity=\"unix-user:0\" approver=\"1001\" approver_login=\"1002\""
    );
    assert_eq!(entry.priority, 5, "a rule decided");
    assert_eq!(self::entry("org.example.x", &SubjectInfo::default()).priority, 4, "no rule decided");
}

#[test]
fn the_record_of_an_outcome_warns_of_a_yes_that_did_not_arrive() {
    let of = |outcome: &Outcome| JournalEntry::outcome(&RecordId("0123".into()), outcome, 1500);
    let sent = of(&Outcome::Sent);
    assert_eq!(sent.to_string(), "record=\"0123\" entry=\"outcome\" outcome=\"sent\" microseconds=\"1500\"");
    assert_eq!((sent.priority, sent.message.as_str()), (6, "sent after 1500 µs"));
    let refused = of(&Outcome::RefusedByPolkitd("no session\n".into()));
    assert_eq!(refused.priority, 4);
    assert_eq!(
        refused.to_string(),
        "record=\"0123\" entry=\"outcome\" outcome=\"refused-by-polkitd\" error=\"no session\\x0a\" microseconds=\"1500\""
    );
}

#[test]
fn the_record_of_an_approval_names_approver_request_and_subject() {
    let facts = Facts { served_session: Some("7".into()), ..model::facts() };
    let info = SubjectInfo { user: Some("www-data".into()), unit: Some("a.service".into()), ..SubjectInfo::default() };
    let (scope, pid) = (ApprovalScope::new("r", &facts).unwrap(), subject().pid);
    let request = PendingRequest { scope, pid, info, first: std::time::Instant::now(), times: 1 };
    let of = |approved, validity| JournalEntry::approval("ab12", approved, &request, approver(), validity);
    let subject = "action=\"org.libvirt.unix.manage\" rule=\"r\" session=\"7\" subject_pid=\"4242\" subject_uid=\"33\" \
                   user=\"www-data\" unit=\"a.service\" approver=\"1001\" approver_login=\"1002\"";
    let approval = of(true, Some(Duration::from_secs(90)));
    assert_eq!(approval.to_string(), format!("record=\"ab12\" entry=\"approval\" {subject} seconds=\"90\""));
    assert_eq!(approval.message, "uid 1001 approved org.libvirt.unix.manage for uid 33");
    let denial = of(false, None);
    assert_eq!(denial.to_string(), format!("record=\"ab12\" entry=\"denial\" {subject}"));
    assert_eq!(denial.message, "uid 1001 denied org.libvirt.unix.manage for uid 33");
}

#[test]
fn the_record_of_an_approval_has_the_program_of_the_subject() {
    let with = |info: SubjectInfo| {
        let (scope, pid) = (ApprovalScope::new("r", &model::facts()).unwrap(), subject().pid);
        let request = PendingRequest { scope, pid, info, first: std::time::Instant::now(), times: 1 };
        JournalEntry::approval("ab12", true, &request, approver(), None).to_string()
    };
    let read = with(SubjectInfo { exe: Some("/usr/bin/php".into()), ..SubjectInfo::default() });
    assert!(read.contains(" exe=\"/usr/bin/php\"") && !read.contains("exe_claimed"), "{read}");
    let claimed = with(SubjectInfo { exe_claimed: Some("/usr/bin/virsh".into()), ..SubjectInfo::default() });
    assert!(claimed.contains(" exe_claimed=\"/usr/bin/virsh\"") && !claimed.contains(" exe=\""), "{claimed}");
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
