//! `bench [PART…]`: how fast and how large the agent is, and what the grants of policy-gen cost, against baselines in the same run. Prints a table (Markdown) on standard
//! output, and how it goes on standard error. `make bench` builds what it needs.
//!
//! Without parts it measures all of them: see `PARTS`.
//!
//! Ours and the baseline are measured in turn, and compared pair by pair, so that a machine that slows down does so for both.

mod acl;
mod beds;
mod checks;
mod doctor;
mod events;
mod grants;
mod hook;
mod hostile;
mod machine;
mod peers;
mod size;
mod table;
mod trace;
mod units;
mod verdicts;
mod who;

use std::process::ExitCode;

use polkit_tests::{Suite, require};
use table::Table;

const PARTS: [&str; 14] = [
    "light", "peers", "full", "events", "rescan", "hostile", "grants", "units", "trace", "acl", "verdicts", "who",
    "doctor", "size",
];

fn main() -> ExitCode {
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.iter().any(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("usage: bench [PART…]; parts: {}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).to_vec();
    }
    let (Some(bookworm), Some(trixie), Some(forky)) =
        (require(Suite::Bookworm), require(Suite::Trixie), require(Suite::Forky))
    else {
        return ExitCode::FAILURE;
    };
    let mut table = Table::default();
    let before = machine::load();
    for part in parts {
        match part.as_str() {
            "light" => [&trixie, &forky].into_iter().for_each(|root| {
                checks::in_a_light_bed(root, &mut table);
                hook::against_nothing(root, &mut table);
            }),
            "peers" => {
                peers::that_need_no_package(&trixie, &mut table);
                peers::by_pkla(&bookworm, &mut table);
            }
            "full" => checks::in_a_full_bed(&trixie, &mut table),
            "events" => events::of_the_kernel(&forky, &mut table),
            "rescan" => events::by_rescanning(&forky, &mut table),
            "hostile" => {
                hostile::beside_many(&trixie, &mut table);
                hostile::beside_endless(&trixie, &mut table);
                hostile::beside_a_flood(&trixie, &mut table);
            }
            "grants" => {
                grants::in_a_check(&trixie, &mut table);
                grants::in_a_check(&forky, &mut table);
                grants::against_pkla(&bookworm, &mut table);
                grants::to_generate(&mut table);
            }
            "trace" => [&trixie, &forky].into_iter().for_each(|root| trace::of_a_check(root, &mut table)),
            "units" => [&trixie, &forky].into_iter().for_each(|root| units::in_a_check(root, &mut table)),
            "acl" => acl::of_a_list(&trixie, &mut table),
            "verdicts" => {
                verdicts::against_asking(&trixie, &mut table);
                verdicts::check_of_many(&mut table);
            }
            "who" => who::of_all_actions(&trixie, &mut table),
            "doctor" => {
                doctor::over_many_files(&trixie, &mut table);
                doctor::of_a_long_log(&trixie, &mut table);
            }
            _ => {
                size::of_processes(&trixie, &mut table);
                size::of_programs(&mut table);
            }
        }
    }
    println!("{}\n\nLoad before: {before}; after: {}.\n\n{table}", machine::shape(), machine::load());
    ExitCode::SUCCESS
}
