//! `check` reports what rules files do, by running them, and requests that do not exist.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod trees;

use std::process::{Command, Stdio};

use serde_json::Value;
use trees::{Tree, text};

/// Runs `check` for files with these contents and returns each finding as code, line and message.
fn checked(files: &[(&str, &str)], target: &str) -> Vec<(String, Option<u64>, String)> {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    command.args(["check", "--json", "--target", target]).arg(folder.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let finding = |finding: &Value| {
        (text(&finding["code"]).to_owned(), finding["line"].as_u64(), text(&finding["message"]).to_owned())
    };
    value["findings"].as_array().unwrap().iter().map(finding).collect()
}

fn file(body: &str) -> String {
    format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n")
}

/// Returns the codes for a rule, without repetitions.
fn codes(body: &str) -> Vec<String> {
    let mut codes: Vec<String> =
        checked(&[("50-x.rules", &file(body))], "polkit:126").into_iter().map(|(code, ..)| code).collect();
    codes.dedup();
    codes
}

/// The message of the finding with a code.
fn message(body: &str, code: &str) -> String {
    let found = checked(&[("50-x.rules", &file(body))], "polkit:126");
    let finding = found.iter().find(|(found, ..)| found == code);
    finding.unwrap_or_else(|| panic!("no {code}: {body}: {found:?}")).2.clone()
}

#[test]
fn grants_of_every_action_are_reported_with_their_subjects() {
    for body in [
        "return polkit.Result.YES;",
        "return 'yes';",
        "if (action.id != 'org.a.b.c') { return polkit.Result.YES; }",
        "if (subject.user) { return 'yes'; }",
        "if (!subject.isInGroup('guests')) { return polkit.Result.YES; }",
        "return action.id == 'org.a.b.c' ? 'no' : 'yes';",
        "switch (action.id) { case 'org.a.b.c': return 'no'; default: return 'yes'; }",
        "if (/./.test(action.id)) { return 'yes'; }",
    ] {
        assert!(message(body, "PG080").contains("every action, also services"), "{body}");
    }
    assert!(message("if (subject.local && subject.active) { return 'yes'; }", "PG080").contains("at a seat"));
    for (body, who) in [
        ("if (subject.isInGroup('wheel')) { return polkit.Result.YES; }", "the group `wheel`"),
        ("if (subject.user == 'bob') return 'yes';", "the user `bob`"),
        ("if (subject.groups.indexOf('ops') >= 0) { return 'yes'; }", "the group `ops`"),
        ("if (['bob', 'eve'].indexOf(subject.user) != -1) { return 'yes'; }", "the user `bob` and the user `eve`"),
        ("return subject.isInGroup('ops') && 'yes';", "the group `ops`"),
        ("if (subject.isInGroup('ops') && subject.active && subject.local) { return 'yes'; }", "the group `ops`"),
        (
            "if (subject.isInGroup('a') && subject.isInGroup('b')) { return 'yes'; }",
            "a user with several of the conditions",
        ),
        ("if (action.id != 'org.a.b.c' && subject.user == 'bob') return 'yes';", "the user `bob`"),
    ] {
        assert!(message(body, "PG081").starts_with(who), "{body}: {}", message(body, "PG081"));
    }
}

#[test]
fn grants_to_every_user_are_reported_with_their_actions() {
    for body in [
        "if (action.id == 'org.a.b.c') { return polkit.Result.YES; }",
        "if (action.id.indexOf('org.a.b.c') == 0) { return 'yes'; }",
        "if (['org.a.b.c'].indexOf(action.id) >= 0) { return 'yes'; }",
        "return {'org.a.b.c': 'yes'}[action.id];",
        "switch (action.id) { case 'org.a.b.c': return 'yes'; }",
        "if (action.id != 'org.a.b.c') { return null; } return 'yes';",
    ] {
        assert!(message(body, "PG083").contains("org.a.b.c"), "{body}");
    }
    let unit = "if (action.id == 'org.freedesktop.systemd1.manage-units' && action.lookup('unit') == 'a.service') { return 'yes'; }";
    assert!(message(unit, "PG083").contains("manage-units"));
}

#[test]
fn refusals_and_decisions_of_every_action_are_reported_with_the_files_that_are_never_run() {
    let rest =
        "if (action.id == 'org.a.b.c' && subject.isInGroup('ops')) { return 'yes'; } else { return polkit.Result.NO; }";
    let later = file("if (action.id == 'org.d.e.f' && subject.user == 'bob') { return 'yes'; }");
    let found = checked(&[("10-a.rules", &file(rest)), ("60-b.rules", &later)], "polkit:126");
    assert!(
        found.iter().any(|(code, line, message)| code == "PG084" && *line == Some(1) && message.contains("60-b.rules")),
        "{found:?}"
    );
    for body in [
        "return 'no';",
        "return subject.isInGroup('ops') ? null : polkit.Result.NO;",
        "if (subject.user != 'bob') { return 'no'; }",
        "switch (action.id) { case 'org.a.b.c': return 'yes'; default: return 'no'; }",
    ] {
        assert!(codes(body).contains(&"PG084".to_owned()), "{body}: {:?}", codes(body));
    }
    for body in ["return 'auth_admin';", "return subject.local ? polkit.Result.AUTH_SELF : polkit.Result.NO;"] {
        assert!(codes(body).contains(&"PG085".to_owned()), "{body}: {:?}", codes(body));
    }
}

#[test]
fn files_that_never_decide_are_reported() {
    for body in [
        "if (action.id == 'org.a.b.c' && action.id == 'org.a.b.d') { return 'yes'; }",
        "if (action.id == 'org.a.b.c') { polkit.Result.YES; }",
        "if (action.id == 'org.a.b.c' && subject.user === 3) { return 'yes'; }",
        "if (action.id == 'org.a.b.c') { return; } else { return null; } return 'yes';",
        "if (action.id === 'org.a.b.c' && subject.isInGroup == 'ops') { return polkit.Result.YES; }",
        "var is = action.id == 'org.a.b.c'; if (is && subject.isInGroup(subject)) { return 'no'; }",
    ] {
        assert!(codes(body).contains(&"PG086".to_owned()), "{body}: {:?}", codes(body));
    }
}

#[test]
fn exceptions_are_reported_with_their_line() {
    for body in [
        "if (action.id == 'org.a.b.c' && subject.isInGroups('ops')) {\nreturn 'yes'; }",
        "var x = absent;",
        "if (subject.user.startWith('a')) { return 'no'; }",
        "return polkit.Results.YES;",
        "if (subject.session.length > 0 && null.x) { return 'no'; }",
        "throw new Error('x');",
    ] {
        let found = checked(&[("50-x.rules", &file(body))], "polkit:126");
        assert!(found.iter().any(|(code, line, _)| code == "PG082" && *line == Some(2)), "{body}: {found:?}");
    }
    // Another file defines the variable.
    let uses = file("if (action.id == 'org.a.b.c' && subject.isInGroup(ops)) { return 'yes'; }");
    let found = checked(&[("10-a.rules", "var ops = 'ops';\n"), ("50-x.rules", &uses)], "polkit:126");
    assert!(!found.iter().any(|(code, ..)| code == "PG082"), "{found:?}");
}

#[test]
fn right_files_have_no_findings() {
    for body in [
        "if (action.id == 'org.a.b.c' && subject.isInGroup('ops')) { return polkit.Result.YES; }",
        "if (action.id == 'org.a.b.c') { return subject.isInGroup('ops') ? 'yes' : 'no'; }",
        "if (action.id == 'org.a.b.c') { return polkit.Result.AUTH_ADMIN; }",
        "if (action.id == 'org.a.b.c' && subject.local && subject.active) { return polkit.Result.YES; }",
        "if (subject.user == 'kiosk') { return polkit.Result.NO; }",
        "if (action.id.indexOf('org.a.b.') == 0 && subject.user == 'bob') { return 'yes'; }",
        "if (subject.isInGroup('ops')) { if (action.id == 'org.a.b.c' || action.id == 'org.a.b.d') { return 'yes'; } }",
        "polkit.log('action=' + action); polkit.log('subject=' + subject);",
        "if (!subject.isInGroup('ops')) { return; } switch (action.id) { case 'org.a.b.c': return 'yes'; }",
        "if (/^org\\.a\\./.test(action.id) && subject.isInGroup('ops')) { return 'yes'; }",
        "var units = ['a.service']; if (action.id == 'org.freedesktop.systemd1.manage-units' && \
         units.indexOf(action.lookup('unit')) != -1 && subject.user == 'bob') { return 'yes'; }",
        "if (action.id == 'org.libvirt.unix.manage' && subject.isInGroup('libvirt')) { return polkit.Result.YES; }",
        "if (action.id == 'org.a.b.c' && subject.user.match(/^web[0-9]+$/)) { return 'yes'; }",
        "if (action.id == 'org.a.b.c' && subject.system_unit == 'a.service') { return 'yes'; }",
        "if (action.id == 'org.freedesktop.policykit.exec' && action.lookup('program') == '/bin/x' && subject.user == 'bob') { return 'yes'; }",
    ] {
        assert_eq!(codes(body), [""; 0], "{body}");
    }
}

#[test]
fn actions_details_units_and_groups_that_do_not_exist_are_reported() {
    let for_bob = |condition: &str| format!("if (subject.user == 'bob' && {condition}) {{ return 'yes'; }}");
    for condition in [
        "action.id == 'org.libvirt.api.domain.create'",
        "['org.libvirt.unix.read'].indexOf(action.id) >= 0",
        "action.id.indexOf('org.libvirt.api.machine.') == 0",
        "action.id === \"org.libvirt.api.domain\"",
    ] {
        assert_eq!(codes(&for_bob(condition)), ["PG068"], "{condition}");
    }
    assert!(
        message(&for_bob("action.id == 'org.libvirt.api.domain.create'"), "PG068")
            .ends_with("use org.libvirt.api.domain.start")
    );
    assert_eq!(codes(&for_bob("action.id.indexOf('org.libvirt.api.domain.') == 0")), [""; 0]);
    for (action, key) in [
        ("org.freedesktop.login1.reboot", "unit"),
        ("org.freedesktop.udisks2.filesystem-mount", "id_label"),
        ("org.freedesktop.systemd1.manage-units", "service"),
        ("org.libvirt.api.domain.start", "name"),
        ("org.freedesktop.NetworkManager.network-control", "interface"),
    ] {
        let condition = format!("action.id == '{action}' && action.lookup('{key}') == 'a'");
        assert!(
            codes(&for_bob(&condition)).contains(&"PG069".to_owned()),
            "{condition}: {:?}",
            codes(&for_bob(&condition))
        );
    }
    assert_eq!(
        codes(&for_bob("action.id == 'org.freedesktop.udisks2.filesystem-mount' && action.lookup('id.label') == 'a'")),
        [""; 0]
    );
    assert_eq!(codes(&for_bob("action.id == 'org.example.x.y' && action.lookup('own') == 'a'")), [""; 0]);
    assert!(
        codes(&for_bob("action.id == 'org.libvirt.unix.manage' && subject.system_unit == 'a.service'"))
            .contains(&"PG070".to_owned())
    );
    for group in ["empower", "docker", "libvirt", "lxd"] {
        let body = format!("if (action.id == 'org.a.b.c' && subject.isInGroup('{group}')) {{ return 'yes'; }}");
        assert_eq!(codes(&body), ["PG071"], "{group}");
    }
}

#[test]
fn a_program_at_load_is_named_and_not_an_error() {
    let text = format!(
        "var live = polkit.spawn(['/bin/grep', 'live', '/proc/cmdline']);\n{}",
        file("if (live && action.id == 'org.a.b.c' && subject.user == 'bob') { return 'yes'; }")
    );
    let found = checked(&[("50-x.rules", &text)], "polkit:126");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "PG005" && found[0].2.contains("/bin/grep"), "{found:?}");
}

#[test]
fn files_of_packages_are_not_judged_but_errors_in_them_are() {
    let tree = Tree::with_rule("return null;");
    tree.write(
        "usr/share/polkit-1/rules.d/50-shipped.rules",
        file("if (action.id == 'org.example.run') { return 'yes'; }"),
    );
    tree.write(
        "usr/share/polkit-1/rules.d/40-local.rules",
        file("if (action.id == 'org.example.run') { return 'yes'; }"),
    );
    tree.write("usr/share/polkit-1/rules.d/70-broken.rules", "let a = 1;\n");
    tree.write(
        "var/lib/dpkg/info/x.list",
        "/.\n/usr/share/polkit-1/rules.d/50-shipped.rules\n/usr/share/polkit-1/rules.d/70-broken.rules\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    let output =
        command.args(["check", "--json", "--target", "polkit:126", "--root"]).arg(tree.0.path()).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<String> = value["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| format!("{} {}", text(&finding["code"]), text(&finding["file"]).rsplit('/').next().unwrap()))
        .collect();
    assert_eq!(found, ["PG083 40-local.rules", "PG001 70-broken.rules"]);
}

/// Generates the files of a policy for a target, and returns the findings in them.
fn of_own_files(policy: &str, target: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("policy.toml"), folder.path().join("files"));
    std::fs::write(&input, policy).unwrap();
    std::fs::create_dir(&output).unwrap();
    let program = || Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    let generated =
        program().arg("generate").arg(&input).args(["--target", target, "-o"]).arg(&output).output().unwrap();
    assert!(generated.status.success(), "{generated:?}");
    let checked = program().args(["check", "--strict", "--json", "--target", target]).arg(&output).output().unwrap();
    let value: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    findings.iter().map(|finding| format!("{} {}", text(&finding["code"]), text(&finding["message"]))).collect()
}

#[test]
fn files_of_this_program_have_no_findings() {
    let rules = "[[grant]]\nactions = [\"org.libvirt.unix.manage\", \"org.libvirt.api.*\"]\ngroups = [\"vm\"]\nresult = \"yes\"\n\
                 [[grant]]\nactions = [\"org.freedesktop.login1.reboot\"]\nusers = [\"bob\"]\nnetgroups = [\"ops\"]\n\
                 result = { any = \"no\", inactive = \"auth_admin\", active = \"yes\" }\n\
                 [[systemd]]\nunits = [\"nginx.service\", \"app@*.service\"]\nverbs = [\"restart\"]\ngroups = [\"deploy\"]\n\
                 [[hook]]\nactions = [\"org.freedesktop.policykit.exec\"]\non_failure = \"nothing\"\n\
                 [[agent]]\nactions = [\"org.example.run\"]\nusers = [\"www-data\"]\n";
    for target in ["polkit:126", "debian:12", "polkit:0.115"] {
        assert_eq!(of_own_files(rules, target), [""; 0], "{target}");
    }
    let pkla = "[[grant]]\nactions = [\"org.libvirt.unix.manage\"]\ngroups = [\"vm\"]\nresult = \"yes\"\n\
                [[grant]]\nactions = [\"org.example.*\"]\nusers = [\"bob\"]\nresult = { any = \"no\", inactive = \"no\", active = \"yes\" }\n";
    assert_eq!(of_own_files(pkla, "debian:11"), [""; 0]);
    let roles =
        "[libvirt]\nmode = \"acl\"\n[[libvirt_role]]\nrole = \"operator\"\ngroups = [\"ops\"]\ndomains = [\"web-*\"]\n";
    assert_eq!(of_own_files(roles, "polkit:126"), [""; 0]);
}

#[test]
fn rules_that_never_end_or_that_end_polkitd_cost_one_time_limit() {
    let start = std::time::Instant::now();
    let found = codes("for (;;) { }");
    assert!(!found.contains(&"PG086".to_owned()), "{found:?}");
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(codes("var result = { yes: 1 }; return result;"), ["PG010"]);
    assert_eq!(codes("if (subject.isInGroup('ops')) { return true; }"), ["PG010"]);
}
