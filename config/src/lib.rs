//! Reading a configuration that decides over privilege.
//!
//! In the order of the data: [`trust`] tells whether root alone controls a path, [`bounded`] reads what may be endless,
//! [`mod@file`] opens what only root can have written, [`table`] reads it
//! strictly as TOML, [`names`] looks up the users and groups that it names, and [`report`] shows
//! every problem of every file at once.

#![forbid(unsafe_code)]

pub mod bounded;
pub mod file;
pub mod names;
pub mod report;
mod source;
pub mod table;
pub mod trust;

pub use polkit_types::{cgroup, escape, pattern};
