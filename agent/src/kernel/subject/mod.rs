//! The only folder that reads subjects: their /proc, cgroups, and the files of logind.

pub mod cgroups;
pub mod host_units;
pub mod logind;
pub mod process;
pub mod program;
pub mod reader;
pub mod root_control;
pub mod scope;
pub mod slow_facts;
pub mod snapshot;
