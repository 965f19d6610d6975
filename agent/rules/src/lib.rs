//! Pure: rules, the facts that they need, and the verdict. No I/O, no clock.

pub mod facts;
pub mod rate;
pub mod requirements;
pub mod root_equivalent;
pub mod rule;
pub mod schedule;
pub mod separation;
pub mod unit_pattern;
pub mod verdict;
