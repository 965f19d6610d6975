use super::*;

const ACTION: &str = "org.example.Store1.write";

fn file(policies: &str) -> Vec<Rule> {
    parse("x.conf", &format!("<!DOCTYPE busconfig>\n<busconfig>\n{policies}\n</busconfig>"))
}

fn found(policies: &str) -> Option<Denial> {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    denial(&file(policies), ACTION, &Client { user: texts(&["bob", "3002"]), groups: texts(&["bob", "ops"]) })
}

const ROOT: &str = "<policy user=\"root\">\n<allow own=\"org.example.Store1\"/>\n<allow send_destination=\"org.example.Store1\"/></policy>";

#[test]
fn a_deny_of_the_whole_service_is_a_denial() {
    let denies = "<policy context=\"default\"><deny send_destination=\"org.example.Store1\"/></policy>";
    let denial = found(&format!("{ROOT}{denies}")).unwrap();
    assert_eq!((denial.destination.as_str(), denial.place.as_str()), ("org.example.Store1", "x.conf:5"));
    assert_eq!(denial.only, None);
    let of_user = "<policy user=\"bob\"><deny send_destination=\"org.example.Store1\"/></policy>";
    let allows = "<policy context=\"default\"><allow send_destination=\"org.example.Store1\"/></policy>";
    assert!(found(&format!("{allows}{of_user}")).is_some(), "the context of the user overrides the default");
    let mandatory = of_user.replace("user=\"bob\"", "context=\"mandatory\"");
    assert!(found(&format!("{mandatory}{allows}")).is_some());
}

#[test]
fn a_service_that_only_other_users_may_call_is_a_denial() {
    let denial = found(ROOT).unwrap();
    assert_eq!((denial.place.as_str(), denial.only.as_deref()), ("x.conf:5", Some("the user root")));
    let admins = "<policy group=\"admins\"><allow send_destination=\"org.example.Store1\"/></policy>";
    assert_eq!(found(&format!("{ROOT}{admins}")).unwrap().only.unwrap(), "the user root and the group admins");
    assert!(found(&format!("{ROOT}{}", admins.replace("admins", "ops"))).is_none());
    assert!(found(&format!("{ROOT}{}", admins.replace("group=\"admins\"", "user=\"3002\""))).is_none());
}

#[test]
fn a_case_that_is_not_clear_is_no_denial() {
    for allows in [
        // The usual form of systemd: everything is denied, and then single members are allowed.
        "<policy context=\"default\"><deny send_destination=\"org.example.Store1\"/>\
         <allow send_destination=\"org.example.Store1\" send_interface=\"org.example.Store1\"/></policy>",
        "<policy context=\"default\"><allow send_interface=\"org.example.Store1\"/></policy>",
        "<policy context=\"default\"><allow send_type=\"method_call\"/></policy>",
        "<policy context=\"default\"><allow send_destination_prefix=\"org.example\"/></policy>",
        "<policy at_console=\"true\"><allow send_destination=\"org.example.Store1\"/></policy>",
    ] {
        assert_eq!(found(&format!("{ROOT}{allows}")), None, "{allows}");
    }
    // Without a rule about the service, or with a broken file, nothing is known.
    assert_eq!(found("<policy context=\"default\"><deny send_destination=\"org.example.Other1\"/></policy>"), None);
    assert_eq!(found(&format!("{ROOT}<policy>")), None);
    let signals =
        "<policy context=\"default\"><deny send_destination=\"org.example.Store1\" send_type=\"signal\"/></policy>";
    assert_eq!(found(signals), None);
}

#[test]
fn the_service_of_an_action_is_found_in_any_case() {
    let rules = file("<policy user=\"root\"><allow send_destination=\"org.freedesktop.UDisks2\"/></policy>");
    assert!(denial(&rules, "org.freedesktop.udisks2.filesystem-mount", &Client::default()).is_some());
    assert!(denial(&rules, "org.freedesktop.udisks2x.mount", &Client::default()).is_none());
}
