//! What mechanisms pass to polkit with their actions: the details, and the kind of the subject.
//!
//! The details of UDisks, PackageKit, pcscd, flatpak and NetworkManager are from their sources (main branches of 2026), those of
//! systemd and libvirt from the real ones in tests. Other actions are not listed unless users report that they have no details.

use crate::emit::details::known;

const UDISKS: [&str; 22] = [
    "device",
    "device.name",
    "drive",
    "drive.wwn",
    "drive.serial",
    "drive.vendor",
    "drive.model",
    "drive.revision",
    "drive.removable",
    "drive.removable.bus",
    "drive.removable.media",
    "id.type",
    "id.usage",
    "id.version",
    "id.label",
    "id.uuid",
    "partition.number",
    "partition.type",
    "partition.flags",
    "partition.name",
    "partition.uuid",
    "mount.as-user",
];
/// The starts of ids, and the details of these actions. The first that matches counts.
const DETAILS: [(&str, &[&str]); 17] = [
    ("org.libvirt.unix.", &[]),
    ("org.freedesktop.systemd1.manage-unit-files", &[]),
    ("org.freedesktop.systemd1.reload-daemon", &[]),
    ("org.freedesktop.systemd1.set-environment", &[]),
    ("org.freedesktop.login1.", &[]),
    ("org.freedesktop.hostname1.", &[]),
    ("org.freedesktop.timedate1.", &[]),
    ("org.freedesktop.locale1.", &[]),
    ("org.freedesktop.NetworkManager.", &[]),
    ("org.freedesktop.color-manager.", &[]),
    ("org.freedesktop.ModemManager1.", &[]),
    ("org.fedoraproject.FirewallD1.", &[]),
    ("org.freedesktop.udisks2.", &UDISKS),
    ("org.freedesktop.Flatpak.", &["origin", "ref", "arch", "path", "remote", "key"]),
    ("org.freedesktop.packagekit.", &["package_ids", "cmdline"]),
    ("org.debian.pcsc-lite.access_card", &["reader"]),
    ("org.debian.pcsc-lite.access_pcsc", &[]),
];
/// The starts of ids whose mechanisms pass a process, so that polkit knows no unit.
const BY_PROCESS: [&str; 5] = [
    "org.libvirt.",
    "org.freedesktop.NetworkManager.",
    "org.debian.pcsc-lite.",
    "org.freedesktop.policykit.exec",
    "io.snapcraft.",
];

/// Returns the details that the mechanism of an action passes; `None` if they are not known.
#[must_use]
pub fn passed(action: &str) -> Option<Vec<&'static str>> {
    if action == "org.libvirt.api." {
        // The object decides.
        return None;
    }
    let found = DETAILS.iter().find(|(start, _)| action.starts_with(start));
    let keys = found.map(|(_, keys)| keys.to_vec()).or_else(|| Some(known(action)).filter(|keys| !keys.is_empty()))?;
    Some(keys)
}

/// Whether the mechanism of an action passes a process, for which polkit has no `system_unit`.
#[must_use]
pub fn is_by_process(action: &str) -> bool {
    BY_PROCESS.iter().any(|start| action.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_details_of_an_action_are_those_of_its_mechanism() {
        assert_eq!(passed("org.freedesktop.login1.reboot"), Some(vec![]));
        assert_eq!(passed("org.freedesktop.systemd1.manage-units"), Some(vec!["unit", "verb"]));
        assert_eq!(passed("org.debian.pcsc-lite.access_card"), Some(vec!["reader"]));
        assert!(passed("org.freedesktop.udisks2.filesystem-mount").is_some_and(|keys| keys.contains(&"id.label")));
        assert_eq!(passed("org.example.run"), None);
        assert!(is_by_process("org.libvirt.unix.manage") && !is_by_process("org.freedesktop.login1.reboot"));
    }
}
