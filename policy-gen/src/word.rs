//! polkit's words for an answer, and the session that it is an answer for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of polkit's six results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Refused.
    No,
    /// Allowed.
    Yes,
    /// The user authenticates as itself.
    AuthSelf,
    /// The same, kept for some minutes.
    AuthSelfKeep,
    /// An administrator authenticates.
    AuthAdmin,
    /// The same, kept for some minutes.
    AuthAdminKeep,
}

impl Word {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Yes, Self::No, Self::AuthSelf, Self::AuthSelfKeep, Self::AuthAdmin, Self::AuthAdminKeep];

    /// Whether polkit remembers an authentication for some minutes, for the action whatever its details.
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(self, Self::AuthSelfKeep | Self::AuthAdminKeep)
    }

    /// The word of this spelling, which must be exact: polkit takes no other (`polkit_implicit_authorization_from_string`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.text() == text)
    }

    /// Its spelling in rules, pkla, .policy and our own policy files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::AuthSelf => "auth_self",
            Self::AuthSelfKeep => "auth_self_keep",
            Self::AuthAdmin => "auth_admin",
            Self::AuthAdminKeep => "auth_admin_keep",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The state of the subject's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// In no session: services and cron.
    #[default]
    None,
    /// In a session without a seat, as of ssh: polkit answers as without one, and rules see an active subject that is not local.
    Remote,
    /// In a session at a seat that is in the background.
    Inactive,
    /// In the session at the seat.
    Active,
}

impl Session {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Remote, Self::Inactive, Self::Active];

    /// Whether polkit calls it local.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::Inactive | Self::Active)
    }

    /// Whether polkit calls it active.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Remote | Self::Active)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Remote => "remote",
            Self::Inactive => "inactive",
            Self::Active => "active",
        })
    }
}

/// A value for each state of a session: `ResultAny`, `ResultInactive` and `ResultActive` of a pkla file, `allow_any`,
/// `allow_inactive` and `allow_active` of a .policy file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerSession<T> {
    /// Without a session at a seat.
    pub any: T,
    /// In one in the background.
    pub inactive: T,
    /// In the one at the seat.
    pub active: T,
}

impl<T: Copy> PerSession<T> {
    /// The same whatever the session.
    #[must_use]
    pub fn always(value: T) -> Self {
        Self { any: value, inactive: value, active: value }
    }

    /// Without a session at a seat, in one in the background, and in the one there.
    #[must_use]
    pub fn all(self) -> [T; 3] {
        [self.any, self.inactive, self.active]
    }

    /// The value for this session.
    #[must_use]
    pub fn of(&self, session: Session) -> T {
        match session {
            Session::None | Session::Remote => self.any,
            Session::Inactive => self.inactive,
            Session::Active => self.active,
        }
    }
}
