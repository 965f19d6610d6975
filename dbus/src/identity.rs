//! The identities of a challenge.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use crate::{DecodeError, Identity, IdentityUid};

/// An identity on the bus: `(sa{sv})`.
pub(crate) type WireIdentity = (String, HashMap<String, OwnedVariant>);

/// Decodes an identity.
pub(crate) fn from_wire((kind, details): &WireIdentity) -> Result<Identity, DecodeError> {
    match kind.as_str() {
        "unix-user" => Ok(Identity::User(IdentityUid::new(number(details, "uid", "identities[].uid")?)?)),
        "unix-group" => Ok(Identity::Group(number(details, "gid", "identities[].gid")?)),
        "unix-netgroup" => match details.get("name").map(|value| &**value) {
            Some(Variant::Str(name)) => Ok(Identity::Netgroup(name.to_string())),
            Some(_) => Err(DecodeError::Type { field: "identities[].name", expected: "a string" }),
            None => Err(DecodeError::Missing { field: "identities[].name" }),
        },
        _ => Err(DecodeError::Kind { field: "identities[]" }),
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
