//! Passes the installation's folders on to the code, with the usual ones where none is given.

fn main() {
    println!("cargo::rerun-if-env-changed=LIBEXECDIR");
    let libexecdir = std::env::var("LIBEXECDIR").unwrap_or_else(|_| "/usr/libexec".into());
    println!("cargo::rustc-env=PSA_LIBEXECDIR={libexecdir}");
}
