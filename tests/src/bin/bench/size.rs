//! Resident memory, and the size of programs.

use std::time::Duration;

use polkit_tests::{Bed, Root, program};

use crate::beds::{Agent, config, expect, least_agent, light, pool};
use crate::table::{Goal, Table};

/// How many registrations the memory of one is taken from.
const REGISTRATIONS: u16 = 100;

/// Memory of our agent and of the least one.
pub fn of_processes(root: &Root, table: &mut Table) {
    let bed = light(root).start();
    let agent = Agent::start(&bed, &config(1));
    std::thread::sleep(Duration::from_secs(1));
    let idle = resident(&bed, agent.pid());
    let mut count = bed.spawn_as("root", ["bench-client", "count", &(REGISTRATIONS + 1).to_string()]);
    expect(&mut count, "watching");
    let (_shell, pids) = pool(&bed, REGISTRATIONS.into());
    expect(&mut count, &(REGISTRATIONS + 1).to_string());
    std::thread::sleep(Duration::from_secs(1));
    let each = (resident(&bed, agent.pid()) - idle) / f64::from(REGISTRATIONS + 1);
    drop(agent);

    let least = least_agent(&bed, &pids[..1]);
    let least_idle = resident(&bed, least.pid());
    drop(least);
    let least = least_agent(&bed, &pids);
    let least_each = (resident(&bed, least.pid()) - least_idle) / f64::from(REGISTRATIONS - 1);
    let way = format!("light bed, {}, VmRSS", root.suite());
    table.tell("memory, idle", &way, "MiB", idle / 1024.0, Some(least_idle / 1024.0), Goal::AtMost(6.0, "≤ 6 MiB"));
    let way = format!("{way}, {REGISTRATIONS} registrations");
    table.tell("memory of a registration", &way, "KiB", each, Some(least_each), Goal::AtMost(32.0, "≤ 32 KiB"));
}

/// Sizes of what cargo built.
pub fn of_programs(table: &mut Table) {
    let pairs = [
        ("polkit-service-agent", "bench-least-agent"),
        ("polkit-service-agent-hook", "bench-nothing"),
        ("bench-hook-static", "bench-nothing-static"),
    ];
    for (ours, baseline) in pairs {
        let size = |name| program(name).metadata().expect(name).len() as f64 / 1024.0;
        let way = format!("release, stripped, against {baseline}");
        table.tell(&format!("size of {ours}"), &way, "KiB", size(ours), Some(size(baseline)), Goal::None);
    }
}

fn resident(bed: &Bed, pid: u32) -> f64 {
    let status = bed.read(format!("/proc/{pid}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}
