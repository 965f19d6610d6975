//! `soak [PART…]`: what takes too long for the tests, on real services. Prints tables (Markdown) on standard output, and how it goes
//! on standard error. `make soak` builds what it needs.
//!
//! * `services`: Apache, php-fpm and cron ask a thousand times each, registered and through the hook.
//! * `mixed`: two units of one user ask five hundred times each at the same time, one that is allowed and one that is not.
//! * `storm`: a unit forks as fast as it can for ten minutes, on a polkit that loses descriptors; `SOAK_SECONDS` sets another
//!   length.
//! * `faults`: a thousand SIGKILLs of the agent, two hundred restarts of polkitd and twenty of the bus, while clients ask;
//!   `SOAK_FAULTS` sets another number of the first, and the others in proportion.
//! * `steady`: a hundred challenges a second for an hour; `SOAK_SECONDS` sets another length.
//!
//! `SOAK_SUITES=bookworm,trixie` names the suites; without it all three.
//!
//! Exit codes: 0 nothing was seen that must not be, 1 something was, 2 usage.

mod faults;
mod mixed;
mod services;
mod setting;
mod steady;
mod storm;

use std::process::ExitCode;

use polkit_tests::{Suite, require};

const PARTS: [&str; 5] = ["services", "mixed", "storm", "faults", "steady"];

fn main() -> ExitCode {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.iter().any(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("usage: soak [PART…]; parts: {}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).to_vec();
    }
    let all = [Suite::Bookworm, Suite::Trixie, Suite::Forky];
    let only = std::env::var("SOAK_SUITES").ok();
    let wanted = |suite: &Suite| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == suite.name()));
    let suites: Vec<Suite> = all.into_iter().filter(wanted).collect();
    let roots: Vec<_> = suites.iter().copied().filter_map(require).collect();
    let mut right = roots.len() == suites.len();
    for part in parts {
        right &= match part.as_str() {
            "services" => services::run(&roots),
            "mixed" => mixed::run(&roots),
            "faults" => faults::run(&roots),
            "steady" => roots.iter().filter(|root| root.suite() != Suite::Forky).all(steady::run),
            _ => roots.iter().filter(|root| root.suite() == Suite::Trixie).all(storm::run),
        };
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
