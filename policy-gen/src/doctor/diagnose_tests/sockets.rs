//! Findings about sockets and daemons.

use super::*;

#[test]
fn the_socket_comes_before_the_verdict() {
    let socket =
        |change: fn(&mut Socket)| changed(|facts| facts.libvirt.daemons[0].sockets.iter_mut().for_each(change));
    assert_eq!(codes(&socket(|socket| socket.there = None))[0], "socket-missing");
    assert_eq!(codes(&socket(|socket| socket.listened = false))[0], "socket-refused");
    assert_eq!(codes(&socket(|socket| socket.there = Some((0o600, 0, "root".to_owned()))))[0], "socket-closed");
    assert_eq!(codes(&socket(|socket| socket.there = Some((0o660, 0, "vm".to_owned()))))[0], "not-in-socket-group");
    let executable = socket(|socket| socket.there = Some((0o601, 0, "vm".to_owned())));
    assert_eq!(codes(&executable)[0], "socket-closed", "the group may not write either");
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
fn a_closed_socket_is_no_problem_without_a_decision_about_libvirt() {
    let closed = |action: Option<&str>| {
        codes(&changed(|facts| {
            facts.libvirt.daemons[0].sockets[0].there = Some((0o600, 0, "root".to_owned()));
            let asked = facts.answer.take();
            facts.answer = action.and_then(|action| Some(Decision { action: action.to_owned(), ..asked? }));
        }))
        .contains(&"socket-closed")
    };
    assert_eq!([closed(Some(MANAGE)), closed(Some("org.example.run")), closed(None)], [true, false, false]);
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
fn a_socket_is_started_from_its_state_and_goes_back_to_it() {
    let fix = |socket: &str, enabled: &str, service: (&str, &str)| {
        let facts = changed(|facts| {
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.socket_unit.load, daemon.socket_unit.enabled) = (socket.to_owned(), enabled.to_owned());
            (daemon.service.load, daemon.service.active) = (service.0.to_owned(), service.1.to_owned());
            daemon.sockets[0].there = None;
        });
        let fix = diagnose(&facts)[0].fixes[0].clone();
        (fix.commands, fix.undo.join("\n"))
    };
    let sockets = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket";
    let stop = "systemctl stop libvirtd.service".to_owned();
    let [enable, restart, unmask] = ["enable", "restart", "unmask"].map(|verb| format!("systemctl {verb} {sockets}"));
    let unmask_service = "systemctl unmask libvirtd.service".to_owned();
    let back = format!("systemctl stop {sockets} libvirtd.service");
    let off = ("loaded", "inactive");
    assert_eq!(fix("loaded", "enabled", off), (vec![stop.clone(), restart.clone()], back.clone()));
    assert_eq!(
        fix("loaded", "disabled", off),
        (vec![stop.clone(), enable.clone(), restart.clone()], format!("{back}; systemctl disable {sockets}"))
    );
    assert_eq!(
        fix("masked", "masked", off),
        (
            vec![unmask.clone(), stop.clone(), enable.clone(), restart.clone()],
            format!("{back}; systemctl mask {sockets}")
        )
    );
    assert_eq!(
        fix("loaded", "enabled", ("masked", "inactive")),
        (
            vec![unmask_service.clone(), stop.clone(), restart.clone()],
            format!("{back}; systemctl mask libvirtd.service")
        )
    );
    assert_eq!(
        fix("masked", "masked", ("masked", "inactive")),
        (
            vec![unmask, unmask_service, stop.clone(), enable, restart.clone()],
            format!("{back}; systemctl mask {sockets}; systemctl mask libvirtd.service")
        )
    );
    let running = fix("loaded", "enabled", ("loaded", "active"));
    assert_eq!(running, (vec![stop, restart], format!("{back}; systemctl start libvirtd.service")));
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
