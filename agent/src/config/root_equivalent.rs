//! Root-equivalent actions.

/// The known root-equivalent actions, and why they are. The list is not complete.
pub const ROOT_EQUIVALENT: [(&str, &str); 8] = [
    ("org.libvirt.unix.manage", "a user that manages domains can read and write any file of the host through them"),
    ("org.freedesktop.policykit.exec", "pkexec runs any program as root"),
    ("org.freedesktop.systemd1.manage-units", "starts any unit, also transient ones that run any program as root"),
    ("org.freedesktop.systemd1.manage-unit-files", "enables and links any unit file"),
    ("org.freedesktop.machine1.host-shell", "opens a root shell"),
    ("org.freedesktop.machine1.host-open-pty", "opens a terminal of the host"),
    ("org.freedesktop.packagekit.package-install-untrusted", "installs any package, and packages run scripts as root"),
    ("org.freedesktop.accounts.user-administration", "changes any user's password and groups"),
];

/// The actions that a challenge cannot narrow: it does not name the program or the unit, so a grant covers all of them.
pub const NEVER_NARROWED: [&str; 2] = ["org.freedesktop.policykit.exec", "org.freedesktop.systemd1.manage-units"];
