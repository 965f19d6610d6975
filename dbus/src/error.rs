//! Errors of D-Bus messages and calls.

use polkit_types::OutOfRange;
use thiserror::Error;

/// A message that does not conform to polkit's interface.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A field is missing.
    #[error("{field} is missing")]
    Missing {
        /// The name of the field in the interface.
        field: &'static str,
    },
    /// A field has the wrong type.
    #[error("{field} is not {expected}")]
    Type {
        /// The name of the field in the interface.
        field: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// A number is out of range.
    #[error("{field} cannot be {number}")]
    Range {
        /// The name of the field in the interface.
        field: &'static str,
        /// The received number.
        number: u64,
    },
    /// The kind of an identity or subject is unknown to polkit.
    #[error("{field} is of a kind that polkit does not have")]
    Kind {
        /// The name of the field in the interface.
        field: &'static str,
    },
}

impl From<OutOfRange> for DecodeError {
    fn from(OutOfRange { field, number }: OutOfRange) -> Self {
        Self::Range { field, number: number.into() }
    }
}

/// A failed call to polkitd. polkitd uses one D-Bus error name for nearly all errors, so they are distinguished by the error
/// text, which is the same from 0.105 to 128.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// `org.freedesktop.PolicyKit1` has no owner, and the bus could not start polkitd.
    #[error("polkitd is not running and cannot be started over the bus")]
    Absent,
    /// The subject already has an agent, possibly this one.
    #[error("the subject already has an authentication agent")]
    AlreadyRegistered,
    /// The process has ended, its start time differs, or polkitd cannot read its `/proc` entry (from 0.115).
    #[error("polkitd cannot find the subject: the process has ended, or its start time differs")]
    NoSuchSubject,
    /// Only root may register for processes of other users.
    #[error("the subject belongs to another user")]
    OtherUser,
    /// The challenge is over, or the other uid is required (see [`crate::BackendVersion::agent_uids`]).
    #[error("polkitd has no challenge with this cookie for this uid")]
    NoSessionForCookie,
    /// polkitd did not offer the identity.
    #[error("polkitd did not offer this identity")]
    WrongIdentity,
    /// No `.policy` file defines the action.
    #[error("the action is not registered with polkitd")]
    UnknownAction,
    /// Any other error of polkitd.
    #[error("polkitd refused: {message} ({name})")]
    Refused {
        /// The name of the D-Bus error.
        name: String,
        /// The text of the D-Bus error.
        message: String,
    },
    /// The reply does not conform to the interface.
    #[error("malformed reply from polkitd: {0}")]
    Reply(#[from] DecodeError),
    /// The bus refuses further connections or messages of this user.
    #[error("the bus refuses further connections of this user: {0}")]
    BusLimit(String),
    /// The bus connection failed.
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
