//! What the rest stands on: the log, fixed paths, threads for what may block. Knows nothing of polkit.

/// What a cgroup path says about a process, shared with polkit-policy-gen.
pub use polkit_config::cgroup;

pub mod blocking;
pub mod budget;
pub mod log;
pub mod paths;
pub mod terminal;
