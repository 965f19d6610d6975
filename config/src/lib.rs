//! Reading a configuration that decides over privilege.
//!
//! In the order of the data: [`trust`] tells whether root alone controls a path, [`bounded`] reads what may be endless,
//! [`mod@file`] opens what only root can have written, [`table`] reads it
//! strictly as TOML, [`names`] looks up the users and groups that it names, and [`report`] shows
//! every problem of every file at once. [`pattern`] has the action ids and texts with `*`, and
//! [`escape`] makes text that others chose fit to be shown. [`cgroup`] says which unit a process is in: both programs ask it.

#![forbid(unsafe_code)]

pub mod bounded;
pub mod cgroup;
pub mod escape;
pub mod file;
pub mod names;
pub mod pattern;
pub mod report;
mod source;
pub mod table;
pub mod trust;
