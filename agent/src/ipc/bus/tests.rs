use polkit_agent_rules::{
    approval_queue::ApprovalScope,
    facts::{Approver, ApproverUid, Facts, SubjectInfo},
    model,
    rule::{Answer, Rule},
};
use polkit_types::SubjectPid;
use zbus::Message;

use super::*;
use crate::{
    base::test_bus::Bus,
    config::Config,
    kernel::subject::snapshot::Subject,
    register::status::{ServedEntry, Way},
};

fn request(now: Instant) -> PendingRequest {
    let facts = Facts { login: LoginUid::parse("1000"), served_session: Some("7".into()), ..model::facts() };
    let info = SubjectInfo {
        user: Some("www-data".into()),
        unit: Some("a.service".into()),
        exe: None,
        exe_claimed: Some("/tmp/x".into()),
        command_line: Some("x --password=secret".into()),
    };
    let (scope, pid) = (ApprovalScope::new("r", &facts).unwrap(), SubjectPid::new(42).unwrap());
    PendingRequest { scope, pid, info, first: now, times: 3 }
}

#[test]
fn only_root_sees_the_command_line_of_a_request() {
    let now = Instant::now();
    let claims = |line: Option<&str>| json!({ "exe": "/tmp/x", "command_line": line });
    for (for_root, line) in [(true, Some("x --password=secret")), (false, None)] {
        let shown = to_json("ab12", &request(now), for_root, now + Duration::from_secs(5));
        let expected = json!({
            "id": "ab12", "rule": "r", "action": model::ACTION, "uid": 33, "user": "www-data", "unit": "a.service",
            "session": "7", "pid": 42, "login_uid": 1000, "exe": null, "command_line": line, "claims": claims(line),
            "age": 5, "times": 3,
        });
        assert_eq!(shown, expected);
    }
}

#[test]
fn an_approval_names_its_approver_and_the_time_that_is_left() {
    let now = Instant::now();
    let approver = Approver { uid: ApproverUid::new(0), login: LoginUid::parse("1001") };
    let (request, until) = (request(now), now + Duration::from_secs(90));
    let approval = Approval { id: "ab12".into(), request, approver, until, once: false };
    let shown = approval_to_json(&approval, false, now + Duration::from_secs(30));
    let of = |key: &str| shown.get(key).cloned().unwrap();
    assert_eq!([of("approver"), of("approver_login"), of("left")], [json!(0), json!(1001), json!(60)]);
    assert_eq!([of("once"), of("id"), of("command_line")], [json!(false), json!("ab12"), Value::Null]);
    let late = approval_to_json(&approval, false, until + Duration::from_secs(1));
    assert_eq!(late.get("left"), Some(&json!(0)));
}

/// The object on a bus whose callers have this uid, with one request that waits for a person.
fn object(connection: Connection) -> (Agent1, mpsc::Receiver<ReloadReply>) {
    let config = Config::of(Vec::new(), vec![Rule { id: "r".into(), ..model::rule(Answer::Ask) }]);
    let context = Context::of(config, std::path::Path::new("/nonexistent/journal"));
    let config = Arc::clone(&context.config.borrow());
    context.state.set_config(&config);
    let verdict = context.state.decide(&config, &model::facts(), Instant::now());
    let subject = Subject::of(model::facts());
    context.state.enqueue(&verdict, &subject, SubjectPid::new(7).unwrap(), Instant::now()).unwrap();
    let served = |over_limit| ServedEntry {
        target: "a.service".into(),
        way: Way::Events,
        since: 0,
        processes: 1,
        leaked: 0,
        over_limit,
    };
    let status = Status {
        polkit: Some("126".into()),
        registrations: 3,
        leaked: 5,
        served: vec![served(2), served(4)],
        ..Status::default()
    };
    let status = watch::channel(Arc::new(status)).1;
    let (reloads, receiver) = mpsc::channel(1);
    (Agent1 { status, context: Arc::new(context), connection, reloads }, receiver)
}

fn call(member: &str) -> Message {
    Message::method_call(PATH, member).sender(":1.7").build(&()).unwrap()
}

#[tokio::test]
async fn the_properties_are_those_of_the_status() {
    let (_bus, connection) = Bus::new().await;
    let (agent, _reloads) = object(connection);
    assert_eq!((agent.version(), agent.polkit_version().as_str()), (env!("CARGO_PKG_VERSION"), "126"));
    assert_eq!([agent.registrations(), agent.pending(), agent.leaked(), agent.over_limit()], [3, 1, 5, 6]);
    let status: Value = serde_json::from_str(&agent.status()).unwrap();
    assert_eq!((status.get("pending"), status.get("leaked")), (Some(&json!(1)), Some(&json!(5))));
}

#[tokio::test]
async fn lists_are_for_every_caller_and_a_reload_is_for_root() {
    for (caller, is_root) in [(0, true), (1, false), (33, false)] {
        let (mut bus, connection) = Bus::new().await;
        bus.caller = caller;
        let replies = tokio::spawn(async move { bus.reply().await });
        let (agent, mut reloads) = object(connection);
        let list = call("ListPending");
        let pending: Value = serde_json::from_str(&agent.list_pending(list.header()).await.unwrap()).unwrap();
        assert_eq!(pending.pointer("/0/rule"), Some(&json!("r")), "{caller}");
        let approved = agent.list_approved(call("ListApproved").header()).await.unwrap();
        assert_eq!(approved, "[]", "{caller}");
        let daemon = async {
            if is_root {
                let reply: ReloadReply = reloads.recv().await.unwrap();
                reply.send(Err("it has an error".into())).unwrap();
            }
        };
        let reload = call("Reload");
        let (result, ()) = tokio::join!(agent.reload(reload.header()), daemon);
        match result.unwrap_err() {
            Error::NotInForce(why) => assert!(is_root && why == "it has an error", "{caller}: {why}"),
            Error::Refused(why) => assert!(!is_root && why == "only root may reload the agent", "{caller}: {why}"),
            other => panic!("{other:?}"),
        }
        replies.abort();
    }
}

#[tokio::test]
async fn a_reload_is_not_in_force_if_the_agent_ends() {
    let (mut bus, connection) = Bus::new().await;
    let replies = tokio::spawn(async move { bus.reply().await });
    let (agent, reloads) = object(connection);
    drop(reloads);
    let result = agent.reload(call("Reload").header()).await;
    assert!(matches!(&result, Err(Error::NotInForce(why)) if why == "the agent ends"), "{result:?}");
    replies.abort();
}
