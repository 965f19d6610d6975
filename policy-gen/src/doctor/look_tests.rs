use super::*;
use crate::doctor::facts::{Daemon, Subject};

/// The action for a text, on a host with or without libvirt and with a subject.
fn action(text: Option<&str>, asked: Option<&str>, about_libvirt: bool, is_known: bool) -> Option<String> {
    let mut facts = Facts { about_libvirt, ..Facts::default() };
    facts.reported = text.map(|text| error::first(text, &|_| false).unwrap());
    if is_known {
        facts.subject = Some(Subject::default());
        facts.libvirt.daemons.push(Daemon::default());
    }
    let examination = Examination { action: asked.map(str::to_owned), ..Examination::default() };
    action_of(&examination, &facts)
}

#[test]
fn the_requested_action_comes_before_that_of_the_text() {
    let text = "no polkit agent available to authenticate action 'org.example.store.write'";
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(action(Some(text), Some("org.a.run"), true, true), id("org.a.run"));
    assert_eq!(action(Some(text), None, true, true), id("org.example.store.write"));
    assert_eq!(action(None, None, false, false), None);
}

#[test]
fn the_socket_of_the_text_has_its_action() {
    let text = |socket: &str| format!("error: Failed to connect socket to '/run/libvirt/{socket}': Permission denied");
    let of = |socket: &str| action(Some(&text(socket)), None, false, false);
    assert_eq!(of("libvirt-sock").as_deref(), Some(MANAGE));
    assert_eq!(of("libvirt-sock-ro").as_deref(), Some("org.libvirt.unix.monitor"));
}

#[test]
fn the_action_of_libvirt_is_meant_if_a_daemon_and_a_subject_are_there() {
    let manage = Some(MANAGE.to_owned());
    assert_eq!(action(None, None, true, true), manage);
    assert_eq!([action(None, None, false, true), action(None, None, true, false)], [None, None]);
    assert_eq!(action(Some("authentication required"), None, false, false), manage);
    let acl = "error: access denied: 'QEMU' denied access";
    assert_eq!(action(Some(acl), None, true, true), None, "the action of access control is another");
}

/// Whether a request is about libvirt, and the sign.
fn about_libvirt(change: impl FnOnce(&mut Examination, &mut Facts), messages: &[&str]) -> (bool, Option<String>) {
    let (mut examination, mut facts) = (Examination::default(), Facts::default());
    change(&mut examination, &mut facts);
    let messages: Vec<String> = messages.iter().map(|text| (*text).to_owned()).collect();
    let found = is_about_libvirt(&examination, &mut facts, &messages);
    (found, facts.sign_of_libvirt)
}

#[test]
fn the_action_then_the_text_say_whether_a_request_is_about_libvirt() {
    let of_action = |id: &str| about_libvirt(|examination, _| examination.action = Some(id.to_owned()), &[]).0;
    assert!(of_action(MANAGE) && of_action("org.libvirt.api.domain.start") && !of_action("org.libvirtx.run"));
    let of_text = |text: &str| about_libvirt(|examination, _| examination.error = Some(text.to_owned()), &[]).0;
    assert!(of_text("virsh said no") && !of_text("it said no"));
    let reported = |text: &str| {
        about_libvirt(
            |examination, facts| {
                examination.error = Some("virsh".to_owned());
                facts.reported = error::first(text, &|_| false);
            },
            &[],
        )
    };
    assert!(reported("authentication failed: access denied by policy").0);
    assert!(!reported("no polkit agent available to authenticate action 'org.example.store.write'").0);
    assert!(about_libvirt(|_, _| (), &[]).0, "there is no sign of any service");
}

#[test]
fn a_unit_is_about_libvirt_if_it_has_a_sign_of_it() {
    let with = |messages: &[&str]| {
        let of_user = |examination: &mut Examination, facts: &mut Facts| {
            examination.pid = Some(u32::MAX);
            facts.subject = Some(Subject::default());
        };
        about_libvirt(of_user, messages)
    };
    assert_eq!(with(&["virsh: error"]), (true, Some("its journal speaks of libvirt".to_owned())));
    let without_subject = about_libvirt(|examination, _| examination.unit = Some("a.service".to_owned()), &["virsh"]);
    assert_eq!(without_subject, (false, None));
}
