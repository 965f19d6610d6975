//! Facts about libvirt's daemons and sockets.

/// The libvirt of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Libvirt {
    /// The installed daemons.
    pub daemons: Vec<Daemon>,
    /// Files with daemon settings that no daemon reads, with the correct path.
    pub misnamed: Vec<(String, String)>,
}

/// A daemon of libvirt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Daemon {
    /// The name.
    pub name: String,
    /// The path of the configuration, relative to the root.
    pub conf: String,
    /// Whether systemd creates its socket; `None` without systemd.
    pub activated: Option<bool>,
    /// The pid of the running daemon.
    pub pid: Option<u32>,
    /// The state of the socket unit.
    pub socket_unit: UnitState,
    /// The state of the service unit.
    pub service: UnitState,
    /// `auth_unix_rw`
    pub auth: Option<String>,
    /// `unix_sock_group`
    pub group: Option<String>,
    /// `unix_sock_rw_perms`
    pub perms: Option<String>,
    /// `access_drivers`
    pub drivers: Vec<String>,
    /// The reason why the configuration is invalid.
    pub broken: Option<String>,
    /// The read-write and the read-only socket.
    pub sockets: Vec<Socket>,
}

/// The state of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `masked`, `not-found`; empty if unknown.
    pub load: String,
    /// `active`, `inactive`, `failed`.
    pub active: String,
    /// `enabled`, `disabled`, `static`.
    pub enabled: String,
}

/// A socket of libvirt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    /// The path.
    pub path: String,
    /// Whether this is the read-only socket.
    pub read_only: bool,
    /// Mode, owner and group name; `None` if it does not exist.
    pub there: Option<(u32, u32, String)>,
    /// Whether a process listens on it, in this network namespace.
    pub listened: bool,
    /// Mode, owner and group name of its directory.
    pub above: Option<(u32, u32, String)>,
}

/// Whether a process has a right of `rwx`, from its permission class (owner, group or others).
fn has((mode, owner, group): &(u32, u32, String), right: u32, uid: u32, groups: &[String]) -> bool {
    let class = match () {
        () if uid == 0 => return true,
        () if uid == *owner => 6,
        () if groups.contains(group) => 3,
        () => 0,
    };
    (mode >> class) & right != 0
}

impl Socket {
    /// Whether a process with these groups may connect. This requires write permission.
    #[must_use]
    pub fn lets_in(&self, uid: u32, groups: &[String]) -> bool {
        self.there.as_ref().is_some_and(|there| has(there, 2, uid, groups))
    }

    /// Whether a process with these groups may enter the directory of the socket.
    #[must_use]
    pub fn is_reached(&self, uid: u32, groups: &[String]) -> bool {
        self.above.as_ref().is_none_or(|above| has(above, 1, uid, groups))
    }

    /// Whether every user may connect.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.there.as_ref().is_some_and(|(mode, ..)| mode & 2 != 0)
    }
}

impl Daemon {
    /// Returns the read-write socket.
    #[must_use]
    pub fn read_write(&self) -> Option<&Socket> {
        self.sockets.iter().find(|socket| !socket.read_only)
    }
}
