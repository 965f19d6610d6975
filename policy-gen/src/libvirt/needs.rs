//! The uses of each access control permission: the calls that require it, and the virsh commands that make these calls. From the
//! `@acl` lines of src/remote/remote_protocol.x. Calls that are newer than libvirt 4 are listed only if they are important. A call
//! with `+` also requires another permission.

/// The uses of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Functions of libvirt's C API, without the prefix `vir`.
    pub calls: &'static str,
    /// virsh commands.
    pub virsh: &'static str,
}

const NEEDS: &[(&str, &str, &str)] = &[
    (
        "connect.getattr",
        "ConnectOpen, ConnectGetType, ConnectGetVersion, ConnectGetHostname, ConnectGetURI",
        "(every command), version, hostname, uri",
    ),
    (
        "connect.read",
        "NodeGetInfo, ConnectGetCapabilities, NodeGetMemoryStats, NodeGetCPUStats, ConnectGetMaxVcpus, NodeGetSecurityModel",
        "nodeinfo, capabilities, nodememstats, nodecpustats, dominfo",
    ),
    (
        "connect.write",
        "ConnectSetIdentity, NodeSetMemoryParameters, NodeAllocPages, ConnectDomainXMLFromNative, ConnectDomainXMLToNative, ConnectGetDomainCapabilities",
        "domcapabilities, domxml-from-native, domxml-to-native, allocpages, node-memory-tune",
    ),
    ("connect.pm-control", "NodeSuspendForDuration", "nodesuspend"),
    (
        "connect.interface-transaction",
        "InterfaceChangeBegin, InterfaceChangeCommit, InterfaceChangeRollback",
        "iface-begin, iface-commit, iface-rollback",
    ),
    ("connect.detect-storage-pools", "ConnectFindStoragePoolSources", "find-storage-pool-sources"),
    (
        "connect.search-domains",
        "ConnectListAllDomains + domain.getattr, ConnectGetAllDomainStats + domain.read, ConnectDomainEventRegister",
        "list, domstats, event",
    ),
    ("connect.search-interfaces", "ConnectListAllInterfaces + interface.getattr", "iface-list"),
    ("connect.search-networks", "ConnectListAllNetworks + network.getattr", "net-list, net-event"),
    ("connect.search-node-devices", "ConnectListAllNodeDevices + node-device.getattr", "nodedev-list, nodedev-event"),
    ("connect.search-nwfilters", "ConnectListAllNWFilters + nwfilter.getattr", "nwfilter-list"),
    (
        "connect.search-nwfilter-bindings",
        "ConnectListAllNWFilterBindings + nwfilter-binding.getattr",
        "nwfilter-binding-list",
    ),
    ("connect.search-secrets", "ConnectListAllSecrets + secret.getattr", "secret-list, secret-event"),
    ("connect.search-storage-pools", "ConnectListAllStoragePools + storage-pool.getattr", "pool-list, pool-event"),
    (
        "domain.getattr",
        "DomainLookupByName, DomainLookupByUUID, DomainLookupByID",
        "(every command about a domain), list",
    ),
    (
        "domain.read",
        "DomainGetXMLDesc, DomainGetInfo, DomainGetState, DomainBlockStats, DomainInterfaceStats, DomainGetMetadata",
        "dumpxml, dominfo, domstate, domblklist, domiflist, domstats",
    ),
    ("domain.read-secure", "DomainGetXMLDesc with SECURE or MIGRATABLE", "dumpxml --security-info, edit"),
    (
        "domain.write",
        "DomainDefineXML + domain.save, DomainCreateXML + domain.start, DomainAttachDevice, DomainSetMemory, DomainSetVcpus, DomainSetAutostart",
        "define, create, edit, attach-disk, attach-device, setmem, setvcpus, autostart",
    ),
    (
        "domain.save",
        "DomainDefineXML + domain.write, changes with AFFECT_CONFIG + domain.write",
        "define, edit, (options) --config",
    ),
    ("domain.delete", "DomainUndefine", "undefine"),
    (
        "domain.start",
        "DomainCreate, DomainCreateXML + domain.write, DomainRestore + domain.write",
        "start, create, restore",
    ),
    ("domain.stop", "DomainDestroy", "destroy"),
    ("domain.reset", "DomainReset", "reset"),
    ("domain.suspend", "DomainSuspend, DomainResume", "suspend, resume"),
    ("domain.init-control", "DomainShutdown, DomainReboot", "shutdown, reboot"),
    (
        "domain.hibernate",
        "DomainSave, DomainManagedSave, DomainManagedSaveRemove",
        "save, managedsave, managedsave-remove",
    ),
    ("domain.core-dump", "DomainCoreDump", "dump"),
    ("domain.pm-control", "DomainPMSuspendForDuration, DomainPMWakeup", "dompmsuspend, dompmwakeup"),
    (
        "domain.migrate",
        "DomainMigratePerform3, DomainMigrateBegin3, DomainMigratePrepare3 + domain.start + domain.write",
        "migrate, migrate-setspeed, migrate-setmaxdowntime",
    ),
    (
        "domain.snapshot",
        "DomainSnapshotCreateXML, DomainRevertToSnapshot, DomainSnapshotDelete",
        "snapshot-create, snapshot-create-as, snapshot-revert, snapshot-delete",
    ),
    (
        "domain.checkpoint",
        "DomainCheckpointCreateXML, DomainCheckpointDelete, DomainBackupBegin + domain.block-write",
        "checkpoint-create, checkpoint-delete, backup-begin",
    ),
    ("domain.block-read", "DomainBlockPeek", ""),
    (
        "domain.block-write",
        "DomainBlockCopy, DomainBlockCommit, DomainBlockPull, DomainBlockRebase, DomainBlockResize",
        "blockcopy, blockcommit, blockpull, blockresize",
    ),
    ("domain.mem-read", "DomainMemoryPeek", ""),
    ("domain.inject-nmi", "DomainInjectNMI", "inject-nmi"),
    ("domain.send-input", "DomainSendKey", "send-key"),
    ("domain.send-signal", "DomainSendProcessSignal", "send-process-signal"),
    ("domain.fs-trim", "DomainFSTrim", "domfstrim"),
    (
        "domain.fs-freeze",
        "DomainFSFreeze, DomainFSThaw, DomainGetFSInfo, DomainSnapshotCreateXML with QUIESCE",
        "domfsfreeze, domfsthaw, domfsinfo",
    ),
    ("domain.screenshot", "DomainScreenshot", "screenshot"),
    ("domain.open-device", "DomainOpenConsole, DomainOpenChannel", "console"),
    ("domain.open-graphics", "DomainOpenGraphics, DomainOpenGraphicsFD", "(virt-viewer, virt-manager)"),
    ("domain.open-namespace", "DomainLxcOpenNamespace", "lxc-enter-namespace"),
    ("domain.set-time", "DomainSetTime", "domtime --set"),
    ("domain.set-password", "DomainSetUserPassword", "set-user-password"),
    ("interface.getattr", "InterfaceLookupByName", "iface-list"),
    ("interface.read", "InterfaceGetXMLDesc, InterfaceIsActive", "iface-dumpxml"),
    ("interface.write", "InterfaceDefineXML + interface.save", "iface-define, iface-edit"),
    ("interface.save", "InterfaceDefineXML + interface.write", "iface-define, iface-edit"),
    ("interface.delete", "InterfaceUndefine", "iface-undefine"),
    ("interface.start", "InterfaceCreate", "iface-start"),
    ("interface.stop", "InterfaceDestroy", "iface-destroy"),
    ("network.getattr", "NetworkLookupByName, NetworkLookupByUUID", "(every command about a network), net-list"),
    (
        "network.read",
        "NetworkGetXMLDesc, NetworkGetBridgeName, NetworkGetDHCPLeases, NetworkIsActive",
        "net-dumpxml, net-info, net-dhcp-leases; start of a domain on it",
    ),
    (
        "network.write",
        "NetworkDefineXML + network.save, NetworkCreateXML + network.start, NetworkUpdate, NetworkSetAutostart",
        "net-define, net-create, net-edit, net-update, net-autostart",
    ),
    ("network.save", "NetworkDefineXML + network.write", "net-define, net-edit"),
    ("network.delete", "NetworkUndefine", "net-undefine"),
    ("network.start", "NetworkCreate", "net-start"),
    ("network.stop", "NetworkDestroy", "net-destroy"),
    ("network.search-ports", "NetworkListAllPorts + network-port.getattr", "net-port-list"),
    ("network-port.getattr", "NetworkPortLookupByUUID", "net-port-list"),
    ("network-port.read", "NetworkPortGetXMLDesc", "net-port-dumpxml"),
    ("network-port.write", "NetworkPortSetParameters", ""),
    ("network-port.create", "NetworkPortCreateXML", "net-port-create; start of a domain on the network"),
    ("network-port.delete", "NetworkPortDelete", "net-port-delete; end of a domain on the network"),
    ("node-device.getattr", "NodeDeviceLookupByName", "nodedev-list"),
    ("node-device.read", "NodeDeviceGetXMLDesc", "nodedev-dumpxml"),
    ("node-device.write", "NodeDeviceCreateXML + node-device.start", "nodedev-create, nodedev-define"),
    ("node-device.save", "NodeDeviceDefineXML + node-device.write", "nodedev-define"),
    ("node-device.delete", "NodeDeviceUndefine", "nodedev-undefine"),
    ("node-device.start", "NodeDeviceCreate", "nodedev-start"),
    ("node-device.stop", "NodeDeviceDestroy", "nodedev-destroy"),
    (
        "node-device.detach",
        "NodeDeviceDetachFlags, NodeDeviceReAttach, NodeDeviceReset",
        "nodedev-detach, nodedev-reattach, nodedev-reset",
    ),
    ("nwfilter.getattr", "NWFilterLookupByName", "nwfilter-list"),
    ("nwfilter.read", "NWFilterGetXMLDesc", "nwfilter-dumpxml"),
    ("nwfilter.write", "NWFilterDefineXML + nwfilter.save", "nwfilter-define, nwfilter-edit"),
    ("nwfilter.save", "NWFilterDefineXML + nwfilter.write", "nwfilter-define, nwfilter-edit"),
    ("nwfilter.delete", "NWFilterUndefine", "nwfilter-undefine"),
    ("nwfilter-binding.getattr", "NWFilterBindingLookupByPortDev", "nwfilter-binding-list"),
    ("nwfilter-binding.read", "NWFilterBindingGetXMLDesc", "nwfilter-binding-dumpxml"),
    ("nwfilter-binding.create", "NWFilterBindingCreateXML", "nwfilter-binding-create"),
    ("nwfilter-binding.delete", "NWFilterBindingDelete", "nwfilter-binding-delete"),
    ("secret.getattr", "SecretLookupByUUID, SecretLookupByUsage", "secret-list"),
    ("secret.read", "SecretGetXMLDesc", "secret-dumpxml"),
    ("secret.read-secure", "SecretGetValue", "secret-get-value"),
    ("secret.write", "SecretDefineXML + secret.save, SecretSetValue", "secret-define, secret-set-value"),
    ("secret.save", "SecretDefineXML + secret.write", "secret-define"),
    ("secret.delete", "SecretUndefine", "secret-undefine"),
    (
        "storage-pool.getattr",
        "StoragePoolLookupByName, StoragePoolLookupByVolume",
        "(every command about a pool), pool-list",
    ),
    (
        "storage-pool.read",
        "StoragePoolGetXMLDesc, StoragePoolGetInfo",
        "pool-dumpxml, pool-info; start of a domain with a volume of it",
    ),
    (
        "storage-pool.write",
        "StoragePoolDefineXML + storage-pool.save, StoragePoolCreateXML + storage-pool.start, StoragePoolSetAutostart",
        "pool-define, pool-create, pool-edit, pool-autostart",
    ),
    ("storage-pool.save", "StoragePoolDefineXML + storage-pool.write", "pool-define, pool-edit"),
    ("storage-pool.delete", "StoragePoolUndefine", "pool-undefine"),
    ("storage-pool.format", "StoragePoolBuild, StoragePoolDelete", "pool-build, pool-delete"),
    ("storage-pool.start", "StoragePoolCreate", "pool-start"),
    ("storage-pool.stop", "StoragePoolDestroy", "pool-destroy"),
    ("storage-pool.refresh", "StoragePoolRefresh", "pool-refresh"),
    ("storage-pool.search-storage-vols", "StoragePoolListAllVolumes + storage-vol.getattr", "vol-list"),
    (
        "storage-vol.getattr",
        "StorageVolLookupByName, StorageVolLookupByPath",
        "(every command about a volume), vol-list",
    ),
    (
        "storage-vol.read",
        "StorageVolGetXMLDesc, StorageVolGetInfo, StorageVolGetPath",
        "vol-dumpxml, vol-info, vol-path; start of a domain with it",
    ),
    ("storage-vol.create", "StorageVolCreateXML, StorageVolCreateXMLFrom", "vol-create, vol-create-as, vol-clone"),
    ("storage-vol.delete", "StorageVolDelete", "vol-delete"),
    ("storage-vol.format", "StorageVolWipe", "vol-wipe"),
    ("storage-vol.resize", "StorageVolResize", "vol-resize"),
    ("storage-vol.data-read", "StorageVolDownload", "vol-download"),
    ("storage-vol.data-write", "StorageVolUpload", "vol-upload"),
];

/// Returns the uses of a permission (`domain.start`), if known.
#[must_use]
pub fn of(permission: &str) -> Option<Need> {
    NEEDS.iter().find(|(known, ..)| *known == permission).map(|(_, calls, virsh)| Need { calls, virsh })
}

/// Returns all permissions.
pub fn permissions() -> impl Iterator<Item = &'static str> {
    NEEDS.iter().map(|(permission, ..)| *permission)
}

/// Returns the permissions of an object for a call (`open-console` of `domain` is DomainOpenConsole) or a virsh command.
#[must_use]
pub fn for_call(object: &str, name: &str) -> Vec<&'static str> {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    let camel = |text: &str| text.split(['-', '_']).map(capital).collect::<String>();
    let (call, command) = (format!("{}{}", camel(object), camel(name)), name.replace('_', "-"));
    let start = format!("{object}.");
    let own = || NEEDS.iter().filter(|(permission, ..)| permission.starts_with(&start));
    let calls = |calls: &&str, exact: bool| {
        calls.split(", ").filter_map(|one| one.split(' ').next()).any(|one| match exact {
            true => one == call,
            // `DomainDefineXML` for `define`.
            false => one.strip_prefix(&call).is_some_and(|rest| rest == "XML" || rest == "Flags" || rest == "XMLDesc"),
        })
    };
    let of_virsh = |commands: &&str| {
        // A note about a domain follows the commands after a semicolon.
        commands.split(';').next().unwrap_or_default().split(", ").any(|one| {
            one == command || one.split_once('-').is_some_and(|(_, rest)| rest == command && object != "domain")
        })
    };
    let exact = own().filter(|(_, of, _)| calls(of, true));
    let similar = own().filter(|(_, of, _)| calls(of, false));
    let by_command = own().filter(|(_, _, of)| of_virsh(of));
    let mut found: Vec<&str> = exact.map(|(permission, ..)| *permission).collect();
    if !found.is_empty() {
        return found;
    }
    for (permission, ..) in similar.chain(by_command) {
        if !found.contains(permission) {
            found.push(permission);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_listed_once() {
        let mut names: Vec<&str> = NEEDS.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NEEDS.len());
    }

    #[test]
    fn a_call_of_the_api_needs_its_permission() {
        for (object, name, expected) in [
            ("domain", "create", &["domain.start"][..]),
            ("domain", "undefine", &["domain.delete"]),
            ("domain", "reboot", &["domain.init-control"]),
            ("domain", "attach_device", &["domain.write"]),
            ("domain", "attach-device", &["domain.write"]),
            ("network", "create", &["network.start"]),
            // `DomainDefineXML`, and the command `define`.
            ("domain", "define", &["domain.write", "domain.save"]),
            ("network", "define", &["network.write", "network.save"]),
            ("node-device", "detach", &["node-device.detach"]),
            // Commands of virsh, with and without the prefix of the object.
            ("domain", "dumpxml", &["domain.read"]),
            ("domain", "managedsave", &["domain.hibernate"]),
            ("network", "dhcp-leases", &["network.read"]),
            ("storage-pool", "info", &["storage-pool.read"]),
            ("network", "edit", &["network.write", "network.save"]),
            // `SecretGetXMLDesc`, and `NodeDeviceDetachFlags`.
            ("secret", "get", &["secret.read"]),
            ("secret", "get-x", &[]),
            ("secret", "get-value", &["secret.read-secure"]),
            ("domain", "no-such-call", &[]),
            ("network", "reboot", &[]),
            ("", "", &[]),
        ] {
            assert_eq!(for_call(object, name), expected, "{object} {name}");
        }
        // The prefix of a command of domains is part of its name.
        assert_eq!(for_call("domain", "device"), [""; 0]);
    }
}
