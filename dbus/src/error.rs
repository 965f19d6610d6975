//! What can go wrong on the wire.

use polkit_types::OutOfRange;
use thiserror::Error;

/// Something that came over the bus is not what polkit sends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A part is missing.
    #[error("{field} is missing")]
    Missing {
        /// The part, as the interface names it.
        field: &'static str,
    },
    /// A part has another type than the interface says.
    #[error("{field} is not {expected}")]
    Type {
        /// The part, as the interface names it.
        field: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// A number that cannot be what it stands for.
    #[error("{field} cannot be {number}")]
    Range {
        /// The part, as the interface names it.
        field: &'static str,
        /// The number that came.
        number: u64,
    },
    /// A kind of identity or subject that polkit does not have.
    #[error("{field} is of a kind that polkit does not have")]
    Kind {
        /// The part, as the interface names it.
        field: &'static str,
    },
}

impl From<OutOfRange> for DecodeError {
    fn from(OutOfRange { field, number }: OutOfRange) -> Self {
        Self::Range { field, number: number.into() }
    }
}

/// A call to polkitd that did not succeed. polkitd has one error name for nearly everything, so the cases are told apart
/// by its text, which is the same from 0.105 to 128.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Nobody owns `org.freedesktop.PolicyKit1`, and the bus could not start it.
    #[error("polkitd is not running and cannot be started over the bus")]
    Absent,
    /// The subject has an agent already, perhaps this one.
    #[error("an authentication agent is registered for the subject already")]
    AlreadyRegistered,
    /// The subject is dead, its start time is another one, or `/proc` is closed to polkitd (from 0.115).
    #[error("polkitd cannot find the subject: it is gone, or its start time is another one")]
    NoSuchSubject,
    /// Only root may register for other users' processes.
    #[error("the subject belongs to another user")]
    OtherUser,
    /// The challenge is over, or the uid was the wrong one of the two (see [`crate::BackendVersion::agent_uids`]).
    #[error("polkitd knows no challenge with this cookie for this uid")]
    NoSessionForCookie,
    /// The identity is none of those that polkitd offered.
    #[error("polkitd did not offer this identity")]
    WrongIdentity,
    /// No `.policy` file names the action.
    #[error("the action is not registered with polkitd")]
    UnknownAction,
    /// Any other refusal.
    #[error("polkitd refused: {message} ({name})")]
    Refused {
        /// The D-Bus error's name.
        name: String,
        /// The D-Bus error's text.
        message: String,
    },
    /// The reply is not what the interface says.
    #[error("malformed reply of polkitd: {0}")]
    Reply(#[from] DecodeError),
    /// The bus refuses further connections or messages of this user.
    #[error("the bus has no room for a further connection of this user: {0}")]
    BusLimit(String),
    /// The bus itself failed.
    #[error("the system bus failed: {0}")]
    Bus(zbus::Error),
}

impl From<zbus::Error> for AuthorityError {
    fn from(error: zbus::Error) -> Self {
        let zbus::Error::MethodError(name, message, _) = &error else {
            return match &error {
                zbus::Error::FDO(fdo) => Self::from_bus(fdo, &error),
                _ => Self::Bus(error),
            };
        };
        let message = message.clone().unwrap_or_default();
        let is = |part: &str| message.contains(part);
        if is("already exists for the given subject") {
            Self::AlreadyRegistered
        } else if is("Cannot determine user of subject") {
            Self::NoSuchSubject
        } else if is("User of caller and user of subject differs") {
            Self::OtherUser
        } else if is("No session for cookie") {
            Self::NoSessionForCookie
        } else if is("authenticated identity is wrong") {
            Self::WrongIdentity
        } else if is("is not registered") {
            Self::UnknownAction
        } else {
            Self::Refused { name: name.to_string(), message }
        }
    }
}

impl AuthorityError {
    fn from_bus(fdo: &zbus::fdo::Error, error: &zbus::Error) -> Self {
        match fdo {
            zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_) => Self::Absent,
            zbus::fdo::Error::LimitsExceeded(text) => Self::BusLimit(text.clone()),
            _ => Self::Bus(error.clone()),
        }
    }
}
