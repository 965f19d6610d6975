use proptest::prelude::*;
use zbus::{DynamicType, Variant};

use super::*;
use crate::IdentityUid;

type Body = (
    &'static str,
    &'static str,
    &'static str,
    HashMap<&'static str, &'static str>,
    &'static str,
    Vec<(&'static str, HashMap<&'static str, Variant<'static>>)>,
);

fn message<B: serde::Serialize + DynamicType>(body: &B) -> Message {
    Message::method_call("/a", "BeginAuthentication").build(body).unwrap()
}

fn well_formed() -> Body {
    (
        "org.libvirt.unix.manage",
        "System policy prevents management",
        "",
        HashMap::from([("polkit.subject-pid", "4242"), ("polkit.caller-pid", "7")]),
        "1-abc-2-def",
        vec![("unix-user", HashMap::from([("uid", Variant::U32(33))]))],
    )
}

#[test]
fn a_challenge_of_polkitd_decodes() {
    let challenge = Challenge::decode(&message(&well_formed())).unwrap();
    assert_eq!(challenge.action, "org.libvirt.unix.manage");
    assert_eq!(challenge.details.subject_pid.unwrap().get(), 4242);
    assert_eq!(challenge.details.caller_pid.unwrap().get(), 7);
    assert!(challenge.details.other.is_empty());
    assert_eq!(challenge.identities, [Identity::User(IdentityUid::new(33).unwrap())]);
    assert!(!format!("{challenge:?}").contains("abc"), "a cookie was printed");
}

#[test]
fn a_challenge_about_a_session_has_no_pids() {
    let mut body = well_formed();
    body.3.clear();
    let challenge = Challenge::decode(&message(&body)).unwrap();
    assert_eq!(challenge.details, Details::default());
}

#[test]
fn a_mechanism_outside_the_pid_namespace_of_the_bus_has_no_pid() {
    let mut body = well_formed();
    body.3.insert("polkit.caller-pid", "0");
    assert_eq!(Challenge::decode(&message(&body)).unwrap().details.caller_pid, None);
}

#[test]
fn the_error_names_the_malformed_field() {
    let broken = |change: &dyn Fn(&mut Body)| {
        let mut body = well_formed();
        change(&mut body);
        Challenge::decode(&message(&body)).unwrap_err().to_string()
    };
    assert_eq!(broken(&|b| b.0 = ""), "action_id is missing");
    assert_eq!(broken(&|b| b.4 = ""), "cookie length cannot be 0");
    let pid = |b: &mut Body, text: &'static str| {
        b.3.insert("polkit.subject-pid", text);
    };
    assert_eq!(broken(&|b| pid(b, "-1")), "polkit.subject-pid is not a decimal number");
    assert_eq!(broken(&|b| pid(b, "0")), "subject pid cannot be 0");
    assert_eq!(broken(&|b| pid(b, "4294967295")), "subject pid cannot be 4294967295");
    assert_eq!(broken(&|b| b.5[0].0 = "unix-robot"), "identities[] is of a kind that polkit does not have");
    assert_eq!(broken(&|b| b.5[0].1.clear()), "identities[].uid is missing");
    let uid = |b: &mut Body, value| drop(b.5[0].1.insert("uid", value));
    assert_eq!(broken(&|b| uid(b, Variant::I32(33))), "identities[].uid is not an unsigned number");
    assert_eq!(broken(&|b| uid(b, Variant::U32(u32::MAX))), "identity uid cannot be 4294967295");
}

#[test]
fn a_wrong_signature_is_an_error() {
    let error = Challenge::decode(&message(&("only", "two"))).unwrap_err();
    assert_eq!(error.to_string(), "BeginAuthentication is not sssa{ss}sa(sa{sv})");
    assert!(decode_cancel(&message(&5u32)).is_err());
    assert!(decode_cancel(&message(&"1-a")).is_ok());
}

proptest! {
    #[test]
    fn no_text_in_a_challenge_panics(
        action in "[^\0]*", key in "[^\0]*", value in "[^\0]*", cookie in "[^\0]{0,2000}",
    ) {
        let identities: Vec<WireIdentity> = Vec::new();
        let details = HashMap::from([(key.clone(), value.clone()), ("polkit.subject-pid".into(), value)]);
        let _ = Challenge::decode(&message(&(action, "", "", details, cookie, identities)));
    }
}
