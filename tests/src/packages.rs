//! Packages that are not in the root filesystems: fetched once by apt, and unpacked into a folder below `target/beds`. Nothing of them is
//! configured.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Suite;
use crate::paths::{beds_dir, make_dir};
use crate::roots::{self, archive};

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Documentation: no test reads it.
const LEFT_OUT: [&str; 3] = ["./usr/share/doc", "./usr/share/locale", "./usr/share/man"];
/// Folders of older packages, which are links in the root filesystems.
const MERGED: [&str; 3] = ["bin", "lib", "sbin"];

/// Fetches and unpacks packages of a suite with what they depend on beyond its root filesystem, unless they are there: the folder.
///
/// # Errors
/// What failed.
pub fn unpacked(suite: Suite, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let above = beds_dir().join(name);
    let target = above.join(suite.name());
    make_dir(&above);
    let lock = File::create(above.join("lock")).map_err(|error| format!("the lock: {error}"))?;
    lock.lock().map_err(|error| format!("locking: {error}"))?;
    let list = above.join(format!("{suite}.packages"));
    let wanted = packages.join("\n");
    if target.exists() && fs::read_to_string(&list).is_ok_and(|known| known == wanted) {
        return Ok(target);
    }
    let _ = fs::remove_dir_all(&target);
    let work = tempfile::tempdir_in(&above).map_err(|error| format!("a folder: {error}"))?;
    let new = work.path().join("unpacked");
    make_dir(&new);
    for package in download(suite, work.path(), packages)? {
        let script = "dpkg-deb --fsys-tarfile \"$1\" | { shift; tar --extract --no-same-permissions \"$@\"; }";
        let left_out = LEFT_OUT.map(|path| format!("--exclude={path}"));
        run(Command::new("sh").args(["-ec", script, "sh"]).arg(package).arg("-C").arg(&new).args(left_out))?;
    }
    for folder in MERGED.map(|folder| new.join(folder)).iter().filter(|folder| folder.is_dir()) {
        let merged = new.join("usr").join(folder.file_name().unwrap_or_default());
        make_dir(&merged);
        run(Command::new("cp").args(["-a", "-t"]).arg(&merged).arg(folder.join(".")))?;
        fs::remove_dir_all(folder).map_err(|error| format!("removing {}: {error}", folder.display()))?;
    }
    fs::rename(&new, &target).map_err(|error| format!("renaming {}: {error}", new.display()))?;
    fs::write(&list, wanted).map_err(|error| format!("writing {}: {error}", list.display()))?;
    Ok(target)
}

/// An apt of its own in that folder: it knows the one suite, and what its root filesystem has.
fn download(suite: Suite, work: &Path, packages: &[&str]) -> Result<Vec<PathBuf>, String> {
    for dir in ["state/lists/partial", "cache/archives/partial"] {
        make_dir(&work.join(dir));
    }
    let signed = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
    let source = format!("deb {signed}{} {suite} main\n", archive()?);
    fs::write(work.join("sources.list"), source).map_err(|error| format!("writing sources.list: {error}"))?;
    let shown = work.display();
    let options = [
        format!("Dir::State={shown}/state"),
        format!("Dir::State::status={}/var/lib/dpkg/status", roots::path(suite, None).display()),
        format!("Dir::Cache={shown}/cache"),
        format!("Dir::Etc::SourceList={shown}/sources.list"),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Check-Valid-Until=false".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option.as_str()]).collect();
    run(Command::new("apt-get").args(&options).args(["-qq", "update"]))?;
    let fetch = ["-qq", "--yes", "--download-only", "--no-install-recommends", "install"];
    run(Command::new("apt-get").args(&options).args(fetch).args(packages))?;
    let archives = work.join("cache/archives");
    let entries = fs::read_dir(&archives).map_err(|error| format!("reading {}: {error}", archives.display()))?;
    let found =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "deb"));
    Ok(found.collect())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("starting {command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {said}")) }
}
