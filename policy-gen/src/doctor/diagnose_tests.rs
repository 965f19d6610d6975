use super::*;
use crate::doctor::bus_policy::Denial;
use crate::doctor::error::first;
use crate::doctor::facts::model;
use crate::doctor::facts::{
    Client, Daemon, Decision, GroupRemedy, NearCondition, NearMiss, Polkitd, Preset, Process, RunningResult, Socket,
    Subject, UnitState,
};
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::libvirt::MANAGE;
use crate::lint::switches::Reading;
use crate::target::{JavaScript, Pkla, Target, Version};
use crate::verdict::evaluate::Obstacle;
use crate::verdict::{Decider, DeciderKind, Outcome, SkipReason, SkippedFile};

#[path = "diagnose_tests/agent.rs"]
mod agent;
#[path = "diagnose_tests/broken.rs"]
mod broken;
#[path = "diagnose_tests/classes.rs"]
mod classes;
#[path = "diagnose_tests/client.rs"]
mod client;
#[path = "diagnose_tests/conditions.rs"]
mod conditions;
#[path = "diagnose_tests/evidence.rs"]
mod evidence;
#[path = "diagnose_tests/files.rs"]
mod files;
#[path = "diagnose_tests/host.rs"]
mod host;
#[path = "diagnose_tests/near.rs"]
mod near;
#[path = "diagnose_tests/request.rs"]
mod request;
#[path = "diagnose_tests/settings.rs"]
mod settings;
#[path = "diagnose_tests/sockets.rs"]
mod sockets;

fn answer(word: ImplicitAuthorization, kind: DeciderKind, file: &str) -> Decision {
    let decider = Decider { kind, file: Some(file.to_owned()), line: Some(3), by_action: None, grant: None };
    let mut answer = model::decision(MANAGE, Outcome::Result(word));
    answer.verdict.decided_by = Some(decider);
    answer
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
