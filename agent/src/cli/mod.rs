//! The command line. Runs in the caller's process, never in the daemon.

pub mod approve;
pub mod args;
pub mod check;
pub mod client;
pub mod decisions;
pub mod enable;
pub mod exec;
pub mod journal_reader;
pub mod near;
pub mod status;
pub mod suggest;
pub mod test;
