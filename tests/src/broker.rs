//! dbus-broker, the bus of Fedora and Arch, in place of dbus-daemon in a full bed.
//!
//! The root filesystems have dbus-daemon alone. The package of the suite is fetched once by apt, and unpacked into
//! `target/beds/broker/SUITE`; its libraries are those that dbus-daemon needs as well.

use std::fs;
use std::path::PathBuf;

use crate::full::FullBuilder;
use crate::packages::unpacked;
use crate::skip::skip;
use crate::{Root, Suite};

const PROGRAMS: [&str; 2] = ["/usr/bin/dbus-broker", "/usr/bin/dbus-broker-launch"];
/// As the package's own dbus-broker.service, under the name by which dbus.socket starts the bus.
const UNIT: &str = "[Unit]\nDefaultDependencies=false\nAfter=dbus.socket\nBefore=basic.target shutdown.target\n\
                    Requires=dbus.socket\nConflicts=shutdown.target\n\n[Service]\nType=notify\nSockets=dbus.socket\n\
                    ExecStart=/usr/bin/dbus-broker-launch --scope system\n\
                    ExecReload=/usr/bin/busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig\n";

/// Fetches and unpacks the package of a suite, unless it is there: the folder.
///
/// # Errors
/// What failed.
pub fn fetch(suite: Suite) -> Result<PathBuf, String> {
    unpacked(suite, "broker", &["dbus-broker"])
}

/// Replaces the bus of a full bed. Without the package the running test is counted as skipped.
///
/// # Panics
/// If a file of the package cannot be read.
#[must_use]
pub fn on_broker(builder: FullBuilder, root: &Root) -> Option<FullBuilder> {
    on_broker_of(builder, root.suite())
}

/// The same with the package of another suite, which must be older than that of the bed.
///
/// # Panics
/// If a file of the package cannot be read.
#[must_use]
pub fn on_broker_of(builder: FullBuilder, suite: Suite) -> Option<FullBuilder> {
    let folder = match fetch(suite) {
        Ok(folder) => folder,
        Err(reason) => {
            skip(&format!("no dbus-broker of {suite}: {reason}"));
            return None;
        }
    };
    let read = |path: &str| {
        let file = folder.join(path.trim_start_matches('/'));
        fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
    };
    let with_unit = builder.file("/etc/systemd/system/dbus.service", 0o644, UNIT);
    Some(PROGRAMS.into_iter().fold(with_unit, |builder, path| builder.file(path, 0o755, read(path))))
}
