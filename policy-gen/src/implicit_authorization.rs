//! The results of polkit, and the sessions that they are for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of polkit's six results (`PolkitImplicitAuthorization`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImplicitAuthorization {
    /// Denied.
    No,
    /// Allowed.
    Yes,
    /// The user must authenticate.
    AuthSelf,
    /// The user must authenticate, and polkit keeps the authorization for some minutes.
    AuthSelfKeep,
    /// An administrator must authenticate.
    AuthAdmin,
    /// An administrator must authenticate, and polkit keeps the authorization for some minutes.
    AuthAdminKeep,
}

impl ImplicitAuthorization {
    /// All results.
    pub const ALL: [Self; 6] =
        [Self::Yes, Self::No, Self::AuthSelf, Self::AuthSelfKeep, Self::AuthAdmin, Self::AuthAdminKeep];

    /// Whether polkit keeps the authorization for some minutes, for the action with any details.
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(self, Self::AuthSelfKeep | Self::AuthAdminKeep)
    }

    /// Parses the exact text, as polkit does (`polkit_implicit_authorization_from_string`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.text() == text)
    }

    /// Returns the text in rules, pkla, .policy and policy files.
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

impl fmt::Display for ImplicitAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The state of the subject's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// No session: services and cron.
    #[default]
    None,
    /// A session without a seat, such as ssh: polkit decides as without a session, and rules see an active but not local subject.
    Remote,
    /// A background session at a seat.
    Inactive,
    /// The foreground session at a seat.
    Active,
}

impl Session {
    /// All states.
    pub const ALL: [Self; 4] = [Self::None, Self::Remote, Self::Inactive, Self::Active];

    /// Whether the session is local for polkit.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::Inactive | Self::Active)
    }

    /// Whether the session is active for polkit.
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

/// A value for each session state: `ResultAny`, `ResultInactive` and `ResultActive` of a pkla file, or `allow_any`,
/// `allow_inactive` and `allow_active` of a .policy file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySession<T> {
    /// The value without a session at a seat.
    pub any: T,
    /// The value in a background session at a seat.
    pub inactive: T,
    /// The value in the foreground session at a seat.
    pub active: T,
}

impl<T: Copy> BySession<T> {
    /// The same value for all sessions.
    #[must_use]
    pub fn always(value: T) -> Self {
        Self { any: value, inactive: value, active: value }
    }

    /// Returns the values for any, inactive and active.
    #[must_use]
    pub fn all(self) -> [T; 3] {
        [self.any, self.inactive, self.active]
    }

    /// Returns the value for this session.
    #[must_use]
    pub fn of(&self, session: Session) -> T {
        match session {
            Session::None | Session::Remote => self.any,
            Session::Inactive => self.inactive,
            Session::Active => self.active,
        }
    }
}
