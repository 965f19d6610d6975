//! A hundred challenges a second for an hour: what it leaves in memory and descriptors.

use std::time::{Duration, Instant};

use polkit_tests::Root;
use polkit_tests::faults::{Fault, Faults};

use crate::setting::{descriptors, polkitd, resident};

/// One suite; whether nothing was seen that must not be.
pub fn run(root: &Root) -> bool {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3600);
    eprintln!("soak: {}, a hundred challenges a second for {seconds} s", root.suite());
    // With the two that no rule allows ten processes, each asked about ten times a second.
    let mut faults = Faults::new(root, 8, Duration::from_millis(100));
    let show = ["systemctl", "show", "--value", "--property=MainPID", "polkit-service-agent"];
    let agent = faults.bed().exec(show).success().text().parse().expect("a pid");
    let figures = |faults: &Faults| {
        let bed = faults.bed();
        [agent, polkitd(bed)].map(|pid| (resident(bed, pid), descriptors(bed, pid)))
    };
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(seconds) {
        seen.push(figures(&faults));
        faults.strike(Fault::Nothing(20_000));
        faults.compare();
    }
    seen.push(figures(&faults));
    let took = began.elapsed().as_secs();
    // What is in hand has descriptors, too.
    faults.ask_no_more();
    std::thread::sleep(Duration::from_secs(5));
    let quiet = figures(&faults);
    let end = faults.end();
    println!(
        "| suite | seconds | challenges | yes | refused | other | yes without its one decision | hung | stalls of polkitd |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    println!(
        "| {} | {took} | {} | {} | {} | {} | {} | {} | {} |\n",
        root.suite(),
        end.checks,
        end.yes,
        end.refused,
        end.no_agent + end.errors,
        end.unmatched,
        end.hung,
        end.stalled,
    );
    println!(
        "| {}: of | | at first | most | at last | after the last request |\n|---|---|--:|--:|--:|--:|",
        root.suite()
    );
    for (who, name) in ["the agent", "polkitd"].into_iter().enumerate() {
        let row = |what: &str, of: fn(&(usize, usize)) -> usize| {
            let all: Vec<usize> = seen.iter().map(|figures| of(&figures[who])).collect();
            let most = all.iter().max().copied().unwrap_or_default();
            println!("| {name} | {what} | {} | {most} | {} | {} |", all[0], all[all.len() - 1], of(&quiet[who]));
        };
        row("resident KiB", |figures| figures.0);
        row("descriptors", |figures| figures.1);
    }
    end.is_right()
}
