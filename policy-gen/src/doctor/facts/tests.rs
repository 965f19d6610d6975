use super::*;

fn socket(mode: u32) -> Socket {
    Socket {
        there: Some((mode, 5, "libvirt".to_owned())),
        above: Some((mode, 5, "libvirt".to_owned())),
        ..Socket::default()
    }
}

#[test]
fn the_class_of_a_user_decides_about_a_socket() {
    let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (member, other) = (groups(&["x", "libvirt"]), groups(&["x"]));
    let rights =
        |mode, uid, groups: &[String]| (socket(mode).lets_in(uid, groups), socket(mode).is_reached(uid, groups));
    for (mode, uid, groups, expected) in [
        (0o000, 0, &other, (true, true)),
        (0o200, 5, &other, (true, false)),
        (0o100, 5, &other, (false, true)),
        (0o077, 5, &member, (false, false)),
        (0o020, 7, &member, (true, false)),
        (0o010, 7, &member, (false, true)),
        (0o707, 7, &member, (false, false)),
        (0o002, 7, &other, (true, false)),
        (0o001, 7, &other, (false, true)),
        (0o770, 7, &other, (false, false)),
        (0o444, 7, &other, (false, false)),
    ] {
        assert_eq!(rights(mode, uid, groups), expected, "{mode:o} {uid} {groups:?}");
    }
    assert!([0o666, 0o002].iter().all(|mode| socket(*mode).is_open()));
    assert!([0o660, 0o664, 0o775].iter().all(|mode| !socket(*mode).is_open()));
    let absent = Socket::default();
    assert!(!absent.lets_in(0, &other) && absent.is_reached(7, &other) && !absent.is_open());
}

#[test]
fn the_daemon_is_the_one_that_listens_or_libvirtd() {
    let daemon = |name: &str, listened| {
        let sockets = vec![Socket { listened: false, ..Socket::default() }, Socket { listened, ..Socket::default() }];
        Daemon { name: name.to_owned(), sockets, ..Daemon::default() }
    };
    let of = |daemons: Vec<Daemon>| {
        let facts = Facts { libvirt: Libvirt { daemons, ..Libvirt::default() }, ..Facts::default() };
        facts.daemon().map(|daemon| daemon.name.clone())
    };
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(of(vec![daemon("libvirtd", false), daemon("virtqemud", true)]), name("virtqemud"));
    assert_eq!(of(vec![daemon("virtqemud", false), daemon("libvirtd", false)]), name("libvirtd"));
    assert_eq!(of(vec![daemon("virtxend", true), daemon("virtqemud", false)]), name("virtqemud"));
    assert_eq!(of(vec![daemon("virtxend", true), daemon("virtlxcd", true)]), name("virtxend"));
    assert_eq!(of(Vec::new()), None);
    let mut read_write = daemon("libvirtd", true);
    read_write.sockets[0].read_only = true;
    read_write.sockets[1].path = "rw".to_owned();
    assert_eq!(read_write.read_write().map(|socket| socket.path.as_str()), Some("rw"));
}

#[test]
fn the_running_polkitd_knows_better_than_the_files() {
    let decision = |outcome, real| Decision { real, ..model::decision(MANAGE, outcome) };
    let (yes, no) = (Outcome::Result(ImplicitAuthorization::Yes), Outcome::Result(ImplicitAuthorization::No));
    assert!(decision(yes, None).is_yes() && decision(no, Some(RunningResult::Yes)).is_yes());
    assert!(!decision(no, None).is_yes() && !decision(yes, Some(RunningResult::Challenge)).is_yes());
    assert!(decision(Outcome::Depends, None).is_unknown() && !decision(yes, None).is_unknown());
    assert!(!decision(Outcome::Depends, Some(RunningResult::No)).is_unknown());
    assert_eq!(
        [decision(no, None).result(), decision(Outcome::Depends, None).result()],
        [Some(ImplicitAuthorization::No), None]
    );
    let facts = |is_root, answer| Facts { is_root, answer, ..Facts::default() };
    assert!(facts(false, None).lacks_rights() && !facts(true, None).lacks_rights());
    assert!(
        !facts(false, Some(decision(yes, None))).lacks_rights()
            && facts(false, Some(decision(no, None))).lacks_rights()
    );
    assert!(facts(true, Some(decision(yes, None))).is_about_manage() && !facts(true, None).is_about_manage());
    let other = Decision { action: "org.a.run".to_owned(), ..decision(yes, None) };
    assert!(!facts(true, Some(other)).is_about_manage());
}
