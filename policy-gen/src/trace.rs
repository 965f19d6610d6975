//! What polkitd was asked, and the narrowest policy that allows what it refused. Pure: `command::trace` watches the bus and applies.

pub mod grants;
pub mod log;
pub mod owners;
pub mod policy;
pub mod request;
