//! The permissions of libvirt's access control and of each role. Pure.
//!
//! Users with a role are refused all permissions that none of their roles has, including those that libvirt grants every user by
//! default: to hide other domains, `domain.getattr` of these must be refused. No role has `connect.write`, because its holder can
//! assume any identity (virConnectSetIdentity), including root's. No role has permissions for secrets, host devices, filters and
//! host interfaces, because they belong to the host.

use std::collections::BTreeSet;

use super::{Libvirt, Others, Role, RoleKind};
use crate::implicit_authorization::ImplicitAuthorization;

/// The prefix of all actions of libvirt's access control.
pub const PREFIX: &str = "org.libvirt.api.";

/// The object of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connection. Every role has these permissions.
    Connection,
    /// At least one network of the role.
    AnyNetwork,
    /// At least one pool of the role.
    AnyPool,
    /// A domain of the role.
    Domain,
    /// A network of the role.
    Network,
    /// A pool of the role.
    Pool,
}

impl Scope {
    /// Returns the detail with the name of the object.
    #[must_use]
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Self::Connection | Self::AnyNetwork | Self::AnyPool => None,
            Self::Domain => Some("domain_name"),
            Self::Network => Some("network_name"),
            Self::Pool => Some("pool_name"),
        }
    }
}

/// The lowest role with each permission. Measured with virsh (libvirt 11.3): a domain with an interface on a libvirt network starts
/// only with `network.read` and `network-port.create`, and a domain with a volume only with `storage-vol.read`. These checks use the
/// driver names `network` and `storage`, so rules must not require `QEMU`.
pub const NEEDS: &[(&str, RoleKind, Scope)] = &{
    use RoleKind::{Admin, Console, Operator, Viewer};
    use Scope::{AnyNetwork, AnyPool, Connection, Domain, Network, Pool};
    [
        ("connect.getattr", Viewer, Connection),
        ("connect.read", Viewer, Connection),
        ("connect.search-domains", Viewer, Connection),
        ("connect.search-networks", Viewer, AnyNetwork),
        ("connect.search-storage-pools", Viewer, AnyPool),
        ("domain.getattr", Viewer, Domain),
        ("domain.read", Viewer, Domain),
        ("domain.open-device", Console, Domain),
        ("domain.open-graphics", Console, Domain),
        ("domain.screenshot", Console, Domain),
        ("domain.send-input", Console, Domain),
        ("domain.fs-freeze", Operator, Domain),
        ("domain.fs-trim", Operator, Domain),
        ("domain.init-control", Operator, Domain),
        ("domain.inject-nmi", Operator, Domain),
        ("domain.pm-control", Operator, Domain),
        ("domain.reset", Operator, Domain),
        ("domain.set-time", Operator, Domain),
        ("domain.start", Operator, Domain),
        ("domain.stop", Operator, Domain),
        ("domain.suspend", Operator, Domain),
        ("domain.block-read", Admin, Domain),
        ("domain.block-write", Admin, Domain),
        ("domain.checkpoint", Admin, Domain),
        ("domain.core-dump", Admin, Domain),
        ("domain.delete", Admin, Domain),
        ("domain.hibernate", Admin, Domain),
        ("domain.mem-read", Admin, Domain),
        ("domain.migrate", Admin, Domain),
        ("domain.open-namespace", Admin, Domain),
        ("domain.read-secure", Admin, Domain),
        ("domain.save", Admin, Domain),
        ("domain.send-signal", Admin, Domain),
        ("domain.set-password", Admin, Domain),
        ("domain.snapshot", Admin, Domain),
        ("domain.write", Admin, Domain),
        ("network.getattr", Viewer, Network),
        ("network.read", Viewer, Network),
        ("network-port.getattr", Viewer, Network),
        ("network-port.read", Viewer, Network),
        ("network-port.create", Operator, Network),
        ("network-port.delete", Operator, Network),
        ("network.search-ports", Admin, Network),
        ("network.start", Admin, Network),
        ("network.stop", Admin, Network),
        ("storage-pool.getattr", Viewer, Pool),
        ("storage-pool.read", Viewer, Pool),
        ("storage-pool.search-storage-vols", Viewer, Pool),
        ("storage-vol.getattr", Viewer, Pool),
        ("storage-vol.read", Viewer, Pool),
        ("storage-pool.refresh", Operator, Pool),
        ("storage-pool.start", Admin, Pool),
        ("storage-pool.stop", Admin, Pool),
        ("storage-vol.create", Admin, Pool),
        ("storage-vol.data-read", Admin, Pool),
        ("storage-vol.data-write", Admin, Pool),
        ("storage-vol.delete", Admin, Pool),
        ("storage-vol.format", Admin, Pool),
        ("storage-vol.resize", Admin, Pool),
    ]
};

/// Root-equivalent permissions, with the way to root. Only the admin role has them; no role has those of the last lines.
pub const ROOT_EQUIVALENT: &[(&str, &str)] = &[
    ("domain.write", "a domain can be given any disk or file of the host"),
    ("domain.block-write", "a copy of a disk can be written to any file of the host"),
    ("domain.snapshot", "an external snapshot can use any file of the host as a disk"),
    ("domain.core-dump", "the dump can be written to any file of the host"),
    ("domain.hibernate", "the saved state can be written to any file of the host"),
    ("storage-vol.create", "a volume can be backed by any file of the host"),
    ("storage-vol.data-write", "the disks of all domains in the pool can be rewritten"),
    ("connect.write", "its holder can assume any identity"),
    ("storage-pool.write", "a pool can be any directory of the host"),
    ("network.write", "dnsmasq can be told to run any program as root"),
    ("node-device.detach", "a device can be taken from the host"),
];

/// Returns the root-equivalent permissions of a role.
#[must_use]
pub fn root_equivalent(role: &Role) -> Vec<(&'static str, &'static str)> {
    let has = |permission: &str| match needed(permission) {
        Some((least, Scope::Pool)) => role.kind >= least && !role.pools.is_empty(),
        Some((least, _)) => role.kind >= least,
        None => false,
    };
    ROOT_EQUIVALENT.iter().copied().filter(|(permission, _)| has(permission)).collect()
}

fn needed(permission: &str) -> Option<(RoleKind, Scope)> {
    NEEDS.iter().find(|(known, ..)| *known == permission).map(|(_, least, scope)| (*least, *scope))
}

impl Role {
    /// Whether the role has this user.
    #[must_use]
    pub fn covers(&self, user: &str, groups: &BTreeSet<String>) -> bool {
        self.users.iter().any(|known| known.value == user)
            || self.groups.iter().any(|known| groups.contains(&known.value))
    }

    /// Whether the role has a permission (`domain.start`) over the object with this name.
    #[must_use]
    pub fn gives(&self, permission: &str, object: Option<&str>) -> bool {
        let Some((least, scope)) = needed(permission) else { return false };
        let patterns = match scope {
            Scope::Connection => return true,
            Scope::AnyNetwork => return !self.networks.is_empty(),
            Scope::AnyPool => return !self.pools.is_empty(),
            Scope::Domain => &self.domains,
            Scope::Network => &self.networks,
            Scope::Pool => &self.pools,
        };
        self.kind >= least && object.is_some_and(|name| patterns.iter().any(|pattern| pattern.value.covers(name)))
    }
}

impl Libvirt {
    /// Returns the result of the roles for an action of libvirt's access control and an object name. `None` leaves the request to other
    /// rules and to libvirt's defaults.
    #[must_use]
    pub fn answer(
        &self,
        action: &str,
        object: Option<&str>,
        user: &str,
        groups: &BTreeSet<String>,
    ) -> Option<ImplicitAuthorization> {
        let permission = action.strip_prefix(PREFIX)?;
        let mut mine = self.roles.iter().filter(|role| role.covers(user, groups)).peekable();
        if mine.peek().is_none() {
            return (self.others == Others::Nothing).then_some(ImplicitAuthorization::No);
        }
        Some(if mine.any(|role| role.gives(permission, object)) {
            ImplicitAuthorization::Yes
        } else {
            ImplicitAuthorization::No
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libvirt::needs;

    #[test]
    fn the_uses_of_every_permission_of_a_role_are_known() {
        for (permission, ..) in NEEDS {
            assert!(needs::of(permission).is_some(), "{permission}");
        }
    }
}
