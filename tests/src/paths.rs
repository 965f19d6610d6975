//! Where things are: everything that the tests make lies below `target/beds`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs of the product.
const PRODUCT: [&str; 4] =
    ["polkit-service-agent", "polkit-service-agent-hook", "polkit-policy-gen", "polkit-policy-gen-js"];

/// The folder of the running profile, such as `target/debug`: where cargo puts the programs it builds.
///
/// # Panics
/// If the path of the running program cannot be read.
pub fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of the running program");
    let dir = exe.parent().expect("a program is in a folder");
    // Test binaries are one level below the programs.
    if dir.ends_with("deps") { dir.parent().expect("deps is in a folder").to_owned() } else { dir.to_owned() }
}

/// The beds' own folder, `beds` in cargo's target folder (which `CARGO_TARGET_DIR` or a configuration may have moved).
///
/// # Panics
/// If the running program is not in a target folder of cargo.
pub fn beds_dir() -> PathBuf {
    let profile = profile_dir();
    let target = profile.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
    target.unwrap_or_else(|| panic!("{} is not in a target folder of cargo", profile.display())).join("beds")
}

/// A program of this workspace that cargo has built in the running profile.
///
/// # Panics
/// If it is not there: `cargo test -p polkit-tests` builds the programs of this package alone.
pub fn program(name: &str) -> PathBuf {
    let path = profile_dir().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// A folder with the programs of the product, without their debug information, as they are copied into the beds: a quarter of the size.
/// Without strip(1) this is the folder of the profile.
///
/// # Panics
/// If a program is missing or a file cannot be written.
pub fn product_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = beds_dir().join("programs").join(profile_dir().file_name().expect("the name of a profile"));
        make_dir(&dir);
        let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        for name in PRODUCT.iter().filter(|name| profile_dir().join(name).exists()) {
            let (from, to) = (program(name), dir.join(name));
            if changed(&to) > changed(&from) {
                continue;
            }
            // Several test programs may do this at once.
            let unfinished = dir.join(format!(".{name}.{}", std::process::id()));
            let strip = Command::new("strip").arg("--strip-debug").arg("-o").args([&unfinished, &from]).status();
            if !strip.is_ok_and(|status| status.success()) {
                return profile_dir();
            }
            std::fs::rename(&unfinished, &to).unwrap_or_else(|error| panic!("renaming to {}: {error}", to.display()));
        }
        dir
    })
}

/// Makes a folder and those above it.
///
/// # Panics
/// If that fails.
pub(crate) fn make_dir(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap_or_else(|error| panic!("making {}: {error}", dir.display()));
}

/// A static build of `libvirt-probe`, which starts in the beds of every suite.
pub fn libvirt_probe() -> &'static Path {
    Path::new(env!("LIBVIRT_PROBE"))
}

/// A static build of `hostile`: processes as an attacker makes them, see `hostile/hostile.c`.
pub fn hostile() -> &'static Path {
    Path::new(env!("HOSTILE"))
}
