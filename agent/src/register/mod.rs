//! Registrations with polkitd, and finding the processes for them. Needs no trust: a wrong registration only makes polkitd ask.

pub mod fork_watcher;
pub mod health;
pub mod leak_budget;
pub mod pidfd;
pub mod polkitd;
pub mod pool;
pub mod proc_connector;
pub mod registration;
pub mod registry;
pub mod session_helper;
pub mod status;
pub mod warn_once;
