//! The identities that polkitd offers.

use crate::IdentityUid;

/// An identity that polkitd offers with a challenge. polkitd expands groups and netgroups before it challenges an agent, so
/// only users have been seen (polkit 0.105 to 128). The other kinds decode, but an agent cannot answer as one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// `unix-user`.
    User(IdentityUid),
    /// `unix-group`, by its gid.
    Group(u32),
    /// `unix-netgroup`, by its name.
    Netgroup(String),
}
