//! The way into a bed. The harness starts it; it is of no use by hand.

use std::path::Path;
use std::process::ExitCode;

use polkit_tests::init;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [cgroup, pid1, command @ ..] = arguments.as_slice() else {
        eprintln!("usage: bed-exec CGROUP PID1 COMMAND…");
        return ExitCode::from(2);
    };
    let Err(error) = init::enter(Path::new(cgroup), pid1, command) else { return ExitCode::SUCCESS };
    eprintln!("bed-exec: {error}");
    ExitCode::FAILURE
}
