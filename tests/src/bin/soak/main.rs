//! `soak [PART…]`: what takes too long for the tests, on real services. Prints tables (Markdown) on standard output, and how it goes
//! on standard error. `make soak` builds what it needs.
//!
//! * `services`: Apache, php-fpm and cron ask a thousand times each, registered and through the hook.
//! * `mixed`: two units of one user ask five hundred times each at the same time, one that is allowed and one that is not.
//! * `storm`: a unit forks as fast as it can for ten minutes, on a polkit that loses descriptors; `SOAK_SECONDS` sets another
//!   length.
//!
//! Exit codes: 0 nothing was seen that must not be, 1 something was, 2 usage.

mod mixed;
mod services;
mod setting;
mod storm;

use std::process::ExitCode;

use polkit_tests::{Suite, require};

const PARTS: [&str; 3] = ["services", "mixed", "storm"];

fn main() -> ExitCode {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.iter().any(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("usage: soak [PART…]; parts: {}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).to_vec();
    }
    let suites = [Suite::Bookworm, Suite::Trixie, Suite::Forky];
    let roots: Vec<_> = suites.into_iter().filter_map(require).collect();
    let mut right = roots.len() == suites.len();
    for part in parts {
        right &= match part.as_str() {
            "services" => services::run(&roots),
            "mixed" => mixed::run(&roots),
            _ => roots.iter().filter(|root| root.suite() == Suite::Trixie).all(storm::run),
        };
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
