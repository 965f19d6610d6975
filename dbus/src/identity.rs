//! The identities of a challenge.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use crate::{DecodeError, IdentityUid};

/// An identity that polkitd offers with a challenge. polkitd expands groups and netgroups into users before the challenge
/// (0.105 to 128). The other kinds decode, but no answer can name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// `unix-user`.
    User(IdentityUid),
    /// `unix-group`, with its gid.
    Group(u32),
    /// `unix-netgroup`, with its name.
    Netgroup(String),
}

/// An identity on the bus: `(sa{sv})`.
pub(crate) type WireIdentity = (String, HashMap<String, OwnedVariant>);

impl Identity {
    pub(crate) fn from_wire((kind, details): &WireIdentity) -> Result<Self, DecodeError> {
        match kind.as_str() {
            "unix-user" => Ok(Self::User(IdentityUid::new(number(details, "uid", "identities[].uid")?)?)),
            "unix-group" => Ok(Self::Group(number(details, "gid", "identities[].gid")?)),
            "unix-netgroup" => match details.get("name").map(|value| &**value) {
                Some(Variant::Str(name)) => Ok(Self::Netgroup(name.to_string())),
                Some(_) => Err(DecodeError::Type { field: "identities[].name", expected: "a string" }),
                None => Err(DecodeError::Missing { field: "identities[].name" }),
            },
            _ => Err(DecodeError::Kind { field: "identities[]" }),
        }
    }
}

/// Encodes a user for an answer.
pub(crate) fn wire_user(uid: IdentityUid) -> (&'static str, HashMap<&'static str, Variant<'static>>) {
    ("unix-user", HashMap::from([("uid", Variant::U32(uid.get()))]))
}

fn number(details: &HashMap<String, OwnedVariant>, key: &str, field: &'static str) -> Result<u32, DecodeError> {
    match details.get(key).map(|value| &**value) {
        Some(Variant::U32(number)) => Ok(*number),
        Some(_) => Err(DecodeError::Type { field, expected: "an unsigned number" }),
        None => Err(DecodeError::Missing { field }),
    }
}
