//! Passes the installation's folders on to the code, with the usual ones where none is given.

fn main() {
    println!("cargo::rerun-if-env-changed=SYSCONFDIR");
    let sysconfdir = std::env::var("SYSCONFDIR").unwrap_or_else(|_| "/etc".into());
    println!("cargo::rustc-env=PSA_SYSCONFDIR={sysconfdir}");
}
