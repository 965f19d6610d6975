use super::*;
use crate::doctor::bus_policy::Denial;
use crate::doctor::error::first;
use crate::doctor::facts::{
    Client, Daemon, Decision, GroupRemedy, NearCondition, NearMiss, Polkitd, Preset, Process, RunningResult, Socket,
    Subject, UnitState,
};
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::libvirt::MANAGE;
use crate::lint::switches::Reading;
use crate::target::{JavaScript, Pkla, Target, Version};
use crate::verdict::evaluate::Obstacle;
use crate::verdict::{Decider, DeciderKind, Outcome, SkipReason, SkippedFile, Verdict};

#[path = "diagnose_tests/conditions.rs"]
mod conditions;

fn answer(word: ImplicitAuthorization, kind: DeciderKind, file: &str) -> Decision {
    let decider = Decider { kind, file: Some(file.to_owned()), line: Some(3), by_action: None, grant: None };
    let verdict = Verdict {
        outcome: Outcome::Result(word),
        decided_by: Some(decider),
        depends_on: Vec::new(),
        steps: Vec::new(),
        rule_error: None,
        ends_polkitd: None,
    };
    Decision {
        action: MANAGE.to_owned(),
        session: Session::None,
        verdict,
        real: None,
        groups: Vec::new(),
        sessions: Vec::new(),
        near: Vec::new(),
        naming: Vec::new(),
        grant_comes_first: true,
        no_grant: None,
        depends_on: Vec::new(),
    }
}

/// A host with libvirtd under systemd, and the subject www-data, which must authenticate.
fn host() -> Facts {
    let socket = |path: &str, read_only| Socket {
        path: path.to_owned(),
        read_only,
        there: Some((0o666, 0, "root".to_owned())),
        listened: true,
        above: None,
    };
    let daemon = Daemon {
        name: "libvirtd".to_owned(),
        conf: "etc/libvirt/libvirtd.conf".to_owned(),
        activated: Some(true),
        socket_unit: UnitState {
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            enabled: "enabled".to_owned(),
        },
        sockets: vec![socket("/run/libvirt/libvirt-sock", false), socket("/run/libvirt/libvirt-sock-ro", true)],
        ..Daemon::default()
    };
    let mut facts = Facts { is_root: true, has_systemd: true, ..Facts::default() };
    facts.polkitd = Polkitd::Answers { version: "126".to_owned(), pid: Some(9), uid: Some(990) };
    facts.libvirt.daemons.push(daemon);
    facts.about_libvirt = true;
    facts.action = Some(MANAGE.to_owned());
    let groups = vec!["www-data".to_owned()];
    let mut asked = answer(
        ImplicitAuthorization::AuthAdminKeep,
        DeciderKind::Implicit,
        "/usr/share/polkit-1/actions/org.libvirt.unix.policy",
    );
    asked.groups.push(remedy("libvirt", true, None));
    facts.subject = Some(Subject { user: "www-data".to_owned(), uid: 33, groups, ..Subject::default() });
    facts.answer = Some(asked);
    facts
}

fn remedy(group: &str, exists: bool, similar_name: Option<&str>) -> GroupRemedy {
    let place = Some("/usr/share/polkit-1/rules.d/60-libvirt.rules:1".to_owned());
    GroupRemedy { group: group.to_owned(), place, exists, similar_name: similar_name.map(str::to_owned) }
}

fn codes(facts: &Facts) -> Vec<&'static str> {
    diagnose(facts).iter().map(|finding| finding.code).collect()
}

fn changed(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = host();
    change(&mut facts);
    facts
}

fn with_answer(change: impl FnOnce(&mut Decision)) -> Facts {
    changed(|facts| change(facts.answer.as_mut().unwrap()))
}

#[test]
fn fixes_are_ordered_from_least_to_most_privilege() {
    let facts = changed(|facts| facts.subject.as_mut().unwrap().unit = Some("web.service".to_owned()));
    let found = diagnose(&facts);
    assert_eq!(found[0].code, "not-in-group");
    let fixes: Vec<(&str, bool)> = found[0].fixes.iter().map(|fix| (fix.id, fix.manual)).collect();
    // The agent is not installed here.
    assert_eq!(fixes, [("open-read-only", true), ("agent-rule", true), ("grant-user", false), ("join-group", false)]);
    assert!(found[0].fixes.iter().skip(1).all(|fix| fix.root_equivalent && !fix.undo.is_empty()));
    assert_eq!(found[0].fixes[3].commands, ["usermod -aG libvirt www-data"]);
}

#[test]
fn a_separate_user_is_proposed_if_systemd_sets_the_user_of_the_unit() {
    let with = |user: &str| {
        let facts = changed(|facts| {
            let subject = facts.subject.as_mut().unwrap();
            (subject.unit, subject.unit_user) = (Some("web-app.service".to_owned()), Some(user.to_owned()));
        });
        diagnose(&facts).into_iter().flat_map(|finding| finding.fixes).find(|fix| fix.id == "own-user")
    };
    assert_eq!(with("root"), None);
    let fix = with("www-data").unwrap();
    assert!(fix.manual && fix.steps.is_empty() && !fix.undo.is_empty());
    let typed = fix.commands.join("\n");
    assert!(typed.contains("useradd --system --no-create-home --shell /usr/sbin/nologin web-app\n"), "{typed}");
    assert!(typed.contains("web-app.service.d/50-own-user.conf") && typed.contains("User=web-app\n"), "{typed}");
}

#[test]
fn an_allowed_user_and_a_served_unit_have_no_findings() {
    assert_eq!(
        codes(&changed(
            |facts| facts.answer = Some(answer(ImplicitAuthorization::Yes, DeciderKind::Rule, "/etc/x.rules"))
        )),
        [""; 0]
    );
    let by_hook = changed(|facts| {
        served_by_agent(facts);
        facts.agent.by_hook = true;
    });
    assert_eq!(codes(&by_hook), [""; 0]);
    let by_registration = changed(|facts| {
        served_by_agent(facts);
        bound(facts);
    });
    assert_eq!(codes(&by_registration), [""; 0]);
}

fn served_by_agent(facts: &mut Facts) {
    facts.subject.as_mut().unwrap().unit = Some("web.service".to_owned());
    facts.agent.installed = true;
    facts.agent.running = true;
    facts.agent.serves = true;
    facts.agent.verdict = Some("allow".to_owned());
}

/// polkit vouches for the subject, by an `[[agent]]` rule.
fn bound(facts: &mut Facts) {
    let file = "/etc/polkit-1/rules.d/46-polkit-policy-gen-agent.rules";
    facts.answer = Some(answer(ImplicitAuthorization::AuthSelf, DeciderKind::Rule, file));
}

/// polkit runs the hook of the agent.
fn hooked(facts: &mut Facts) {
    let mut asked = answer(ImplicitAuthorization::AuthAdmin, DeciderKind::Rule, "/etc/polkit-1/rules.d/44-x.rules");
    asked.verdict.outcome = Outcome::Depends;
    asked.depends_on = vec!["the output of /usr/libexec/polkit-service-agent-hook".to_owned()];
    asked.real = Some(RunningResult::Challenge);
    facts.answer = Some(asked);
}

#[test]
fn each_state_of_the_agent_has_its_own_code_and_no_fix_bypasses_it() {
    type Change = fn(&mut Facts);
    let cases: [(&str, &str, Change); 8] = [
        ("agent-unbound", "bind-agent", |_| ()),
        ("agent-not-running", "start-agent", |facts| {
            bound(facts);
            facts.agent.running = false;
        }),
        ("hook-agent-down", "start-agent", |facts| {
            hooked(facts);
            facts.agent.running = false;
        }),
        ("agent-not-serving", "change-agent-rule", |facts| {
            bound(facts);
            facts.agent.serves = false;
        }),
        ("agent-not-serving", "change-agent-rule", |facts| facts.agent.serves = false),
        ("agent-refuses", "change-agent-rule", |facts| {
            facts.agent.verdict = Some("deny".to_owned());
            facts.agent.near = vec![("web".to_owned(), vec!["unit".to_owned()])];
        }),
        ("agent-config-outdated", "reload-agent", |facts| {
            served_by_agent(facts);
            facts.has_systemd = true;
            facts.agent.installed = true;
            facts.agent.is_outdated = true;
        }),
        ("agent-config-broken", "correct-config", |facts| facts.agent.broken = Some("error: unknown key".to_owned())),
    ];
    for (code, fix, change) in cases {
        let facts = changed(|facts| {
            served_by_agent(facts);
            change(facts);
        });
        let found = diagnose(&facts);
        let fixes: Vec<&str> = found[0].fixes.iter().map(|fix| fix.id).collect();
        assert_eq!((found[0].code, fixes, found.len()), (code, vec![fix], 1), "{found:?}");
        if code == "agent-refuses" {
            let named = "the rule \"web\" would allow it but for its unit";
            assert!(found[0].evidence.iter().any(|line| line == named), "{found:?}");
        }
    }
}

#[test]
fn without_root_the_agent_is_not_the_cause_because_only_root_may_ask_it() {
    for is_root in [true, false] {
        let facts = changed(|facts| {
            served_by_agent(facts);
            facts.is_root = is_root;
        });
        assert_eq!(codes(&facts).iter().any(|code| code.starts_with("agent-")), is_root, "{:?}", codes(&facts));
    }
}

#[test]
fn with_a_running_agent_the_first_fix_is_a_rule_of_the_agent() {
    let facts = changed(|facts| {
        facts.agent.installed = true;
        facts.agent.running = true;
        facts.answer.as_mut().unwrap().action = "org.example.run".to_owned();
    });
    let ids: Vec<&str> = diagnose(&facts)[0].fixes.iter().map(|fix| fix.id).collect();
    assert_eq!(ids, ["use-the-agent", "grant-user", "join-group"]);
}

#[test]
fn each_reason_for_authentication_has_its_own_code() {
    assert_eq!(codes(&with_answer(|answer| answer.groups.clear())), ["must-authenticate"]);
    assert_eq!(
        codes(&with_answer(|answer| answer.groups = vec![remedy("libvirt", true, Some("kvm"))])),
        ["wrong-group"]
    );
    assert_eq!(codes(&with_answer(|answer| answer.groups = vec![remedy("libvirtd", false, None)])), ["group-missing"]);
    let session = with_answer(|answer| {
        answer.sessions.push((Session::Active, Some("/etc/polkit-1/rules.d/a.rules:1".to_owned())))
    });
    assert_eq!(codes(&session), ["rule-wants-session"]);
}

#[test]
fn only_a_file_about_the_action_explains_the_refusal() {
    let skipped = |file: &str, why: SkipReason| SkippedFile { file: file.to_owned(), line: Some(2), why };
    let unreadable = |about: bool| {
        changed(|facts| {
            let file = "/etc/polkit-1/rules.d/50-vm.rules";
            facts.skipped.push(skipped(file, SkipReason::Closed { path: file.to_owned(), mode: 0o600 }));
            facts.skipped_about.extend(about.then(|| file.to_owned()));
        })
    };
    assert_eq!(codes(&unreadable(true)), ["rule-unreadable"]);
    assert_eq!(codes(&unreadable(false)), ["not-in-group", "rule-unreadable"]);
    let broken = changed(|facts| {
        let file = "/etc/polkit-1/rules.d/50-vm.rules";
        facts.skipped.push(skipped(file, SkipReason::NotCompiled("SyntaxError".to_owned())));
        facts.skipped_about.push(file.to_owned());
    });
    let found = diagnose(&broken);
    let fixes: Vec<&str> = found[0].fixes.iter().map(|fix| fix.id).collect();
    assert_eq!(
        (found[0].code, fixes),
        ("rule-not-compiled", vec!["edit-file", "open-read-only", "grant-user", "join-group", "set-aside"])
    );
    let shipped = changed(|facts| {
        let why = SkipReason::DirectoryOfOtherVersion(crate::target::Version(105));
        facts.skipped.push(skipped("/usr/share/polkit-1/rules.d/a.rules", why));
    });
    assert_eq!(codes(&shipped), ["not-in-group"]);
}

#[test]
fn the_socket_comes_before_the_verdict() {
    let socket =
        |change: fn(&mut Socket)| changed(|facts| facts.libvirt.daemons[0].sockets.iter_mut().for_each(change));
    assert_eq!(codes(&socket(|socket| socket.there = None))[0], "socket-missing");
    assert_eq!(codes(&socket(|socket| socket.listened = false))[0], "socket-refused");
    assert_eq!(codes(&socket(|socket| socket.there = Some((0o600, 0, "root".to_owned()))))[0], "socket-closed");
    assert_eq!(codes(&socket(|socket| socket.there = Some((0o660, 0, "vm".to_owned()))))[0], "not-in-socket-group");
    let stale = changed(|facts| {
        facts.libvirt.daemons[0].auth = Some("none".to_owned());
        facts.libvirt.daemons[0].sockets[0].there = Some((0o660, 0, "vm".to_owned()));
        let subject = facts.subject.as_mut().unwrap();
        subject.groups.push("vm".to_owned());
        subject.process = Some(Process { pid: 7, groups: vec!["www-data".to_owned()], ..Process::default() });
    });
    assert_eq!(codes(&stale)[0], "stale-groups");
}

#[test]
fn excess_access_is_reported_without_a_subject() {
    let open = |change: fn(&mut Facts)| {
        codes(&changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            change(facts);
        }))
    };
    assert_eq!(open(|_| ()), [""; 0]);
    assert_eq!(open(|facts| facts.libvirt.daemons[0].auth = Some("none".to_owned())), ["auth-none"]);
    assert_eq!(open(|facts| facts.libvirt.daemons[0].group = Some("vm".to_owned())), ["conf-ignored"]);
    assert_eq!(
        open(|facts| facts.libvirt.misnamed.push(("/etc/libvirt/libvirtdconf".into(), "/x".into()))),
        ["conf-misnamed"]
    );
    assert_eq!(open(|facts| facts.edited.push(("/x.policy".into(), "libvirt0".into()))), ["policy-edited"]);
    // Without a subject, a disabled daemon is not a problem.
    let off = open(|facts| {
        facts.libvirt.daemons[0].socket_unit =
            UnitState { load: "loaded".into(), active: "inactive".into(), enabled: "disabled".into() };
        facts.libvirt.daemons[0].sockets.clear();
    });
    assert_eq!(off, [""; 0]);
}

#[test]
fn settings_of_a_daemon_that_does_not_serve_are_reported() {
    let facts = changed(|facts| {
        let mut modular = facts.libvirt.daemons[0].clone();
        modular.name = "virtqemud".to_owned();
        facts.libvirt.daemons[0].activated = Some(false);
        facts.libvirt.daemons[0].drivers = vec!["polkit".to_owned()];
        facts.libvirt.daemons.push(modular);
        facts.answer = None;
    });
    assert_eq!(codes(&facts), ["conf-of-other-daemon"]);
}

#[test]
fn an_error_text_without_a_subject_leads_to_a_finding() {
    let with = |line: &str| {
        changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.reported = first(line, &|_| false);
        })
    };
    let found = diagnose(&with(
        "error: authentication unavailable: no polkit agent available to authenticate action 'org.a.b'",
    ));
    assert_eq!(found[0].code, "must-authenticate");
    assert!(found[0].evidence[0].starts_with("line 1 of the text: error: auth"), "{found:?}");
    for (line, code) in [
        ("error: access denied: 'QEMU' denied access", "acl-refuses"),
        (
            "error: Failed to connect socket to '/run/user/1000/libvirt/libvirt-sock': No such file or directory",
            "session-not-system",
        ),
        (
            "error: Failed to connect socket to '/var/run/libvirt/virtqemud-sock': No such file or directory",
            "other-daemon",
        ),
        ("error: authentication failed: access denied by policy", "rule-refuses"),
        ("error: internal error: No UNIX process ID available", "remote-client"),
        ("error: authentication cancelled: user cancelled authentication process", "dismissed"),
        ("error: unable to connect to server at 'localhost:16509': Connection refused", "remote-client"),
        ("error: Cannot create user runtime directory '/run/user/0/libvirt': Permission denied", "session-not-system"),
        ("authentication required", "client-without-polkit"),
    ] {
        assert_eq!(codes(&with(line)), [code], "{line}");
    }
}

#[test]
fn a_preset_connection_is_reported_after_the_cause_of_the_refusal() {
    let with = |uri: &str, directory: &str| {
        changed(|facts| {
            let preset =
                Some(Preset { uri: uri.to_owned(), by: "x".to_owned() }).filter(|preset| !preset.uri.is_empty());
            let client = Client { pid: 7, preset, runtime_directory: Some(directory.to_owned()) };
            facts.subject.as_mut().unwrap().process = Some(Process { pid: 7, client, ..Process::default() });
        })
    };
    for (uri, directory, code) in [
        ("qemu:///session", "/run/user/33", Some("session-not-system")),
        ("qemu+unix:///session?socket=/x", "", Some("session-not-system")),
        ("qemu+tcp://localhost/system", "", Some("remote-client")),
        ("qemu+ssh://host/system", "/x", Some("remote-client")),
        ("qemu:///system", "/run/user/33", None),
        ("test:///default", "/run/user/33/x", None),
        ("", "/run/user/0", Some("foreign-runtime-directory")),
    ] {
        let codes = codes(&with(uri, directory));
        assert_eq!(codes.first().copied(), Some("not-in-group"), "{uri}");
        assert_eq!(codes.get(1).copied(), code, "{uri} {directory}");
    }
}

#[test]
fn calls_that_only_read_get_a_read_only_connection_first() {
    let log = "PHP Warning: libvirt_connect(): authentication unavailable: no polkit agent available to authenticate action \
               'org.libvirt.unix.manage'\nPHP Warning: libvirt_list_domains(): Invalid arguments\n";
    let facts = changed(|facts| facts.reported = first(log, &|_| false));
    assert_eq!(codes(&facts), ["read-only-is-enough", "not-in-group"]);
}

#[test]
fn an_unreachable_polkitd_is_the_first_finding() {
    let absent =
        |unit: Option<&str>, installed| Polkitd::Absent { why: "x".into(), installed, unit: unit.map(str::to_owned) };
    for (polkitd, code) in [
        (absent(Some("masked"), true), "polkitd-masked"),
        (absent(Some("failed"), true), "polkitd-not-running"),
        (absent(None, false), "polkitd-not-installed"),
        (Polkitd::Silent, "polkitd-hangs"),
    ] {
        assert_eq!(codes(&changed(|facts| facts.polkitd = polkitd)), [code]);
    }
    let container = changed(|facts| {
        facts.no_bus = Some("no such file".to_owned());
        facts.container = Some("/.dockerenv".to_owned());
    });
    assert_eq!(codes(&container), ["container"]);
}

#[test]
fn a_decision_that_is_not_known_is_no_finding_about_access() {
    let of = |change: fn(&mut Decision)| {
        let found = codes(&with_answer(change));
        found.into_iter().filter(|code| !["polkitd-hangs", "process-not-seen"].contains(code)).collect::<Vec<_>>()
    };
    assert_eq!(of(|_| ()), ["not-in-group"]);
    assert_eq!(of(|answer| answer.verdict.outcome = Outcome::Depends), [""; 0], "it depends on unknown facts");
    for real in [RunningResult::Silent, RunningResult::NoSuchProcess, RunningResult::Yes] {
        let found = codes(&with_answer(|answer| answer.real = Some(real)));
        assert!(!found.contains(&"not-in-group"), "{real:?}: {found:?}");
    }
    for real in [RunningResult::Silent, RunningResult::NoSuchProcess] {
        let found = access::verdict(&with_answer(|answer| answer.real = Some(real)), false);
        assert!(found.is_empty(), "{real:?}: {found:?}");
    }
    assert_eq!(of(|answer| answer.real = Some(RunningResult::Challenge)), ["not-in-group"]);
    assert_eq!(of(|answer| answer.real = Some(RunningResult::Unregistered)), ["action-not-registered"]);
}

#[test]
fn only_a_group_other_than_root_s_is_worth_joining_for_a_socket() {
    let socket = |mode, group: &str| {
        let facts = changed(|facts| facts.libvirt.daemons[0].sockets[0].there = Some((mode, 0, group.to_owned())));
        let finding = diagnose(&facts).into_iter().next().unwrap();
        (finding.code, finding.fixes.iter().map(|fix| fix.id).collect::<Vec<_>>())
    };
    assert_eq!(socket(0o660, "vm"), ("not-in-socket-group", vec!["join-group", "open-socket"]));
    assert_eq!(socket(0o660, "root"), ("socket-closed", vec!["open-socket"]));
    assert_eq!(socket(0o600, "vm"), ("socket-closed", vec!["open-socket"]));
}

#[test]
fn masked_units_are_unmasked_before_they_are_started() {
    let commands = |socket: &str, service: &str| {
        let facts = changed(|facts| {
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.socket_unit.load, daemon.service.load) = (socket.to_owned(), service.to_owned());
            daemon.sockets[0].there = None;
        });
        diagnose(&facts)[0].fixes[0].commands.clone()
    };
    let sockets = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket";
    let start = [
        "systemctl stop libvirtd.service".to_owned(),
        format!("systemctl enable {sockets}"),
        format!("systemctl restart {sockets}"),
    ];
    let unmask = [format!("systemctl unmask {sockets}"), "systemctl unmask libvirtd.service".to_owned()];
    assert_eq!(commands("loaded", "loaded"), start);
    assert_eq!(commands("masked", "loaded"), [&unmask[..1], &start].concat());
    assert_eq!(commands("loaded", "masked"), [&unmask[1..], &start].concat());
    assert_eq!(commands("masked", "masked"), [&unmask[..], &start].concat());
}

#[test]
fn either_setting_of_an_activated_socket_is_reported_as_ignored() {
    let found = |group: Option<&str>, perms: Option<&str>, activated| {
        codes(&changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.group, daemon.perms) = (group.map(str::to_owned), perms.map(str::to_owned));
            daemon.activated = Some(activated);
        }))
    };
    for (group, perms) in [(Some("vm"), None), (None, Some("0660")), (Some("vm"), Some("0660"))] {
        assert_eq!(found(group, perms, true), ["conf-ignored"], "{group:?} {perms:?}");
        assert_eq!(found(group, perms, false), [""; 0], "{group:?} {perms:?}");
    }
    assert_eq!(found(None, None, true), [""; 0]);
    assert_eq!(found(Some("root"), Some("0666"), true), [""; 0], "the socket is as the settings say");
}

#[test]
fn rules_in_a_directory_of_another_version_are_misplaced_and_0_105_reads_none() {
    let found = |version: u32| {
        codes(&changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.target =
                Some(Target { version: Version(version), pkla: Pkla::Native, javascript: JavaScript::Duktape });
            let why = SkipReason::DirectoryOfOtherVersion(Version(version));
            facts.skipped.push(SkippedFile { file: "/run/polkit-1/rules.d/x.rules".into(), line: None, why });
        }))
    };
    assert_eq!(found(105), ["rules-not-read"]);
    assert_eq!([found(106), found(122)], [["rule-misplaced"]; 2]);
}

#[test]
fn the_running_polkitd_knows_better_than_the_files_whether_an_action_is_registered() {
    let with = |real| {
        let facts = with_answer(|answer| {
            answer.verdict.outcome = Outcome::Unregistered;
            answer.real = real;
        });
        codes(&facts).first().copied()
    };
    assert_eq!(with(None), Some("action-not-registered"));
    assert_eq!(with(Some(RunningResult::Unregistered)), Some("action-not-registered"));
    assert_ne!(with(Some(RunningResult::Challenge)), Some("action-not-registered"));
}

/// Returns the findings with one near condition of a rule.
fn near_miss(reads: Vec<Reading>, change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = with_answer(|answer| {
        let condition = NearCondition::Rule { text: "a condition".to_owned(), wanted: true, reads };
        answer.near.push(NearMiss { place: "/etc/polkit-1/rules.d/50-x.rules:2".to_owned(), condition });
    });
    facts.target = Some(Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape });
    change(&mut facts);
    diagnose(&facts)
}

#[test]
fn a_condition_that_no_finding_names_is_a_note_with_its_reason() {
    let reason = |reading: Reading, change: &dyn Fn(&mut Facts)| {
        let found = near_miss(vec![reading], change);
        let note = found.iter().find(|finding| finding.code == "rule-nearly-allows").unwrap();
        assert!(note.level == Level::Note && note.fixes.is_empty() && found[0].level == Level::Problem);
        assert!(
            note.cause.contains("50-x.rules:2") && note.cause.contains("`a condition`, which is false"),
            "{note:?}"
        );
        note.evidence.join(" ")
    };
    let property = |name: &str| Reading::Subject(name.to_owned());
    let with_session = |session| move |facts: &mut Facts| facts.answer.as_mut().unwrap().session = session;
    let none = |_: &mut Facts| {};
    assert!(reason(property("seat"), &none).contains("no session and no seat"));
    assert!(reason(property("local"), &with_session(Session::Remote)).contains("as with ssh"));
    assert!(reason(property("active"), &with_session(Session::Inactive)).contains("in the background"));
    assert_eq!(reason(property("user"), &none), "the user is www-data");
    assert_eq!(reason(property("groups"), &none), "the groups of www-data are www-data");
    assert!(reason(property("system_unit"), &none).contains("not a process"));
    let old = |facts: &mut Facts| facts.target.as_mut().unwrap().version = Version(122);
    let expected = "subject.system_unit is undefined: polkit 122 does not have it, polkit 124 has";
    assert_eq!(reason(property("system_unit"), &old), expected);
    assert!(reason(property("no_new_privileges"), &old).contains("polkit 122 does not have it"));
    assert_eq!(reason(Reading::Group("ops".to_owned()), &none), "www-data is not in the group ops");
    assert!(reason(Reading::Detail("unit".to_owned()), &none).contains("no detail unit: --detail adds it"));
}

#[test]
fn a_condition_that_a_finding_names_is_its_evidence() {
    let found = near_miss(vec![Reading::Group("libvirt".to_owned())], |_| {});
    let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["not-in-group"]);
    let expected = "50-x.rules:2 would allow it but for the condition `a condition`, which is false (www-data is not in the \
                    group libvirt)";
    assert!(found[0].evidence.iter().any(|line| line.contains(expected)), "{:?}", found[0].evidence);
    let found = near_miss(vec![Reading::Subject("active".to_owned())], |facts| {
        let answer = facts.answer.as_mut().unwrap();
        answer.groups.clear();
        answer.sessions.push((Session::Active, Some("/etc/polkit-1/rules.d/50-x.rules:1".to_owned())));
    });
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["rule-wants-session"]);
}

#[test]
fn a_pkla_entry_that_nearly_allows_is_named_with_its_key() {
    let cause = |obstacle: Obstacle| {
        let facts = with_answer(|answer| {
            answer.groups.clear();
            let place = "/etc/polkit-1/localauthority/50-local.d/x.pkla:1".to_owned();
            answer.near.push(NearMiss { place, condition: NearCondition::Entry(obstacle) });
        });
        let found = diagnose(&facts);
        found.into_iter().find(|finding| finding.code == "rule-nearly-allows").unwrap()
    };
    let other = cause(Obstacle::Identity(vec!["unix-user:bob".to_owned(), "unix-group:ops".to_owned()]));
    assert!(
        other.cause.contains("x.pkla:1")
            && other.cause.ends_with("but for its Identity `unix-user:bob;unix-group:ops`")
    );
    assert_eq!(other.evidence, ["the user is www-data, in the groups www-data"]);
    let asks = cause(Obstacle::Result("ResultAny", Some(ImplicitAuthorization::AuthAdmin)));
    assert!(asks.cause.ends_with("but for its ResultAny, which is auth_admin"), "{}", asks.cause);
    let missing = cause(Obstacle::Result("ResultAny", None));
    assert!(
        missing.cause.ends_with("but for its ResultAny, which is missing")
            && missing.evidence[0].contains("no session")
    );
}

#[test]
fn a_bus_that_refuses_the_calls_is_the_first_finding() {
    let denial = |only: Option<&str>| {
        let facts = changed(|facts| {
            facts.bus_denial = Some(Denial {
                destination: "org.freedesktop.login1".to_owned(),
                place: "/usr/share/dbus-1/system.d/x.conf:4".to_owned(),
                only: only.map(str::to_owned),
            });
        });
        diagnose(&facts).remove(0)
    };
    let found = denial(None);
    assert_eq!((found.code, found.fixes[0].manual), ("bus-policy-denies", true));
    assert_eq!(found.evidence, ["/usr/share/dbus-1/system.d/x.conf:4 denies all calls to org.freedesktop.login1"]);
    assert!(denial(Some("the user root")).evidence[0].contains("only to the user root"));
}

#[test]
fn groups_that_do_not_exist_are_one_finding() {
    let facts = changed(|facts| {
        (facts.subject, facts.answer) = (None, None);
        let place = |line: usize| format!("/etc/polkit-1/rules.d/50-x.rules:{line}");
        facts.missing_groups =
            vec![("ops".to_owned(), place(2)), ("dev".to_owned(), place(3)), ("ops".to_owned(), place(9))];
    });
    let found = diagnose(&facts).into_iter().find(|finding| finding.code == "unknown-group").unwrap();
    assert!(found.cause.ends_with(": dev, ops") && found.evidence.len() == 3, "{found:?}");
}
