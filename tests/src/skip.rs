//! What a test needs, and the count of the tests in beds that ran, and that did not.
//!
//! Each test that has what it needs is written to `target/beds/ran`, a skip to `target/beds/skipped` (test, reason), and a test of a
//! suite that the archive does not serve to `target/beds/not-run` (test, suite). The program `skips` sums them up after `cargo test`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
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
    layers: Vec<PathBuf>,
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

    /// The same with the files of a folder above it.
    #[must_use]
    pub(crate) fn with_layer(mut self, layer: PathBuf) -> Self {
        self.layers.push(layer);
        self
    }

    /// The lower folders of a bed's overlay, the uppermost first.
    pub(crate) fn lower(&self) -> OsString {
        let mut lower = OsString::new();
        for layer in self.layers.iter().rev() {
            lower.push(layer);
            lower.push(":");
        }
        lower.push(&self.path);
        lower
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
        append("ran", &test_name());
        return Some(Root { suite, path: roots::path(suite, None), layers: Vec::new(), _in_use: Arc::new(lock) });
    }
    if !suite.is_required() && roots::path(suite, Some("not-run")).exists() {
        eprintln!("NOT RUN: {}: the archive does not serve {suite}", test_name());
        append("not-run", &format!("{}\t{suite}", test_name()));
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
    for file in ["ran", "skipped", "not-run"] {
        match std::fs::remove_file(beds_dir().join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What was counted since [`clear`].
pub fn count() -> Count {
    let read = |file: &str| std::fs::read_to_string(beds_dir().join(file)).unwrap_or_default();
    Count::of(&read("ran"), &read("skipped"), &read("not-run"))
}

/// The tests in beds that ran, and that did not.
#[derive(Debug)]
pub struct Count {
    ran: BTreeSet<String>,
    skipped: BTreeMap<String, String>,
    not_run: BTreeMap<String, BTreeSet<String>>,
}

impl Count {
    fn of(ran: &str, skipped: &str, not_run: &str) -> Self {
        let pairs = |text: &str| -> Vec<(String, String)> {
            let pairs = text.lines().filter_map(|line| line.split_once('\t'));
            pairs.map(|(test, why)| (test.to_owned(), why.to_owned())).collect()
        };
        let mut ran: BTreeSet<String> = ran.lines().map(str::to_owned).collect();
        let skipped: BTreeMap<String, String> = pairs(skipped).into_iter().collect();
        // A test that needs several suites ran if it had all of them, but for those that the archive does not serve.
        ran.retain(|test| !skipped.contains_key(test));
        let mut without = BTreeMap::<String, BTreeSet<String>>::new();
        for (test, suite) in pairs(not_run).into_iter().filter(|(test, _)| !ran.contains(test)) {
            without.entry(suite).or_default().insert(test);
        }
        Self { ran, skipped, not_run: without }
    }

    /// How many tests ran.
    pub fn ran(&self) -> usize {
        self.ran.len()
    }

    /// How many tests were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped.len()
    }

    /// Lines for a person: each skipped test with its reason, and last how many tests of how many ran.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.skipped.iter().map(|(test, reason)| format!("{test}: {reason}")).collect();
        let not_run: usize = self.not_run.values().map(BTreeSet::len).sum();
        let (ran, skipped) = (self.ran.len(), self.skipped.len());
        let mut last = format!("RAN: {ran} of {} tests in beds", ran + skipped + not_run);
        if skipped > 0 {
            last += &format!("; {skipped} skipped");
        }
        for (suite, tests) in &self.not_run {
            last += &format!("; {} not run: the archive does not serve {suite}", tests.len());
        }
        lines.push(last);
        lines
    }
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
    fn each_skipped_test_is_named_once_and_the_last_line_counts_all() {
        let skipped = "beds::b\tnot root\nbeds::a\tnot root\nbeds::b\tnot root\n";
        let count = Count::of("beds::c\nbeds::d\nbeds::c\nbeds::b\n", skipped, "beds::e\tforky\nbeds::e\tforky\n");
        let last = "RAN: 2 of 5 tests in beds; 2 skipped; 1 not run: the archive does not serve forky";
        assert_eq!(count.lines(), ["beds::a: not root", "beds::b: not root", last]);
        assert_eq!(count.skipped(), 2);
    }

    #[test]
    fn a_test_that_ran_on_some_suites_has_run() {
        let count = Count::of("beds::a\n", "", "beds::a\tforky\n");
        assert_eq!(count.lines(), ["RAN: 1 of 1 tests in beds"]);
        assert_eq!(Count::of("", "", "").lines(), ["RAN: 0 of 0 tests in beds"]);
    }
}
