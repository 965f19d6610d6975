//! Facts about libvirt's daemons: units, configuration, sockets and listeners.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Duration;

use polkit_config::bounded::kernel_text;
use polkit_config::names::Names;

use super::run::run;
use crate::doctor::facts::{Daemon, Facts, Socket, UnitState};
use crate::libvirt::conf::{self, Value};
use crate::libvirt::daemons::{self, InstalledDaemon};
use crate::tree::Tree;

const SYSTEMCTL: Duration = Duration::from_secs(3);
const CONF: &str = "etc/libvirt";
/// Keys that occur only in configurations of daemons.
const KEYS: [&str; 5] = ["auth_unix_rw", "auth_unix_ro", "unix_sock_group", "unix_sock_rw_perms", "access_drivers"];
/// Suffixes of backup copies.
const COPIES: [&str; 10] =
    ["~", ".bak", ".old", ".orig", ".save", ".rpmsave", ".rpmnew", ".dpkg-old", ".dpkg-new", ".dpkg-dist"];

pub(super) fn look(tree: &Tree, facts: &mut Facts) {
    let found = match daemons::of_tree(tree) {
        Ok(found) => found,
        Err(error) => {
            facts.unseen.push(format!("libvirt's units and configuration: {error}"));
            Vec::new()
        }
    };
    let names: Vec<&str> = found.iter().map(|found| found.daemon.name).collect();
    let states = if facts.has_systemd { states(&names) } else { Vec::new() };
    let listening = kernel_text("/proc/net/unix").unwrap_or_default();
    let daemons = found.iter().map(|found| daemon(found, &states, &listening, facts.has_systemd));
    facts.libvirt.daemons.extend(daemons);
    misnamed(tree, facts);
}

/// Returns what is known of a daemon. `states` are the states of units, and `listening` is the kernel's list of sockets.
fn daemon(found: &InstalledDaemon, states: &[(String, UnitState)], listening: &str, has_systemd: bool) -> Daemon {
    let name = found.daemon.name;
    let state =
        |unit: &str| states.iter().find(|(id, _)| id == unit).map(|(_, state)| state.clone()).unwrap_or_default();
    let (socket_unit, service) = (state(&format!("{name}.socket")), state(&format!("{name}.service")));
    let mut daemon = Daemon {
        name: name.to_owned(),
        conf: found.daemon.conf.to_owned(),
        activated: has_systemd.then(|| socket_unit.active == "active"),
        pid: pid(name),
        socket_unit,
        service,
        sockets: sockets(name, listening),
        ..Daemon::default()
    };
    settings(&found.conf, &mut daemon);
    daemon
}

fn settings(text: &str, daemon: &mut Daemon) {
    let mut value = |key: &str| match conf::value(text, key) {
        Ok(value) => value,
        Err(why) => {
            daemon.broken = Some(why);
            None
        }
    };
    let (auth, group, perms, drivers) =
        (value("auth_unix_rw"), value("unix_sock_group"), value("unix_sock_rw_perms"), value("access_drivers"));
    let plain = |value: Option<Value>| match value {
        Some(Value::Text(text) | Value::Number(text)) => Some(text),
        _ => None,
    };
    (daemon.auth, daemon.group, daemon.perms) = (plain(auth), plain(group), plain(perms));
    if let Some(Value::List(items)) = drivers {
        daemon.drivers = items.into_iter().filter_map(|item| plain(Some(item))).collect();
    }
}

/// Returns the states of the socket and service units of these daemons.
fn states(names: &[&str]) -> Vec<(String, UnitState)> {
    let units: Vec<String> =
        names.iter().flat_map(|name| [format!("{name}.socket"), format!("{name}.service")]).collect();
    let mut argv = vec!["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState"];
    argv.extend(units.iter().map(String::as_str));
    states_of(&run(&argv, SYSTEMCTL).map(|(_, text)| text).unwrap_or_default())
}

/// Reads the output of `systemctl show` about several units, which empty lines separate.
fn states_of(text: &str) -> Vec<(String, UnitState)> {
    let state = |block: &str| {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        let state =
            UnitState { load: value("LoadState="), active: value("ActiveState="), enabled: value("UnitFileState=") };
        (value("Id="), state)
    };
    text.split("\n\n").map(state).collect()
}

/// Returns the pid from the pid file, if the process exists.
fn pid(name: &str) -> Option<u32> {
    let pid: u32 = kernel_text(format!("/run/{name}.pid")).ok()?.trim().parse().ok()?;
    let comm = kernel_text(format!("/proc/{pid}/comm")).ok()?;
    (comm.trim_end() == name).then_some(pid)
}

fn sockets(name: &str, listening: &str) -> Vec<Socket> {
    let stem = match name {
        "libvirtd" | "virtproxyd" => "libvirt",
        other => other,
    };
    let one = |suffix: &str| socket(&format!("/run/libvirt/{stem}-sock{suffix}"), !suffix.is_empty(), listening);
    vec![one(""), one("-ro")]
}

fn socket(path: &str, read_only: bool, listening: &str) -> Socket {
    let meta = std::fs::symlink_metadata(path).ok().filter(|meta| meta.file_type().is_socket());
    let group =
        |gid: u32| Names::Host.group_by_gid(gid).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name);
    // Field 4 contains the flag of a listening socket. The last field is the path, possibly with /var as a prefix.
    let accepts = |line: &str| {
        let mut fields = line.split_whitespace();
        fields.nth(3) == Some("00010000")
            && fields.next_back().is_some_and(|known| known.trim_start_matches("/var") == path)
    };
    let above = Path::new(path).parent().and_then(|parent| std::fs::metadata(parent).ok());
    Socket {
        path: path.to_owned(),
        read_only,
        there: meta.map(|meta| (meta.mode() & 0o7777, meta.uid(), group(meta.gid()))),
        listened: listening.lines().any(accepts),
        above: above.map(|meta| (meta.mode() & 0o7777, meta.uid(), group(meta.gid()))),
    }
}

/// Finds files with daemon settings that no daemon reads.
fn misnamed(tree: &Tree, facts: &mut Facts) {
    for name in tree.names(CONF).unwrap_or_default() {
        let path = format!("{CONF}/{name}");
        let is_conf = daemons::DAEMONS.iter().any(|daemon| daemon.conf == path);
        if is_conf || COPIES.iter().any(|ending| name.ends_with(ending)) || name.ends_with(".set-aside") {
            continue;
        }
        if !matches!(tree.file_mode(&path), Ok(Some(_))) {
            continue;
        }
        let text = tree.read_text(&path).unwrap_or_default();
        let sets = |line: &str| {
            KEYS.iter()
                .any(|key| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')))
        };
        if text.lines().any(sets) {
            let meant = facts
                .libvirt
                .daemons
                .iter()
                .map(|daemon| daemon.conf.as_str())
                .next()
                .unwrap_or("etc/libvirt/libvirtd.conf");
            facts.libvirt.misnamed.push((format!("/{path}"), format!("/{meant}")));
        }
    }
}

#[cfg(test)]
#[path = "libvirt_tests.rs"]
mod tests;
