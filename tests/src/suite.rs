//! The Debian suites, each with another generation of polkit, and what their root filesystems hold.

use std::fmt;

/// A Debian suite, and with it a version of polkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// Debian 11: polkit 0.105 (pkla, no rules in JavaScript), systemd 247, libvirt 7.0.
    Bullseye,
    /// Debian 12: polkit 122, systemd 252, libvirt 9.0.
    Bookworm,
    /// Debian 13: polkit 126, systemd 257, libvirt 11.3.
    Trixie,
    /// The next Debian: polkit 128, and no libvirt module for PHP.
    Forky,
}

/// systemd, the bus and what the harness itself runs in a bed.
const BASE: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "libnss-systemd",
    "dbus",
    "procps",
    "iproute2",
    "util-linux",
    "cron",
    "curl",
    "openssh-client",
    "openssh-server",
    "ca-certificates",
];
const LIBVIRT: &[&str] = &["libvirt-daemon-system", "libvirt-clients", "libvirt-daemon-driver-qemu"];
const WEB: &[&str] = &["apache2", "libapache2-mod-php", "php-cli", "php-fpm"];

impl Suite {
    /// All suites, the oldest polkit first.
    pub const ALL: [Self; 4] = [Self::Bullseye, Self::Bookworm, Self::Trixie, Self::Forky];

    /// Packages whose policy is in each root filesystem below [`Suite::SHIPPED_POLICY`]. They are not installed.
    pub const SHIPPED: [&str; 9] = [
        "packagekit",
        "network-manager",
        "udisks2",
        "pcscd",
        "colord",
        "colord-data",
        "flatpak",
        "fwupd",
        "modemmanager",
    ];
    /// Where the policy of these packages is: a tree to be copied to `/`.
    pub const SHIPPED_POLICY: &str = "/usr/share/shipped-policy";

    /// The suite's name in the archive.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Forky => "forky",
        }
    }

    /// The suite of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The version of polkit as a number that can be compared: 105 for 0.105, then 122, 126, 128.
    pub fn polkit(self) -> u32 {
        match self {
            Self::Bullseye => 105,
            Self::Bookworm => 122,
            Self::Trixie => 126,
            Self::Forky => 128,
        }
    }

    /// Whether the tests must run on it. The other suites move, and may vanish from the archive.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Bookworm | Self::Trixie)
    }

    /// Whether polkit reads rules in JavaScript (else pkla files).
    pub fn has_rules(self) -> bool {
        self.polkit() > 105
    }

    /// The packages of the root filesystem, besides those that every Debian has.
    pub fn packages(self) -> Vec<&'static str> {
        // The access control of libvirt is about qemu's domains (its test driver checks nothing); since trixie its driver
        // depends on qemu.
        // Since bookworm php-libvirt-php holds configuration only, and does not depend on the module itself.
        let own: &[&str] = match self {
            Self::Bullseye => &["policykit-1", "libvirt-daemon-system-systemd", "php-libvirt-php", "qemu-system-x86"],
            Self::Bookworm => {
                &["polkitd", "pkexec", "polkitd-pkla", "php-libvirt-php", "php8.2-libvirt-php", "qemu-system-x86"]
            }
            Self::Trixie => &["polkitd", "pkexec", "php-libvirt-php", "php8.4-libvirt-php"],
            Self::Forky => &["polkitd", "pkexec"],
        };
        [BASE, LIBVIRT, WEB, own].concat()
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
