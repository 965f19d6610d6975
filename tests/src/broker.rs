//! dbus-broker, the bus of Fedora and Arch, in place of dbus-daemon in a full bed.
//!
//! The root filesystems have dbus-daemon alone. The package of the suite is fetched once by apt, and unpacked into
//! `target/beds/broker/SUITE`; its libraries are those that dbus-daemon needs as well.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::full::FullBuilder;
use crate::paths::{beds_dir, make_dir};
use crate::roots::archive;
use crate::skip::skip;
use crate::{Root, Suite};

const PACKAGE: &str = "dbus-broker";
const PROGRAMS: [&str; 2] = ["/usr/bin/dbus-broker", "/usr/bin/dbus-broker-launch"];
/// As the package's own dbus-broker.service, under the name by which dbus.socket starts the bus.
const UNIT: &str = "[Unit]\nDefaultDependencies=false\nAfter=dbus.socket\nBefore=basic.target shutdown.target\n\
                    Requires=dbus.socket\nConflicts=shutdown.target\n\n[Service]\nType=notify\nSockets=dbus.socket\n\
                    ExecStart=/usr/bin/dbus-broker-launch --scope system\n\
                    ExecReload=/usr/bin/busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig\n";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches and unpacks the package of a suite, unless it is there.
///
/// # Errors
/// What failed.
pub fn fetch(suite: Suite) -> Result<(), String> {
    let target = folder(suite);
    make_dir(&beds_dir().join("broker"));
    let lock = File::create(beds_dir().join("broker/lock")).map_err(|error| format!("the lock: {error}"))?;
    lock.lock().map_err(|error| format!("locking: {error}"))?;
    if target.exists() {
        return Ok(());
    }
    let work = tempfile::tempdir_in(beds_dir().join("broker")).map_err(|error| format!("a folder: {error}"))?;
    let package = download(suite, work.path())?;
    let unpacked = work.path().join("unpacked");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&unpacked))?;
    fs::rename(&unpacked, &target).map_err(|error| format!("renaming {}: {error}", unpacked.display()))
}

/// An apt of its own in that folder: it knows the one suite, and nothing of what is installed here.
fn download(suite: Suite, work: &Path) -> Result<PathBuf, String> {
    for dir in ["state/lists/partial", "cache/archives/partial"] {
        make_dir(&work.join(dir));
    }
    let signed = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
    let source = format!("deb {signed}{} {suite} main\n", archive()?);
    for (name, text) in [("sources.list", source.as_str()), ("status", "")] {
        fs::write(work.join(name), text).map_err(|error| format!("writing {name}: {error}"))?;
    }
    let shown = work.display();
    let options = [
        format!("Dir::State={shown}/state"),
        format!("Dir::State::status={shown}/status"),
        format!("Dir::Cache={shown}/cache"),
        format!("Dir::Etc::SourceList={shown}/sources.list"),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Check-Valid-Until=false".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option.as_str()]).collect();
    run(Command::new("apt-get").args(&options).args(["-qq", "update"]))?;
    run(Command::new("apt-get").args(&options).args(["-qq", "download", PACKAGE]).current_dir(work))?;
    let entries = fs::read_dir(work).map_err(|error| format!("reading {shown}: {error}"))?;
    let package = entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "deb"));
    package.ok_or_else(|| format!("apt-get download {PACKAGE} left no package"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("starting {command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {said}")) }
}

fn folder(suite: Suite) -> PathBuf {
    beds_dir().join("broker").join(suite.name())
}

/// Replaces the bus of a full bed. Without the package the running test is counted as skipped.
///
/// # Panics
/// If a file of the package cannot be read.
#[must_use]
pub fn on_broker(builder: FullBuilder, root: &Root) -> Option<FullBuilder> {
    if let Err(reason) = fetch(root.suite()) {
        skip(&format!("no dbus-broker of {}: {reason}", root.suite()));
        return None;
    }
    let read = |path: &str| {
        let file = folder(root.suite()).join(path.trim_start_matches('/'));
        fs::read(&file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
    };
    let with_unit = builder.file("/etc/systemd/system/dbus.service", 0o644, UNIT);
    Some(PROGRAMS.into_iter().fold(with_unit, |builder, path| builder.file(path, 0o755, read(path))))
}
