//! Facts about libvirt, independent of any policy.
//!
//! [`daemons`] lists the installed daemons and how they are started, [`conf`] edits a configuration file in place, [`shipped`] reads
//! the groups that a distribution allows, and [`needs`] lists the uses of each access control permission. Nothing here changes
//! a file; `daemons` and `shipped` read a tree.

pub mod conf;
pub mod daemons;
pub mod needs;
pub mod shipped;

/// The action that permits everything with libvirt, unless an access driver restricts it. Root-equivalent.
pub const MANAGE: &str = "org.libvirt.unix.manage";

#[cfg(test)]
mod tests;
