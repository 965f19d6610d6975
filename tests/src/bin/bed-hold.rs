//! Makes a full bed of bookworm, says its host name and the host's pid of its PID 1, and holds it until killed; with `--end` it
//! lets go at once. The tests of the harness kill it.

use polkit_tests::{FullBed, Suite, require};

fn main() {
    let Some(root) = require(Suite::Bookworm) else { std::process::exit(1) };
    let bed = FullBed::on(&root).without_libvirtd().start();
    println!("{} {}", bed.exec(["cat", "/etc/hostname"]).success().text(), bed.pid1());
    if std::env::args().nth(1).as_deref() != Some("--end") {
        loop {
            std::thread::park();
        }
    }
}
