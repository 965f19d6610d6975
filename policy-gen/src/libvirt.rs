//! libvirt as it is, whatever a policy wants of it.
//!
//! [`daemons`] says which are there and how they are started, [`conf`] edits a configuration in place, [`shipped`] reads which
//! groups a distribution lets in, and [`needs`] says what each permission of the access control is for. Nothing here changes
//! anything; `daemons` and `shipped` read a tree.

pub mod conf;
pub mod daemons;
pub mod needs;
pub mod shipped;

/// Whoever has it may do with libvirt what root may, unless an access driver narrows it.
pub const MANAGE: &str = "org.libvirt.unix.manage";
