//! Finds libvirt's daemons in a tree, and whether systemd creates their sockets.

use std::io;

use crate::tree::Tree;

/// The unit directories, those of the administrator first.
const UNITS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
/// The program directories, for hosts without systemd.
const PROGRAMS: [&str; 2] = ["usr/sbin", "usr/bin"];
/// The file name of the drop-in.
pub const DROP_IN: &str = "50-polkit-policy-gen.conf";

/// A libvirt daemon that accepts clients.
#[derive(Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The name of the program and of the service.
    pub name: &'static str,
    /// The path of the configuration, relative to the root.
    pub conf: &'static str,
    /// The drop-in directory of the read-write socket, relative to the root.
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

/// The monolithic daemon, the modular daemons, and virtproxyd, which provides the monolithic daemon's sockets.
pub const DAEMONS: &[Daemon] = daemons!(
    "libvirtd" "virtbhyved" "virtchd" "virtinterfaced" "virtlxcd" "virtnetworkd" "virtnodedevd" "virtnwfilterd" "virtproxyd"
    "virtqemud" "virtsecretd" "virtstoraged" "virtvboxd" "virtvzd" "virtxend"
);

/// An installed daemon.
#[derive(Debug)]
pub struct InstalledDaemon {
    /// The daemon.
    pub daemon: &'static Daemon,
    /// Whether systemd creates its sockets. Then the keys `unix_sock_*` have no effect (libvirt 5.6 and later).
    pub activated: bool,
    /// The text of the configuration.
    pub conf: String,
    /// Later drop-ins that set mode or group of the read-write socket.
    pub later: Vec<String>,
}

impl Daemon {
    /// Returns the daemon with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DAEMONS.iter().find(|daemon| daemon.name == name)
    }

    /// Returns all units of the daemon.
    #[must_use]
    pub fn units(&self) -> Vec<String> {
        let suffixes = [".socket", "-ro.socket", "-admin.socket", "-tcp.socket", "-tls.socket", ".service"];
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

/// Returns the installed daemons of a tree, without masked ones.
///
/// # Errors
/// A file is unreadable.
pub fn of_tree(tree: &Tree) -> io::Result<Vec<InstalledDaemon>> {
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
            found.push(InstalledDaemon { daemon, activated, conf, later: later(tree, &socket)? });
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

/// Finds a unit. A unit that is a link to /dev/null is masked.
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
