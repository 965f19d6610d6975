//! The daemons of desktops, networks and updates, compared with the table of mechanisms.

use polkit_tests::doctor::{full_builder, people};
use polkit_tests::{FullBed, Root, Suite, daemons, on_each_suite_with_rules};

use super::compared::{Call, compare};

on_each_suite_with_rules! {
    the_other_daemons_ask_polkit_as_the_table_says
}

const RTKIT: &str = "org.freedesktop.RealtimeKit1 /org/freedesktop/RealtimeKit1 org.freedesktop.RealtimeKit1";
const BLUEMAN: &str = "org.blueman.Mechanism /org/blueman/mechanism org.blueman.Mechanism";
const ACCOUNTS: &str = "org.freedesktop.Accounts /org/freedesktop/Accounts org.freedesktop.Accounts";

/// The names of mechanisms, each with commands.
const COMMANDS: &[(&str, &str)] = &[
    ("NetworkManager", "nmcli networking off"),
    ("NetworkManager", "nmcli general reload"),
    ("NetworkManager", "nmcli connection add type dummy ifname d0"),
    ("NetworkManager", "nmcli radio wifi off"),
    ("pcscd", "opensc-tool --list-readers"),
    ("UDisks", "udisksctl loop-setup --file /var/tmp/image"),
    ("PackageKit", "pkcon refresh force"),
    ("PackageKit", "pkgcli refresh"),
    ("colord", "colormgr create-device xrandr normal display"),
    ("colord", "colormgr create-profile other normal"),
    ("ModemManager", "mmcli --scan-modems"),
    ("fwupd", "fwupdmgr modify-config IdleTimeout 7000"),
    ("fwupd", "fwupdmgr set-approved-firmware abc"),
    ("fwupd", "fwupdmgr enable-remote lvfs"),
    ("flatpak-system-helper", "flatpak remote-add --system --no-gpg-verify other http://127.0.0.1/"),
    ("firewalld", "firewall-cmd --reload"),
    ("firewalld", "firewall-cmd --add-port=81/tcp"),
    ("rtkit-daemon", "sh -c 'exec busctl call RTKIT MakeThreadRealtime tu $$ 5'"),
    ("accounts-daemon", "busctl call ACCOUNTS CreateUser ssi other other 0"),
    ("bolt", "boltctl config auth-mode disabled"),
    ("systemd-homed", "env NEWPASSWORD=plq7VhWe3x homectl create zed --storage=directory"),
    ("systemd-resolved", "resolvectl dns asking 192.0.2.1"),
    ("systemd-resolved", "resolvectl domain asking example.org"),
    ("systemd-resolved", "resolvectl revert asking"),
    ("blueman-mechanism", "busctl call BLUEMAN DisableNetwork"),
];

/// Calls of mechanisms that ask by the flag of the client, with and without it.
fn flagged(bed: &FullBed) -> impl Iterator<Item = Call> {
    let link = bed.exec(["ip", "-oneline", "link", "show", "asking"]).success();
    let index = link.text().split(':').next().unwrap_or_default();
    let calls = [
        ("systemd-homed", "home1", "RegisterHome s '{\"userName\":\"zed\",\"disposition\":\"regular\"}'".to_owned()),
        ("systemd-resolved", "resolve1", format!("SetLinkLLMNR is {index} no")),
    ];
    calls.into_iter().flat_map(|(name, bus, call)| {
        [true, false].map(|allows| Call {
            mechanism: name,
            command: format!(
                "busctl --allow-interactive-authorization={allows} call org.freedesktop.{bus} /org/freedesktop/{bus} \
                 org.freedesktop.{bus}.Manager {call}"
            ),
            allows,
        })
    })
}

fn the_other_daemons_ask_polkit_as_the_table_says(root: &Root) {
    let Some(root) = daemons::with_daemons(root) else { return };
    let bed = daemons::start(full_builder(&root));
    people(&bed);
    let calls = COMMANDS.iter().map(|(name, command)| {
        Call::of(name, &command.replace("RTKIT", RTKIT).replace("ACCOUNTS", ACCOUNTS).replace("BLUEMAN", BLUEMAN))
    });
    // Without a terminal, snap allows no interaction. A bed cannot mount the images of snaps, and snapd then answers few requests.
    let snap = Call { allows: false, ..Call::of("snapd", "snap get system") };
    // Debian 12 builds pcscd without polkit, and its snapd does not ask polkit about the configuration.
    let silent: &[&str] = if root.suite() == Suite::Bookworm { &["pcscd", "snapd"] } else { &[] };
    let all = calls.chain(flagged(&bed)).chain([snap]);
    compare(&bed, all).check("the_other_daemons_ask_polkit_as_the_table_says", silent, 12);
}
