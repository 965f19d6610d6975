//! The first process of a bed. The harness starts it; it is of no use by hand.

use std::path::Path;
use std::process::ExitCode;

use polkit_tests::init;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["launch", kind, root, dir, cgroup, parent] => init::launch(kind, root, dir, Path::new(cgroup), parent),
        ["init", kind, root, dir] => init::init(kind, Path::new(root), Path::new(dir)),
        _ => Err("usage: bed-init launch KIND ROOT DIR CGROUP PARENT".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
