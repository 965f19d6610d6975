//! Interactive checks: ours against the least possible agent. Nothing is kept, so each check asks.

use polkit_tests::{Bed, FullBed, Root};

use crate::beds::{ASK, Agent, Client, POOL, config, full, least_agent, least_agent_with, light, sleeping, start_unit};
use crate::table::{Goal, Side, Table, paired};

/// The cgroup of the process that the least agent serves.
const OTHER: &str = "system.slice/other.service";

/// Records go to a file: a light bed has no journald.
pub fn in_a_light_bed(root: &Root, table: &mut Table) {
    let bed = light(root).start();
    let (ours, other) = (sleeping(&bed, POOL), sleeping(&bed, OTHER));
    let agent = Agent::start(&bed, &config(1));
    let _least = least_agent(&bed, &[other.pid()]);
    let way = format!("light bed, {}, records to a file", root.suite());
    compare(&bed, &way, ours.pid(), other.pid(), table);

    let (one, thousand) = (config(1), config(1000));
    let mut client = Client::new(&bed);
    let rules = paired(12, |side| {
        agent.reload(if side == Side::Ours { &thousand } else { &one });
        client.round(ASK, ours.pid(), 150, 1).median
    });
    table.compare("1,000 rules against 1, the last one matching", &way, "µs", rules, Goal::AtMost(1.05, "≤ 1.05 ×"));
}

/// Records go to journald, and the agent is a unit. What its records cost is seen beside a least agent that sends two as well.
pub fn in_a_full_bed(root: &Root, table: &mut Table) {
    let bed = full(root).start();
    let [ours, other, recorded] = ["pool", "other", "recorded"].map(|name| sleeping_unit(&bed, name));
    start_unit(&bed, &config(1));
    let _least = least_agent(&bed, &[other]);
    let _recording = least_agent_with(&bed, &["--records"], &[recorded]);
    let way = format!("full bed, {}, records to journald", root.suite());
    compare(&bed, &way, ours, other, table);
    let mut client = Client::new(&bed);
    let pid = |side| if side == Side::Ours { ours } else { recorded };
    for at_once in [1, 16, 64] {
        let many = paired(8, |side| client.round(ASK, pid(side), 256, at_once).per_second);
        let figure = format!("checks, {at_once} at a time, against a least agent that keeps records, too");
        table.compare(&figure, &way, "/s", many, Goal::None);
    }
}

/// The process of a unit of www-data, which sleeps.
pub fn sleeping_unit(bed: &FullBed, name: &str) -> u32 {
    let unit = format!("--unit={name}.service");
    let _ = bed.exec(["systemd-run", "--quiet", &unit, "--property=User=www-data", "sleep", "1000"]).success();
    let pid = bed.exec(["systemctl", "show", "--property=MainPID", "--value", &format!("{name}.service")]).success();
    pid.text().parse().expect("a pid")
}

fn compare(bed: &Bed, way: &str, ours: u32, other: u32, table: &mut Table) {
    let mut client = Client::new(bed);
    let pid = |side| if side == Side::Ours { ours } else { other };
    let one = paired(30, |side| client.round(ASK, pid(side), 100, 1).median);
    table.compare("a check, one at a time (median)", way, "µs", one, Goal::AtMost(1.10, "≤ 1.10 ×"));
    for at_once in [16, 64] {
        let many = paired(8, |side| client.round(ASK, pid(side), 256, at_once).per_second);
        table.compare(&format!("checks, {at_once} at a time"), way, "/s", many, Goal::AtLeast(0.95, "≥ 0.95 ×"));
    }
}
