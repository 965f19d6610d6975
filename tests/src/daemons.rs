//! The daemons of desktops, networks and updates that ask polkit, for the comparison with the table of mechanisms. They are in a layer
//! above the root filesystem: most tests need none of them.

use std::path::PathBuf;

use crate::full::FullBuilder;
use crate::packages::unpacked;
use crate::skip::skip;
use crate::{FullBed, Root, Suite};

/// The packages. `vsmartcard-vpcd` is a virtual reader for smart cards.
const PACKAGES: [&str; 18] = [
    "network-manager",
    "pcscd",
    "opensc",
    "vsmartcard-vpcd",
    "udisks2",
    "packagekit",
    "colord",
    "modemmanager",
    "fwupd",
    "flatpak",
    "firewalld",
    "rtkit",
    "accountsservice",
    "bolt",
    "snapd",
    "systemd-homed",
    "systemd-resolved",
    "blueman",
];

/// Their units.
const UNITS: [&str; 15] = [
    "NetworkManager",
    "pcscd",
    "udisks2",
    "packagekit",
    "colord",
    "ModemManager",
    "fwupd",
    "flatpak-system-helper",
    "firewalld",
    "rtkit-daemon",
    "accounts-daemon",
    "bolt",
    "snapd",
    "systemd-homed",
    "systemd-resolved",
];

/// Fetches and unpacks the packages of a suite, unless they are there: the folder.
///
/// # Errors
/// What failed.
pub fn fetch(suite: Suite) -> Result<PathBuf, String> {
    // Its command is a package of its own up to trixie.
    let tools: &[&str] = if suite == Suite::Forky { &[] } else { &["packagekit-tools"] };
    unpacked(suite, "daemons", &[&PACKAGES, tools].concat())
}

/// The root filesystem with the daemons. Counts a skip if they cannot be fetched.
#[must_use]
pub fn with_daemons(root: &Root) -> Option<Root> {
    match fetch(root.suite()) {
        Ok(layer) => Some(root.clone().with_layer(layer)),
        Err(reason) => {
            skip(&format!("no daemons of {}: {reason}", root.suite()));
            None
        }
    }
}

/// A bed in which the daemons run. What the maintainer scripts of the packages do is done by hand; the users have uids that no other bed
/// has, because the kernel counts processes by uid.
#[must_use]
pub fn start(builder: FullBuilder) -> FullBed {
    let bed = builder.start();
    let first = 46_000 + 10 * bed.suite().polkit();
    let script = format!(
        "for user in colord rtkit; do id $user >/dev/null 2>&1 && userdel $user; done
         useradd --system --no-create-home --uid {first} colord; useradd --system --no-create-home --uid {} rtkit
         truncate --size=1M /var/tmp/image; chmod 666 /var/tmp/image
         cd /usr/share/polkit-1/actions; ln -sf org.fedoraproject.FirewallD1.server.policy.choice org.fedoraproject.FirewallD1.policy
         mkdir -p /var/lib/colord; chown colord /var/lib/colord; systemd-sysusers
         for unit in ModemManager fwupd; do
             mkdir -p /run/systemd/system/$unit.service.d
             printf '[Unit]\nConditionVirtualization=\n' > /run/systemd/system/$unit.service.d/bed.conf
         done
         /usr/lib/*/glib-2.0/glib-compile-schemas /usr/share/glib-2.0/schemas
         ip link add asking type dummy || ip link add asking type bridge; ip link set asking up
         systemctl daemon-reload; systemctl reload dbus; systemctl restart polkit
         systemctl start {} || true",
        first + 1,
        UNITS.join(" ")
    );
    let started = bed.exec(["sh", "-c", &script]);
    eprintln!("{}: {}", bed.suite(), started.all().trim());
    bed
}
