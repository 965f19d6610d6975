//! The limit of registrations, where the entries ask for more than there are.

use polkit_tests::agent::by_hand::{Agent, WWW_DATA, has_agent, light, process_in};
use polkit_tests::agent::peer::{OWN_NAMES, Peer};
use polkit_tests::agent::until;
use polkit_tests::{LightBed, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    entries_that_may_have_more_than_all_have_all_together
    more_entries_than_registrations_leave_one_to_each_until_none_is_left
}

/// So many processes in each of these units.
fn processes(bed: &LightBed, units: &[&str], each: usize) -> Vec<Process> {
    let of_unit = |unit: &&str| {
        let cgroup = format!("system.slice/{unit}.service");
        (0..each).map(|_| process_in(bed, "www-data", &cgroup)).collect::<Vec<_>>()
    };
    units.iter().flat_map(of_unit).collect()
}

/// An agent with that limit, which serves these units; each entry has these keys.
fn start(bed: &LightBed, most: usize, units: &[&str], keys: &str) -> Agent {
    let entry = |unit: &&str| format!("[[serve]]\nunit = \"{unit}.service\"\n{keys}\n");
    let entries: String = units.iter().map(entry).collect();
    Agent::start(bed, &format!("[agent]\nmax_registrations = {most}\n\n{entries}"))
}

fn served(bed: &LightBed, processes: &[Process]) -> usize {
    processes.iter().filter(|process| has_agent(bed, process.pid(), WWW_DATA)).count()
}

fn entries_that_may_have_more_than_all_have_all_together(root: &Root) {
    let bed = light(root);
    let units = ["one", "two"];
    let all = processes(&bed, &units, 3);
    let agent = start(&bed, 3, &units, "max = 2");
    assert_eq!(served(&bed, &all), 3, "{}", agent.said());
    agent.until_scans(&bed, 3);
    assert_eq!(served(&bed, &all), 3, "{}", agent.said());
    let peer = Peer::of(&bed, "root");
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES + 3);
}

fn more_entries_than_registrations_leave_one_to_each_until_none_is_left(root: &Root) {
    let bed = light(root);
    let units = ["one", "two", "three"];
    let all = processes(&bed, &units, 2);
    let agent = start(&bed, 2, &units, "");
    agent.until_scans(&bed, 3);
    assert_eq!(served(&bed, &all), 2, "{}", agent.said());
    for pair in all.chunks(2) {
        assert!(served(&bed, pair) <= 1, "an entry has more than its share: {}", agent.said());
    }
    // With the processes of one entry, each of the others has one.
    drop(all);
    let two = processes(&bed, &units[1..], 2);
    until(|| two.chunks(2).all(|pair| served(&bed, pair) == 1));
}
