//! How the agent decides. Pure: no I/O, no clock, no runtime. Time and facts are given.
//!
//! In the order of the data: [`facts`] are known of a request, [`history`] is what earlier requests left, a [`rule`] says when it
//! applies (with [`unit_pattern`] and [`schedule`]) and what it answers, and [`verdict`] is the decision. [`requirements`] tells
//! which facts the rules of a configuration need, [`rate`] counts grants, and [`approval_queue`] keeps the requests that wait for
//! a person.

#![forbid(unsafe_code)]

pub mod approval_queue;
pub mod facts;
pub mod history;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod rate;
pub mod requirements;
pub mod rule;
pub mod schedule;
pub mod unit_pattern;
pub mod verdict;
