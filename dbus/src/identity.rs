//! Who is said to authenticate.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use crate::{DecodeError, IdentityUid};

/// An identity that polkitd offers with a challenge. polkitd expands groups and netgroups before it asks, so users are
/// all that has ever been seen (0.105 to 128); the other kinds decode, and nobody can answer as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// `unix-user`.
    User(IdentityUid),
    /// `unix-group`, by its gid.
    Group(u32),
    /// `unix-netgroup`, by its name.
    Netgroup(String),
}

/// An identity as it arrives: `(sa{sv})`.
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

/// A user as polkitd wants it in an answer.
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
