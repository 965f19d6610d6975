//! libvirt's daemons and sockets, as they were found.

/// libvirt on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Libvirt {
    /// Its daemons.
    pub daemons: Vec<Daemon>,
    /// Configuration files whose names nothing reads: where, and what they are taken for.
    pub misnamed: Vec<(String, String)>,
}

/// A daemon of libvirt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Daemon {
    /// Its name.
    pub name: String,
    /// Its configuration, below the root.
    pub conf: String,
    /// Whether systemd opens its socket now; `None`: there is no systemd to ask.
    pub activated: Option<bool>,
    /// Its pid, if it runs.
    pub pid: Option<u32>,
    /// Its socket unit, as `loaded/active/enabled`.
    pub socket_unit: UnitState,
    /// Its service.
    pub service: UnitState,
    /// `auth_unix_rw`
    pub auth: Option<String>,
    /// `unix_sock_group`
    pub group: Option<String>,
    /// `unix_sock_rw_perms`
    pub perms: Option<String>,
    /// `access_drivers`
    pub drivers: Vec<String>,
    /// Why its configuration cannot be understood.
    pub broken: Option<String>,
    /// The read-write socket and the read-only one.
    pub sockets: Vec<Socket>,
}

/// What systemd says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `masked`, `not-found`; empty where it was not asked.
    pub load: String,
    /// `active`, `inactive`, `failed`.
    pub active: String,
    /// `enabled`, `disabled`, `static`.
    pub enabled: String,
}

/// A socket of libvirt's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    /// Its path.
    pub path: String,
    /// Whether it is the read-only one.
    pub read_only: bool,
    /// Mode, owner, and group by name; `None` if it is not there.
    pub there: Option<(u32, u32, String)>,
    /// Whether somebody listens on it, in our network namespace.
    pub listened: bool,
    /// Mode, owner, and group by name, of the directory that it is in.
    pub above: Option<(u32, u32, String)>,
}

/// Whether a process has this right of `rwx`, by the one of the three classes that it belongs to.
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
    /// Whether a process with these groups may connect: the kernel wants the right to write.
    #[must_use]
    pub fn lets_in(&self, uid: u32, groups: &[String]) -> bool {
        self.there.as_ref().is_some_and(|there| has(there, 2, uid, groups))
    }

    /// Whether such a process gets into the directory that it is in.
    #[must_use]
    pub fn is_reached(&self, uid: u32, groups: &[String]) -> bool {
        self.above.as_ref().is_none_or(|above| has(above, 1, uid, groups))
    }

    /// Whether everybody may connect.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.there.as_ref().is_some_and(|(mode, ..)| mode & 2 != 0)
    }
}

impl Daemon {
    /// Its read-write socket.
    #[must_use]
    pub fn read_write(&self) -> Option<&Socket> {
        self.sockets.iter().find(|socket| !socket.read_only)
    }
}
