//! The daemons of desktops, networks and updates, compared with the table of mechanisms.

use polkit_tests::doctor::people;
use polkit_tests::{FullBed, Root, Suite, daemons, on_each_suite_with_rules};

use super::compared::{Call, compare};

on_each_suite_with_rules! {
    the_other_daemons_ask_polkit_as_the_table_says
}

const RTKIT: &str = "org.freedesktop.RealtimeKit1 /org/freedesktop/RealtimeKit1 org.freedesktop.RealtimeKit1";
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
    ("snapd", "snap install hello"),
];

fn the_other_daemons_ask_polkit_as_the_table_says(root: &Root) {
    let Some(root) = daemons::with_daemons(root) else { return };
    let bed = daemons::start(FullBed::on(&root));
    people(&bed);
    let calls = COMMANDS
        .iter()
        .map(|(name, command)| Call::of(name, &command.replace("RTKIT", RTKIT).replace("ACCOUNTS", ACCOUNTS)));
    // Debian 12 builds pcscd without polkit.
    let silent: &[&str] = if root.suite() == Suite::Bookworm { &["pcscd"] } else { &[] };
    compare(&bed, calls).check("the_other_daemons_ask_polkit_as_the_table_says", silent);
}
