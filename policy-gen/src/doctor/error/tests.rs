use super::*;

mod lines;

fn class(line: &str) -> Option<Class> {
    first(line, &|_| false).map(|reported| reported.class)
}

#[test]
fn each_message_has_its_class() {
    for (line, expected) in [
        (
            "error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
            Class::NoAgent,
        ),
        ("authentication failed: polkit: polkit\\56retains_authorization_after_challenge=1", Class::NoAgent),
        ("error: authentication failed: access denied by policy", Class::Refused),
        ("error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied", Class::SocketClosed),
        (
            "error: Failed to connect socket to '/run/libvirt/virtqemud-sock': No such file or directory",
            Class::SocketMissing,
        ),
        ("error: Failed to connect socket to '/run/libvirt/libvirt-sock-ro': Connection refused", Class::SocketRefused),
        (
            "GDBus.Error:org.freedesktop.PolicyKit1.Error.Failed: Action org.libvirt.unix.manage is not registered",
            Class::NotRegistered,
        ),
        ("The name org.freedesktop.PolicyKit1 was not provided by any .service files", Class::NoPolkit),
        ("error: access denied: 'QEMU' denied access", Class::AclRefused),
        ("error: internal error: No UNIX process ID available", Class::RemoteClient),
        ("error: Cannot create user runtime directory '/run/user/0/libvirt': Permission denied", Class::OwnDirectory),
        ("Fehler: Verzeichnis „/var/www/.cache/libvirt“: Keine Berechtigung", Class::OwnDirectory),
        ("error: unable to connect to server at 'localhost:16509': Connection refused", Class::Network),
        ("authentication required", Class::NoAuthentication),
        ("libvirt: authentication required", Class::NoAuthentication),
    ] {
        assert_eq!(class(line), Some(expected), "{line}");
    }
    for line in [
        "",
        "all is well",
        "unix_sock_dir = \"/var/run/libvirt\"",
        "Action Man is not registered here",
        "see /run/libvirt/libvirt-sock",
        "HTTP 407: proxy authentication required",
        "the session's daemon keeps its socket in '/run/user/0/libvirt'",
    ] {
        let expected = line.starts_with("Action").then_some(Class::NotRegistered);
        assert_eq!(class(line), expected, "{line}");
    }
}

#[test]
fn the_first_error_of_a_log_is_used_and_later_errors_are_counted() {
    let log = "[Mon] all right\n\
        PHP Warning:  libvirt_connect(): authentication unavailable: no polkit agent available to authenticate action \
        'org.libvirt.unix.manage' in /srv/a.php on line 3\n\
        PHP Warning:  libvirt_list_domains() expects parameter 1 to be resource, boolean given in /srv/a.php on line 4\n\
        PHP Notice:  Undefined variable: x in /srv/a.php on line 9\n";
    let reported = first(log, &|_| false).unwrap();
    assert_eq!((reported.class, reported.number, reported.following), (Class::NoAgent, 2, 2));
    assert_eq!(reported.action.as_deref(), Some("org.libvirt.unix.manage"));
    assert!(reported.web && reported.only_reads);
    let touching = log.replace("libvirt_list_domains", "libvirt_domain_create");
    assert!(!first(&touching, &|_| false).unwrap().only_reads);
}

#[test]
fn a_translated_error_is_recognized_by_its_action_or_its_socket() {
    let line = "Fehler: Authentifizierung nicht verfügbar: kein Agent für „org.libvirt.unix.manage“";
    let reported = first(line, &|_| false).unwrap();
    assert_eq!((reported.class, reported.action.as_deref()), (Class::NoAgent, Some("org.libvirt.unix.manage")));
    let line = "エラー: ソケット '/run/libvirt/libvirt-sock' に接続できません: 許可がありません";
    let reported = first(line, &|_| false).unwrap();
    assert_eq!((reported.class, reported.socket.as_deref()), (Class::Socket, Some("/run/libvirt/libvirt-sock")));
}

#[test]
fn a_hostile_text_is_shortened_and_its_action_ignored() {
    let long = format!("no polkit agent available to authenticate action '{}'", "a".repeat(10_000));
    let reported = first(&long, &|_| false).unwrap();
    assert!(reported.line.chars().count() <= LINE_MAX && reported.action.is_none());
    assert!(
        !is_action("org.a b.c")
            && !is_action("org.x")
            && !is_action("org.a..b")
            && is_action("org.libvirt.api.domain.start")
    );
}

#[test]
fn harmful_advice_is_reported() {
    let recipe = "+auth_unix_rw = \"none\"\nIdentity=unix-group:libvirt\nusermod -a -G libvirtd apache\nvi /etc/libvirt/libvirtdconf\n";
    assert_eq!(bad_advice(recipe).len(), 3);
    assert_eq!(bad_advice("Identity=unix-group:vm\nusermod -aG vm apache\n"), [""; 0]);
}

#[test]
fn a_registered_action_is_found_without_quotes() {
    let found = |line: &str| registered(line, &|id| id == "org.example.vm-1.run_x");
    assert_eq!(found("why is org.example.vm-1.run_x refused?").as_deref(), Some("org.example.vm-1.run_x"));
    assert_eq!(found("(org.example.vm-1.run_x).").as_deref(), Some("org.example.vm-1.run_x"));
    assert_eq!(found("org.example.other.run and org.example.vm-1.run_x").as_deref(), Some("org.example.vm-1.run_x"));
    assert_eq!([found("org.example.vm-1.run"), found("org example")], [None, None]);
}
