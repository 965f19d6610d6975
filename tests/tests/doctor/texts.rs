//! Error texts of services: the doctor names the action, and blames libvirt only for libvirt's errors. The texts of systemd's own
//! commands are those of the real commands, and the actions are those that the real polkitd was asked for.

use polkit_tests::doctor::{MANAGE, healthy, healthy_full, look, sh};
use polkit_tests::{Bed, FullBed, LightBed, Output, Root, Suite, on_each_suite, require};
use serde_json::Value;

/// Logs what polkitd is asked.
const LOG: &str = "polkit.addRule(function (action, subject) { polkit.log(\"ASKED \" + action.id + \" unit=\" + \
                   action.lookup(\"unit\") + \" verb=\" + action.lookup(\"verb\")); });\n";

/// The commands of systemd that a user without a session runs, in a full bed.
const COMMANDS: &[&str] = &[
    "systemctl restart apache2.service",
    "systemctl stop apache2.service",
    "systemctl start apache2.service",
    "systemctl reload-or-restart apache2.service",
    "systemctl --no-ask-password try-restart apache2.service",
    "systemctl kill apache2.service",
    "systemctl reset-failed apache2.service",
    "systemctl set-property apache2.service CPUWeight=50",
    "systemctl enable apache2.service",
    "systemctl disable apache2.service",
    "systemctl mask apache2.service",
    "systemctl daemon-reload",
    "systemctl set-environment A=b",
    "systemctl reboot",
    "systemctl poweroff",
    "systemctl suspend",
    "systemd-run true",
    "loginctl enable-linger bob",
    "systemd-inhibit --what=shutdown --mode=block true",
    "timedatectl set-timezone Europe/Rome",
    "timedatectl set-ntp false",
    "timedatectl set-time 12:00",
    "hostnamectl set-hostname other",
    "hostnamectl set-chassis server",
    "localectl set-locale LANG=C.UTF-8",
];

on_each_suite! {
    the_text_of_another_service_leads_to_its_action_and_never_to_libvirt
}

/// The answer of the doctor to a text, without another option.
#[track_caller]
fn read(bed: &Bed, text: &str) -> (Value, String) {
    let found = look(bed, &["--error", text]);
    assert_eq!(found.exit, 1, "{text}: {:#}", found.json);
    let words = found.json["findings"].to_string();
    (found.json["request"].clone(), words)
}

fn the_text_of_another_service_leads_to_its_action_and_never_to_libvirt(root: &Root) {
    let bed = healthy(root, |builder| builder);
    // The text, the action, and words of the answer.
    for (text, action, said) in [
        (
            "Failed to restart nginx.service: Interactive authentication required.",
            "org.freedesktop.systemd1.manage-units",
            &["[[systemd]]", "units = [\\\"nginx.service\\\"]", "verbs = [\\\"restart\\\"]", "calls D-Bus itself"][..],
        ),
        (
            "Failed to reload apache2.service: Interactive authentication required.\nSee system logs for details.",
            "org.freedesktop.systemd1.manage-units",
            &["apache2.service", "users = [\\\"USER\\\"]"],
        ),
        (
            "Failed to start transient service unit: Access denied",
            "org.freedesktop.systemd1.manage-units",
            &["equivalent to root", "does not pass the command"],
        ),
        (
            "Call to PowerOff failed: Interactive authentication required.",
            "org.freedesktop.login1.power-off",
            &["power-off-multiple-sessions"],
        ),
        (
            "Error: Failed to add/activate new connection: Not authorized to control networking.",
            "org.freedesktop.NetworkManager.network-control",
            &["without its unit"],
        ),
        (
            "Error mounting /dev/sdb1: GDBus.Error:org.freedesktop.UDisks2.Error.NotAuthorizedCanObtain: Not authorized",
            "org.freedesktop.udisks2.filesystem-mount",
            &["filesystem-mount-other-seat", "id.uuid", "drive.serial"],
        ),
        ("SCardEstablishContext: Access denied.", "org.debian.pcsc-lite.access_pcsc", &["possible, not certain"]),
        (
            "Error: Flatpak system operation Deploy not allowed for user",
            "org.freedesktop.Flatpak.app-install",
            &["runtime-install"],
        ),
        (
            "PolicyKit authorization failed: challenge needed for 'org.freedesktop.ModemManager1.Device.Control'",
            "org.freedesktop.ModemManager1.Device.Control",
            &["auth_self"],
        ),
        (
            "Error executing command as another user: Not authorized\n\nThis incident has been reported.",
            "org.freedesktop.policykit.exec",
            &["program", "127"],
        ),
        ("error: access denied (try with sudo)", "io.snapcraft.snapd.manage", &["snapd"]),
        (
            "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired: Interactive authentication required.",
            "",
            &["action-unknown", "--action", "never asks an agent"],
        ),
        ("Error creating textual authentication agent: /dev/tty: No such device", "", &["agent-without-terminal"]),
        ("GDBus.Error:org.freedesktop.PolicyKit1.Error.Failed: No session for cookie", "", &["different sessions"]),
        ("Not authorized to perform org.freedesktop.policykit.exec", "org.freedesktop.policykit.exec", &["refused"]),
        ("the weather is fine", "", &["text-not-recognized", "concludes nothing"]),
        ("apache2: everything is fine", "", &["text-not-recognized"]),
    ] {
        let (request, words) = read(&bed, text);
        assert_eq!(request["action"].as_str().unwrap_or_default(), action, "{text}: {words}");
        for word in said {
            assert!(words.contains(word), "{text}: no `{word}` in {words}");
        }
        assert!(!words.contains("libvirt"), "{text}: {words}");
        assert_eq!(request["user"], Value::Null, "{text}");
    }
    // Packages ship pkla files that this polkit does not read, beside policy rules.
    let vendor = "/var/lib/polkit-1/localauthority/10-vendor.d/zz-package.pkla";
    sh(
        &bed,
        &format!(
            "mkdir -p /var/lib/polkit-1/localauthority/10-vendor.d; printf '[libvirt]\nIdentity=unix-group:libvirt\nAction=org.libvirt.unix.manage\nResultAny=yes\n' > {vendor}"
        ),
    );
    let (_, words) = read(&bed, "Call to Reboot failed: Access denied");
    assert!(!words.contains("pkla"), "{words}");
    // Also with a user who is not in the group libvirt, the fixes are about the action of the text.
    for text in ["Call to Reboot failed: Access denied", "the weather is fine", "Failed to obtain auth"] {
        let found = look(&bed, &["--user", "www-data", "--error", text]);
        assert!(found.exit == 1 && !found.json.to_string().contains("libvirt"), "{text}: {:#}", found.json);
    }
}

#[test]
fn a_text_names_its_subject_by_uid_or_name() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed: LightBed = healthy(&root, |builder| builder);
    for (text, user) in [
        (
            "audit: op=\"connection-add-activate\" pid=50 uid=3001 result=\"fail\" reason=\"Not authorized to control networking.\"",
            "alice",
        ),
        ("auth.c:143:IsClientAuthorized() Process 70 (user: 3002) is NOT authorized for action: access_pcsc", "bob"),
        (
            "polkitd[8]: Operator of unix-process:51:266 FAILED to authenticate to gain authorization for action \
             org.freedesktop.policykit.exec for system-bus-name::1.6 [pkexec id] (owned by unix-user:alice)",
            "alice",
        ),
    ] {
        assert_eq!(read(&bed, text).0["user"], user, "{text}");
    }
}

#[test]
fn a_libvirt_error_of_any_client_is_libvirts() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = healthy(&root, |builder| builder);
    let closed = "dial unix /var/run/libvirt/libvirt-sock: connect: permission denied";
    let _ = bed.exec(["chmod", "0660", "/run/libvirt/libvirt-sock"]).success();
    let found = look(&bed, &["--user", "www-data", "--error", closed]);
    assert_eq!(found.codes().first().copied(), Some("socket-closed"), "{:#}", found.json);
    let (request, words) = read(&bed, "2026/07/27 19:03:43 authentication required");
    assert!(words.contains("client-without-polkit") && request["action"] == MANAGE, "{request} {words}");
    let (_, words) =
        read(&bed, "error: authentication failed: Failed to step SASL negotiation: -1 (SASL(-1): generic failure)");
    assert!(
        words.contains("sasl-not-polkit") && words.contains("saslpasswd2") && !words.contains("join-group"),
        "{words}"
    );
}

/// Runs a command as a user without a session, and returns what polkitd was asked meanwhile.
fn asked(bed: &FullBed, command: &str, before: &mut usize) -> (Output, Vec<String>) {
    let output = bed.exec_as("alice", ["sh", "-c", &format!("LC_ALL=C timeout 20 {command} </dev/null")]);
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let log = bed.journal(["--unit=polkit.service", "--output=cat"]);
    let all: Vec<String> =
        log.lines().filter_map(|line| Some(line.split_once("ASKED ")?.1.trim().to_owned())).collect();
    let new = all.get(*before..).unwrap_or_default().to_vec();
    *before = all.len();
    (output, new)
}

#[test]
fn the_texts_of_systemds_commands_lead_to_the_actions_that_polkitd_was_asked_for() {
    let mut wrong = Vec::new();
    for suite in [Suite::Bookworm, Suite::Trixie, Suite::Forky] {
        let Some(root) = require(suite) else { continue };
        let bed = healthy_full(&root, |builder| builder.file("/etc/polkit-1/rules.d/00-log.rules", 0o644, LOG));
        // With the option --no-debug polkitd logs nothing.
        let unit = "sed -i 's/--no-debug//' /usr/lib/systemd/system/polkit.service /lib/systemd/system/polkit.service";
        sh(&bed, &format!("{unit}; systemctl daemon-reload; systemctl restart polkit"));
        let (mut before, mut compared) = (0, 0);
        for command in COMMANDS {
            let (output, asked) = asked(&bed, command, &mut before);
            let text = output.all();
            // After the action itself, polkitd asks its rules about the actions that imply it.
            let Some(first) = asked.first() else {
                eprintln!("{suite}: {command}: polkitd was not asked: {}", text.trim());
                continue;
            };
            compared += 1;
            let found = look(&bed, &["--error", &text]);
            let request = &found.json["request"];
            let of = |key: &str| request["details"][key].as_str().unwrap_or("undefined").to_owned();
            let named =
                format!("{} unit={} verb={}", request["action"].as_str().unwrap_or("-"), of("unit"), of("verb"));
            // systemctl does not name the unit of some requests.
            let is_same =
                named == *first || named.split(' ').next() == first.split(' ').next() && of("unit") == "undefined";
            if found.exit != 1 || !is_same {
                wrong.push(format!("{suite}: {command}: asked `{first}`, named `{named}`: {}", text.trim()));
            }
        }
        assert!(compared >= 15, "{suite}: only {compared} commands made systemd ask polkitd");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
