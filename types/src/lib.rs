//! The types that all crates of this project share. Pure: no I/O, and no dependencies.
//!
//! In the order of the data: [`ids`] has the numbers that must not be mixed, [`process`] names a process as polkit does,
//! [`identity`] the identities that polkitd offers, [`cgroup`] tells which unit a process is in, [`pattern`] has action ids
//! and texts with `*`, and [`escape`] makes untrusted text safe to show.

#![forbid(unsafe_code)]

pub mod cgroup;
pub mod escape;
pub mod identity;
pub mod ids;
pub mod pattern;
pub mod process;

pub use identity::Identity;
pub use ids::{AgentUid, CallerPid, IdentityUid, OutOfRange, SubjectPid, SubjectUid};
pub use process::{Process, StartTime};
