//! Number types that must not be mixed.

use std::{error::Error, fmt};

/// The largest uid or pid that polkit can carry: it sends a subject's uid as `int32`, and older versions took a larger uid for
/// "unknown" (CVE-2018-19788).
const LARGEST: u32 = i32::MAX as u32;

/// A number that polkit cannot carry, or that names no process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// The kind of number.
    pub field: &'static str,
    /// The number.
    pub number: u32,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be {}", self.field, self.number)
    }
}

impl Error for OutOfRange {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal, least $least:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Checks the range that polkit handles.
            ///
            /// # Errors
            /// [`OutOfRange`], naming the kind of number.
            pub fn new(number: u32) -> Result<Self, OutOfRange> {
                if ($least..=LARGEST).contains(&number) { Ok(Self(number)) } else { Err(OutOfRange { field: $field, number }) }
            }

            /// Returns the plain number, for the kernel, the bus and the decision record.
            #[must_use]
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The real uid of the process that a request is about.
    SubjectUid, "subject uid", least 0
}
id! {
    /// The uid as which the agent answers: one of those that polkitd offers with a challenge.
    IdentityUid, "identity uid", least 0
}
id! {
    /// The uid that polkitd stores for the agent (`creator_uid`): the first argument of `AuthenticationAgentResponse2`.
    AgentUid, "agent uid", least 0
}
id! {
    /// The process that a request is about: the client of the mechanism.
    SubjectPid, "subject pid", least 1
}
id! {
    /// The process that calls polkitd: the mechanism, for example libvirtd.
    CallerPid, "caller pid", least 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_above_the_int32_range_is_refused() {
        assert!(SubjectUid::new(2_147_483_647).is_ok());
        assert!(SubjectUid::new(2_147_483_648).is_err());
        assert!(IdentityUid::new(u32::MAX).is_err());
    }

    #[test]
    fn pid_zero_is_refused() {
        assert!(SubjectPid::new(0).is_err());
        assert!(CallerPid::new(0).is_err());
    }
}
