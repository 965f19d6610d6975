//! Access to the host that more than one folder needs: threads, children, files, cgroups, time and the log. Makes no decision.

pub use polkit_config::log;
pub use polkit_types::cgroup;

pub mod accounts;
pub mod blocking;
pub mod budget;
pub mod cgroups;
pub mod clock;
pub mod coalesce;
pub mod pam;
pub mod paths;
pub mod reader;
pub mod root_control;
pub mod terminal;
#[cfg(test)]
pub(crate) mod test_bus;
pub mod unserved;
