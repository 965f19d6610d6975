//! Starts, reloads and ends the daemon.

pub mod reload;
pub mod run;
pub mod systemd;
