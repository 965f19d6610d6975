//! Passes the installation directories to the code, with defaults.

fn main() {
    println!("cargo::rerun-if-env-changed=LIBEXECDIR");
    let libexecdir = std::env::var("LIBEXECDIR").unwrap_or_else(|_| "/usr/libexec".into());
    println!("cargo::rustc-env=PSA_LIBEXECDIR={libexecdir}");
}
