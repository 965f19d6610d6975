//! What a test needs, and the count of tests that did not run for want of it.
//!
//! A skip is written to `target/beds/skipped` (test, reason), a suite that the archive does not serve to
//! `target/beds/not-run`; the program `skips` sums both up after `cargo test`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::paths::{beds_dir, make_dir};
use crate::{Suite, cgroup, roots};

/// A root filesystem that beds can be made on. It is not rebuilt while one of these exists.
#[derive(Debug, Clone)]
pub struct Root {
    suite: Suite,
    path: PathBuf,
    _in_use: Arc<File>,
}

impl Root {
    /// The suite it holds.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Where it is on the host. Nothing may be written there.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The root filesystem of a suite, or `None` if this test cannot run here: the caller then returns. The skip has been
/// counted under the test's name and told on stderr.
///
/// # Panics
/// With `REQUIRE_REAL=1` in the environment, where a skip is a failure. A suite that the archive does not serve (and that
/// is not required) never is.
#[must_use]
pub fn require(suite: Suite) -> Option<Root> {
    if let Err(reason) = able() {
        skip(&reason);
        return None;
    }
    make_dir(&beds_dir().join("roots"));
    let lock = roots::lock_file(suite).unwrap_or_else(|error| panic!("the lock of {suite}: {error}"));
    lock.lock_shared().unwrap_or_else(|error| panic!("locking {suite}: {error}"));
    if roots::is_ready(suite) {
        return Some(Root { suite, path: roots::path(suite, None), _in_use: Arc::new(lock) });
    }
    if !suite.is_required() && roots::path(suite, Some("not-run")).exists() {
        eprintln!("NOT RUN: {}: the archive does not serve {suite}", test_name());
        append("not-run", suite.name());
    } else {
        skip(&format!("no root filesystem of {suite}: run `cargo run -p polkit-tests --bin roots`"));
    }
    None
}

/// Counts the running test as skipped, with the reason.
///
/// # Panics
/// With `REQUIRE_REAL=1` in the environment.
pub fn skip(reason: &str) {
    let test = test_name();
    assert!(std::env::var_os("REQUIRE_REAL").is_none_or(|value| value != "1"), "{test} cannot run: {reason}");
    eprintln!("SKIPPED: {test}: {reason}");
    append("skipped", &format!("{test}\t{reason}"));
}

/// Forgets what was counted before.
///
/// # Errors
/// If a file cannot be removed.
pub fn clear() -> std::io::Result<()> {
    for file in ["skipped", "not-run"] {
        match std::fs::remove_file(beds_dir().join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What was counted since [`clear`], as lines for a person: the skipped tests, and last, if there are such, the suites
/// that did not run.
pub fn summary() -> Vec<String> {
    let read = |file: &str| std::fs::read_to_string(beds_dir().join(file)).unwrap_or_default();
    summarize(&read("skipped"), &read("not-run"))
}

fn summarize(skipped: &str, not_run: &str) -> Vec<String> {
    let skipped: BTreeSet<(&str, &str)> = skipped.lines().filter_map(|line| line.split_once('\t')).collect();
    let not_run: BTreeSet<&str> = not_run.lines().collect();
    let mut summary: Vec<String> = skipped.iter().map(|(test, reason)| format!("{test}: {reason}")).collect();
    let tests: Vec<&str> = skipped.iter().map(|(test, _)| *test).collect();
    summary.push(match tests.len() {
        0 => "SKIPPED: 0".to_owned(),
        count => format!("SKIPPED: {count} ({})", tests.join(", ")),
    });
    if !not_run.is_empty() {
        summary.push(format!("NOT RUN: {}", Vec::from_iter(not_run).join(", ")));
    }
    summary
}

/// Whether beds can be made here at all.
fn able() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("not root".to_owned());
    }
    cgroup::mount_point().map(|_| ())
}

/// The test's name after that of its file: libtest names the thread of a test after it (but `main` with one test thread).
fn test_name() -> String {
    let program = std::env::current_exe().expect("the path of the running program");
    let program = program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // cargo adds a hash to the name of a test's program.
    let hashed = |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let file = program.rsplit_once('-').filter(|(_, hash)| hashed(hash)).map_or(program.as_str(), |(file, _)| file);
    format!("{file}::{}", std::thread::current().name().unwrap_or("?"))
}

/// One write for each line, so that lines of several processes do not mix.
fn append(file: &str, line: &str) {
    let path = beds_dir().join(file);
    make_dir(&beds_dir());
    let written = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.unwrap_or_else(|error| panic!("counting in {}: {error}", path.display()));
}

/// Makes of each function named, which takes a [`&Root`](Root), one test for each suite: `FUNCTION::bullseye` and so on.
#[macro_export]
macro_rules! on_each_suite {
    ($($fact:ident)*) => {
        $($crate::on_each_suite!(@one $fact bullseye Bullseye, bookworm Bookworm, trixie Trixie, forky Forky);)*
    };
    (@one $fact:ident $($name:ident $suite:ident),*) => {
        mod $fact {
            $(
                #[test]
                fn $name() {
                    if let Some(root) = $crate::require($crate::Suite::$suite) {
                        super::$fact(&root);
                    }
                }
            )*
        }
    };
}

/// The same for the suites whose polkit reads rules, where the programs that are built here start, too.
#[macro_export]
macro_rules! on_each_suite_with_rules {
    ($($fact:ident)*) => {
        $($crate::on_each_suite!(@one $fact bookworm Bookworm, trixie Trixie, forky Forky);)*
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_skipped_test_is_named_once_and_not_run_comes_last() {
        let skipped = "beds::b\tnot root\nbeds::a\tnot root\nbeds::b\tnot root\n";
        let expected = [
            "beds::a: not root",
            "beds::b: not root",
            "SKIPPED: 2 (beds::a, beds::b)",
            "NOT RUN: bullseye, forky",
        ];
        assert_eq!(summarize(skipped, "forky\nbullseye\nforky\n"), expected);
    }

    #[test]
    fn nothing_skipped_is_said_too() {
        assert_eq!(summarize("", ""), ["SKIPPED: 0"]);
    }
}
