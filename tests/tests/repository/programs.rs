//! Programs that are not compiled for unit tests have none.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// Whether a source file, or one below its folder, has a unit test.
fn has_test(path: &Path) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().any(|entry| has_test(&entry.unwrap().path()));
    }
    path.extension().is_some_and(|extension| extension == "rs") && fs::read_to_string(path).unwrap().contains("#[test]")
}

#[test]
fn a_program_that_is_not_tested_by_cargo_has_no_unit_test() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let targets = metadata["packages"].as_array().unwrap().iter().flat_map(|one| one["targets"].as_array().unwrap());
    let untested: Vec<&Path> = targets
        .filter(|target| target["test"] == false && target["kind"][0] == "bin")
        .map(|target| Path::new(target["src_path"].as_str().unwrap()))
        .collect();
    assert!(untested.len() >= 15, "{untested:?}");
    for path in untested {
        // The modules of `main.rs` are beside it only in a folder of the program's own.
        let own = path.parent().filter(|folder| path.ends_with("main.rs") && !folder.ends_with("src"));
        assert!(!has_test(own.unwrap_or(path)), "{} has a test that nothing runs", path.display());
    }
}

/// An override of a package in the release profile does not inherit `strip`. Without it the programs of the package keep their symbols.
#[test]
fn programs_of_the_release_are_stripped() {
    let manifest = include_str!("../../../Cargo.toml");
    let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
    assert!(lines.contains(&"strip = true"));
    for package in ["polkit-service-agent", "polkit-policy-gen"] {
        let is_overridden = lines.iter().any(|line| line.starts_with(&format!("{package}.opt-level")));
        let is_stripped = lines.contains(&format!("{package}.strip = true").as_str());
        assert!(is_stripped || !is_overridden, "{package}");
    }
}
