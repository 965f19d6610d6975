//! The texts and fixes of findings about settings and sockets.

use super::*;
use crate::doctor::fixes::Step;

/// The first finding, without a subject.
fn only(change: impl FnOnce(&mut Facts)) -> Finding {
    let facts = changed(|facts| {
        (facts.subject, facts.answer) = (None, None);
        change(facts);
    });
    diagnose(&facts).remove(0)
}

/// The first finding of the subject, with this change of the read-write socket.
fn closed(change: impl FnOnce(&mut Facts, &mut Socket)) -> Finding {
    let facts = changed(|facts| {
        let mut socket = facts.libvirt.daemons[0].sockets[0].clone();
        change(facts, &mut socket);
        facts.libvirt.daemons[0].sockets[0] = socket;
    });
    diagnose(&facts).remove(0)
}

#[test]
fn a_daemon_without_authentication_asks_polkit_again() {
    let with = |has_systemd, mode: Option<u32>| {
        only(|facts| {
            facts.has_systemd = has_systemd;
            facts.libvirt.daemons[0].auth = Some("none".to_owned());
            facts.libvirt.daemons[0].sockets[0].there = mode.map(|mode| (mode, 0, "root".to_owned()));
            facts.libvirt.daemons[0].sockets[0].listened = mode.is_some();
        })
    };
    let found = with(true, Some(0o666));
    let place = "/etc/libvirt/libvirtd.conf: auth_unix_rw = \"none\"";
    assert_eq!(found.evidence, [format!("{place}; its socket has the mode 0666")]);
    assert_eq!(found.fixes[0].commands[1], "systemctl try-restart libvirtd.service");
    assert_eq!(with(true, None).evidence, [place]);
    let bare = with(false, Some(0o666));
    assert_eq!(bare.fixes[0].commands[1], "# then restart libvirtd with your service manager");
}

#[test]
fn settings_without_effect_are_named_with_their_keys() {
    let with = |group: Option<&str>, perms: Option<&str>| {
        let found = only(|facts| {
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.group, daemon.perms) = (group.map(str::to_owned), perms.map(str::to_owned));
        });
        assert_eq!(found.evidence, ["the socket has the mode 0666 and the group root"]);
        assert_eq!((found.fixes[0].id, found.fixes[0].commands.len()), ("remove-ignored", 1));
        found.cause
    };
    let rest = "in /etc/libvirt/libvirtd.conf have no effect: systemd creates the socket";
    assert_eq!(with(Some("vm"), None), format!("unix_sock_group {rest}"));
    assert_eq!(with(None, Some("0700")), format!("unix_sock_rw_perms {rest}"));
    assert_eq!(with(Some("vm"), Some("0700")), format!("unix_sock_group and unix_sock_rw_perms {rest}"));
}

#[test]
fn a_misnamed_configuration_is_set_aside() {
    let found = only(|facts| facts.libvirt.misnamed.push(("/etc/libvirt/libvirtdconf".into(), "/x".into())));
    assert_eq!((found.evidence.as_slice(), found.fixes[0].id), (&["the daemon reads /x".to_owned()][..], "set-aside"));
}

#[test]
fn a_broken_configuration_is_edited() {
    let found = closed(|facts, _| facts.libvirt.daemons[0].broken = Some("line 3".to_owned()));
    assert_eq!((found.code, found.fixes[0].id), ("conf-broken", "edit-file"));
    assert_eq!(found.evidence, ["/etc/libvirt/libvirtd.conf: line 3"]);
    assert_eq!(found.fixes[0].commands, ["editor /etc/libvirt/libvirtd.conf"]);
}

#[test]
fn a_closed_directory_is_the_cause_before_the_socket() {
    let found = closed(|_, socket| socket.above = Some((0o700, 0, "root".to_owned())));
    assert_eq!((found.code, found.evidence), ("socket-directory-closed", vec!["/run/libvirt: mode 0700".to_owned()]));
    assert_eq!(found.fixes[0].commands, ["chmod 0755 /run/libvirt"]);
    assert_eq!(found.fixes[0].undo, ["chmod 0700 /run/libvirt"]);
    let by_process = closed(|facts, socket| {
        socket.above = Some((0o710, 0, "vm".to_owned()));
        let subject = facts.subject.as_mut().unwrap();
        subject.groups.push("vm".to_owned());
        subject.process = Some(Process::default());
    });
    assert_eq!(by_process.code, "socket-directory-closed", "the kernel uses the groups of the process");
}

#[test]
fn a_socket_for_a_group_is_joined_and_the_unit_restarted() {
    let with = |auth: Option<&str>, has_process: bool, has_systemd: bool| {
        closed(|facts, socket| {
            socket.there = Some((0o660, 0, "vm".to_owned()));
            facts.libvirt.daemons[0].auth = auth.map(str::to_owned);
            facts.has_systemd = has_systemd;
            let subject = facts.subject.as_mut().unwrap();
            subject.unit = Some("web app.service".to_owned());
            subject.process = has_process.then(Process::default);
        })
    };
    let found = with(None, true, true);
    assert_eq!(found.evidence, ["/run/libvirt/libvirt-sock: mode 0660, group vm"]);
    let join = &found.fixes[0];
    assert_eq!(join.commands, ["usermod -aG vm www-data", "systemctl restart 'web app.service'"]);
    let words = ["systemctl", "restart", "web app.service"].map(str::to_owned).to_vec();
    assert_eq!(join.steps[1..], [Step::Run(words)]);
    assert!(join.root_equivalent && join.grants.starts_with("www-data the socket"), "{join:?}");
    for (has_process, has_systemd) in [(false, true), (true, false)] {
        assert_eq!(with(None, has_process, has_systemd).fixes[0].commands.len(), 1, "{has_process} {has_systemd}");
    }
    let ids = |finding: Finding| finding.fixes.iter().map(|fix| fix.id).collect::<Vec<_>>();
    assert_eq!(ids(with(None, true, true)), ["join-group", "open-socket"]);
    assert_eq!(ids(with(Some("none"), true, true)), ["join-group"], "an open socket would be root-equivalent");
}

#[test]
fn a_socket_without_authentication_that_no_group_may_open_has_no_fix() {
    let found = closed(|facts, socket| {
        socket.there = Some((0o600, 0, "root".to_owned()));
        facts.libvirt.daemons[0].auth = Some("none".to_owned());
    });
    assert_eq!((found.code, found.fixes.len()), ("not-in-socket-group", 0));
}

#[test]
fn a_socket_is_opened_by_systemd_or_by_the_configuration() {
    let with = |activated, has_systemd| {
        let found = closed(|facts, socket| {
            socket.there = Some((0o600, 0, "root".to_owned()));
            facts.libvirt.daemons[0].activated = activated;
            facts.has_systemd = has_systemd;
        });
        found.fixes.into_iter().find(|fix| fix.id == "open-socket").unwrap()
    };
    let fix = with(Some(true), true);
    let path = "/etc/systemd/system/libvirtd.socket.d/90-doctor.conf";
    assert_eq!(fix.commands[1], format!("printf '[Socket]\\nSocketMode=0666\\n' > {path}"));
    let after = ["systemctl daemon-reload", "systemctl stop libvirtd.service", "systemctl restart libvirtd.socket"];
    assert_eq!(fix.commands[2..], after);
    let text = "[Socket]\nSocketMode=0666\n".to_owned();
    assert_eq!((fix.steps.len(), &fix.steps[0]), (4, &Step::Write { path: path.to_owned(), text }));
    assert_eq!(fix.undo, [format!("rm {path}; {}", after.join("; "))]);
    let fix = with(Some(false), true);
    assert_eq!((fix.manual, fix.commands[1].as_str()), (false, "systemctl restart libvirtd.service"));
    assert!(fix.commands[0].contains("unix_sock_group") && fix.commands[0].contains("unix_sock_rw_perms"), "{fix:?}");
    let fix = with(None, false);
    assert_eq!((fix.manual, fix.commands[1].as_str()), (true, "# then restart libvirtd with your service manager"));
}

#[test]
fn a_process_with_old_groups_is_restarted_or_its_user_logs_in() {
    let with = |unit: Option<&str>, has_systemd| {
        let found = closed(|facts, socket| {
            socket.there = Some((0o660, 0, "vm".to_owned()));
            facts.has_systemd = has_systemd;
            let subject = facts.subject.as_mut().unwrap();
            subject.groups.push("vm".to_owned());
            subject.unit = unit.map(str::to_owned);
            let groups = vec!["a".to_owned(), "b".to_owned()];
            subject.process = Some(Process { pid: 7, groups, ..Process::default() });
        });
        assert_eq!((found.code, found.evidence[1].as_str()), ("stale-groups", "process 7 has the groups a, b"));
        (found.fixes[0].id, found.fixes[0].manual, found.fixes[0].commands[0].clone())
    };
    let web = Some("web.service");
    assert_eq!(with(web, true), ("restart-unit", false, "systemctl restart web.service".to_owned()));
    assert_eq!(with(web, false), ("restart-unit", true, "restart web.service with your service manager".to_owned()));
    assert_eq!(with(None, true), ("log-in-again", true, "# log out and in again".to_owned()));
}

#[test]
fn a_missing_daemon_or_socket_is_installed_shared_or_started() {
    let text = "error: Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory";
    let none = |container: Option<&str>| {
        let facts = changed(|facts| {
            facts.libvirt.daemons.clear();
            facts.container = container.map(str::to_owned);
            facts.reported = first(text, &|_| false);
        });
        diagnose(&facts).remove(0)
    };
    let found = none(None);
    assert_eq!((found.code, found.fixes[0].id), ("libvirt-not-installed", "install-libvirt"));
    assert_eq!(found.evidence[1], "/run/libvirt/libvirt-sock: no libvirt daemon is installed");
    let found = none(Some("docker"));
    assert_eq!((found.code, found.fixes[0].id, found.evidence[1].as_str()), ("container", "use-the-host", "docker"));
    let bare = |pid| {
        closed(|facts, socket| {
            (facts.has_systemd, facts.libvirt.daemons[0].pid, socket.there) = (false, pid, None);
            facts.container = Some("docker".to_owned());
        })
    };
    assert_eq!(bare(None).evidence, ["docker", "libvirtd is not running, and there is no systemd to start it"]);
    assert_eq!(bare(Some(7)).evidence[1], "libvirtd is running, and there is no systemd to start it");
    assert_eq!(
        (bare(None).fixes[0].id, &bare(None).fixes[0].commands[..]),
        ("start-daemon", &["libvirtd --daemon".to_owned()][..])
    );
    let found = closed(|_, socket| socket.there = None);
    assert_eq!(found.evidence, ["libvirtd.socket: loaded, active; libvirtd.service: "]);
    let all = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket";
    assert_eq!(found.fixes[0].undo, [format!("systemctl stop {all} libvirtd.service")]);
}

#[test]
fn without_a_subject_only_a_daemon_that_should_run_needs_its_socket() {
    let is_reported = |active: &str, enabled: &str, service: &str| {
        let facts = changed(|facts| {
            (facts.subject, facts.answer) = (None, None);
            let daemon = &mut facts.libvirt.daemons[0];
            (daemon.socket_unit.active, daemon.socket_unit.enabled) = (active.to_owned(), enabled.to_owned());
            daemon.service.active = service.to_owned();
            daemon.sockets[0].listened = false;
        });
        codes(&facts) == ["socket-refused"]
    };
    assert!(is_reported("failed", "disabled", "active") && is_reported("inactive", "enabled", "inactive"));
    assert!(!is_reported("inactive", "disabled", "inactive") && !is_reported("inactive", "enabled", "active"));
    assert!(!is_reported("active", "enabled", "inactive"));
}

#[test]
fn the_read_only_socket_belongs_to_the_action_that_only_reads() {
    let with = |action: &str| {
        codes(&changed(|facts| {
            facts.libvirt.daemons[0].sockets[1].listened = false;
            facts.answer.as_mut().unwrap().action = action.to_owned();
        }))[0]
    };
    assert_eq!([with("org.libvirt.unix.monitor"), with(MANAGE)], ["socket-refused", "not-in-group"]);
    let other = codes(&changed(|facts| {
        facts.libvirt.daemons[0].sockets[0].there = None;
        facts.answer.as_mut().unwrap().action = "org.a.run".to_owned();
    }));
    assert_eq!(other, ["not-in-group"], "the action needs no socket");
}
