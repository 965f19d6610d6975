//! The parts of a line, and of the lines after it.

use super::*;

fn reported(text: &str) -> ReportedError {
    first(text, &|_| false).unwrap_or_else(|| panic!("{text}"))
}

const REFUSED: &str = "authentication failed: access denied by policy";

#[test]
fn the_refusal_after_a_line_about_the_agent_of_the_command_itself_counts() {
    let own = "Error creating textual authentication agent: Error opening current controlling terminal for the process (`/dev/tty'): \
               No such device or address (polkit-error-quark, 0)";
    let refusal = "Error setting up loop device for /var/tmp/image: \
                   GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorizedCanObtain: Not authorized to perform operation";
    let of = |text: &str| first(text, &|_| false).unwrap();
    let found = of(&format!("{own}\n{refusal}\n"));
    assert_eq!((found.number, found.action.as_deref()), (2, Some("org.freedesktop.udisks2.loop-setup")));
    let code = |found: ReportedError| found.recognized.and_then(|recognized| recognized.code);
    // pkexec prints both lines itself, and a line far behind is of something else.
    let pkexec = "Error executing command as another user: Not authorized";
    for text in [own.to_owned(), format!("{own}\n{pkexec}"), format!("{own}{}{refusal}", "\nother".repeat(9))] {
        assert_eq!(code(of(&text)), Some("agent-without-terminal"), "{text}");
    }
}

#[test]
fn each_text_of_polkit_and_of_the_bus_has_its_class() {
    for (class, lines) in [
        (
            Class::NoAgent,
            &[
                "no agent is available to authenticate",
                "it requires authentication but no agent is available",
                "nteractive authentication required",
                "the requested operation requires interactive authentication",
                "error 'org.libvirt.unix.manage'",
            ][..],
        ),
        (Class::Refused, &[REFUSED, "org.freedesktop.PolicyKit1.Error.NotAuthorized: Not authorized: x"]),
        (Class::Dismissed, &["user cancelled authentication process"]),
        (Class::NotRegistered, &["Action org.a.run is not registered"]),
        (
            Class::NoPolkit,
            &[
                "Could not activate remote peer 'org.freedesktop.PolicyKit1'",
                "Could not activate remote peer: unit failed",
                "Cannot find 'pkcheck'",
                "/usr/bin/pkcheck: No such file",
                "cannot execute binary /usr/bin/pkcheck",
                "Unit polkit.service is masked",
            ],
        ),
        (Class::NoSuchProcess, &["Cannot determine user of subject", "Error getting user for unix-process"]),
        (Class::RemoteClient, &["denied from <anonymous>"]),
        (Class::AclRefused, &["driver denied access", "libvirt: access denied", "error: access denied"]),
        (Class::Network, &["cannot reach 'host:16514'"]),
        (
            Class::NoAuthentication,
            &[
                "error: authentication required",
                "RPC error: authentication required",
                "2026/01/02 03:04:05 authentication required",
                "authentication required \n",
            ],
        ),
        (Class::OwnDirectory, &["error '/home/a/.cache/libvirt': no"]),
        (Class::Socket, &["error: '/run/libvirt/libvirt-sock'", "refused by /run/libvirt/libvirt-sock"]),
    ] {
        for line in lines {
            assert_eq!(reported(line).class, class, "{line}");
        }
    }
    for line in [
        "org.a.run is not registered",
        "Not authorized: x",
        "access denied",
        "authentication required, he said",
        "a proxy: authentication required",
        "cannot reach 'host:1650'",
        "'/run/user/7/other': no",
        "'/home/a/.cache/libvirt' is a directory",
    ] {
        assert_eq!(class(line), None, "{line}");
    }
}

#[test]
fn a_socket_is_the_path_of_one_of_libvirt() {
    let socket = |line: &str| super::super::libvirt::socket(line);
    for line in [
        "'/run/libvirt/libvirt-sock'",
        "(/run/libvirt/libvirt-sock)",
        "path=/run/libvirt/libvirt-sock;",
        "„/run/libvirt/libvirt-sock“",
    ] {
        assert_eq!(socket(line).as_deref(), Some("/run/libvirt/libvirt-sock"), "{line}");
    }
    assert_eq!(socket("/run/libvirt/virtqemud-sock-ro: no").as_deref(), Some("/run/libvirt/virtqemud-sock-ro"));
    let long = format!("/{}/libvirt-sock", "x".repeat(200));
    for line in ["libvirt-sock", "/run/libvirt-sock/x", "/run/other-sock", "/run/libvirt/libvirtd", &long] {
        assert_eq!(socket(line), None, "{line}");
    }
}

#[test]
fn the_directory_of_a_user_s_daemon_is_that_before_the_reason() {
    let directory = |line: &str| super::super::libvirt::own_directory(line).map(str::to_owned);
    assert_eq!(directory("'/run/user/7/libvirt': no").as_deref(), Some("/run/user/7/libvirt"));
    assert_eq!(directory("“/a/.cache/libvirt”：no").as_deref(), Some("/a/.cache/libvirt"));
    for line in [
        "'/run/user/7/libvirt' is there",
        "moved '/run/user/7/libvirt': see '/run/user/7/libvirt'",
        "'/run/users/7/libvirt': no",
        "'/run/user/7/libvirtd': no",
        "/run/user/7/libvirt: no",
    ] {
        assert_eq!(directory(line), None, "{line}");
    }
}

#[test]
fn a_text_speaks_of_libvirt_by_its_words() {
    for text in ["Libvirt", "VIRSH", "virt-manager", "virt-install", "virtqemud", "hypervisor", "qemu:///session"] {
        assert!(speaks_of_libvirt(text), "{text}");
    }
    assert!(!speaks_of_libvirt("qemu and virt") && !speaks_of_libvirt(""));
    let of_libvirt = |text: &str| reported(text).of_libvirt;
    assert!(of_libvirt(REFUSED) && of_libvirt("user cancelled authentication process"));
    assert!(of_libvirt("no polkit agent available to authenticate action 'org.libvirt.unix.manage'"));
    assert!(of_libvirt("no polkit agent available to authenticate\nvirsh"));
    assert!(!of_libvirt("no polkit agent available to authenticate action 'org.example.run'"));
    assert!(!of_libvirt("Action org.a.run is not registered"));
}

#[test]
fn later_errors_are_counted_by_their_words() {
    let following = |later: &str| reported(&format!("{REFUSED}\n{later}")).following;
    for word in ["Warning", "Error", "error:", "Notice", "Fatal"] {
        assert_eq!(following(&format!("PHP {word} x\nfine\n{word}")), 2, "{word}");
    }
    assert_eq!([following(""), following("fine\nan error")], [0, 0]);
    assert_eq!(reported(&format!("fine\n  {REFUSED}  ")).number, 2);
    assert_eq!(reported(&format!("fine\n  {REFUSED}  ")).line, REFUSED);
}

#[test]
fn a_web_server_is_known_by_its_log() {
    let web = |text: &str| reported(&format!("{text}{REFUSED}")).web;
    for mark in
        ["PHP Warning: ", "[client 1.2.3.4] ", "libvirt-php: ", "apache2[7]: ", "httpd[7]: ", "nginx[7]: ", "nginx: "]
    {
        assert!(web(mark), "{mark}");
    }
    assert!(!web("apache2.service: ") && !web("nginx.service: ") && !web(""));
}

#[test]
fn calls_that_read_are_told_from_calls_that_change() {
    let reads = |later: &str| reported(&format!("{REFUSED}\n{later}")).only_reads;
    for call in [
        "libvirt_list_domains",
        "libvirt_domain_get_info",
        "libvirt_node_get_info",
        "libvirt_get_hostname",
        "libvirt_domain_is_active",
    ] {
        assert!(reads(&format!("Warning: {call}(): x")), "{call}");
        assert!(reads(&format!("{call}()\nlibvirt_connect()")), "{call}");
        assert!(!reads(&format!("{call}()\nlibvirt_domain_create()")), "{call}");
    }
    assert!(!reads("") && !reads("libvirt_connect()") && !reads("libvirt_domain_create()") && !reads("list_domains()"));
    assert_eq!(calls("a libvirt_x() b(libvirt_y()) z() libvirt_w"), ["libvirt_x", "libvirt_y"]);
}

#[test]
fn an_action_is_named_in_quotes_or_after_its_word() {
    assert_eq!(named("it said “org.a.run” twice").as_deref(), Some("org.a.run"));
    assert_eq!(named("Action org.a.run is not registered").as_deref(), Some("org.a.run"));
    assert_eq!(named("Action 'org.a.run' and 'org.b.run'").as_deref(), Some("org.a.run"));
    assert_eq!([named("see org.a.run"), named("")], [None, None]);
    for quote in ['\'', '"', '`', '“', '”', '„', '«', '»', '‘', '’', '「', '」'] {
        assert_eq!(quoted(&format!("a {quote} b{quote}c")).collect::<Vec<_>>(), ["a", "b", "c"], "{quote}");
    }
}

#[test]
fn an_action_id_has_three_parts_in_a_known_domain() {
    for id in ["org.a.b", "com.a.b-c", "net.a.b_c", "io.a.b.c", "de.a.b1"] {
        assert!(is_action(id), "{id}");
    }
    for id in ["org.a", "org.a.", "org..a", "org.a.b c", "edu.a.b", "organ.a.b", "org.a.b.service", "org.a.ä"] {
        assert!(!is_action(id), "{id}");
    }
    let of_length = |length: usize| format!("org.a.{}", "x".repeat(length - 6));
    assert!(is_action(&of_length(255)) && !is_action(&of_length(256)));
}

#[test]
fn a_registered_action_is_refused_or_only_mentioned() {
    let of = |line: &str| first(line, &|id| id == "org.example.run").unwrap();
    for word in [
        "Authorization",
        "denied",
        "refused",
        "Permission",
        "not allowed",
        "Privileges",
        "Authentication",
        "forbidden",
        "FAILED",
    ] {
        assert_eq!(of(&format!("org.example.run {word}")).class, Class::Refused, "{word}");
    }
    let mentioned = of("fine\norg.example.run starts");
    assert_eq!((mentioned.class, mentioned.number), (Class::Mentioned, 2));
    assert_eq!(mentioned.action.as_deref(), Some("org.example.run"));
    assert_eq!(first("org.example.other denied", &|id| id == "org.example.run"), None);
    // A known error comes before a line that names an action.
    assert_eq!(of(&format!("org.example.run denied\n{REFUSED}")).number, 2);
}

#[test]
fn a_line_of_a_mechanism_has_its_action_and_details() {
    let found = reported("Failed to start a.service: Interactive authentication required.");
    assert_eq!((found.class, found.action.as_deref()), (Class::NoAgent, Some("org.freedesktop.systemd1.manage-units")));
    assert!(!found.of_libvirt && found.details.get("unit").map(String::as_str) == Some("a.service"), "{found:?}");
    let lines = vec!["Failed to start: Access denied by someone"; CANDIDATES_MAX + 1].join("\n");
    assert!(first(&lines, &|_| false).is_none_or(|found| found.recognized.is_none()));
}

#[test]
fn advice_is_harmful_by_what_it_sets() {
    let none = "auth_unix_rw=\"none\"";
    assert_eq!(bad_advice(none).len(), 1);
    assert!(bad_advice("auth_unix_rw = \"none\"")[0].starts_with("the text sets auth_unix_rw"));
    for text in ["Identity=*", "Identity = unix-user:*"] {
        assert!(bad_advice(text)[0].starts_with("the text grants access to every user"), "{text}");
    }
    assert!(bad_advice("vi libvirtdconf")[0].contains("which nothing reads"));
    assert!(bad_advice("unix_sock_group = \"vm\"")[0].starts_with("the text sets unix_sock_group"));
    assert_eq!(bad_advice(&format!("{none}\nunix_sock_group=\"vm\"")).len(), 1);
    for joins in ["usermod -a -G", "usermod -aG", "usermod -G"] {
        let text = |granted: &str| format!("Identity=unix-group:{granted}\n{joins} kvm bob");
        assert_eq!((bad_advice(&text("libvirt")).len(), bad_advice(&text("kvm")).len()), (1, 0), "{joins}");
    }
    assert_eq!([bad_advice("Identity=unix-group:vm"), bad_advice("usermod -aG kvm bob"), bad_advice("")], [[""; 0]; 3]);
}
