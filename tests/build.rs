//! Makes a static program of `src/bin/libvirt-probe.rs`, beside the one that cargo makes: bullseye's libc is older than the
//! one that this workspace is built against.

use std::env::var;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    let source = "src/bin/libvirt-probe.rs";
    println!("cargo::rerun-if-changed={source}");
    println!("cargo::rerun-if-changed=build.rs");
    let program = PathBuf::from(var("OUT_DIR").expect("set by cargo")).join("libvirt-probe-static");
    let status = Command::new(var("RUSTC").expect("set by cargo"))
        .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Copt-level=1", "-Cstrip=symbols", source, "-o"])
        .arg(&program)
        .status()
        .expect("starting rustc");
    assert!(status.success(), "{source} could not be made into a static program");
    println!("cargo::rustc-env=LIBVIRT_PROBE={}", program.display());
}
