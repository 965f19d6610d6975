//! Conditions on requests that do not exist (PG068 to PG071), and identities of pkla files.

use super::entries::entry;
use super::*;
use crate::implicit_authorization::ImplicitAuthorization;

/// The codes and the marked texts of a rule, on a host with two actions.
fn marked(body: &str) -> Vec<(&'static str, String)> {
    let text = format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n");
    let actions = ["org.example.vm.start", "org.example.vm.stop", "org.example.disk.mount"];
    let registered: Registered = actions.map(|id| (id.to_owned(), ImplicitAuthorization::No)).into();
    let file = File::new("10-x.rules", text.clone().into_bytes());
    let found =
        super::super::requests::lint(&Script::of(file.source.text()), &super::super::requests::known(&registered));
    found.iter().map(|finding| (finding.code.id, text.get(finding.span.clone().unwrap()).unwrap().to_owned())).collect()
}

fn yes_if(condition: &str) -> Vec<(&'static str, String)> {
    marked(&format!("if ({condition}) {{ return polkit.Result.YES; }}"))
}

fn found(code: &'static str, mark: &str) -> Vec<(&'static str, String)> {
    vec![(code, mark.to_owned())]
}

#[test]
fn pg068_an_action_that_no_file_defines() {
    for (condition, mark) in [
        ("action.id == 'org.example.vm.strat'", "'org.example.vm.strat'"),
        ("'org.example.vm.x' === action.id", "'org.example.vm.x'"),
        ("['org.example.vm.start', 'org.example.vm.x'].indexOf(action.id) >= 0", "'org.example.vm.x'"),
        ("action.id == 'org.libvirt.unix.mange'", "'org.libvirt.unix.mange'"),
        ("['x'].indexOf('org.example.vm.st') >= 0", "'org.example.vm.st'"),
        ("action.id.indexOf('org.example.vm.x.') == 0", "'org.example.vm.x.'"),
        ("action.id.startsWith('org.example.vm.x')", "'org.example.vm.x'"),
    ] {
        assert_eq!(yes_if(condition), found("PG068", mark), "{condition}");
    }
    for right in [
        "action.id == 'org.example.vm.start'",
        "action.id == 'org.other.program.run'",
        "action.id.indexOf('org.example.vm.') == 0",
        "action.id.indexOf('org.example.vm.st') == 0",
        "action.id.indexOf('org.example.') == 0",
        "action.id.startsWith('org.libvirt.')",
        "action.id == 'org.example.vm.'",
        "action.id.match('org.example.vm.x')",
        "action.lookup('org.example.vm.x')",
        "subject.isInGroup('org.example.vm.x')",
        "subject.user == 'bob'",
    ] {
        assert_eq!(yes_if(right), [], "{right}");
    }
    assert_eq!(marked("polkit.log('org.example.vm.x');"), []);
}

#[test]
fn pg069_a_detail_that_the_mechanism_does_not_pass() {
    let with = |action: &str, key: &str| yes_if(&format!("action.id == '{action}' && action.lookup('{key}') == 'x'"));
    let manage = "org.freedesktop.systemd1.manage-units";
    assert_eq!(with(manage, "name"), found("PG069", "'name'"));
    assert_eq!([with(manage, "unit"), with(manage, "verb")], [[], []]);
    assert_eq!(with("org.libvirt.unix.manage", "domain_name"), found("PG069", "'domain_name'"));
    assert_eq!(with("org.libvirt.api.domain.start", "domain_name"), []);
    assert_eq!(with("org.example.vm.start", "name"), [], "the details of other mechanisms are not known");
    // One of several actions has the detail.
    let both =
        format!("(action.id == '{manage}' || action.id == 'org.libvirt.unix.manage') && action.lookup('unit') == 'x'");
    assert_eq!(yes_if(&both), []);
    assert_eq!(yes_if("action.lookup('name') == 'x'"), [], "no action is named");
    let pattern = format!("(action.id == '{manage}' || /x/.test(action.id)) && action.lookup('name') == 'x'");
    assert_eq!(yes_if(&pattern), [], "a pattern can match other actions");
}

#[test]
fn pg070_a_unit_that_a_mechanism_does_not_pass() {
    let with = |action: &str| yes_if(&format!("action.id == '{action}' && subject.system_unit == 'a.service'"));
    assert_eq!(with("org.libvirt.unix.manage"), found("PG070", "subject.system_unit"));
    assert_eq!(with("org.freedesktop.systemd1.manage-units"), []);
    let both = "(action.id == 'org.libvirt.unix.manage' || action.id == 'org.example.vm.start') && subject.system_unit";
    assert_eq!(yes_if(both), []);
}

#[test]
fn pg071_a_group_that_is_root_equivalent() {
    let with = |action: &str, group: &str| yes_if(&format!("action.id == '{action}' && subject.isInGroup('{group}')"));
    assert_eq!(with("org.example.vm.start", "docker"), found("PG071", "'docker'"));
    assert_eq!(with("org.example.vm.start", "libvirt"), found("PG071", "'libvirt'"));
    assert_eq!(with("org.libvirt.unix.manage", "libvirt"), []);
    assert_eq!(with("org.libvirt.unix.manage", "docker"), found("PG071", "'docker'"));
    assert_eq!(with("org.example.vm.start", "ops"), []);
    let both = "(action.id == 'org.libvirt.unix.manage' || action.id == 'org.example.vm.start') && subject.isInGroup('libvirt')";
    assert_eq!(yes_if(both), found("PG071", "'libvirt'"));
}

#[test]
fn a_rule_without_an_action_has_no_findings_about_requests() {
    assert_eq!(yes_if("subject.isInGroup('docker') && subject.system_unit == 'a.service'"), []);
    let keys = "return {'org.example.vm.start': 'yes'}[action.id] && subject.isInGroup('docker') ? 'yes' : null;";
    assert_eq!(marked(keys), found("PG071", "'docker'"));
    // A helper outside of a rule is not a rule.
    let text = "function f(subject) { return 'org.example.vm.start' && subject.isInGroup('docker'); }";
    let file = File::new("a.rules", text.as_bytes().to_vec());
    assert_eq!(
        super::super::requests::lint(&Script::of(file.source.text()), &KnownActions::new(std::iter::empty())),
        []
    );
}

#[test]
fn an_identity_is_a_name_and_not_a_number_or_a_quotation() {
    for right in ["unix-user:web1", "unix-user:1a", "unix-group:ops", "unix-netgroup:n", "unix-user:a*", "unix-*", "*"]
    {
        let codes: Vec<_> = entry("unix-user:bob", right).into_iter().filter(|(code, _)| *code == "PG032").collect();
        assert_eq!(codes, CLEAN, "{right}");
    }
    for wrong in [
        "unix-group:100",
        "unix-netgroup:7",
        "user:bob",
        "group:ops",
        "unix-user:a,b",
        "unix-user:'a'",
        "unix-user:a#b",
    ] {
        assert_eq!(entry("unix-user:bob", wrong), [("PG032", 2)], "{wrong}");
    }
    assert_eq!(entry("unix-user:bob", "default"), CLEAN);
}

#[test]
fn a_pattern_of_three_letters_covers_every_action() {
    for every in ["*", "org.*", "*.*", "com*", "o*"] {
        assert_eq!(entry("org.example.*", every), [("PG038", 3)], "{every}");
    }
    for some in ["org.example*", "org.ex*", "net.example.*"] {
        assert_eq!(entry("org.example.*", some), CLEAN, "{some}");
    }
}

#[test]
fn a_detail_is_always_passed_only_if_each_action_has_it() {
    let both = "(action.id == \"org.libvirt.api.domain.start\" || action.id == \"org.example.vm.start\")";
    assert_eq!(
        rule(&format!("if ({both} && action.lookup(\"domain_name\").length) {{ return \"no\"; }}")),
        [("PG013", 2)]
    );
}
