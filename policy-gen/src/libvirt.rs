//! What libvirt's daemons need besides polkit's own files.
//!
//! In the order of the data: [`daemons`] says which are there and how they are started, [`mode`] what the policy's mode wants
//! of their configuration and sockets, [`conf`] edits a configuration in place, [`units`] stops and starts. [`permissions`]
//! are those of libvirt's access control with what a role gets of them, and [`needs`] says what each is needed for. Effects are only in
//! `units`; `daemons` reads a tree.

pub mod conf;
pub mod daemons;
pub mod mode;
pub mod needs;
pub mod permissions;
pub mod shipped;
pub mod units;
