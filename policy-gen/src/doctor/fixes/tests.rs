use super::*;

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
