use polkit_config::report::Report;

use super::*;

#[test]
fn every_file_of_the_table_is_valid() {
    let mut report = Report::new();
    let entries: Vec<_> = table::sources().filter_map(|source| read::read(&source, &mut report)).collect();
    assert!(report.problems().is_empty(), "{}", report.render(false));
    assert_eq!(table::compiled().len(), entries.len());
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/mechanisms")).unwrap();
    assert_eq!(folder.count(), entries.len(), "each file of the folder is compiled in");
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.mechanism.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), entries.len(), "a name occurs twice");
    for mechanism in entries.iter().map(|entry| &entry.mechanism).filter(|mechanism| !mechanism.actions.is_empty()) {
        assert!(!mechanism.packages.is_empty(), "{} has no packages", mechanism.name);
    }
}

#[test]
fn the_details_of_an_action_are_those_of_its_mechanism() {
    for (action, keys) in [
        ("org.freedesktop.login1.reboot", Some(&[][..])),
        ("org.freedesktop.systemd1.manage-units", Some(&["unit", "verb"])),
        ("org.freedesktop.systemd1.manage-unit-files", Some(&[])),
        ("org.debian.pcsc-lite.access_card", Some(&["reader"])),
        ("org.debian.pcsc-lite.access_pcsc", Some(&[])),
        ("org.libvirt.api.domain.start", Some(&["connect_driver", "domain_name", "domain_uuid"])),
        ("org.libvirt.api.connect.getattr", Some(&["connect_driver"])),
        ("org.libvirt.unix.manage", Some(&[])),
        ("org.libvirt.api.", None),
        ("org.freedesktop.systemd10.x", None),
        ("org.example.run", None),
        ("", None),
    ] {
        assert_eq!(details(action).as_deref(), keys, "{action}");
    }
    assert_eq!(compiled_details("org.libvirt.api.network-port.read").last(), Some(&"port_uuid"));
    assert!(details("org.freedesktop.udisks2.filesystem-mount").is_some_and(|keys| keys.contains(&"id.label")));
}

#[test]
fn the_table_says_what_polkit_gets() {
    assert!(is_by_process("org.libvirt.unix.manage") && is_by_process("org.freedesktop.policykit.exec"));
    assert!(!is_by_process("org.freedesktop.login1.reboot") && !is_by_process("org.example.run"));
    let logind = of_action("org.freedesktop.login1.reboot").unwrap();
    assert_eq!(logind.first.subjects, [SubjectKind::BusName]);
    assert_eq!(logind.latest().subjects, [SubjectKind::BusName, SubjectKind::Varlink]);
    let since = |action: &str| checks_root(action).map(|(_, since)| since);
    assert_eq!(since("org.freedesktop.login1.reboot-ignore-inhibit"), Some("systemd 257"));
    assert_eq!(since("org.freedesktop.login1.reboot"), None);
}

/// A text, and what the table says about it: the action, the details and the subject.
#[track_caller]
fn means(text: &str, action: &str, details: &[(&str, &str)], subject: &str) {
    let recognized = recognize(text).unwrap_or_else(|| panic!("not recognized: {text}"));
    let found: Vec<(&str, &str)> =
        recognized.details.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!((recognized.action.as_deref().unwrap_or_default(), &found[..]), (action, details), "{text}");
    let of = recognized.user.clone().or(recognized.uid.map(|uid| uid.to_string())).unwrap_or_default();
    assert_eq!(of, subject, "{text}");
    if !action.is_empty() {
        let named = of_action(action).map(|mechanism| mechanism.name.as_str());
        assert!(named == Some(recognized.mechanism) || recognized.mechanism == "pkexec", "{text}: {named:?}");
    }
}

#[test]
fn a_refusal_of_systemd_names_the_unit_and_the_verb() {
    const UNITS: &str = "org.freedesktop.systemd1.manage-units";
    for end in [
        "Interactive authentication required.",
        "Access denied",
        "Access denied as the requested operation requires interactive authentication. However, interactive authentication \
         has not been enabled by the calling program.",
    ] {
        for verb in ["start", "stop", "restart", "reload", "try-restart", "reload-or-restart"] {
            let details = [("unit", "app@1.service"), ("verb", verb)];
            means(&format!("Failed to {verb} app@1.service: {end}"), UNITS, &details, "");
        }
        means(&format!("sh: Failed to stop data.mount: {end}"), UNITS, &[("unit", "data.mount"), ("verb", "stop")], "");
        let details = [("unit", "db.service"), ("verb", "kill")];
        means(&format!("Failed to kill unit db.service: {end}"), UNITS, &details, "");
        means(&format!("Failed to start transient service unit: {end}"), UNITS, &[("verb", "start")], "");
        means(&format!("Failed to start transient scope unit: {end}"), UNITS, &[("verb", "start")], "");
        for verb in ["enable", "disable", "mask", "unmask", "preset"] {
            let files = "org.freedesktop.systemd1.manage-unit-files";
            means(&format!("Failed to {verb} unit: {end}"), files, &[], "");
        }
        means(&format!("Failed to reload daemon: {end}"), "org.freedesktop.systemd1.reload-daemon", &[], "");
    }
}

#[test]
fn a_refusal_of_another_systemd_service_names_the_action() {
    for (text, action) in [
        ("Call to PowerOff failed: Interactive authentication required.", "login1.power-off"),
        ("Call to Reboot failed: Access denied", "login1.reboot"),
        ("Failed to power off system via logind: Interactive authentication required.", "login1.power-off"),
        ("Failed to suspend system via logind: Access denied", "login1.suspend"),
        ("Failed to inhibit: Access denied", "login1.inhibit-block-shutdown"),
        ("Failed to set wall message, ignoring: Interactive authentication required.", "login1.set-wall-message"),
        ("Failed to set time zone: Interactive authentication required.", "timedate1.set-timezone"),
        ("Failed to set ntp: Interactive authentication required.", "timedate1.set-ntp"),
        ("Could not set static hostname: Interactive authentication required.", "hostname1.set-static-hostname"),
        ("Failed to issue method call: Interactive authentication required.", "locale1.set-locale"),
        ("Failed to get shell PTY: Interactive authentication required.", "machine1.shell"),
        ("Could not set limit: Interactive authentication required.", "machine1.manage-images"),
        ("DetachImage failed: Interactive authentication required.", "portable1.attach-images"),
        ("Operation on home zed failed: Interactive authentication required.", "home1.update-home"),
        ("Failed to set DNS configuration: Interactive authentication required.", "resolve1.set-dns-servers"),
        ("Failed to set domain configuration: Access denied", "resolve1.set-domains"),
        ("Failed to revert interface configuration: Interactive authentication required.", "resolve1.revert"),
        ("Failed to reload network settings: Interactive authentication required.", "network1.reload"),
        (
            "Failed to call io.systemd.Network.Reload varlink method: io.systemd.InteractiveAuthenticationRequired",
            "network1.reload",
        ),
        (
            "Failed to issue io.systemd.Network.Link.Renew() varlink call: io.systemd.InteractiveAuthenticationRequired",
            "network1.renew",
        ),
        (
            "Failed to renew dynamic configuration of interface eth0: Interactive authentication required.",
            "network1.renew",
        ),
        (
            "Failed to force renew dynamic configuration of interface eth0: Interactive authentication required.",
            "network1.forcerenew",
        ),
        ("Failed to reconfigure network interface eth0: Access denied", "network1.reconfigure"),
        (
            "Could not set chassis: Access denied as the requested operation requires interactive authentication. However, \
             interactive authentication has not been enabled by the calling program.",
            "hostname1.set-machine-info",
        ),
    ] {
        means(text, &format!("org.freedesktop.{action}"), &[], "");
    }
}

#[test]
fn a_refusal_of_another_service_names_the_action_and_the_uid() {
    const NM: &str = "org.freedesktop.NetworkManager";
    for (text, action, subject) in [
        ("Error: Failed to add/activate new connection: Not authorized to control networking.", "network-control", ""),
        ("Error: Connection 'a' activation failed: Not authorized to deactivate connections", "network-control", ""),
        (
            "audit: op=\"connection-activate\" pid=51 uid=1002 result=\"fail\" reason=\"Not authorized to control networking.\"",
            "network-control",
            "1002",
        ),
        ("Error: failed to reload: Not authorized to reload configuration", "reload", ""),
        ("org.freedesktop.NetworkManager.wifi.scan request failed: not authorized", "wifi.scan", ""),
        ("Error: Failed to add 'eth' connection: Insufficient privileges", "settings.modify.system", ""),
        ("Error: Failed to modify connection 'eth': Insufficient privileges.", "settings.modify.system", ""),
    ] {
        means(text, &format!("{NM}.{action}"), &[], subject);
    }
    for (text, action, subject) in [
        (
            "Error mounting /dev/sdc1: GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorizedCanObtain: Not authorized to perform operation",
            "org.freedesktop.udisks2.filesystem-mount",
            "",
        ),
        (
            "Error unlocking /dev/sdc2: GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorized: Not authorized to perform operation",
            "org.freedesktop.udisks2.encrypted-unlock",
            "",
        ),
        (
            "00000012 auth.c:143:IsClientAuthorized() Process 512 (user: 33) is NOT authorized for action: access_card",
            "org.debian.pcsc-lite.access_card",
            "33",
        ),
        ("SCardEstablishContext: Access denied.", "org.debian.pcsc-lite.access_pcsc", ""),
        ("error: Flatpak system operation Uninstall not allowed for user", "org.freedesktop.Flatpak.app-uninstall", ""),
        (
            "PolicyKit authorization failed: not authorized for 'org.freedesktop.ModemManager1.Location'",
            "org.freedesktop.ModemManager1.Location",
            "",
        ),
        ("Failed to obtain authentication.", "org.freedesktop.packagekit.system-sources-refresh", ""),
        ("PackageKit: uid 1001 failed to obtain auth", "org.freedesktop.packagekit.system-sources-refresh", "1001"),
        (
            "failed to obtain org.freedesktop.color-manager.create-profile auth",
            "org.freedesktop.color-manager.create-profile",
            "",
        ),
        ("Failed to obtain auth", "org.freedesktop.fwupd.refresh-remote", ""),
        (
            "    Make sure polkit agent is running or run the application as superuser.",
            "org.fedoraproject.FirewallD1.config",
            "",
        ),
        (
            "GDBus.Error:org.freedesktop.Accounts.Error.PermissionDenied: Not authorized",
            "org.freedesktop.accounts.user-administration",
            "",
        ),
        ("Bolt operation 'enroll' not allowed for user", "org.freedesktop.bolt.enroll", ""),
        ("error: access denied (try with sudo)", "io.snapcraft.snapd.manage", ""),
        ("Error executing command as another user: Not authorized", "org.freedesktop.policykit.exec", ""),
        (
            "polkitd[7]: Operator of unix-session:c2 FAILED to authenticate to gain authorization for action \
             org.freedesktop.login1.reboot for system-bus-name::1.9 [systemctl reboot] (owned by unix-user:carol)",
            "org.freedesktop.login1.reboot",
            "carol",
        ),
    ] {
        means(text, action, &[], subject);
    }
}

#[test]
fn a_text_without_polkit_has_a_code_and_an_explanation() {
    for (text, code) in [
        (
            "Error creating textual authentication agent: Error opening current controlling terminal",
            "agent-without-terminal",
        ),
        (
            "polkit-agent-helper-1: error response to PolicyKit daemon: No session for cookie",
            "agent-of-another-session",
        ),
        ("error: authentication failed: Failed to start SASL negotiation: -4", "sasl-not-polkit"),
        ("audit: AVC apparmor=\"DENIED\" operation=\"open\" profile=\"x\"", "mac-not-polkit"),
        ("type=AVC msg=audit(1.1:2): avc:  denied  { write } for pid=1", "mac-not-polkit"),
        ("uid 1001 has no permission to perform this operation", "connection-of-others"),
        ("alice is not in the sudoers file.", "sudo-not-polkit"),
        (
            "org.freedesktop.DBus.Error.AccessDenied: Rejected send message, 2 matched rules; type=\"method_call\"",
            "bus-policy-denies",
        ),
    ] {
        let recognized = recognize(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((recognized.kind, recognized.code), (Kind::NotPolkit, Some(code)), "{text}");
        assert!(recognized.hint.is_some() && recognized.action.is_none(), "{text}");
    }
}

#[test]
fn other_texts_are_not_recognized() {
    for text in [
        "",
        "all is well",
        "Started nginx.service - A high performance web server.",
        "Failed to start nginx.service: Unit nginx.service not found.",
        "Failed to restart nginx.service: Connection timed out",
        "HTTP 401: authorization required",
        "access denied by the firewall of the provider",
        "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
    ] {
        assert_eq!(recognize(text), None, "{text}");
    }
}

#[test]
fn long_lines_are_cut_and_do_not_panic() {
    let long = format!("{}ä{}denied", "x".repeat(texts::LINE_MAX - 1), "y".repeat(100_000));
    assert_eq!(recognize(&long), None);
}

#[test]
fn a_text_names_the_device_of_the_request() {
    let text = "Error mounting /dev/sdc1: GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorized: Not authorized";
    let recognized = recognize(text).unwrap();
    assert_eq!(recognized.device.as_deref(), Some("/dev/sdc1"));
    assert!(recognized.details.is_empty(), "the name of a device is no detail for a grant: it changes");
}

#[test]
fn each_kind_of_subject_has_its_words() {
    let words = SubjectKind::ALL.map(|kind| (kind.text(), kind.words()));
    for (word, part) in [
        ("process", "without its unit"),
        ("pidfd", "and a pidfd"),
        ("bus-name", "bus name of the client"),
        ("varlink", "Varlink client"),
    ] {
        let (_, words) = words.iter().find(|(text, _)| *text == word).unwrap();
        assert!(words.contains(part), "{word}: {words}");
    }
}
