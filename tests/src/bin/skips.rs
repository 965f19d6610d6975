//! `skips [--clear]`: what the tests since the last `--clear` could not run. The suites that the archive does not serve
//! come last, as one line `NOT RUN: …`.
//!
//! Exit codes: 0 told or cleared, 1 the count cannot be cleared, 2 usage.

use std::process::ExitCode;

use polkit_tests::skip;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => skip::summary().iter().for_each(|line| println!("{line}")),
        ["--clear"] => {
            if let Err(error) = skip::clear() {
                eprintln!("skips: clearing the count: {error}");
                return ExitCode::FAILURE;
            }
        }
        _ => {
            eprintln!("usage: skips [--clear]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
