use super::*;
use crate::target::{JavaScript, Pkla, Target};

/// A host with this polkit.
fn host(version: u32, has_systemd: bool) -> Facts {
    let target = Target { version: Version(version), pkla: Pkla::No, javascript: JavaScript::Duktape };
    Facts { target: Some(target), has_systemd, ..Facts::default() }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_setting_is_commented_out_before_the_daemon_restarts() {
    let restart: &[&[&str]] = &[&["systemctl", "try-restart", "libvirtd.service"]];
    let fix = unset("x", "etc/libvirt/libvirtd.conf", &["auth_unix_rw", "auth_unix_ro"], restart, "nothing");
    assert_eq!(
        fix.commands,
        [
            "sed -i -e 's/^ *auth_unix_rw/# &/' -e 's/^ *auth_unix_ro/# &/' /etc/libvirt/libvirtd.conf",
            "systemctl try-restart libvirtd.service"
        ]
    );
    assert_eq!(fix.undo.len(), 2);
    assert!(fix.undo[0].contains("set aside by polkit-policy-gen") && fix.undo[1] == fix.commands[1], "{fix:?}");
    let [Step::Unset { path, keys }, Step::Run(words)] = fix.steps.as_slice() else { panic!("{fix:?}") };
    assert_eq!((path.as_str(), keys.as_slice()), ("/etc/libvirt/libvirtd.conf", &["auth_unix_rw", "auth_unix_ro"][..]));
    assert_eq!(words, restart[0]);
}

#[test]
fn programs_run_in_sequence_as_commands_and_as_steps() {
    let fix = programs("x", &[&["systemctl", "start", "a b.service"], &["true"]], "a thing", &texts(&["undo it"]));
    assert_eq!(fix.commands, ["systemctl start 'a b.service'", "true"]);
    assert_eq!(fix.steps, [Step::Run(texts(&["systemctl", "start", "a b.service"])), Step::Run(texts(&["true"]))]);
    assert_eq!((fix.id, fix.grants.as_str(), fix.undo.as_slice()), ("x", "a thing", &["undo it".to_owned()][..]));
    assert!(!fix.manual && !fix.root_equivalent);
    let by_hand = manual("y", &texts(&["editor a"]), "nothing");
    assert_eq!((by_hand.id, by_hand.grants.as_str(), by_hand.commands), ("y", "nothing", texts(&["editor a"])));
    assert!(by_hand.manual && by_hand.steps.is_empty() && by_hand.undo.is_empty());
}

#[test]
fn polkitd_is_restarted_by_systemd_or_by_hand() {
    let fix = restart_polkitd(&host(126, true));
    assert_eq!((fix.id, fix.commands), ("restart-polkitd", texts(&["systemctl restart polkit.service"])));
    assert_eq!((fix.steps, fix.grants.as_str()), (vec![Step::RestartPolkitd], NOTHING));
    let fix = restart_polkitd(&host(126, false));
    assert!(fix.commands[0].starts_with("kill PID-OF-POLKITD") && fix.commands.len() == 1, "{fix:?}");
}

#[test]
fn a_closed_file_is_rewritten_with_the_owner_and_mode_that_polkitd_can_read() {
    for root_equivalent in [true, false] {
        let fix = make_readable("/etc/x y.rules", "0600", root_equivalent);
        let command = "install -o root -g root -m 0644 '/etc/x y.rules' '/etc/x y.rules'.new && mv '/etc/x y.rules'.new \
                       '/etc/x y.rules'";
        assert_eq!((fix.id, fix.commands), ("make-readable", texts(&[command])));
        assert_eq!((fix.root_equivalent, fix.manual), (root_equivalent, false));
        assert_eq!(fix.steps, [Step::Rewrite("/etc/x y.rules".to_owned())]);
        assert_eq!((fix.undo, fix.grants.as_str()), (texts(&["chmod 0600 '/etc/x y.rules'"]), "what the file grants"));
    }
}

#[test]
fn a_directory_gets_the_owner_and_mode_of_this_version() {
    let opened = |path: &str, version: u32| {
        let fix = open_directory(path, "0711", &host(version, true));
        let [Step::Directory { path: at, mode, owner: Some(owner) }, Step::RestartPolkitd] = fix.steps.as_slice()
        else {
            panic!("{fix:?}")
        };
        let commands = [
            format!("chown {}:{} {path}", owner.0, owner.1),
            format!("chmod {mode:04o} {path}"),
            "systemctl restart polkit.service".to_owned(),
        ];
        assert_eq!((fix.id, fix.commands.as_slice(), at.as_str()), ("open-directory", &commands[..], path));
        assert_eq!((fix.undo, fix.grants.as_str()), (vec![format!("chmod 0711 {path}")], "what its files grant"));
        (*mode, owner.0.clone(), owner.1.clone())
    };
    let expected = |mode, owner: &str, group: &str| (mode, owner.to_owned(), group.to_owned());
    let (etc, shipped) = ("/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d");
    assert_eq!(opened(etc, 122), expected(0o700, "polkitd", "root"));
    assert_eq!([opened(etc, 123), opened(etc, 126)], [(); 2].map(|()| expected(0o750, "root", "polkitd")));
    assert_eq!(opened(shipped, 122), expected(0o700, "polkitd", "root"));
    assert_eq!(opened(shipped, 123), expected(0o755, "root", "root"));
    assert_eq!(opened("/usr/share/polkit-1/actions", 122), expected(0o755, "root", "root"));
    for version in [105, 126] {
        for path in ["/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"] {
            assert_eq!(opened(path, version), expected(0o750, "root", "polkitd"), "{path} {version}");
        }
    }
}

#[test]
fn a_moved_file_is_root_s_and_goes_back_by_the_undo() {
    let fix = move_file("move-file", "/etc/a b.js", "/etc/c.rules", true, &host(126, true));
    assert_eq!(
        (fix.id, fix.commands),
        ("move-file", texts(&["install -o root -g root -m 0644 '/etc/a b.js' /etc/c.rules && rm '/etc/a b.js'"]))
    );
    assert_eq!((fix.undo, fix.grants.as_str()), (texts(&["mv /etc/c.rules '/etc/a b.js'"]), "what the file grants"));
    assert_eq!(fix.steps, [Step::Move { from: "/etc/a b.js".to_owned(), to: "/etc/c.rules".to_owned() }]);
    assert!(fix.root_equivalent && !fix.manual);
    assert!(!move_file("move-file", "/a", "/b", false, &host(126, true)).root_equivalent);
}

#[test]
fn a_file_that_is_set_aside_has_a_name_that_polkit_does_not_read() {
    let fix = set_aside("/etc/a b.rules", &host(126, true));
    assert_eq!((fix.id, fix.commands), ("set-aside", texts(&["mv '/etc/a b.rules' '/etc/a b.rules.set-aside'"])));
    assert_eq!(fix.undo, ["mv '/etc/a b.rules.set-aside' '/etc/a b.rules'"]);
    assert_eq!(fix.grants, "nothing; the grants and refusals of the file end");
    assert_eq!(
        fix.steps,
        [Step::Move { from: "/etc/a b.rules".to_owned(), to: "/etc/a b.rules.set-aside".to_owned() }]
    );
}

#[test]
fn only_polkit_0_105_needs_a_restart_for_a_new_directory() {
    let steps = |facts: &Facts| {
        let moved = move_file("x", "/a", "/b", false, facts);
        let aside = set_aside("/a", facts);
        assert_eq!((moved.commands.len(), aside.commands.len()), (moved.steps.len(), aside.steps.len()));
        assert_eq!(moved.steps.len(), aside.steps.len());
        (aside.commands.last().cloned().unwrap_or_default(), aside.steps.last().cloned() == Some(Step::RestartPolkitd))
    };
    assert_eq!(steps(&host(105, true)), ("systemctl restart polkit.service".to_owned(), true));
    for facts in [host(106, true), host(126, true), Facts::default()] {
        assert_eq!(steps(&facts), ("mv /a /a.set-aside".to_owned(), false));
    }
}

#[test]
fn converted_files_are_set_aside_one_by_one() {
    let fix = convert(&texts(&["/etc/a.pkla", "/etc/b c.pkla"]));
    let path = "/etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules";
    assert_eq!(
        fix.commands,
        [
            &format!("polkit-policy-gen convert -o {path}"),
            "mv /etc/a.pkla /etc/a.pkla.set-aside",
            "mv '/etc/b c.pkla' '/etc/b c.pkla.set-aside'"
        ]
    );
    assert_eq!(
        fix.undo,
        [&format!("rm {path}"), "mv /etc/a.pkla.set-aside /etc/a.pkla", "mv '/etc/b c.pkla.set-aside' '/etc/b c.pkla'"]
    );
    let moved = |from: &str| Step::Move { from: from.to_owned(), to: format!("{from}.set-aside") };
    assert_eq!(fix.steps, [Step::Convert(path.to_owned()), moved("/etc/a.pkla"), moved("/etc/b c.pkla")]);
    assert_eq!((fix.id, fix.root_equivalent, fix.manual), ("convert-pkla", true, false));
    assert_eq!(fix.grants, "what all pkla files grant");
}
