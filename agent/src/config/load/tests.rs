use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use polkit_agent_rules::rule::Answer;

use super::*;

/// A folder that only root can write: the tests of reading run as root, as the agent does.
fn folder() -> Option<tempfile::TempDir> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: configuration is read as root alone");
        assert!(std::env::var_os("REQUIRE_REAL").is_none(), "REQUIRE_REAL is set, and this is not root");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(folder)
}

fn write(path: PathBuf, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

fn loaded(text: impl AsRef<[u8]>) -> Option<(tempfile::TempDir, Loaded)> {
    let folder = folder()?;
    let path = write(folder.path().join("agent.toml"), text);
    let loaded = load(&Origin::File(path));
    Some((folder, loaded))
}

/// What is said of a text, one line each, without the folder's name.
fn said(text: impl AsRef<[u8]>) -> Option<Vec<String>> {
    let (folder, loaded) = loaded(text)?;
    let place = format!("{}/", folder.path().display());
    Some(loaded.report.lines().into_iter().map(|line| line.replace(&place, "")).collect())
}

/// Asserts that a text is refused, with exactly these complaints.
macro_rules! refused {
    ($text:expr, $($line:literal),+ $(,)?) => {
        if let Some((folder, loaded)) = loaded($text) {
            assert!(loaded.config.is_none(), "accepted: {:?}", loaded.config);
            let place = format!("{}/", folder.path().display());
            let lines: Vec<String> = loaded.report.lines().into_iter().map(|line| line.replace(&place, "")).collect();
            assert_eq!(lines, [$($line),+]);
        }
    };
}

const RULE: &str = "[[rule]]\nid = \"a\"\naction = \"org.example.x\"\nuser = \"daemon\"\nanswer = \"allow\"\n";

fn host(files: &[(&str, &str)]) -> Option<(tempfile::TempDir, Vec<ConfigFile>, Report)> {
    let folder = folder()?;
    for (path, text) in files {
        write(folder.path().join(path), text);
    }
    let mut report = Report::new();
    let found = files::of_host(&folder.path().join("etc"), &folder.path().join("usr"), &mut report);
    Some((folder, found, report))
}

fn named(id: &str, answer: &str) -> String {
    RULE.replace("\"a\"", &format!("\"{id}\"")).replace("allow", answer)
}

mod authenticate;
mod fragments;
mod keys;
mod limited;

#[test]
fn an_empty_file_is_a_configuration_that_refuses_everything() {
    let Some((_folder, loaded)) = loaded("") else { return };
    let config = loaded.config.unwrap();
    assert!(config.rules.is_empty() && config.serve.is_empty());
    assert_eq!(config.answer_within, Duration::from_secs(20));
    assert_eq!(config.max_registrations, 128);
}

#[test]
fn a_whole_file_is_read() {
    let text = "[agent]\nanswer_within = \"5s\"\nmax_registrations = 7\n\n[[serve]]\nunit = \"apache2.service\"\nmax = 3\n\n\
        [[serve]]\nexec = [\"daemon\", \"@bin\"]\n\n[[serve]]\npid_file = \"/run/x.pid\"\n\n[[rule]]\nid = \"a\"\n\
        action = [\"org.example.x\", \"org.example.y.*\"]\nunit = \"apache2.service\"\nuser = \"daemon\"\n\
        group = \"bin\"\nexe = \"/bin/sh\"\nsession = \"none\"\nunbound = true\nanswer = \"allow\"\n";
    let Some((_folder, loaded)) = loaded(text) else { return };
    assert_eq!(loaded.report.lines(), [""; 0]);
    let config = loaded.config.unwrap();
    assert_eq!((config.answer_within, config.max_registrations), (Duration::from_secs(5), 7));
    let served: Vec<String> = config.serve.iter().map(|serve| serve.target.to_string()).collect();
    assert_eq!(served, ["apache2.service", "exec", "/run/x.pid"]);
    assert_eq!(config.serve[0].max, Some(3));
    let rule = &config.rules[0];
    assert_eq!((rule.user.as_ref().unwrap().id, rule.group.as_ref().unwrap().id), (1, 2));
    assert!(rule.unbound && rule.answer == Answer::Allow);
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest_known_one() {
    refused!(RULE.replace("user", "usr"), "agent.toml:4:1: unknown key `usr` in [[rule]] (did you mean `user`?)",);
    refused!("[agnt]\n", "agent.toml:1:2: unknown key `agnt` (did you mean `agent`?)");
}

#[test]
fn a_wrong_type_says_what_to_write() {
    refused!(
        "[agent]\nanswer_within = 20\n",
        "agent.toml:2:17: `answer_within`: expected a length of time, found an integer (write `answer_within = \"20s\"`)",
    );
}

#[test]
fn a_rule_that_allows_and_an_entry_for_a_missing_user_are_skipped_with_a_warning() {
    let serve = "[[serve]]\nuser = \"no-such-name\"\n[[serve]]\nexec = [\"@no-group\", \"bin\"]\n";
    let rules = RULE.replace("daemon", "no-such-name") + &RULE.replace("\"a\"", "\"b\"");
    let Some((folder, loaded)) = loaded(format!("{serve}{rules}")) else { return };
    let place = format!("{}/", folder.path().display());
    let lines: Vec<String> = loaded.report.lines().into_iter().map(|line| line.replace(&place, "")).collect();
    assert_eq!(
        lines,
        [
            "agent.toml:2:8: there is no user `no-such-name` on this host: this entry is skipped (`getent passwd` lists the names; when the user exists, reload the agent)",
            "agent.toml:4:9: there is no group `no-group` on this host: this group is skipped (`getent group` lists the names; when the group exists, reload the agent)",
            "agent.toml:8:8: there is no user `no-such-name` on this host: this rule is skipped (`getent passwd` lists the names; when the user exists, reload the agent)",
        ]
    );
    let config = loaded.config.unwrap();
    let served: Vec<String> = config.serve.iter().map(|serve| serve.target.to_string()).collect();
    let rules: Vec<&str> = config.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!((served, rules), (vec!["exec".to_owned()], vec!["b"]));
}

#[test]
fn rules_that_refuse_or_ask_missing_users_units_and_answers_that_do_not_exist_are_errors() {
    refused!(
        RULE.replace("daemon", "no-such-name").replace("\"allow\"", "\"deny\""),
        "agent.toml:4:8: there is no user `no-such-name` on this host (`getent passwd` lists the names)",
    );
    refused!(
        RULE.replace("daemon", "no-such-name").replace("\"allow\"", "\"ask\""),
        "agent.toml:4:8: there is no user `no-such-name` on this host (`getent passwd` lists the names)",
    );
    refused!(
        RULE.replace("user", "group").replace("daemon", "no-group").replace("\"allow\"", "\"dismiss\""),
        "agent.toml:4:9: there is no group `no-group` on this host (`getent group` lists the names)",
    );
    refused!(
        RULE.replace("user = \"daemon\"", "unit = \"apache2\""),
        "agent.toml:4:8: `apache2` cannot be a unit that runs (write the full name, such as `apache2.service`, or a pattern, such as `app@*.service`)",
    );
    refused!(
        RULE.replace("\"allow\"", "\"yes\""),
        "agent.toml:5:10: unknown answer `yes` (write `\"allow\"`, `\"deny\"`, `\"dismiss\"`, `\"ask\"` or `\"authenticate\"`)",
    );
}

#[test]
fn a_form_of_serving_that_is_wrong_is_told_once_and_two_are_one_too_many() {
    let Some(lines) = said("[[serve]]\nunit = \"apache2\"\n") else { return };
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("agent.toml:2:8: `apache2` cannot be a unit"), "{lines:?}");
    let one = "agent.toml:1:1: [[serve]] names one of `unit`, `user`, `pid_file`, `session_user`, \
        `session` and `exec`";
    for text in ["[[serve]]\n", "[[serve]]\nunit = \"a.service\"\npid_file = \"/run/a.pid\"\n"] {
        let Some(lines) = said(text) else { return };
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(one), "{lines:?}");
    }
}

#[test]
fn a_session_to_serve_is_the_agent_s_own_or_all_of_a_user() {
    refused!(
        "[[serve]]\nsession = \"3\"\n",
        "agent.toml:2:11: unknown session `3` (`\"own\"` is the session that the agent runs in; `session_user = \"NAME\"` serves all sessions of a user)",
    );
    refused!(
        "[[serve]]\nsession_user = \"root\"\n",
        "agent.toml:2:16: root needs no agent: polkit allows root everything"
    );
    refused!(
        "[[serve]]\nsession_user = \"daemon\"\nway = \"hook\"\n",
        "agent.toml:3:7: `way = \"hook\"` needs `unit` or `user`"
    );
}

#[test]
fn an_id_is_required_and_unique() {
    refused!(RULE.replace("id = \"a\"\n", ""), "agent.toml:1:1: [[rule]] has no `id` (add `id = \"…\"`)");
    refused!(
        RULE.repeat(2),
        "agent.toml:6:1: the id `a` is taken by the rule at agent.toml:1:1 \
         (records name a rule by its id: choose another id)",
        "agent.toml:6:1: `a` is never reached: `a` at agent.toml:1:1 matches all its requests \
         (first match wins: put the narrower rule first)",
    );
}

#[test]
fn all_errors_of_a_file_are_told_at_once() {
    let text = "[agent]\nfoo = 1\n[[rule]]\naction = 5\nanswer = \"maybe\"\n[[serve]]\n";
    let Some(lines) = said(text) else { return };
    let places: Vec<&str> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["agent.toml:2:1", "agent.toml:3:1", "agent.toml:4:10", "agent.toml:5:10", "agent.toml:6:1"]);
}

#[test]
fn a_grant_to_every_served_process_is_refused() {
    refused!(
        RULE.replace("user = \"daemon\"\n", ""),
        "agent.toml:1:1: this grants to every served process (add `unit`, `user`, `group`, `session` or `seat`; `exe` alone does not protect)",
    );
    refused!(
        RULE.replace("org.example.x", "*").replace("answer", "root_equivalent = true\nanswer"),
        "agent.toml:1:1: a grant of every action is root-equivalent (name the actions)",
    );
}

#[test]
fn one_pattern_for_every_action_among_several_is_refused() {
    for list in ["[\"org.example.x\", \"*\"]", "[\"*\", \"org.example.x\"]"] {
        refused!(
            RULE.replace("\"org.example.x\"", list).replace("answer", "root_equivalent = true\nanswer"),
            "agent.toml:1:1: a grant of every action is root-equivalent (name the actions)",
        );
    }
}

#[test]
fn a_grant_that_no_challenge_can_narrow_needs_to_be_said_twice() {
    for action in ["org.freedesktop.policykit.exec", "org.freedesktop.systemd1.manage-units", "org.freedesktop.*"] {
        let text = RULE.replace("org.example.x", action);
        let Some((_folder, refused)) = loaded(&text) else { return };
        assert!(refused.config.is_none(), "{action}");
        let Some((_folder, said)) = loaded(text.replace("answer", "root_equivalent = true\nanswer")) else { return };
        assert!(said.config.is_some(), "{action}");
    }
}

#[test]
fn details_narrow_what_a_challenge_cannot() {
    let text = RULE.replace("org.example.x", "org.freedesktop.systemd1.manage-units");
    let text = text.replace("answer", "details = { unit = \"x.service\", verb = \"restart\" }\nanswer");
    let Some((_folder, loaded)) = loaded(text) else { return };
    assert_eq!(loaded.config.unwrap().rules[0].details.len(), 2);
}

#[test]
fn units_of_a_pattern_that_may_be_started_are_any_unit() {
    let with = |details: &str| {
        let text = RULE.replace("org.example.x", "org.freedesktop.systemd1.manage-units");
        text.replace("answer", &format!("details = {{ {details} }}\nanswer"))
    };
    for details in ["unit = \"web-*.service\"", "unit = \"web-*.service\", verb = \"*\"", "verb = \"start\""] {
        let Some(lines) = said(with(details)) else { return };
        assert!(lines[0].contains("for units that its users can create"), "{details}: {lines:?}");
    }
    for details in ["unit = \"web-*.service\", verb = \"restart\"", "unit = \"web.service\""] {
        let Some((_folder, loaded)) = loaded(with(details)) else { return };
        assert!(loaded.config.is_some(), "{details}");
    }
}

#[test]
fn a_unit_that_runs_for_users_gets_no_grant_and_a_unit_alone_a_warning() {
    let with = |unit: &str| RULE.replace("user = \"daemon\"", &format!("unit = \"{unit}\""));
    for unit in ["cron.service", "sshd.service", "exim4.service", "user@1000.service", "cron-*.service", "*.service"] {
        let Some((_folder, loaded)) = loaded(with(unit)) else { return };
        assert!(loaded.config.is_none(), "{unit}");
    }
    let Some((_folder, loaded)) = loaded(with("apache2.service")) else { return };
    assert!(loaded.config.is_some());
    assert!(loaded.report.lines()[0].contains("a unit is not a user"), "{:?}", loaded.report.lines());
}

#[test]
fn a_program_that_others_may_write_is_refused() {
    let Some(folder) = folder() else { return };
    let program = write(folder.path().join("program"), "");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
    let text = RULE.replace("answer", &format!("exe = \"{}\"\nanswer", program.display()));
    let Some(lines) = said(text) else { return };
    assert!(lines[0].contains("root alone does not control") && lines[0].contains("mode 0777"), "{lines:?}");
}

#[test]
fn a_seat_has_the_name_of_a_seat() {
    let with = |seat: &str| RULE.replace("answer", &format!("seat = \"{seat}\"\nanswer"));
    refused!(
        with("desk"),
        "agent.toml:5:8: `desk` cannot be the name of a seat (write a name that `loginctl list-seats` shows, such as `\"seat0\"`, \
         or `\"*\"` for every seat)",
    );
    for seat in ["seat0", "seat-usb_1", "seat*", "*"] {
        let Some((_folder, loaded)) = loaded(with(seat)) else { return };
        assert!(loaded.config.is_some(), "{seat}: {:?}", loaded.report.lines());
    }
}

#[test]
fn who_may_exec_is_never_root() {
    refused!("[[serve]]\nexec = [\"root\"]\n", "agent.toml:2:9: root needs no agent: polkit allows root everything",);
}

#[test]
fn registrations_are_limited_by_what_the_bus_has() {
    let Some(lines) = said("[agent]\nmax_registrations = 161\n[[serve]]\nunit = \"a.service\"\nmax = 0\n") else {
        return;
    };
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_file_or_folder_that_others_may_write_is_refused() {
    let Some(folder) = folder() else { return };
    let path = write(folder.path().join("agent.toml"), RULE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(load(&Origin::File(path.clone())).config.is_none());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(load(&Origin::File(path.clone())).config.is_some());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(load(&Origin::File(path)).config.is_none());
}

#[test]
fn what_is_no_text_is_refused_with_a_reason() {
    let Some(lines) = said(b"[agent]\n# caf\xe9\n") else { return };
    assert!(lines[0].starts_with("agent.toml:2:6: "), "{lines:?}");
    let Some(lines) = said(vec![b'#'; 10 << 20]) else { return };
    assert!(lines[0].contains("MiB"), "{lines:?}");
    let Some(folder) = folder() else { return };
    let path = folder.path().join("agent.toml");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let loaded = load(&Origin::File(path));
    assert!(loaded.config.is_none());
    assert!(loaded.report.lines()[0].contains("form a loop"), "{:?}", loaded.report.lines());
}

#[test]
fn a_problem_shows_the_line_and_a_caret() {
    let Some((folder, loaded)) = loaded(RULE.replace("\"allow\"", "\"yes\"")) else { return };
    let shown = loaded.report.render(false).replace(&format!("{}/", folder.path().display()), "");
    let expected = "error: unknown answer `yes`\n --> agent.toml:5:10\n  |\n5 | answer = \"yes\"\n  |          ^^^^^\n  |\n  = help: write `\"allow\"`, `\"deny\"`, `\"dismiss\"`, `\"ask\"` or `\"authenticate\"`\n";
    assert_eq!(shown.trim_end(), expected.trim_end(), "{shown}");
}
