//! `skips [--clear]`: how many tests in beds ran since the last `--clear`, in the last line; before it, the tests that were skipped.
//!
//! Exit codes: 0 none was skipped, or `ALLOW_SKIPS=1` is in the environment; 1 a test was skipped, no test ran, or the count
//! cannot be cleared; 2 usage.

use std::process::ExitCode;

use polkit_tests::skip;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => show(),
        ["--clear"] => match skip::clear() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("skips: cannot clear the count: {error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: skips [--clear]");
            ExitCode::from(2)
        }
    }
}

fn show() -> ExitCode {
    let count = skip::count();
    let are_allowed = std::env::var_os("ALLOW_SKIPS").is_some_and(|value| value == "1");
    let is_complete = count.skipped() == 0 && count.ran() > 0;
    if !is_complete && !are_allowed {
        eprintln!("skips: tests were skipped: run as root with the root file systems, or set ALLOW_SKIPS=1");
    }
    count.lines().iter().for_each(|line| println!("{line}"));
    if is_complete || are_allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
