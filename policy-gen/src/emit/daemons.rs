//! The changes of a mode to libvirt's daemons. Pure.
//!
//! With `auth_unix_rw = "none"` only the mode of the socket restricts access, and every user may open a socket that systemd
//! creates (SocketMode=0666). Both settings are therefore always changed together.

use super::{File, Origin, first_line};
use crate::libvirt::conf::{DesiredValue, Edit, Key, Value};
use crate::libvirt::daemons::{DROP_IN, InstalledDaemon};
use crate::policy::{Libvirt, Mode};

const NONE: &str = "with `none` only the mode of the socket restricts access. If systemd creates the socket, \
                    unix_sock_group and unix_sock_rw_perms have no effect, every user may open it, and every local user is root-equivalent";
const ALONE: &str = "it was set by hand, and after `remove` every user could open the socket: remove the line \
                     first";
const CLOSED: &str = "it closes the socket to users that polkit would allow";
const NARROWED: &str = "an access driver requires the mode `acl`";

/// The changes to the tree, besides polkit's own files.
#[derive(Debug, Default)]
pub struct DaemonChanges {
    /// The changes to configuration files.
    pub edits: Vec<Edit>,
    /// The drop-ins of socket units.
    pub files: Vec<File>,
}

/// Returns the changes for these daemons.
#[must_use]
pub fn changes(libvirt: &Libvirt, found: &[InstalledDaemon], origin: &Origin) -> DaemonChanges {
    let mut changes = DaemonChanges::default();
    for daemon in found.iter().filter(|found| libvirt.has_daemon(found.daemon.name)) {
        let keys = keys(libvirt, daemon);
        if !keys.is_empty() {
            changes.edits.push(Edit { path: daemon.daemon.conf.to_owned(), keys });
        }
        if libvirt.mode == Mode::Socket && daemon.activated {
            changes.files.push(drop_in(libvirt, daemon, origin));
        }
    }
    changes
}

fn keys(libvirt: &Libvirt, found: &InstalledDaemon) -> Vec<Key> {
    let text = |text: &str| Value::Text(text.to_owned());
    let key = |name, want, why| Key { name, want, why };
    // Without effect if systemd creates the socket; then the keys are not changed.
    let closed = |name| (!found.activated).then(|| key(name, DesiredValue::Unset, CLOSED));
    let polkit = || key("auth_unix_rw", DesiredValue::Default(text("polkit")), NONE);
    match libvirt.mode {
        Mode::ReadOnly => Vec::new(),
        Mode::Polkit => {
            let mut keys =
                vec![polkit(), key("access_drivers", DesiredValue::Default(Value::List(Vec::new())), NARROWED)];
            keys.extend(["unix_sock_group", "unix_sock_rw_perms"].into_iter().filter_map(closed));
            keys
        }
        Mode::Acl => {
            let drivers = DesiredValue::Set(Value::List(vec![text("polkit")]));
            let mut keys = vec![polkit(), key("access_drivers", drivers, "")];
            keys.extend(["unix_sock_group", "unix_sock_rw_perms"].into_iter().filter_map(closed));
            keys
        }
        Mode::Socket => {
            let mut keys = vec![
                key("auth_unix_rw", DesiredValue::Set(text("none")), ALONE),
                key("access_drivers", DesiredValue::Default(Value::List(Vec::new())), NARROWED),
            ];
            if !found.activated {
                keys.push(key("unix_sock_group", DesiredValue::Set(text(libvirt.socket_group())), ""));
                keys.push(key("unix_sock_rw_perms", DesiredValue::Set(text("0660")), ""));
            }
            keys
        }
    }
}

fn drop_in(libvirt: &Libvirt, found: &InstalledDaemon, origin: &Origin) -> File {
    let text = format!(
        "# {}\n# {}.conf has auth_unix_rw = \"none\": only this mode restricts access.\n\
         [Socket]\nSocketMode=0660\nSocketGroup={}\n",
        first_line(origin),
        found.daemon.name,
        libvirt.socket_group()
    );
    File { directory: found.daemon.drop_ins, name: DROP_IN.into(), text }
}
