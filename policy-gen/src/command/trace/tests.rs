use std::num::NonZeroU32;

use clap::Parser as _;
use polkit_dbus::CheckId;

use super::*;
use crate::cli::{Cli, Command};
use crate::trace::grants::LeftOut;
use crate::trace::request::Subject;

fn options(arguments: &[&str]) -> Trace {
    let cli = Cli::try_parse_from([&["polkit-policy-gen", "trace"], arguments].concat()).unwrap();
    let Command::Trace(trace) = cli.command else { panic!("{cli:?}") };
    trace
}

fn request(user: &str, unit: Option<&str>) -> Request {
    let subject = Subject {
        uid: Some(1000),
        user: user.into(),
        unit: unit.map(str::to_owned),
        program: Some("/usr/bin/job\u{1b}[2J".into()),
        ..Subject::default()
    };
    let details = [("job".to_owned(), "1\n2".to_owned())].into();
    Request { subject, action: "org.example.run".into(), details }
}

fn learned(requests: &[(Request, Reply)]) -> Learned {
    let mut log = Log::default();
    for (serial, (request, reply)) in (1..).zip(requests) {
        let id = CheckId { mechanism: ":1.1".into(), serial: NonZeroU32::new(serial).unwrap() };
        log.asked(id.clone(), request.clone());
        let _ = log.replied(&id, *reply);
    }
    let left_out: Vec<LeftOut> = log
        .refused()
        .map(|request| LeftOut { request: request.clone(), why: "it ended".into(), instead: None })
        .collect();
    let found = Narrowest { left_out, ..Narrowest::default() };
    let fix = fix(&options(&[]), &found, &[]);
    Learned { log, seconds: 7, found, evaluation: Ok(Evaluation::default()), fix }
}

#[test]
fn only_requests_of_the_named_user_unit_and_action_are_wanted() {
    let of_web = request("alice", Some("web.service"));
    for arguments in [
        &[][..],
        &["--unit", "web.service"],
        &["--unit", "web", "--user", "alice"],
        &["--user", "1000", "--action", "org.example.*"],
    ] {
        assert!(is_wanted(&options(arguments), &of_web), "{arguments:?}");
    }
    for arguments in [
        &["--unit", "other"][..],
        &["--user", "bob"],
        &["--user", "100"],
        &["--action", "org.example"],
        &["--action", "org.other.*"],
    ] {
        assert!(!is_wanted(&options(arguments), &of_web), "{arguments:?}");
    }
    let without = request("alice", None);
    assert!(!is_wanted(&options(&["--unit", "web"]), &without));
    let ended = Request { subject: Subject { unnamed: Some(Unnamed::Ended), ..without.subject.clone() }, ..without };
    assert!(is_wanted(&options(&["--unit", "web"]), &ended), "its unit is not known");
    assert!(!is_wanted(&options(&["--unit", "web", "--user", "bob"]), &ended));
    let unknown = Request { subject: Subject { uid: None, ..ended.subject.clone() }, ..ended };
    assert!(is_wanted(&options(&["--user", "bob"]), &unknown), "its user is not known, either");
}

#[test]
fn the_length_is_ten_minutes_unless_it_is_given() {
    assert_eq!(options(&[]).length, Duration::from_secs(600));
    assert_eq!(options(&["--for", "90s"]).length, Duration::from_secs(90));
    assert!(Cli::try_parse_from(["polkit-policy-gen", "trace", "--json", "--apply"]).is_err(), "two forms of output");
    for wrong in ["0s", "1", "25h", "soon"] {
        assert!(Cli::try_parse_from(["polkit-policy-gen", "trace", "--for", wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn the_file_of_an_earlier_trace_stays() {
    let path = format!("{FOLDER}/50-trace-a.toml");
    assert_eq!(free("50-trace-a", |_| false), path);
    assert_eq!(free("50-trace-a", |other| other == path), format!("{FOLDER}/50-trace-a-2.toml"));
    let Some(Step::Write { path, .. }) =
        fix(&options(&["--unit", "../x y"]), &Narrowest::default(), &[]).steps.into_iter().next()
    else {
        panic!("a file")
    };
    assert_eq!(path, format!("{FOLDER}/50-trace----x-y.toml"));
}

#[test]
fn what_other_users_send_is_shown_escaped() {
    let line = show::live(&request("alice", Some("web.service")), Reply::Refused, 1);
    let lines: Vec<&str> = line.lines().map(str::trim_start).collect();
    assert!(lines[0].ends_with(" refused   org.example.run"), "{line}");
    assert_eq!(&lines[1..], ["by alice in web.service: /usr/bin/job\\x1b[2J", "job=1\\x0a2"]);
    let mut ended = request("alice", None);
    assert!(show::live(&ended, Reply::Refused, 10).contains("org.example.run (10 times)"));
    ended.subject.unnamed = Some(Unnamed::Ended);
    assert!(
        show::live(&ended, Reply::Refused, 1)
            .ends_with("not granted: the process ended before its unit could be read: repeat the request\n")
    );
    let policy = show::policy_text(&learned(&[(request("alice", None), Reply::Refused)])).to_owned();
    assert!(policy.lines().all(|line| line.starts_with('#') || line.is_empty()), "{policy}");
}

#[test]
fn a_repeated_request_is_shown_a_few_times() {
    let shown: Vec<u64> = (1..=1000).filter(|count| show::is_shown(*count)).collect();
    assert_eq!(shown, [1, 2, 3, 10, 100, 1000]);
}

#[test]
fn the_summary_and_the_json_object_count_requests() {
    let both = [
        (request("alice", None), Reply::Refused),
        (request("alice", None), Reply::Refused),
        (request("bob", None), Reply::Allowed),
    ];
    let mut learned = learned(&both);
    assert_eq!(show::summary(&learned), "7 s; requests: 3, not allowed: 2; grants: 0; requests without a grant: 1");
    learned.evaluation = Err("no engine".into());
    assert!(show::summary(&learned).ends_with("\nthe policy was not evaluated: no engine"));
    let json = show::as_json(&learned);
    assert_eq!(json.pointer("/requests/0/count").and_then(serde_json::Value::as_u64), Some(2));
    assert_eq!(json.pointer("/requests/1/reply").and_then(serde_json::Value::as_str), Some("allowed"));
    assert_eq!(json.pointer("/left_out/0/why").and_then(serde_json::Value::as_str), Some("it ended"));
    assert_eq!(json.pointer("/faults/0").and_then(serde_json::Value::as_str), Some("not evaluated: no engine"));
}

#[test]
fn without_refusals_the_policy_says_so() {
    let learned = learned(&[(request("bob", None), Reply::Allowed)]);
    assert_eq!(show::policy_text(&learned), "# Nothing was refused.");
}
