//! The daemons of desktops, networks and updates that ask polkit, for the comparison with the table of mechanisms. They are in a layer
//! above the root filesystem: most tests need none of them.

use std::path::PathBuf;

use crate::packages::unpacked;
use crate::skip::skip;
use crate::{Root, Suite};

/// The packages. `vsmartcard-vpcd` is a virtual reader for smart cards.
const PACKAGES: [&str; 15] = [
    "network-manager",
    "pcscd",
    "opensc",
    "vsmartcard-vpcd",
    "udisks2",
    "packagekit",
    "colord",
    "modemmanager",
    "fwupd",
    "flatpak",
    "firewalld",
    "rtkit",
    "accountsservice",
    "bolt",
    "snapd",
];

/// Fetches and unpacks the packages of a suite, unless they are there: the folder.
///
/// # Errors
/// What failed.
pub fn fetch(suite: Suite) -> Result<PathBuf, String> {
    // Its command is a package of its own up to trixie.
    let tools: &[&str] = if suite == Suite::Forky { &[] } else { &["packagekit-tools"] };
    unpacked(suite, "daemons", &[&PACKAGES, tools].concat())
}

/// The root filesystem with the daemons. Counts a skip if they cannot be fetched.
#[must_use]
pub fn with_daemons(root: &Root) -> Option<Root> {
    match fetch(root.suite()) {
        Ok(layer) => Some(root.clone().with_layer(layer)),
        Err(reason) => {
            skip(&format!("no daemons of {}: {reason}", root.suite()));
            None
        }
    }
}
