//! Reads configuration that decides about privilege, and reports its problems.
//!
//! In the order of the data: [`trust`] checks that root alone controls a path, [`bounded`] reads with a size limit,
//! [`mod@file`] reads files that only root can have written, [`table`] reads them strictly as TOML, [`names`] looks up users
//! and groups, [`near`] finds the name that was meant, [`report`] shows every problem of every file at once, and [`log`] shows diagnostics. The agent and the generator
//! use this crate.

#![forbid(unsafe_code)]

pub mod bounded;
pub mod file;
pub mod log;
pub mod names;
pub mod near;
pub mod output;
pub mod report;
mod source;
pub mod table;
pub mod trust;

pub use polkit_types::{cgroup, escape, pattern};
