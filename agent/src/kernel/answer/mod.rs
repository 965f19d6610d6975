//! From a request to its reply, for challenges and for hook requests. `pipeline` is the product.

pub mod agent;
pub mod approvals;
pub mod challenge;
pub mod context;
pub mod guard;
pub mod hook;
pub mod hook_protocol;
pub mod hook_socket;
pub mod pipeline;
pub mod reply;
pub mod request;
pub mod state;
