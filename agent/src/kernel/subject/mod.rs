//! The only folder that reads subjects: their `/proc`, their cgroups, and the files of logind.

pub mod isolation;
pub mod logind;
pub mod process;
pub mod program;
pub mod scope;
pub mod slow_facts;
pub mod snapshot;
