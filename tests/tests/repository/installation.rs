//! `make install`, and what a change of dependencies must not forget.

use std::fs;
use std::process::Command;

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_installed_manuals_name_the_folders_of_the_prefix() {
    let destination = tempfile::tempdir().unwrap();
    let completions = tempfile::tempdir().unwrap();
    polkit_completions::write(completions.path()).unwrap();
    let make = Command::new("make")
        .args(["--silent", "install", "PREFIX=/opt/psa", "LIBEXECDIR=/usr/libexec"])
        .arg(format!("DESTDIR={}", destination.path().display()))
        .arg(format!("BUILT={}", polkit_tests::product_dir().display()))
        .arg(format!("COMPLETIONS={}", completions.path().display()))
        .current_dir(TOP)
        .output()
        .unwrap();
    assert!(make.status.success(), "{}", String::from_utf8_lossy(&make.stderr));
    let manuals = destination.path().join("opt/psa/share/man");
    let mut named = 0;
    for page in ["man1/polkit-policy-gen.1", "man5/agent.toml.5", "man5/policy.toml.5", "man8/polkit-service-agent.8"] {
        let text = fs::read_to_string(manuals.join(page)).unwrap();
        assert!(!text.contains("/usr/share/doc/polkit-service-agent"), "{page}");
        named += text.matches("/opt/psa/share/doc/polkit-service-agent").count();
    }
    assert!(named >= 4, "{named}");
}

/// The fuzz targets are a workspace of their own, which `cargo build --workspace` does not see.
#[test]
fn the_lock_file_of_the_fuzz_targets_has_all_dependencies() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version=1", "--manifest-path", "tests/fuzz/Cargo.toml"])
        .current_dir(TOP)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&metadata.stderr);
    assert!(metadata.status.success(), "run `cargo metadata` in tests/fuzz without --locked: {error}");
}
