use super::*;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::action_file::Action;

fn declared(id: &str, results: [&str; 3]) -> DeclaredAction {
    let [any, inactive, active] = results.map(|text| ImplicitAuthorization::parse(text).unwrap());
    let action = Action {
        id: id.to_owned(),
        line: 1,
        description: " Run it\n".to_owned(),
        results: BySession { any, inactive, active },
        annotations: [("org.freedesktop.policykit.owner".to_owned(), " unix-user:a ".to_owned())].into(),
        implies: Vec::new(),
    };
    DeclaredAction { action, file: "/usr/share/polkit-1/actions/a.policy".to_owned() }
}

#[test]
fn an_action_is_shown_with_its_results_and_its_annotations() {
    let text = as_text(&declared("org.example.run", ["no", "no", "no"]));
    assert_eq!(text, "org.example.run  no\n    Run it\n    owner: unix-user:a\n");
    for results in [["no", "no", "yes"], ["yes", "no", "no"], ["no", "yes", "yes"]] {
        let text = as_text(&declared("org.example.run", results));
        assert_eq!(text.lines().next().unwrap(), format!("org.example.run  {}", results.join("/")));
    }
}

#[test]
fn a_permission_of_libvirt_is_shown_with_its_details_calls_and_commands() {
    let text = as_text(&declared("org.libvirt.api.domain.start", ["yes", "yes", "yes"]));
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    for start in ["details: connect_driver, domain_name", "calls: DomainCreate", "virsh: "] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {text}");
    }
    // virsh has no command for this call.
    let few = as_text(&declared("org.libvirt.api.domain.block-read", ["yes", "yes", "yes"]));
    assert!(few.contains("    calls: DomainBlockPeek\n") && !few.contains("virsh:"), "{few}");
}

#[test]
fn what_is_unknown_has_no_line() {
    let text = as_text(&declared("org.example.run", ["yes", "yes", "yes"]));
    assert!(!["details:", "calls:", "virsh:"].iter().any(|key| text.contains(key)), "{text}");
}

#[test]
fn a_list_is_split_at_commas_and_semicolons() {
    assert_eq!(list("a, b; c"), ["a", "b", "c"]);
    assert_eq!(list(" a ,, ;b,"), ["a", "b"]);
    assert_eq!(list(""), [""; 0]);
}

#[test]
fn an_action_as_json_has_all_its_parts() {
    let json = as_json(&declared("org.libvirt.api.domain.start", ["no", "auth_admin", "yes"]));
    assert_eq!(json["id"], "org.libvirt.api.domain.start");
    assert_eq!(json["description"], "Run it");
    assert_eq!(json["defaults"], json!({ "any": "no", "inactive": "auth_admin", "active": "yes" }));
    assert_eq!(json["annotations"], json!({ "org.freedesktop.policykit.owner": "unix-user:a" }));
    assert_eq!(json["file"], "/usr/share/polkit-1/actions/a.policy");
    assert_eq!(json["mechanism"]["name"], "libvirt");
    let has = |key: &str, value: &str| json[key].as_array().unwrap().contains(&Value::from(value));
    assert!(has("details", "domain_name") && has("calls", "DomainCreate") && has("virsh", "start"), "{json}");
    let unknown = as_json(&declared("org.example.run", ["no", "no", "no"]));
    assert_eq!([&unknown["details"], &unknown["calls"], &unknown["virsh"]], [&json!([]), &json!([]), &json!([])]);
    assert_eq!(unknown["mechanism"], Value::Null);
}

#[test]
fn the_only_action_is_shown_with_all_that_is_known_of_its_mechanism() {
    let libvirt = declared("org.libvirt.unix.manage", ["no", "no", "no"]);
    assert_eq!(of_mechanism(&libvirt, false), "    mechanism: libvirt\n");
    let all = of_mechanism(&libvirt, true);
    assert!(all.starts_with("    libvirt") && all.lines().count() > 1, "{all}");
    assert!(all.lines().all(|line| line.starts_with("    ")) && all.ends_with('\n'), "{all}");
    let unknown = declared("org.example.run", ["no", "no", "no"]);
    assert_eq!((of_mechanism(&unknown, false), of_mechanism(&unknown, true)), (String::new(), String::new()));
}
