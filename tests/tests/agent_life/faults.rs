//! Faults under load: what the clients were told, and what is on record. `make soak` does the same a thousand times.

use std::time::Duration;

use polkit_tests::faults::{Fault, Faults};
use polkit_tests::{Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    kills_of_the_agent_leave_every_process_served_and_every_yes_on_record
    restarts_of_polkitd_leave_every_process_served_and_every_yes_on_record
    restarts_of_the_bus_leave_every_process_served_and_every_yes_on_record
}

fn a_few(root: &Root, fault: Fault, times: usize) {
    let mut faults = Faults::new(root, 4, Duration::from_millis(50));
    (0..times).for_each(|_| faults.strike(fault));
    let seen = faults.end();
    println!("FAULTS\t{}\t{fault}\t{seen:?}", root.suite());
    assert!(seen.faults == times && seen.is_right(), "{seen:?}");
}

fn kills_of_the_agent_leave_every_process_served_and_every_yes_on_record(root: &Root) {
    a_few(root, Fault::Kill, 8);
}

fn restarts_of_polkitd_leave_every_process_served_and_every_yes_on_record(root: &Root) {
    a_few(root, Fault::Polkitd, 6);
}

fn restarts_of_the_bus_leave_every_process_served_and_every_yes_on_record(root: &Root) {
    a_few(root, Fault::Bus, 3);
}
