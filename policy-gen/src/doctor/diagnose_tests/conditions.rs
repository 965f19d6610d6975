//! The conditions of single findings: each one alone, and the cases beside it.

use super::*;
use crate::doctor::error::{Class, ReportedError};
use crate::doctor::facts::{Hidepid, OpenAction, RecentRefusal, Stray};

/// A host without a subject and without a request.
fn quiet(change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
    codes(&changed(|facts| {
        (facts.subject, facts.answer, facts.action) = (None, None, None);
        change(facts);
    }))
}

fn skipped(file: &str, line: Option<usize>, why: SkipReason) -> SkippedFile {
    SkippedFile { file: file.to_owned(), line, why }
}

#[test]
fn authentication_by_none_is_reported_only_if_every_user_may_open_the_socket() {
    let with = |mode: Option<u32>, activated: Option<bool>| {
        quiet(|facts| {
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.auth, daemon.activated) = (Some("none".to_owned()), activated);
            for socket in &mut daemon.sockets {
                socket.there = mode.map(|mode| (mode, 0, "libvirt".to_owned()));
            }
        })
    };
    for (mode, activated, is_reported) in [
        (Some(0o666), Some(true), true),
        (Some(0o666), Some(false), true),
        (Some(0o666), None, true),
        (Some(0o660), Some(true), false),
        (None, Some(true), true),
        (None, Some(false), false),
        (None, None, false),
    ] {
        let found = with(mode, activated);
        assert_eq!(found.contains(&"auth-none"), is_reported, "{mode:?} {activated:?}: {found:?}");
    }
    let polkit = quiet(|facts| facts.libvirt.daemons[0].auth = Some("polkit".to_owned()));
    assert_eq!(polkit, [""; 0]);
}

#[test]
fn a_setting_that_the_socket_has_anyway_is_not_ignored() {
    let with = |group: Option<&str>, perms: Option<&str>, activated| {
        let found = quiet(|facts| {
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.group, daemon.perms) = (group.map(str::to_owned), perms.map(str::to_owned));
            daemon.activated = activated;
        });
        found.contains(&"conf-ignored")
    };
    assert!(with(Some("vm"), None, Some(true)) && with(None, Some("0770"), Some(true)));
    assert!(with(Some("root"), Some("0700"), Some(true)));
    assert!(!with(Some("root"), None, Some(true)) && !with(None, Some("0777"), Some(true)));
    assert!(!with(Some("vm"), Some("0700"), Some(false)) && !with(Some("vm"), None, None));
    assert!(!with(None, Some("many"), Some(true)), "no number");
}

#[test]
fn settings_count_for_a_libvirtd_that_does_not_run() {
    let with = |change: fn(&mut Daemon)| {
        let found = quiet(|facts| {
            let serving = Daemon { name: "virtqemud".to_owned(), ..facts.libvirt.daemons[0].clone() };
            let idle = &mut facts.libvirt.daemons[0];
            (idle.activated, idle.sockets, idle.socket_unit) = (Some(false), Vec::new(), UnitState::default());
            change(idle);
            facts.libvirt.daemons.push(serving);
        });
        found.contains(&"conf-of-other-daemon")
    };
    assert!(!with(|_| ()), "no settings");
    assert!(
        with(|daemon| daemon.auth = Some("none".to_owned())) && with(|daemon| daemon.group = Some("vm".to_owned()))
    );
    assert!(with(|daemon| daemon.perms = Some("0777".to_owned())));
    assert!(with(|daemon| daemon.drivers = vec!["polkit".to_owned()]));
    assert!(!with(|daemon| (daemon.drivers, daemon.pid) = (vec!["polkit".to_owned()], Some(7))));
    assert!(!with(|daemon| (daemon.drivers, daemon.activated) = (vec!["polkit".to_owned()], Some(true))));
    assert!(!with(|daemon| (daemon.drivers, daemon.name) = (vec!["polkit".to_owned()], "virtxend".to_owned())));
}

#[test]
fn an_absent_polkitd_has_the_code_of_its_state() {
    let absent = |installed, unit: Option<&str>, container: Option<&str>| {
        let facts = changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.container = container.map(str::to_owned);
            let unit = unit.map(str::to_owned);
            facts.polkitd = Polkitd::Absent { why: "no owner".to_owned(), installed, unit };
        });
        let found = diagnose(&facts).remove(0);
        assert!(found.evidence.iter().any(|line| line == "error of the bus: no owner"), "{found:?}");
        (found.code, found.fixes[0].id)
    };
    assert_eq!(absent(false, None, None), ("polkitd-not-installed", "install-polkitd"));
    assert_eq!(absent(false, None, Some("docker")), ("container", "install-polkitd"));
    assert_eq!(absent(true, Some("masked"), None), ("polkitd-masked", "unmask-polkitd"));
    assert_eq!(absent(true, Some("failed"), Some("docker")), ("polkitd-not-running", "start-polkitd"));
    assert_eq!(absent(true, None, None), ("polkitd-not-running", "reinstall-polkitd"));
}

#[test]
fn a_missing_bus_explains_everything_about_polkitd() {
    let no_bus = |container: Option<&str>, has_systemd| {
        let facts = changed(|facts| {
            facts.no_bus = Some("no socket".to_owned());
            facts.polkitd = Polkitd::Silent;
            facts.container = container.map(str::to_owned);
            facts.has_systemd = has_systemd;
        });
        let found = diagnose(&facts);
        assert!(found.iter().all(|finding| finding.code != "polkitd-hangs"), "{found:?}");
        (found[0].code, found[0].fixes[0].id, found[0].fixes[0].manual)
    };
    assert_eq!(no_bus(None, true), ("no-bus", "start-bus", false));
    assert_eq!(no_bus(None, false), ("no-bus", "start-bus", true));
    assert_eq!(no_bus(Some("docker"), true), ("container", "use-the-host", true));
}

#[test]
fn a_hidden_proc_is_the_cause_before_an_unseen_process() {
    let hidepid = || Hidepid { option: "hidepid=2".to_owned(), gid: Some(990) };
    let unseen = |hidepid: Option<Hidepid>| {
        codes(&changed(|facts| {
            facts.answer.as_mut().unwrap().real = Some(RunningResult::NoSuchProcess);
            facts.hidepid = hidepid;
        }))
    };
    assert_eq!([unseen(None), unseen(Some(hidepid()))], [["process-not-seen"], ["hidepid"]]);
    let facts = changed(|facts| facts.hidepid = Some(hidepid()));
    let finding = diagnose(&facts).into_iter().find(|finding| finding.code == "hidepid").unwrap();
    assert_eq!(finding.fixes[0].commands[0], "mount -o remount,hidepid=2,gid=990 /proc");
}

#[test]
fn refusals_of_other_units_are_reported_without_a_subject() {
    let refusal = || RecentRefusal {
        unit: "web.service".to_owned(),
        user: "www-data".to_owned(),
        action: "org.example.run".to_owned(),
        line: "refused".to_owned(),
        verdict: "no".to_owned(),
    };
    assert_eq!(quiet(|facts| facts.recent_refusals.push(refusal())), ["refused-lately"]);
    assert_eq!(quiet(|facts| facts.refusals_of_libvirt = (1, 0)), ["refused-by-libvirt"]);
    assert_eq!(quiet(|facts| facts.refusals_of_libvirt = (0, 7)), [""; 0]);
    let both = quiet(|facts| {
        facts.refusals_of_libvirt = (3, 0);
        facts.recent_refusals.push(refusal());
    });
    assert_eq!(both, ["refused-lately"]);
    let with_subject = codes(&changed(|facts| {
        facts.refusals_of_libvirt = (3, 0);
        facts.recent_refusals.push(refusal());
    }));
    assert!(!with_subject.iter().any(|code| code.starts_with("refused-")), "{with_subject:?}");
    let cause = |times| {
        let facts = changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.refusals_of_libvirt = (times, 1_700_000_000_000_000);
        });
        diagnose(&facts).remove(0).cause
    };
    assert_eq!(cause(1), "libvirt refused one request in the last hour (the last at 2023-11-14 22:13:20 UTC)");
    assert!(cause(2).starts_with("libvirt refused 2 requests"), "{}", cause(2));
}

#[test]
fn an_action_that_every_user_may_perform_names_its_place_and_its_remedy() {
    let open = |action: &str, file: Option<&str>, line, implicit| OpenAction {
        action: action.to_owned(),
        who: "every user".to_owned(),
        file: file.map(str::to_owned),
        line,
        implicit,
    };
    let found = |open: OpenAction| {
        let facts = changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.open_to_all.push(open);
        });
        let finding = diagnose(&facts).remove(0);
        (finding.code, finding.evidence[0].clone(), finding.fixes[0].id)
    };
    let rules = "/etc/polkit-1/rules.d/a.rules";
    assert_eq!(found(open(MANAGE, Some(rules), Some(3), false)), ("everybody-may", format!("{rules}:3"), "set-aside"));
    assert_eq!(found(open("org.a.run", Some(rules), None, false)), ("nopasswd-for-all", rules.to_owned(), "set-aside"));
    let own = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
    assert_eq!(found(open(MANAGE, Some(own), None, false)).2, "change-policy");
    assert_eq!(found(open(MANAGE, Some("/x.policy"), None, true)).2, "edit-file");
    assert_eq!(found(open(MANAGE, None, None, false)), ("everybody-may", String::new(), "edit-file"));
    // An edited file of a package has its own finding.
    let edited = |file: &str, implicit| {
        quiet(|facts| {
            facts.edited.push(("/x.policy".to_owned(), "libvirt0".to_owned()));
            facts.open_to_all.push(open(MANAGE, Some(file), None, implicit));
        })
    };
    assert_eq!(edited("/x.policy", true), ["policy-edited"]);
    assert_eq!(edited("/y.policy", true), ["policy-edited", "everybody-may"]);
    assert_eq!(edited("/x.policy", false), ["policy-edited", "everybody-may"]);
}

#[test]
fn each_reason_of_a_skipped_file_has_its_own_code() {
    let code =
        |file: &str, line: Option<usize>, why: SkipReason| quiet(|facts| facts.skipped.push(skipped(file, line, why)));
    let rules = "/etc/polkit-1/rules.d/a.rules";
    let pkla = "/etc/polkit-1/localauthority/50-local.d/a.pkla";
    let closed = |path: &str| SkipReason::Closed { path: path.to_owned(), mode: 0o700 };
    let other = || SkipReason::Other("x".to_owned());
    for (file, line, why, expected) in [
        (rules, None, closed(rules), Some("rule-unreadable")),
        (rules, None, closed("/etc/polkit-1/rules.d"), Some("rules-directory-closed")),
        (
            "/usr/share/polkit-1/actions/a.policy",
            None,
            closed("/usr/share/polkit-1/actions/a.policy"),
            Some("rule-unreadable"),
        ),
        (rules, Some(1), SkipReason::NotCompiled("x".to_owned()), Some("rule-not-compiled")),
        (rules, Some(1), SkipReason::Throws("x".to_owned()), Some("rule-throws-at-load")),
        (
            "/usr/share/polkit-1/actions/a.policy",
            Some(1),
            SkipReason::ActionError("x".to_owned()),
            Some("action-file-broken"),
        ),
        (pkla, Some(2), other(), Some("pkla-broken")),
        (pkla, None, other(), None),
        (rules, None, other(), None),
        ("/etc/polkit-1/localauthority/50-local.d/a.conf", None, SkipReason::PklaSuffix, Some("rule-misnamed")),
        ("/etc/polkit-1/localauthority/a.pkla", None, SkipReason::PklaDirectory, Some("rule-misnamed")),
        ("/etc/polkit-1/localauthority/50-local.d/a.pkla.bak", None, SkipReason::PklaSuffix, None),
        ("/var/lib/polkit-1/localauthority/50-local.d/a.conf", None, SkipReason::PklaSuffix, None),
        (pkla, None, SkipReason::NeedsPklaCompat(Version(126)), Some("pkla-not-read")),
        ("/var/lib/polkit-1/localauthority/a.d/a.pkla", None, SkipReason::NeedsPklaCompat(Version(126)), None),
        (
            "/run/polkit-1/rules.d/a.rules",
            None,
            SkipReason::DirectoryOfOtherVersion(Version(122)),
            Some("rule-misplaced"),
        ),
        ("/usr/share/polkit-1/rules.d/a.rules", None, SkipReason::DirectoryOfOtherVersion(Version(122)), None),
    ] {
        assert_eq!(code(file, line, why.clone()), Vec::from_iter(expected), "{file} {why}");
    }
}

#[test]
fn a_stray_file_is_reported_once_and_moved_if_its_place_is_known() {
    let stray = |belongs: Option<&str>, misnamed| Stray {
        path: "/etc/polkit-1/localauthority/50-local.d/a.conf".to_owned(),
        belongs: belongs.map(str::to_owned),
        why: "x".to_owned(),
        misnamed,
        about_action: false,
        root_equivalent: false,
    };
    let found = |stray: Stray| {
        let facts = changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            facts.skipped.push(skipped(&stray.path, None, SkipReason::PklaSuffix));
            facts.strays.push(stray);
        });
        let found = diagnose(&facts);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].code, found[0].fixes[0].id)
    };
    assert_eq!(found(stray(Some("/etc/x.pkla"), true)), ("rule-misnamed", "rename-file"));
    assert_eq!(found(stray(Some("/etc/x.rules"), false)), ("rule-misplaced", "move-file"));
    assert_eq!(found(stray(None, false)), ("rule-misplaced", "set-aside"));
}

#[test]
fn a_refusal_has_the_code_of_its_decider() {
    use crate::verdict::RuleError;
    let refused = |kind, change: fn(&mut Decision)| {
        let facts = changed(|facts| {
            let mut refusal = answer(ImplicitAuthorization::No, kind, "/etc/polkit-1/rules.d/a.rules");
            change(&mut refusal);
            facts.answer = Some(refusal);
        });
        diagnose(&facts)[0].code
    };
    let api = |answer: &mut Decision| answer.action = "org.libvirt.api.domain.start".to_owned();
    assert_eq!(refused(DeciderKind::Rule, |_| ()), "rule-refuses");
    assert_eq!(refused(DeciderKind::Pkla, |_| ()), "rule-refuses");
    assert_eq!(refused(DeciderKind::Implicit, |_| ()), "refused-by-default");
    assert_eq!(refused(DeciderKind::Rule, api), "acl-refuses");
    assert_eq!(refused(DeciderKind::Implicit, api), "acl-refuses");
    let throws = |answer: &mut Decision| answer.verdict.rule_error = Some(RuleError::Throws("x".to_owned()));
    let junk = |answer: &mut Decision| answer.verdict.rule_error = Some(RuleError::NotAResult("x".to_owned()));
    assert_eq!(
        [refused(DeciderKind::Rule, throws), refused(DeciderKind::Rule, junk)],
        ["rule-throws", "rule-returns-junk"]
    );
    let ends = |answer: &mut Decision| answer.verdict.ends_polkitd = Some("x".to_owned());
    assert_eq!(refused(DeciderKind::Rule, ends), "rule-ends-polkitd");
    let asks = with_answer(|answer| answer.action = "org.libvirt.api.domain.start".to_owned());
    assert_eq!(diagnose(&asks)[0].code, "acl-asks");
}

#[test]
fn a_daemon_with_sasl_or_without_authentication_does_not_ask_polkit() {
    let with = |auth: &str, action: &str| {
        codes(&changed(|facts| {
            facts.libvirt.daemons[0].auth = Some(auth.to_owned());
            // Only the group may open the socket, and the subject is in it.
            facts.libvirt.daemons[0].sockets[0].there = Some((0o660, 0, "www-data".to_owned()));
            facts.answer.as_mut().unwrap().action = action.to_owned();
        }))
    };
    assert_eq!(with("sasl", MANAGE), ["sasl-not-polkit"]);
    assert_eq!(with("none", MANAGE), [""; 0]);
    assert_eq!(with("polkit", MANAGE), ["not-in-group"]);
    assert_eq!([with("sasl", "org.example.run"), with("none", "org.example.run")], [["not-in-group"]; 2]);
}

/// The codes for an error of this class without a subject.
fn reported(class: Class, change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
    quiet(|facts| {
        facts.about_libvirt = false;
        let text =
            "error: authentication unavailable: no polkit agent available to authenticate action 'org.example.run'";
        facts.reported = Some(ReportedError { class, ..first(text, &|_| true).unwrap() });
        change(facts);
    })
}

#[test]
fn an_error_without_an_action_or_without_a_subject_asks_for_it() {
    let action = |facts: &mut Facts| facts.action = Some("org.example.run".to_owned());
    for (class, code) in
        [(Class::NoAgent, "must-authenticate"), (Class::Refused, "refused"), (Class::Mentioned, "action-mentioned")]
    {
        assert_eq!(reported(class, |_| ()), ["action-unknown"], "{class:?}");
        assert_eq!(reported(class, action), [code], "{class:?}");
    }
    assert!(!reported(Class::NoPolkit, |_| ()).contains(&"action-unknown"));
    assert_eq!(reported(Class::RemoteClient, action), ["remote-client"]);
    let of_libvirt = reported(Class::Refused, |facts| {
        action(facts);
        facts.about_libvirt = true;
    });
    assert!(!of_libvirt.contains(&"refused"), "{of_libvirt:?}");
}
