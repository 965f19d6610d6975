//! The preset connection of libvirt clients, from the environment of a process and from the configuration of clients. Follows
//! `virConnectOpen` of libvirt 7 to 12.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use polkit_config::bounded::{kernel_text, read_regular};

use crate::doctor::facts::{Client, Preset};
use crate::libvirt::conf::{self, Value};

/// The variables in the order of virsh(1). Only virsh reads the first.
const VARIABLES: [&str; 2] = ["VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"];
const RUNTIME: &str = "XDG_RUNTIME_DIR";
/// Time limit for reading.
const LIMIT: Duration = Duration::from_secs(1);
/// Size limit of the configuration file. Usual files are much smaller.
const LENGTH_MAX: u64 = 64 * 1024;

/// Returns the preset connection of a process; `None` after the time limit. The user controls the memory of the process and the
/// home directory, so reads may block forever.
pub(super) fn of_process(pid: u32, uid: u32) -> Option<Client> {
    let (sender, receiver) = mpsc::channel();
    // The receiver may have given up.
    std::thread::spawn(move || drop(sender.send(read(pid, uid))));
    receiver.recv_timeout(LIMIT).ok()
}

fn read(pid: u32, uid: u32) -> Client {
    // Only root can read the environment of another user's process.
    let environment = kernel_text(format!("/proc/{pid}/environ")).unwrap_or_default();
    let variables: Vec<(String, String)> = environment.split('\0').filter_map(variable).collect();
    let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let by_variable = VARIABLES.iter().find_map(|name| {
        let uri = value(name).filter(|uri| !uri.is_empty())?;
        Some(Preset { uri, by: format!("{name} in the environment of process {pid}") })
    });
    let by_file = || {
        let path = configuration(uid, value("XDG_CONFIG_HOME"), value("HOME"))?;
        let text = content(&path)?;
        match conf::value(&text, "uri_default") {
            Ok(Some(Value::Text(uri))) => Some(Preset { uri, by: format!("uri_default in {path}") }),
            _ => None,
        }
    };
    Client { pid, preset: by_variable.or_else(by_file), runtime_directory: value(RUNTIME) }
}

fn variable(entry: &str) -> Option<(String, String)> {
    entry.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Returns the configuration file of clients: root's clients read that of the host, other clients that of their user.
fn configuration(uid: u32, config_home: Option<String>, home: Option<String>) -> Option<String> {
    if uid == 0 {
        return Some("/etc/libvirt/libvirt.conf".to_owned());
    }
    let directory = config_home.or_else(|| home.map(|home| format!("{home}/.config")))?;
    let path = Path::new(&directory).join("libvirt/libvirt.conf");
    path.is_absolute().then(|| path.to_string_lossy().into_owned())
}

/// Reads a file that the user controls: only regular files, with a size limit.
fn content(path: &str) -> Option<String> {
    String::from_utf8(read_regular(Path::new(path), LENGTH_MAX).ok()?).ok()
}
