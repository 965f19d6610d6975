//! Exploring finds the facts on which verdicts depend: its conditions agree with the evaluator on every subject.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod agreement;
#[path = "../../../tests/src/random.rs"]
mod numbers;
mod policies;
mod random;
mod reads;
mod subjects;
