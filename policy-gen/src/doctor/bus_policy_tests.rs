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

fn rule_of(policy: &str, attributes: &str) -> Vec<Rule> {
    file(&format!("<policy {policy}><deny {attributes}/></policy>"))
}

#[test]
fn a_context_is_read_from_its_attribute() {
    let context = |policy: &str| rule_of(policy, "send_destination=\"a.b\"")[0].context.clone();
    assert_eq!(context("context=\"default\""), Context::Default);
    assert_eq!(context("context=\"mandatory\""), Context::Mandatory);
    assert_eq!(context("user=\"bob\""), Context::User("bob".to_owned()));
    assert_eq!(context("group=\"ops\""), Context::Group("ops".to_owned()));
    for other in ["context=\"x\"", "at_console=\"true\"", "", "user=\"a\" group=\"b\""] {
        assert_eq!(context(other), Context::Other, "{other}");
    }
}

#[test]
fn a_rule_is_about_sending_method_calls() {
    let rule = |attributes: &str| rule_of("user=\"bob\"", attributes).pop();
    let whole = |attributes: &str| rule(attributes).map(|rule| (rule.destination, rule.is_whole));
    let name = || Some("a.b".to_owned());
    assert_eq!(whole("send_destination=\"a.b\""), Some((name(), true)));
    assert_eq!(whole("send_destination=\"*\""), Some((None, true)));
    assert_eq!(whole("send_type=\"method_call\""), Some((None, true)));
    assert_eq!(whole("send_type=\"*\" send_destination=\"a.b\""), Some((name(), true)));
    assert_eq!(whole("send_destination=\"a.b\" send_member=\"X\""), Some((name(), false)));
    assert_eq!(whole("send_interface=\"a.b\""), Some((None, false)));
    for other in
        ["send_type=\"signal\"", "own=\"a.b\"", "receive_sender=\"a.b\"", "send_destination=\"a.b\" eavesdrop=\"true\""]
    {
        assert_eq!(whole(other), None, "{other}");
    }
    assert_eq!(whole("send_destination=\"a.b\" send_broadcast=\"true\""), None);
    assert_eq!(whole("send_destination=\"a.b\" eavesdrop=\"false\""), Some((name(), true)));
    assert_eq!(whole("send_destination=\"a&amp;b\"").unwrap().0.as_deref(), Some("a&b"));
    let denies = rule("send_destination=\"a.b\"").unwrap();
    assert_eq!((denies.allows, denies.file.as_str(), denies.line), (false, "x.conf", 3));
    assert_eq!(file("<deny send_destination=\"a.b\"/>"), [], "outside of a policy");
    assert_eq!(file("<policy user=\"a\"></policy><deny send_destination=\"a.b\"/>"), []);
}

#[test]
fn the_later_context_and_the_later_rule_count() {
    let rule = |policy: &str, verb: &str| {
        format!("<policy {policy}><{verb} send_destination=\"org.example.Store1\"/></policy>")
    };
    let order =
        ["context=\"default\"", "group=\"ops\"", "user=\"bob\"", "at_console=\"true\"", "context=\"mandatory\""];
    for pair in order.windows(2) {
        let both = |first: &str, last: &str| [rule(pair[0], first), rule(pair[1], last)].concat();
        let turned = |first: &str, last: &str| [rule(pair[1], last), rule(pair[0], first)].concat();
        for text in [both("allow", "deny"), turned("allow", "deny")] {
            assert!(found(&text).is_some(), "{text}");
        }
        for text in [both("deny", "allow"), turned("deny", "allow")] {
            assert_eq!(found(&text), None, "{text}");
        }
    }
    let same = |first: &str, last: &str| [rule("user=\"bob\"", first), rule("user=\"bob\"", last)].concat();
    assert!(found(&same("allow", "deny")).is_some() && found(&same("deny", "allow")).is_none());
    let others = [rule("user=\"eve\"", "allow"), rule("group=\"admins\"", "allow")].concat();
    assert_eq!(found(&others).unwrap().only.unwrap(), "the user eve and the group admins");
    let twice = [rule("user=\"eve\"", "allow"), rule("user=\"eve\"", "allow")].concat();
    assert_eq!(found(&twice).unwrap().only.unwrap(), "the user eve");
    assert_eq!(found(&rule("user=\"*\"", "allow")), None);
    assert!(found(&rule("user=\"*\"", "deny")).is_some() && found(&rule("group=\"*\"", "deny")).is_some());
}

#[test]
fn a_rule_for_all_names_leaves_the_case_open() {
    let wide = "<policy user=\"bob\"><allow send_destination=\"*\"/></policy>";
    assert_eq!(found(&format!("{ROOT}{wide}")), None);
    assert!(found(&format!("{ROOT}{}", wide.replace("bob", "eve"))).is_some(), "for another user");
    assert!(found(&format!("{ROOT}{}", wide.replace("allow", "deny"))).is_some());
    let short = "<policy user=\"root\"><allow send_destination=\"org.example\"/></policy>";
    assert_eq!(found(short), None, "the name of no service has two parts");
}
