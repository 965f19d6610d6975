//! Which of libvirt's daemons a tree has, and whether systemd opens their sockets.

use std::io;

use crate::tree::Tree;

/// Where units are, the administrator's first.
const UNITS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
/// Where the programs are, for hosts without systemd.
const PROGRAMS: [&str; 2] = ["usr/sbin", "usr/bin"];
/// The name of our drop-in.
pub const DROP_IN: &str = "50-polkit-policy-gen.conf";

/// A daemon that clients of libvirt connect to.
#[derive(Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Its program and its service.
    pub name: &'static str,
    /// Its configuration, below the root.
    pub conf: &'static str,
    /// The directory of drop-ins of its read-write socket, below the root.
    pub drop_ins: &'static str,
}

macro_rules! daemons {
    ($($name:literal)*) => {
        &[$(Daemon {
            name: $name,
            conf: concat!("etc/libvirt/", $name, ".conf"),
            drop_ins: concat!("etc/systemd/system/", $name, ".socket.d"),
        }),*]
    };
}

/// The monolithic daemon, the modular ones, and the one that stands in for the first before the others.
pub const DAEMONS: &[Daemon] = daemons!(
    "libvirtd" "virtbhyved" "virtchd" "virtinterfaced" "virtlxcd" "virtnetworkd" "virtnodedevd" "virtnwfilterd" "virtproxyd"
    "virtqemud" "virtsecretd" "virtstoraged" "virtvboxd" "virtvzd" "virtxend"
);

/// A daemon of a tree.
#[derive(Debug)]
pub struct Found {
    /// Which one.
    pub daemon: &'static Daemon,
    /// Whether systemd opens its sockets: the keys `unix_sock_*` then have no effect (libvirt 5.6 and later).
    pub activated: bool,
    /// Its configuration.
    pub conf: String,
    /// Drop-ins that come after ours and set mode or group of the read-write socket.
    pub later: Vec<String>,
}

impl Daemon {
    /// The daemon of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DAEMONS.iter().find(|daemon| daemon.name == name)
    }

    /// All units by which it is started.
    #[must_use]
    pub fn units(&self) -> Vec<String> {
        let suffixes = [".socket", "-ro.socket", "-admin.socket", "-tcp.socket", "-tls.socket", ".service"];
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

/// The daemons of a tree that can be started.
///
/// # Errors
/// What cannot be read.
pub fn of_tree(tree: &Tree) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for daemon in DAEMONS {
        let here = match unit(tree, &format!("{}.service", daemon.name))? {
            Unit::There => true,
            Unit::Masked => false,
            Unit::Absent => {
                let mut programs =
                    PROGRAMS.iter().map(|directory| tree.file_mode(&format!("{directory}/{}", daemon.name)));
                programs.try_fold(false, |seen, mode| Ok::<_, io::Error>(seen || mode?.is_some()))?
            }
        };
        if here {
            let socket = format!("{}.socket", daemon.name);
            let activated = unit(tree, &socket)? == Unit::There;
            let conf = tree.read_text(daemon.conf)?;
            found.push(Found { daemon, activated, conf, later: later(tree, &socket)? });
        }
    }
    Ok(found)
}

#[derive(PartialEq, Eq)]
enum Unit {
    There,
    Masked,
    Absent,
}

/// A unit of that name. One that is a link to /dev/null is masked.
fn unit(tree: &Tree, name: &str) -> io::Result<Unit> {
    for directory in UNITS {
        if tree.names(directory)?.iter().any(|known| known == name) {
            let there = tree.file_mode(&format!("{directory}/{name}"))?.is_some();
            return Ok(if there { Unit::There } else { Unit::Masked });
        }
    }
    Ok(Unit::Absent)
}

fn later(tree: &Tree, socket: &str) -> io::Result<Vec<String>> {
    let mut later = Vec::new();
    for directory in UNITS.map(|directory| format!("{directory}/{socket}.d")) {
        let names = tree.names(&directory)?;
        for name in names.iter().filter(|name| name.ends_with(".conf") && name.as_str() > DROP_IN) {
            let path = format!("{directory}/{name}");
            let text = tree.read_text(&path)?;
            let sets = |line: &str| ["SocketMode", "SocketGroup"].iter().any(|key| line.trim_start().starts_with(key));
            if text.lines().any(sets) {
                later.push(path);
            }
        }
    }
    Ok(later)
}
