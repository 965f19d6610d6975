//! SECURITY.md and ARCHITECTURE.md name tests and files that exist.

use std::collections::HashSet;
use std::path::Path;

const PAPER: &str = include_str!("../../../SECURITY.md");
const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above this package")
}

fn functions() -> HashSet<String> {
    let mut functions = HashSet::new();
    for folder in ["tests/tests", "tests/fuzz/targets", "agent", "config", "dbus", "policy-gen"] {
        collect(&top().join(folder), &mut functions);
    }
    functions
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
    let (named, functions): (Vec<&str>, _) = (invariants.split('`').skip(1).step_by(2).collect(), functions());
    assert!(named.len() >= 10, "{named:?}");
    for test in named {
        assert!(functions.contains(test), "there is no test {test}");
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let functions = functions();
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
            assert!(functions.contains(test), "there is no test {test}, named in: {row}");
        }
    }
}

/// The functions and fuzz targets of every Rust file below a folder.
fn collect(folder: &Path, functions: &mut HashSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            collect(&entry, functions);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&entry).expect("a file of the sources");
            let names = text.lines().filter_map(|line| {
                let line = line.trim_start();
                line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split('(').next()
            });
            functions.extend(names.map(str::to_owned));
            if folder.ends_with("fuzz/targets") {
                functions.extend(entry.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
    }
}
