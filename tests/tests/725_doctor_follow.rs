//! Each way to break a healthy bed: the doctor names the cause first, its first fix that is not a person's to do is carried out, what
//! failed then works, and somebody who should have nothing still has nothing.

#[path = "doctor/mod.rs"]
mod doctor;
#[path = "doctor/scenarios.rs"]
mod scenarios;

use doctor::run_all;
use polkit_tests::{Root, on_each_suite};

on_each_suite! {
    the_cause_is_named_and_the_first_fix_mends_it
}

fn the_cause_is_named_and_the_first_fix_mends_it(root: &Root) {
    run_all(root, &scenarios::all());
}
