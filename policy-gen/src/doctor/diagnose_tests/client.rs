//! Findings about clients that do not connect to the system's daemon.

use super::*;

/// The findings for an error text, with the subject of uid 33 if there is one.
fn of_text(text: &str, with_subject: bool) -> Vec<Finding> {
    let facts = changed(|facts| {
        facts.reported = first(text, &|_| false);
        facts.answer = None;
        if !with_subject {
            facts.subject = None;
        }
    });
    diagnose(&facts)
}

#[test]
fn a_directory_of_another_user_is_the_cause_before_the_connection() {
    let text = |directory: &str| {
        format!("error: Cannot create user runtime directory '{directory}/libvirt': Permission denied")
    };
    let found = of_text(&text("/run/user/0"), true);
    assert_eq!([found[0].code, found[1].code], ["foreign-runtime-directory", "session-not-system"]);
    assert!(found[0].cause.contains("is the directory of another user, /run/user/0, where"), "{found:?}");
    assert_eq!(found[1].evidence, ["it needs the directory /run/user/0/libvirt"]);
    assert!(found[0].fixes[0].manual && found[0].fixes[0].commands[0] == "unset XDG_RUNTIME_DIR");
    for (directory, with_subject) in [("/run/user/33", true), ("/run/user/0", false)] {
        assert_eq!(of_text(&text(directory), with_subject)[0].code, "session-not-system", "{directory}");
    }
}

#[test]
fn a_client_of_the_network_or_without_authentication_is_changed() {
    let found = of_text("error: unable to connect to server at 'localhost:16509': Connection refused", true).remove(0);
    assert_eq!((found.code, found.fixes[0].id), ("remote-client", "use-system"));
    assert_eq!(found.fixes[0].commands, ["export LIBVIRT_DEFAULT_URI=qemu:///system"]);
    let found = of_text("authentication required", true).remove(0);
    assert_eq!((found.code, found.fixes[0].id, found.evidence.len()), ("client-without-polkit", "use-libvirt", 2));
}

/// The findings about a preset connection.
fn preset(uri: &str, directory: Option<&str>, change: fn(&mut Facts)) -> Vec<Finding> {
    let mut facts = changed(|facts| {
        let preset = Some(Preset { uri: uri.to_owned(), by: "X".to_owned() }).filter(|_| !uri.is_empty());
        let client = Client { pid: 7, preset, runtime_directory: directory.map(str::to_owned) };
        facts.subject.as_mut().unwrap().process = Some(Process { pid: 7, client, ..Process::default() });
    });
    change(&mut facts);
    super::super::client::preset(&facts)
}

#[test]
fn a_preset_connection_names_its_origin() {
    let [found] = preset("qemu:///session", None, |_| ()).try_into().unwrap();
    assert_eq!((found.code, found.evidence), ("session-not-system", vec!["qemu:///session from X".to_owned()]));
    assert_eq!(found.fixes[0].commands[0], "virsh -c qemu:///system list");
    for transport in ["ssh", "libssh", "libssh2"] {
        let [found] = preset(&format!("qemu+{transport}://host/system"), None, |_| ()).try_into().unwrap();
        assert!(found.code == "remote-client" && found.cause.contains("through ssh"), "{found:?}");
    }
    for transport in ["tcp", "tls"] {
        let [found] = preset(&format!("qemu+{transport}://host/session"), None, |_| ()).try_into().unwrap();
        assert!(found.code == "remote-client" && found.cause.contains("over the network, where"), "{found:?}");
    }
    assert_eq!(preset("qemu+x+unix:///system", None, |_| ())[0].code, "remote-client");
    for uri in ["qemu", "qemu:///system", "qemu:///system?x=/session", "qemu:///sessions"] {
        assert_eq!(preset(uri, None, |_| ()), [], "{uri}");
    }
}

#[test]
fn a_runtime_directory_of_another_user_is_foreign() {
    let [found] = preset("", Some("/run/user/1000/x"), |_| ()).try_into().unwrap();
    assert_eq!(found.code, "foreign-runtime-directory");
    let expected = "XDG_RUNTIME_DIR=/run/user/1000/x in the environment of process 7, which has uid 33";
    assert_eq!(found.evidence, [expected]);
    for own in ["/run/user/33", "/run/users/1000", "/run/user/x"] {
        assert_eq!(preset("", Some(own), |_| ()), [], "{own}");
    }
}

#[test]
fn a_preset_connection_counts_for_requests_about_libvirt() {
    let none: [fn(&mut Facts); 5] = [
        |facts| facts.answer.as_mut().unwrap().action = "org.a.run".to_owned(),
        |facts| facts.libvirt.daemons.clear(),
        |facts| facts.reported = first("access denied by policy", &|_| false),
        |facts| facts.subject.as_mut().unwrap().process = None,
        |facts| facts.subject = None,
    ];
    for (number, change) in none.into_iter().enumerate() {
        assert_eq!(preset("qemu:///session", None, change), [], "{number}");
    }
    assert_eq!(preset("qemu:///session", None, |facts| facts.answer = None).len(), 1);
    let api = |facts: &mut Facts| facts.answer.as_mut().unwrap().action = "org.libvirt.api.domain.start".to_owned();
    assert_eq!(preset("qemu:///session", None, api).len(), 1);
}
