//! Each key of the configuration: its bounds, its effect, and the problems that it alone has.

use super::*;
use crate::config::ExecPrincipal;

/// The configuration of a text without errors.
fn accepted(text: impl AsRef<[u8]>) -> Option<Config> {
    let (_folder, loaded) = loaded(text)?;
    let lines = loaded.report.lines();
    Some(loaded.config.unwrap_or_else(|| panic!("{lines:?}")))
}

/// The number of problems of a text, and whether it is a configuration.
fn problems(text: impl AsRef<[u8]>) -> Option<(usize, bool)> {
    let (_folder, loaded) = loaded(text)?;
    Some((loaded.report.lines().len(), loaded.config.is_some()))
}

/// Asserts the number of problems of each text, and whether it is a configuration.
fn each<const N: usize>(texts: [(String, usize, bool); N]) {
    for (text, number, is_accepted) in texts {
        let Some(found) = problems(&text) else { return };
        assert_eq!(found, (number, is_accepted), "{text}");
    }
}

fn rule_with(line: &str) -> String {
    format!("{RULE}{line}\n")
}

fn asking(line: &str) -> String {
    rule_with(line).replace("\"allow\"", "\"ask\"")
}

#[test]
fn the_time_limit_of_an_answer_is_from_100_ms_to_60_s_and_more_than_25_s_has_a_warning() {
    let within = |text: &str| format!("[agent]\nanswer_within = \"{text}\"\n");
    each([
        (within("99ms"), 1, false),
        (within("100ms"), 0, true),
        (within("25s"), 0, true),
        (within("26s"), 1, true),
        (within("60s"), 1, true),
        (within("61s"), 1, false),
    ]);
}

#[test]
fn registrations_are_from_1_to_160() {
    let max = |number: i64| format!("[agent]\nmax_registrations = {number}\n");
    let of_entry = |number: i64| format!("[[serve]]\nunit = \"a.service\"\nmax = {number}\n");
    for with in [max, of_entry] {
        each([
            (with(-1), 1, false),
            (with(0), 1, false),
            (with(1), 0, true),
            (with(160), 0, true),
            (with(161), 1, false),
        ]);
    }
}

#[test]
fn new_registrations_are_from_1_to_1000_per_second() {
    let pace = |number: i64| format!("[[serve]]\nunit = \"a.service\"\nnew_per_second = {number}\n");
    each([
        (pace(0), 1, false),
        (pace(1), 0, true),
        (pace(1000), 0, true),
        (pace(1001), 1, false),
        (pace(-1), 1, false),
    ]);
    let Some(config) = accepted(pace(7)) else { return };
    assert_eq!((config.serve[0].new_per_second, config.serve[0].max), (Some(7), None));
}

#[test]
fn an_open_challenge_waits_from_1_s_to_60_s_and_only_for_a_person() {
    let hold = |text: &str| asking(&format!("hold = \"{text}\""));
    each([
        (hold("999ms"), 1, false),
        (hold("1s"), 0, true),
        (hold("60s"), 0, true),
        (hold("61s"), 1, false),
        (rule_with("hold = \"15s\""), 1, false),
    ]);
    let Some(config) = accepted(hold("15s")) else { return };
    assert_eq!(config.rules[0].hold, Some(Duration::from_secs(15)));
}

#[test]
fn an_id_has_1_to_128_bytes_without_control_characters() {
    let id = |id: &str| RULE.replace("\"a\"", &format!("\"{id}\""));
    each([
        (id(""), 1, false),
        (id(&"x".repeat(128)), 0, true),
        (id(&"x".repeat(129)), 1, false),
        (id("a\\u0007b"), 1, false),
        (id("a b"), 0, true),
    ]);
}

#[test]
fn a_flag_is_off_unless_it_is_set() {
    let Some(plain) = accepted(RULE) else { return };
    let rule = &plain.rules[0];
    assert_eq!((rule.unbound, rule.delegated, rule.own_user), (false, false, false));
    for (key, is_set) in [("unbound", [true, false]), ("delegated", [false, true])] {
        let Some(config) = accepted(rule_with(&format!("{key} = true"))) else { return };
        assert_eq!([config.rules[0].unbound, config.rules[0].delegated], is_set, "{key}");
        let Some(config) = accepted(rule_with(&format!("{key} = false"))) else { return };
        assert_eq!([config.rules[0].unbound, config.rules[0].delegated], [false; 2], "{key}");
    }
}

#[test]
fn a_required_own_user_is_a_default_that_a_rule_can_change() {
    let agent = "[agent]\nrequire_own_user = true\n";
    let Some(config) = accepted(format!("{agent}{}", rule_with("require_own_user = false"))) else { return };
    assert!(!config.rules[0].own_user);
    // The grant has no unit.
    each([(format!("{agent}{RULE}"), 1, false), (rule_with("require_own_user = true"), 1, false)]);
    let Some(config) = accepted(format!("{agent}{}", RULE.replace("allow", "deny"))) else { return };
    assert!(config.rules[0].own_user, "a refusal needs no unit");
}

#[test]
fn unbound_has_no_effect_on_a_refusal_and_at_most_neither() {
    let denying = |line: &str| rule_with(line).replace("\"allow\"", "\"deny\"");
    each([
        (denying("unbound = true"), 1, true),
        (denying("at_most = \"1/s\""), 1, true),
        (denying(""), 0, true),
        (rule_with("unbound = true"), 0, true),
        (rule_with("at_most = \"1/s\""), 0, true),
        (rule_with("at_most = \"1/s\"\nunbound = true"), 1, true),
        (rule_with("days = [\"mon\"]\nunbound = true"), 1, true),
        (rule_with("days = [\"mon\"]"), 0, true),
    ]);
}

#[test]
fn one_selector_is_enough_for_a_grant_and_a_program_is_none() {
    let by = |line: &str| RULE.replace("user = \"daemon\"", line);
    each([
        (by("user = \"daemon\""), 0, true),
        (by("group = \"bin\""), 0, true),
        (by("session = \"active\""), 0, true),
        (by("seat = \"seat0\""), 0, true),
        (by("unit = \"a.service\""), 1, true),
        (by("unit = \"a.service\"\nuser = \"daemon\""), 0, true),
        (by("exe = \"/bin/sh\""), 1, false),
        (by("exe = \"/bin/sh\"").replace("allow", "deny"), 0, true),
    ]);
}

#[test]
fn every_action_is_never_granted_and_may_be_refused() {
    let any = RULE.replace("org.example.x", "*");
    each([(any.replace("allow", "deny"), 0, true), (any.replace("allow", "ask"), 2, false)]);
    let several = RULE.replace("\"org.example.x\"", "[\"org.example.x\", \"org.freedesktop.policykit.exec\"]");
    each([(several.clone(), 1, false), (several.replace("allow", "dismiss"), 0, true)]);
}

#[test]
fn details_that_do_not_name_the_unit_grant_every_unit() {
    let manage = |details: &str, more: &str| {
        let text = RULE.replace("org.example.x", "org.freedesktop.systemd1.manage-units");
        text.replace("answer", &format!("details = {{ {details} }}\n{more}answer"))
    };
    each([
        (manage("verb = \"restart\"", ""), 0, true),
        (manage("verb = \"st*\"", ""), 1, false),
        (manage("verb = \"st*\"", "root_equivalent = true\n"), 0, true),
        (manage("unit = \"a.service\", verb = \"*\"", ""), 0, true),
        (manage("x = \"y\"", ""), 1, false),
    ]);
    let other = RULE.replace("answer", "details = { verb = \"start\" }\nanswer");
    each([(other, 0, true)]);
}

#[test]
fn a_program_that_cannot_be_read_now_is_a_warning() {
    each([(rule_with("exe = \"/nonexistent/x\""), 1, true)]);
    let Some(config) = accepted(rule_with("exe = \"/nonexistent/x\"")) else { return };
    assert_eq!(config.rules[0].exe.as_deref(), Some(Path::new("/nonexistent/x")));
}

#[test]
fn an_invalid_action_is_an_error_of_its_own() {
    let actions = |list: &str| RULE.replace("\"org.example.x\"", list);
    each([
        (actions("[\"org.example.x\", \"ORG..\", \"\"]"), 2, false),
        (actions("[\"org.example.x\", \"org.example.y\"]"), 0, true),
    ]);
}

#[test]
fn the_forms_of_serving_are_read() {
    let text = "[[serve]]\nunit = \"a*.service\"\nway = \"hook\"\n[[serve]]\nuser = \"daemon\"\n\
                [[serve]]\nsession_user = \"daemon\"\n[[serve]]\nexec = [\"daemon\", \"@bin\"]\n";
    let Some(config) = accepted(text) else { return };
    let [unit, user, sessions, exec] = config.serve.as_slice() else { panic!("{:?}", config.serve) };
    assert!(unit.by_hook && !user.by_hook && !exec.by_hook);
    assert!(!unit.registers_processes() && user.registers_processes() && exec.registers_processes());
    assert!(!sessions.registers_processes() && !Serve::of(ServeTarget::OwnSession).registers_processes());
    let named = |name: &str, id| polkit_agent_rules::rule::Named { name: name.into(), id };
    assert_eq!(user.target, ServeTarget::User(named("daemon", 1)));
    let who = vec![ExecPrincipal::User(named("daemon", 1)), ExecPrincipal::Group(named("bin", 2))];
    assert_eq!(exec.target, ServeTarget::Exec(who));
    each([
        ("[[serve]]\nunit = \"a.service\"\nway = \"other\"\n".into(), 1, false),
        ("[[serve]]\nuser = \"daemon\"\nway = \"hook\"\n".into(), 0, true),
        ("[[serve]]\npid_file = \"/run/x.pid\"\nway = \"hook\"\n".into(), 1, false),
        ("[[serve]]\nuser = \"root\"\n".into(), 1, false),
    ]);
}

#[test]
fn an_entry_that_is_there_twice_has_a_warning_with_the_place_of_the_first() {
    let (unit, user) = ("[[serve]]\nunit = \"a.service\"\n", "[[serve]]\nuser = \"daemon\"\n");
    let Some(lines) = said(format!("{unit}{user}{unit}{unit}")) else { return };
    assert_eq!(
        lines,
        [
            "agent.toml:5:1: `a.service` is served already at agent.toml:1:1",
            "agent.toml:7:1: `a.service` is served already at agent.toml:1:1"
        ]
    );
    // One entry registers, and the other one is for the hook.
    each([(format!("{unit}{unit}way = \"hook\"\n"), 0, true)]);
}

#[test]
fn root_serves_its_own_session_beside_other_entries() {
    let text = format!("[[serve]]\nsession = \"own\"\n[[serve]]\nunit = \"a.service\"\n{RULE}");
    let Some(config) = accepted(text) else { return };
    assert_eq!((config.serve.len(), config.rules.len()), (2, 1));
}

#[test]
fn an_agent_without_root_serves_its_own_session_and_grants_nothing() {
    let at = || polkit_config::report::Location { source: "agent.toml".into(), span: None };
    let mut report = Report::new();
    let answers = Answer::WORDS.map(|(word, answer)| crate::config::rule_entry::RuleEntry {
        rule: Rule { id: word.into(), ..polkit_agent_rules::model::rule(answer) },
        at: at(),
        identity: None,
    });
    rules::refuse_what_needs_root(&answers, &mut report);
    let refused: Vec<String> = report.lines().iter().map(|line| line.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(refused, ["allow", "ask"]);
}

#[test]
fn only_the_file_of_a_user_may_belong_to_that_user() {
    let given = ConfigFile::alone(Path::new("/x/agent.toml"));
    assert_eq!((given.given, given.main, given.vendor, &given.instead_of), (true, true, false, &None));
    let Some((_folder, found, _)) = host(&[
        ("etc/agent.toml", ""),
        ("etc/agent.d/1.toml", ""),
        ("usr/agent.d/1.toml", ""),
        ("usr/agent.d/2.toml", ""),
    ]) else {
        return;
    };
    let flags: Vec<_> =
        found.iter().map(|file| (file.given, file.main, file.vendor, file.instead_of.is_some())).collect();
    assert_eq!(flags, [(false, false, false, true), (false, false, true, false), (false, true, false, false)]);
}

#[test]
fn a_masked_file_without_refusals_has_no_warning() {
    for (vendor, number) in [
        (named("v", "allow"), 0),
        (named("v", "ask"), 0),
        (named("v", "deny"), 1),
        (named("v", "dismiss"), 1),
        ([named("v", "allow"), named("w", "deny")].concat(), 1),
        ("[[rule]]\nid = \"a\"\n".to_owned(), 0),
    ] {
        let files = [("etc/agent.d/20-x.toml", ""), ("usr/agent.d/20-x.toml", vendor.as_str())];
        let Some((_folder, found, _)) = host(&files) else { return };
        let mut report = Report::new();
        files::warn_of_masked_refusals(&found, &mut report);
        assert_eq!(report.lines().len(), number, "{vendor}");
    }
}

#[test]
fn each_setting_is_set_once_and_vendor_rules_in_the_main_file() {
    for line in ["max_registrations = 5", "vendor_rules = true", "require_own_user = true"] {
        let files =
            [("etc/agent.toml", format!("[agent]\n{line}\n")), ("etc/agent.d/90-y.toml", format!("[agent]\n{line}\n"))];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let Some((_folder, found, mut report)) = host(&files) else { return };
        drop(read(&found, &mut report));
        assert!(report.lines().iter().any(|line| line.contains("is set twice: first at")), "{line}");
    }
    let Some((_folder, found, mut report)) = host(&[("etc/agent.d/90-y.toml", "[agent]\nrequire_own_user = true\n")])
    else {
        return;
    };
    drop(read(&found, &mut report));
    assert_eq!(report.lines(), [""; 0]);
}
