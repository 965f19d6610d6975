//! The details that mechanisms pass to polkit with their actions, and that rules of the agent can match.

/// The details of systemd (237 to 259): the unit and the operation. Some calls have neither.
const SYSTEMD: &[&str] = &["unit", "verb"];

/// The details of libvirt's access control besides `connect_driver`, by the object in the action id
/// (src/access/viraccessdriverpolkit.c, libvirt 9.0; its aclpolkit.html omits those of network-port and nwfilter-binding).
/// A secret has at most one of the usages.
const LIBVIRT: &[(&str, &[&str])] = &[
    ("connect", &[]),
    ("domain", &["domain_name", "domain_uuid"]),
    ("interface", &["interface_name", "interface_macaddr"]),
    ("network", &["network_name", "network_uuid"]),
    ("network-port", &["network_name", "network_uuid", "port_uuid"]),
    ("node-device", &["node_device_name"]),
    ("nwfilter", &["nwfilter_name", "nwfilter_uuid"]),
    ("nwfilter-binding", &["nwfilter_binding_portdev", "nwfilter_binding_linkdev", "nwfilter_binding_filter"]),
    (
        "secret",
        &["secret_uuid", "secret_usage_volume", "secret_usage_ceph", "secret_usage_target", "secret_usage_name"],
    ),
    ("storage-pool", &["pool_name", "pool_uuid"]),
    ("storage-vol", &["pool_name", "pool_uuid", "vol_name", "vol_key"]),
];

/// Returns the known details of an action.
#[must_use]
pub fn known(action: &str) -> Vec<&'static str> {
    if action.starts_with("org.freedesktop.systemd1.") {
        return SYSTEMD.to_vec();
    }
    let object = action.strip_prefix("org.libvirt.api.").and_then(|rest| rest.split('.').next());
    object.map_or_else(Vec::new, |object| {
        let own = LIBVIRT.iter().find(|(known, _)| *known == object).map_or(&[][..], |(_, keys)| keys);
        [&["connect_driver"], own].concat()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_details_of_an_action_are_those_of_its_object() {
        assert_eq!(known("org.freedesktop.systemd1.manage-units"), ["unit", "verb"]);
        assert_eq!(known("org.libvirt.api.domain.start"), ["connect_driver", "domain_name", "domain_uuid"]);
        assert_eq!(known("org.libvirt.api.connect.getattr"), ["connect_driver"]);
        assert_eq!(known("org.libvirt.api.network-port.read").last(), Some(&"port_uuid"));
        for none in ["org.libvirt.unix.manage", "org.libvirt.api", "org.freedesktop.systemd10.x", ""] {
            assert_eq!(known(none), [""; 0], "{none}");
        }
    }
}
