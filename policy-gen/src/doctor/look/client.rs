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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_a_client_is_that_of_its_user() {
        let of = |uid, config_home: Option<&str>, home: Option<&str>| {
            configuration(uid, config_home.map(str::to_owned), home.map(str::to_owned))
        };
        let path = |text: &str| Some(text.to_owned());
        assert_eq!(of(0, Some("/x"), Some("/root")), path("/etc/libvirt/libvirt.conf"));
        assert_eq!(of(7, Some("/x"), Some("/home/a")), path("/x/libvirt/libvirt.conf"));
        assert_eq!(of(7, None, Some("/home/a")), path("/home/a/.config/libvirt/libvirt.conf"));
        assert_eq!([of(7, None, None), of(7, Some("x"), None), of(7, None, Some("home"))], [None, None, None]);
    }

    #[test]
    fn a_variable_ends_at_its_first_sign() {
        assert_eq!(variable("A=b=c"), Some(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A"), None);
    }

    #[test]
    fn only_a_regular_file_of_limited_length_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libvirt.conf");
        let text = path.to_str().unwrap();
        std::fs::write(&path, "uri_default = \"qemu:///session\"\n").unwrap();
        assert_eq!(content(text).as_deref(), Some("uri_default = \"qemu:///session\"\n"));
        std::fs::write(&path, vec![b'#'; usize::try_from(LENGTH_MAX).unwrap() + 1]).unwrap();
        assert_eq!([content(text), content(folder.path().to_str().unwrap())], [None, None]);
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(content(text), None, "no text");
    }

    #[test]
    fn the_environment_of_a_process_names_its_connection() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .env_clear()
            .envs([("LIBVIRT_DEFAULT_URI", "qemu:///session"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("HOME", "/none")])
            .env("PATH", "/usr/bin:/bin")
            .spawn()
            .unwrap();
        let pid = child.id();
        let client = of_process(pid, 7).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let by = format!("LIBVIRT_DEFAULT_URI in the environment of process {pid}");
        assert_eq!(client.preset, Some(Preset { uri: "qemu:///session".to_owned(), by }));
        assert_eq!((client.pid, client.runtime_directory.as_deref()), (pid, Some("/run/user/7")));
    }

    #[test]
    fn the_configuration_file_counts_without_a_variable() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("libvirt/libvirt.conf");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "uri_default = \"qemu+tcp://host/system\"\n").unwrap();
        let with = |uri: &str| {
            let mut child = std::process::Command::new("sleep")
                .arg("600")
                .env_clear()
                .env("XDG_CONFIG_HOME", home.path())
                .env("LIBVIRT_DEFAULT_URI", uri)
                .env("PATH", "/usr/bin:/bin")
                .spawn()
                .unwrap();
            let client = read(child.id(), 7);
            child.kill().unwrap();
            child.wait().unwrap();
            client.preset.unwrap().by
        };
        assert_eq!(with(""), format!("uri_default in {}", path.display()));
        assert!(with("qemu:///system").starts_with("LIBVIRT_DEFAULT_URI in "));
    }
}
