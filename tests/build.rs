//! Makes static programs, which start in the beds of every suite: bullseye's libc is older than the one that this workspace is
//! built against. `libvirt-probe` is `src/bin/libvirt-probe.rs` once more; `hostile` is C, since it does what Rust calls unsafe.

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
    hostile();
}

fn hostile() {
    let source = "hostile/hostile.c";
    println!("cargo::rerun-if-changed={source}");
    let program = PathBuf::from(var("OUT_DIR").expect("set by cargo")).join("hostile");
    // getpwnam() reads /etc/passwd in a static program, which is all that it is for.
    let options = ["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,--no-warnings", source, "-lpthread", "-o"];
    let status = Command::new("cc").args(options).arg(&program).status().expect("starting cc");
    assert!(status.success(), "{source} could not be made into a static program");
    println!("cargo::rustc-env=HOSTILE={}", program.display());
}
