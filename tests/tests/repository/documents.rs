//! SECURITY.md and ARCHITECTURE.md name tests and files that exist.

use std::collections::HashSet;
use std::path::Path;

const PAPER: &str = include_str!("../../../SECURITY.md");
const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above this package")
}

/// The names of all tests, and of the fuzz targets that tests/fuzz.sh runs.
pub(crate) fn tests() -> HashSet<String> {
    let mut tests = fuzz_targets();
    for folder in ["tests/tests", "agent", "types", "config", "dbus", "policy-gen"] {
        collect(&top().join(folder), &mut tests);
    }
    tests
}

#[test]
fn the_architecture_names_files_and_tests_that_exist() {
    let quoted = || ARCHITECTURE.split('`').skip(1).step_by(2);
    let files: Vec<&str> = quoted().filter(|name| name.contains('/') && !name.ends_with('/')).collect();
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        assert!(top().join(file).exists(), "there is no {file}");
    }
    let (_, invariants) = ARCHITECTURE.split_once("## Invariants").expect("the invariants");
    let (named, tests): (Vec<&str>, _) = (invariants.split('`').skip(1).step_by(2).collect(), tests());
    assert!(named.len() >= 10, "{named:?}");
    for test in named {
        assert!(tests.contains(test), "there is no test {test}");
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let tests = tests();
    let rows: Vec<&str> = PAPER.lines().filter(|line| line.starts_with("| ") && !line.ends_with("---|")).collect();
    assert!(rows.len() > 10, "the tables are gone");
    // The line above a table's `|---|` is its head.
    let heads: HashSet<&str> = PAPER
        .lines()
        .zip(PAPER.lines().skip(1))
        .filter(|(_, next)| next.starts_with("|---"))
        .map(|(line, _)| line)
        .collect();
    for row in rows.into_iter().filter(|row| !heads.contains(row)) {
        if row.contains("| no: ") && row.ends_with("| – |") {
            continue;
        }
        let last = row.trim_end_matches('|').rsplit(" | ").next().expect("a column");
        let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named in: {row}");
        for test in named {
            assert!(tests.contains(test), "there is no test {test}, named in: {row}");
        }
    }
}

/// The targets that tests/fuzz.sh finds in tests/fuzz/Cargo.toml. Each has a program and seeds.
fn fuzz_targets() -> HashSet<String> {
    let read = |file: &str| std::fs::read_to_string(top().join(file)).expect(file);
    let command = r#"targets=$(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' tests/fuzz/Cargo.toml)"#;
    assert!(read("tests/fuzz.sh").contains(command), "tests/fuzz.sh finds the targets in another way");
    assert!(read("Makefile").contains("./tests/fuzz.sh"), "make does not run tests/fuzz.sh");
    let manifest = read("tests/fuzz/Cargo.toml");
    let quoted = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let is_target = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let targets: HashSet<String> = quoted.filter(is_target).map(str::to_owned).collect();
    for target in &targets {
        for file in [format!("tests/fuzz/targets/{target}.rs"), format!("tests/fuzz/seeds/{target}")] {
            assert!(top().join(&file).exists(), "there is no {file}");
        }
    }
    targets
}

/// The tests in every Rust file below a folder.
fn collect(folder: &Path, tests: &mut HashSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            collect(&entry, tests);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_of(&std::fs::read_to_string(&entry).expect("a file of the sources")));
        }
    }
}

/// The functions of a file that have the attribute of a test, or that a macro makes into one test for each suite.
fn tests_of(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let (mut is_test, mut in_macro) = (false, false);
    for line in text.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if line.starts_with("on_each_suite") && line.ends_with("! {") {
            in_macro = true;
        } else if in_macro {
            in_macro = line != "}";
            tests.extend(in_macro.then(|| line.to_owned()));
        } else if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(function) = function {
            tests.extend(is_test.then(|| function.split('(').next().unwrap_or_default().to_owned()));
            is_test = false;
        }
    }
    tests
}

#[test]
fn only_what_runs_as_a_test_counts_as_one() {
    let text = "on_each_suite_with_rules! {\n    first\n    second\n}\nfn first() {}\nfn helper() {}\n#[test]\n#[ignore]\n\
                fn third() {\n    fn inner() {}\n}\n#[tokio::test]\nasync fn fourth() {}\n";
    assert_eq!(tests_of(text), ["first", "second", "third", "fourth"]);
}
