//! Root filesystems, built once by mmdebstrap into `target/beds/roots`.
//!
//! Beside the folder of a suite lie `SUITE.stamp` (the recipe it was built by; another recipe rebuilds it), `SUITE.lock`
//! (held shared by every bed on it, and alone by who builds it), `SUITE.log` (what mmdebstrap said) and, where the archive
//! does not serve a suite that may be missing, `SUITE.not-run` with the reason.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::Suite;
use crate::paths::{beds_dir, make_dir};

/// Raised whenever a root filesystem is built in another way from the same packages.
const RECIPE: u32 = 3;

/// How many are built at once.
const AT_ONCE: usize = 2;

/// What apt says when the archive does not serve a suite, or no longer serves a package of it.
const NOT_SERVED: [&str; 6] = [
    "does not have a Release file",
    "no longer has a Release file",
    "Failed to fetch",
    "Unable to locate package",
    "has no installation candidate",
    "unmet dependencies",
];

/// What came of building one root filesystem.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Ready,
    /// The archive does not serve it, and it may be missing.
    NotRun(String),
    /// It could not be built.
    Failed(String),
}

/// The file `SUITE.EXTENSION` beside the root filesystems, or the root filesystem itself without an extension.
pub(crate) fn path(suite: Suite, extension: Option<&str>) -> PathBuf {
    let roots = beds_dir().join("roots");
    match extension {
        Some(extension) => roots.join(format!("{suite}.{extension}")),
        None => roots.join(suite.name()),
    }
}

/// The file whose lock says who uses the root filesystem of a suite.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn lock_file(suite: Suite) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path(suite, Some("lock")))
}

/// Whether the root filesystem is there, complete and of this recipe.
pub(crate) fn is_ready(suite: Suite) -> bool {
    fs::read_to_string(path(suite, Some("stamp"))).is_ok_and(|stamp| stamp == recipe(suite))
}

/// Builds those root filesystems that are missing, two at a time, and tells on stderr how it goes.
pub fn build(suites: &[Suite]) -> Vec<(Suite, Outcome)> {
    make_dir(&beds_dir().join("roots"));
    let waiting = Mutex::new(suites.iter().copied());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(suite) = waiting.lock().unwrap().next() else { return };
                    let outcome = build_one(suite).unwrap_or_else(Outcome::Failed);
                    done.lock().unwrap().push((suite, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(suite, _)| *suite);
    done
}

/// The text that a stamp holds: what the root filesystem depends on.
fn recipe(suite: Suite) -> String {
    format!("recipe {RECIPE}\n{}\n{}\n", suite.packages().join("\n"), Suite::SHIPPED.join("\n"))
}

fn build_one(suite: Suite) -> Result<Outcome, String> {
    let lock = lock_file(suite).map_err(|error| format!("opening the lock of {suite}: {error}"))?;
    if lock.try_lock().is_err() {
        eprintln!("roots: {suite}: in use or being built by another process, waiting for it");
        lock.lock().map_err(|error| format!("locking {suite}: {error}"))?;
    }
    if is_ready(suite) {
        eprintln!("roots: {suite}: ready");
        return Ok(Outcome::Ready);
    }
    let root = path(suite, None);
    let unfinished = path(suite, Some("new"));
    for file in ["stamp", "not-run"] {
        let _ = fs::remove_file(path(suite, Some(file)));
    }
    for tree in [&root, &unfinished] {
        remove_tree(tree)?;
    }
    let started = Instant::now();
    if !bootstrap(suite, &unfinished, started)? {
        remove_tree(&unfinished)?;
        return failure(suite);
    }
    fs::rename(&unfinished, &root).map_err(|error| format!("renaming {}: {error}", unfinished.display()))?;
    fs::write(path(suite, Some("stamp")), recipe(suite)).map_err(|error| format!("writing the stamp: {error}"))?;
    eprintln!("roots: {suite}: built in {} s", started.elapsed().as_secs());
    Ok(Outcome::Ready)
}

/// Runs mmdebstrap and says every ten seconds that it still runs. True if it succeeded.
fn bootstrap(suite: Suite, target: &Path, started: Instant) -> Result<bool, String> {
    let archive = archive()?;
    let log = path(suite, Some("log"));
    let out = File::create(&log).map_err(|error| format!("making {}: {error}", log.display()))?;
    let err = out.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
    eprintln!("roots: {suite}: building (about half a minute, 400 MB)");
    let mut child = Command::new("mmdebstrap")
        .args(["--mode=root", "--variant=minbase", "--format=directory"])
        .args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\""])
        // The mirror may lag behind: a moving suite's Release file is then past its date.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .args(["doc", "man", "locale"].map(|part| format!("--dpkgopt=path-exclude=/usr/share/{part}/*")))
        .arg("--dpkgopt=force-unsafe-io")
        // libnss-systemd is there for the tests that enable it. Without it, the beds are the same with and without systemd.
        .arg(r#"--customize-hook=sed -i "s/ systemd$//" "$1/etc/nsswitch.conf""#)
        .arg(format!("--customize-hook={}", shipped_policy()))
        .arg(format!("--include={}", suite.packages().join(",")))
        .arg(suite.name())
        .arg(target)
        .arg(format!("deb {archive} {suite} main"))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|error| format!("starting mmdebstrap (apt-get install mmdebstrap): {error}"))?;
    let mut told = started;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("waiting for mmdebstrap: {error}"))? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(100));
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            eprintln!("roots: {suite}: {} s", started.elapsed().as_secs());
        }
    }
}

/// The command that puts the policy of packages that are not installed into [`Suite::SHIPPED_POLICY`], by apt's state outside of the root.
fn shipped_policy() -> String {
    let (place, packages) = (Suite::SHIPPED_POLICY, Suite::SHIPPED.join(" "));
    format!(
        r#"mkdir -p "$1{place}" && cd "$1{place}" &&
           APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download {packages} &&
           for package in *.deb; do dpkg-deb --extract "$package" all || exit 1; done &&
           cd all && find . -path '*/polkit-1/*' -type f -exec cp --parents {{}} .. ';' && cd .. && rm -r all ./*.deb"#
    )
}

/// Tells from the log of mmdebstrap whether the archive or something else is the cause.
fn failure(suite: Suite) -> Result<Outcome, String> {
    let log = path(suite, Some("log"));
    let text = fs::read(&log).map_err(|error| format!("reading {}: {error}", log.display()))?;
    let text = String::from_utf8_lossy(&text);
    match not_served(&text) {
        Some(reason) if !suite.is_required() => {
            fs::write(path(suite, Some("not-run")), reason).map_err(|error| format!("recording it: {error}"))?;
            Ok(Outcome::NotRun(reason.to_owned()))
        }
        reason => {
            let reason = reason.or(text.lines().last()).unwrap_or("no output");
            Err(format!("{reason} (whole log: {})", log.display()))
        }
    }
}

/// The line of a log that says that the archive is the cause.
fn not_served(log: &str) -> Option<&str> {
    log.lines().find(|line| NOT_SERVED.iter().any(|words| line.contains(words)))
}

fn remove_tree(tree: &Path) -> Result<(), String> {
    if !tree.exists() {
        return Ok(());
    }
    fs::remove_dir_all(tree).map_err(|error| format!("removing {}: {error}", tree.display()))
}

/// The archive that this machine's own apt sources name, or what `BEDS_ARCHIVE` says.
pub(crate) fn archive() -> Result<String, String> {
    if let Ok(archive) = std::env::var("BEDS_ARCHIVE") {
        return Ok(archive);
    }
    let ask = |filter: &[&str]| -> Result<Option<String>, String> {
        let output = Command::new("apt-get")
            .args(["indextargets", "--format", "$(REPO_URI)"])
            .args(filter)
            .output()
            .map_err(|error| format!("asking apt-get for its sources: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().find(|line| !line.contains("security")).map(str::to_owned))
    };
    // Before the first `apt-get update` apt does not know the origin of its sources.
    ask(&["Origin: Debian", "Label: Debian"])?
        .or(ask(&["Created-By: Packages"])?)
        .ok_or_else(|| "this machine's apt has no Debian source; name an archive in BEDS_ARCHIVE".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_the_archive_does_not_serve_is_told_from_a_broken_build() {
        let gone = "E: The repository 'http://archive.example/debian forky Release' does not have a Release file.";
        let log = format!("I: running apt-get update...\n{gone}\nE: apt-get update failed\n");
        assert_eq!(not_served(&log), Some(gone));
        assert_eq!(not_served("I: running apt-get update...\nE: No space left on device\n"), None);
    }

    #[test]
    fn another_list_of_packages_is_another_recipe() {
        let recipes: Vec<String> = Suite::ALL.into_iter().map(recipe).collect();
        assert!(recipes.iter().all(|recipe| recipe.starts_with(&format!("recipe {RECIPE}\n"))));
        assert_eq!(recipes.iter().filter(|recipe| recipe.contains("\npolkitd-pkla\n")).count(), 1);
    }
}
