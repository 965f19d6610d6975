//! Installs and removes files. [`plan`] computes the changes and finds manual changes; [`mod@write`] applies all changes or none;
//! [`record`] stores what was installed; [`paths`] lists all paths that may be written; [`members`] changes group memberships;
//! [`units`] restarts the daemons that read a changed configuration; and [`tool`] runs programs of the host.

pub mod accounts;
pub mod directories;
pub mod edits;
pub mod members;
pub mod paths;
pub mod plan;
pub mod record;
pub mod run;
pub mod tool;
pub mod units;
pub mod write;
