//! `roots [SUITE…]`: builds the root filesystems that the beds need, all of them by default.
//!
//! Exit codes: 0 all are there (or the archive does not serve one that may be missing), 1 one could not be built, 2 usage.

use std::process::ExitCode;

use polkit_tests::roots::{Outcome, build};
use polkit_tests::{Suite, broker, daemons};

fn main() -> ExitCode {
    let mut suites = Vec::new();
    for name in std::env::args().skip(1) {
        let Some(suite) = Suite::from_name(&name) else {
            eprintln!("roots: no suite {name:?}; there are {}", Suite::ALL.map(Suite::name).join(", "));
            return ExitCode::from(2);
        };
        suites.push(suite);
    }
    if suites.is_empty() {
        suites.extend(Suite::ALL);
    }
    let mut code = ExitCode::SUCCESS;
    for (suite, outcome) in build(&suites) {
        match outcome {
            // The tests that want it fetch it otherwise, and are skipped without it.
            Outcome::Ready if suite.has_rules() => {
                if let Err(reason) = broker::fetch(suite) {
                    eprintln!("roots: {suite}: no dbus-broker: {reason}");
                }
                if let Err(reason) = daemons::fetch(suite) {
                    eprintln!("roots: {suite}: no daemons: {reason}");
                }
            }
            Outcome::Ready => {}
            Outcome::NotRun(reason) => eprintln!("roots: {suite}: NOT RUN, the archive does not serve it: {reason}"),
            Outcome::Failed(reason) => {
                eprintln!("roots: {suite}: FAILED: {reason}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
