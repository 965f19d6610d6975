//! Where a client of libvirt connects if it names no connection itself: by the environment of a process, and by the
//! configuration of clients. As `virConnectOpen` of libvirt 7 to 12 has it.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use polkit_config::bounded::{kernel_text, read_regular};

use crate::doctor::facts::{Client, Preset};
use crate::libvirt::conf::{self, Value};

/// The variables, in the order in which virsh(1) looks at them; the first is virsh's alone.
const VARIABLES: [&str; 2] = ["VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"];
const RUNTIME: &str = "XDG_RUNTIME_DIR";
/// How long reading may take.
const LIMIT: Duration = Duration::from_secs(1);
/// Far more than such a file has.
const LENGTH_MAX: u64 = 64 * 1024;

/// What is preset for a process of that user; nothing where it cannot be read in time. Its memory and its home directory are what
/// it makes of them, and reading them may never end.
pub(super) fn of_process(pid: u32, uid: u32) -> Option<Client> {
    let (sender, receiver) = mpsc::channel();
    // Nobody may be waiting any more.
    std::thread::spawn(move || drop(sender.send(read(pid, uid))));
    receiver.recv_timeout(LIMIT).ok()
}

fn read(pid: u32, uid: u32) -> Client {
    // Another user's can be read by root alone.
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

/// Root's clients read the host's, others their own alone.
fn configuration(uid: u32, config_home: Option<String>, home: Option<String>) -> Option<String> {
    if uid == 0 {
        return Some("/etc/libvirt/libvirt.conf".to_owned());
    }
    let directory = config_home.or_else(|| home.map(|home| format!("{home}/.config")))?;
    let path = Path::new(&directory).join("libvirt/libvirt.conf");
    path.is_absolute().then(|| path.to_string_lossy().into_owned())
}

/// The user owns it, and may have put anything there: what is no file is not read, nor a file without an end.
fn content(path: &str) -> Option<String> {
    String::from_utf8(read_regular(Path::new(path), LENGTH_MAX).ok()?).ok()
}
