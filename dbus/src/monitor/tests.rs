use super::*;

type Subject<'a> = (&'a str, HashMap<&'a str, Variant<'a>>);

const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";

fn call(subject: Subject<'_>, flags: u32) -> Message {
    let details = HashMap::from([("unit", "nginx.service"), ("verb", "restart")]);
    Message::method_call(PATH, "CheckAuthorization")
        .sender(":1.7")
        .build(&(subject, "org.freedesktop.systemd1.manage-units", details, flags, ""))
        .unwrap()
}

fn check_of(message: &Message) -> WatchedCheck {
    match decode(message).unwrap().unwrap() {
        Watched::Check(check) => check,
        other => panic!("{other:?}"),
    }
}

fn reply_of(message: &Message) -> WatchedReply {
    match decode(message).unwrap().unwrap() {
        Watched::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_has_the_mechanism_the_subject_the_action_and_the_details() {
    let message = call(("system-bus-name", HashMap::from([("name", Variant::from(":1.42"))])), 1);
    let check = check_of(&message);
    assert_eq!(check.id, CheckId { mechanism: ":1.7".into(), serial: message.primary_header().serial_num() });
    assert!(matches!(&check.subject, WatchedSubject::BusName(name) if name == ":1.42"), "{check:?}");
    assert_eq!(check.action, "org.freedesktop.systemd1.manage-units");
    let details = [("unit", "nginx.service"), ("verb", "restart")];
    assert_eq!(check.details, details.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(check.interaction, Interaction::Allowed);
}

#[test]
fn a_process_has_what_its_mechanism_sends_and_unknown_numbers_are_none() {
    let fields = [("pid", Variant::U32(12)), ("start-time", Variant::U64(99)), ("uid", Variant::I32(1000))];
    let check = check_of(&call(("unix-process", HashMap::from(fields)), 0));
    assert_eq!(check.interaction, Interaction::Forbidden);
    let WatchedSubject::Process { pid, start_time, uid, pidfd } = check.subject else { panic!("a process") };
    assert_eq!((pid, start_time, uid, pidfd.is_some()), (Some(12), Some(99), Some(1000), false));
    let fields = [("pid", Variant::U32(0)), ("start-time", Variant::U64(0)), ("uid", Variant::I32(-1))];
    let check = check_of(&call(("unix-process", HashMap::from(fields)), 2));
    assert_eq!(check.interaction, Interaction::Forbidden);
    let WatchedSubject::Process { pid, start_time, uid, .. } = check.subject else { panic!("a process") };
    assert_eq!((pid, start_time, uid), (None, None, None));
}

#[test]
fn a_pidfd_and_a_session_are_read() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let fields = HashMap::from([("pidfd", Variant::Fd(file.as_fd().into()))]);
    let check = check_of(&call(("unix-process", fields), 0));
    assert!(matches!(check.subject, WatchedSubject::Process { pidfd: Some(_), pid: None, .. }), "{check:?}");
    let check = check_of(&call(("unix-session", HashMap::from([("session-id", Variant::from("3"))])), 0));
    assert!(matches!(&check.subject, WatchedSubject::Session(id) if id == "3"), "{check:?}");
}

#[test]
fn a_request_that_polkit_does_not_understand_is_an_error() {
    let without_name = call(("system-bus-name", HashMap::new()), 0);
    assert_eq!(decode(&without_name).unwrap_err(), DecodeError::Missing { field: "name" });
    let of_number = call(("system-bus-name", HashMap::from([("name", Variant::U32(3))])), 0);
    assert_eq!(decode(&of_number).unwrap_err(), DecodeError::Type { field: "name", expected: "a string" });
    let unknown = call(("unix-machine", HashMap::new()), 0);
    assert_eq!(decode(&unknown).unwrap_err(), DecodeError::Kind { field: "subject" });
    let other = Message::method_call(PATH, "CheckAuthorization").sender(":1.7").build(&7_u32).unwrap();
    assert!(matches!(decode(&other), Err(DecodeError::Type { field: "CheckAuthorization", .. })));
}

#[test]
fn a_reply_names_the_call_and_the_result() {
    let call = call(("unix-session", HashMap::from([("session-id", Variant::from("3"))])), 0);
    let details = HashMap::from([("polkit.dismissed", "true")]);
    let body = ((false, true, details),);
    let reply = reply_of(&Message::method_return(&call.header()).build(&body).unwrap());
    assert_eq!(reply.id, check_of(&call).id);
    let result = reply.result.unwrap();
    assert!(!result.authorized && result.challenge && result.dismissed());
    let name = "org.freedesktop.PolicyKit1.Error.Failed";
    let error = Message::error(&call.header(), name).build(&"Action x is not registered").unwrap();
    assert_eq!(reply_of(&error).result.unwrap_err(), "Action x is not registered");
}

#[test]
fn replies_to_other_methods_are_no_results() {
    let call = call(("unix-session", HashMap::from([("session-id", Variant::from("3"))])), 0);
    let other = Message::method_return(&call.header()).build(&"text").unwrap();
    assert!(decode(&other).is_err());
}

#[test]
fn clients_come_and_go_by_signals_of_the_bus_about_unique_names() {
    let signal = |sender: &str, arguments: (&str, &str, &str)| {
        let signal = Message::signal("/org/freedesktop/DBus", BUS, "NameOwnerChanged").sender(sender).build(&arguments);
        decode(&signal.unwrap()).unwrap()
    };
    assert!(matches!(signal(BUS, (":1.9", "", ":1.9")), Some(Watched::Connected(name)) if name == ":1.9"));
    assert!(matches!(signal(BUS, (":1.9", ":1.9", "")), Some(Watched::Disconnected(name)) if name == ":1.9"));
    assert!(signal(BUS, ("org.example.Name", "", ":1.9")).is_none());
    assert!(signal(":1.3", (":1.9", "", ":1.9")).is_none(), "a signal of a client");
    let changed = Message::signal(PATH, "org.freedesktop.PolicyKit1.Authority", "Changed").sender(":1.3").build(&());
    assert!(decode(&changed.unwrap()).unwrap().is_none());
}
