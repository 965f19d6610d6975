//! Kills of the agent, restarts of polkitd and of the bus, by the hundred, while clients ask.

use std::time::Duration;

use polkit_tests::Root;
use polkit_tests::faults::{Fault, Faults};

/// All of it; whether nothing was seen that must not be, and everybody was answered within a second.
pub fn run(roots: &[Root]) -> bool {
    let kills = std::env::var("SOAK_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    println!(
        "| suite | fault | times | checks | yes | refused | no agent | errors | allowed, on record | yes without its one decision | \
         yes that no rule allows | hung | stale | slowest to answer again, ms | over 1 s | stalls of polkitd |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut right = true;
    for root in roots {
        for (fault, times) in [(Fault::Kill, kills), (Fault::Polkitd, kills / 5), (Fault::Bus, kills / 50)] {
            right &= one(root, fault, times);
        }
    }
    right
}

fn one(root: &Root, fault: Fault, times: usize) -> bool {
    eprintln!("soak: {}, {times} times {fault}", root.suite());
    let mut faults = Faults::new(root, 8, Duration::from_millis(100));
    for number in 1..=times {
        faults.strike(fault);
        if number % 20 == 0 {
            faults.compare();
        }
    }
    let seen = faults.end();
    println!(
        "| {} | {fault} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        root.suite(),
        seen.faults,
        seen.checks,
        seen.yes,
        seen.refused,
        seen.no_agent,
        seen.errors,
        seen.allowed,
        seen.unmatched,
        seen.wrong,
        seen.hung,
        seen.stale,
        seen.slowest,
        seen.late,
        seen.stalled,
    );
    seen.is_right() && seen.late == 0
}
