//! Registers with polkitd, and finds the processes to register for. Needs no trust: a wrong registration only makes polkitd challenge
//! the agent.

pub mod fork_watcher;
pub mod health;
pub mod leak_budget;
pub mod logind_sessions;
pub mod pid_file;
pub mod pidfd;
pub mod polkitd;
pub mod pool;
pub mod proc_connector;
pub mod registration;
pub mod registry;
pub mod session_helper;
pub mod status;
pub mod warn_once;
