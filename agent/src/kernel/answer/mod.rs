//! The way of a request to its reply, for challenges and for hook requests.

pub mod approver;
pub mod challenge;
pub mod deadline;
pub mod hook;
pub mod hook_protocol;
pub mod pam;
pub mod panic_guard;
pub mod state;
