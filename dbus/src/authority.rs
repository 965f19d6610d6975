//! The client side of `org.freedesktop.PolicyKit1.Authority`.

use std::{collections::HashMap, os::fd::BorrowedFd, time::Duration};

use zbus::{Connection, DynamicType, Message, Variant};

use crate::{
    AgentUid, AuthorityError, BackendVersion, Cookie, DecodeError, IdentityUid, Subject, SubjectUid,
    identity::wire_user,
    owner::{AUTHORITY_NAME, ask_bus},
    subject::WireSubject,
};

const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

/// Time limit of calls without interaction. polkitd answers within about a millisecond, but polkit 122 was seen to stall for
/// 15 s and to answer correctly afterwards.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether polkitd may ask an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// polkitd decides alone.
    Forbidden,
    /// polkitd may ask an agent. The call takes as long as the agent does; polkitd sets no limit.
    Allowed,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Whether the action is authorized.
    pub authorized: bool,
    /// Whether authentication would authorize the action. No agent was asked.
    pub challenge: bool,
    /// Further details. Only `polkit.dismissed` is reliable: with implied actions the other keys may belong to another
    /// action (0.105 to 128).
    pub details: HashMap<String, String>,
}

impl Authorization {
    /// Decodes a reply to `CheckAuthorization`.
    pub(crate) fn decode(reply: &Message) -> Result<Self, DecodeError> {
        let body = reply.body();
        let ((authorized, challenge, details),): ((bool, bool, HashMap<String, String>),) =
            body.deserialize().map_err(|_| DecodeError::Type { field: "CheckAuthorization", expected: "(bba{ss})" })?;
        Ok(Self { authorized, challenge, details })
    }

    /// Whether the agent replied with `Error.Cancelled`.
    #[must_use]
    pub fn dismissed(&self) -> bool {
        self.details.contains_key("polkit.dismissed")
    }
}

/// An action that polkitd knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAction {
    /// The id.
    pub id: String,
    /// The implicit authorization of a subject without a session at a seat, such as a service.
    pub without_session: Implicit,
}

/// The kind of an implicit authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implicit {
    /// polkitd allows the action without authentication (`yes`).
    Allowed,
    /// The user must authenticate (`auth_self`, `auth_self_keep`).
    User,
    /// An administrator must authenticate (`auth_admin`, `auth_admin_keep`).
    Administrator,
    /// polkitd refuses (`no`), or sends a number that is not known here.
    Refused,
}

impl Implicit {
    /// Reads polkit's number (PolkitImplicitAuthorization, 0.105 to 128).
    fn of(number: u32) -> Self {
        match number {
            1 | 3 => Self::User,
            2 | 4 => Self::Administrator,
            5 => Self::Allowed,
            _ => Self::Refused,
        }
    }
}

/// The kind of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// The only agent of the subject.
    #[default]
    Sole,
    /// An agent that yields to another agent of the session. polkitd never uses a fallback agent of a process without a
    /// session (0.105 to 128).
    Fallback,
}

/// A client of polkitd over one connection.
#[derive(Debug, Clone)]
pub struct Authority {
    connection: Connection,
}

impl Authority {
    /// Makes a client that uses a connection to the system bus.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns the version of polkitd. The bus starts polkitd if necessary.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] if polkitd is not installed.
    pub async fn version(&self) -> Result<BackendVersion, AuthorityError> {
        Ok(BackendVersion::new(&self.property("BackendVersion").await?))
    }

    /// Returns the name of polkitd's backend: "local" for 0.105, "js" from 0.106.
    ///
    /// # Errors
    /// The errors of [`Authority::version`].
    pub async fn backend_name(&self) -> Result<String, AuthorityError> {
        self.property("BackendName").await
    }

    /// Returns the pid of polkitd in the pid namespace of the bus.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] if polkitd is not running.
    pub async fn pid(&self) -> Result<u32, AuthorityError> {
        let reply = ask_bus(&self.connection, "GetConnectionUnixProcessID", AUTHORITY_NAME).await?;
        reply
            .body()
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "GetConnectionUnixProcessID", expected: "u" }.into())
    }

    /// Returns the uid of polkitd.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] if polkitd is not running.
    pub async fn uid(&self) -> Result<u32, AuthorityError> {
        let reply = ask_bus(&self.connection, "GetConnectionUnixUser", AUTHORITY_NAME).await?;
        reply
            .body()
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "GetConnectionUnixUser", expected: "u" }.into())
    }

    /// Registers this connection as the agent of `subject` at the object path `path`. Register once per connection: when a
    /// connection closes, polkitd drops only one of its registrations (0.105 to 128).
    ///
    /// # Errors
    /// [`AuthorityError::AlreadyRegistered`], [`AuthorityError::NoSuchSubject`], [`AuthorityError::OtherUser`] and bus errors.
    pub async fn register(&self, subject: &Subject, path: &str, how: Registration) -> Result<(), AuthorityError> {
        // The locale of messages for a user.
        let locale = "C";
        let wire = subject.to_wire();
        let reply = match how {
            Registration::Sole => self.call("RegisterAuthenticationAgent", &(wire, locale, path)).await,
            Registration::Fallback => {
                let options = HashMap::from([("fallback", Variant::Bool(true))]);
                self.call("RegisterAuthenticationAgentWithOptions", &(wire, locale, path, options)).await
            }
        };
        reply.map(drop)
    }

    /// Removes a registration. From 0.115 this fails for a process that has ended; close the connection instead.
    ///
    /// # Errors
    /// [`AuthorityError::NoSuchSubject`] for a process that has ended, [`AuthorityError::Refused`] without a registration.
    pub async fn unregister(&self, subject: &Subject, path: &str) -> Result<(), AuthorityError> {
        self.call("UnregisterAuthenticationAgent", &(subject.to_wire(), path)).await.map(drop)
    }

    /// Tells polkitd that `identity` has authenticated. polkitd accepts this from uid 0 only and requires no proof, so the
    /// caller is responsible. The answer takes effect when `BeginAuthentication` returns after it.
    ///
    /// Tries `uids` in their order: see [`BackendVersion::agent_uids`].
    ///
    /// # Errors
    /// [`AuthorityError::NoSessionForCookie`] if the challenge is over, [`AuthorityError::WrongIdentity`] if polkitd did not
    /// offer the identity.
    pub async fn answer(
        &self,
        uids: [AgentUid; 2],
        cookie: &Cookie,
        identity: IdentityUid,
    ) -> Result<(), AuthorityError> {
        let [likely, other] = uids;
        match self.answer_as(likely, cookie, identity).await {
            Err(AuthorityError::NoSessionForCookie) if likely != other => self.answer_as(other, cookie, identity).await,
            answered => answered,
        }
    }

    /// Calls `AuthenticationAgentResponse2` with one uid (from 0.113; Debian's 0.105 also has it).
    ///
    /// # Errors
    /// The errors of [`Authority::answer`].
    pub async fn answer_as(&self, uid: AgentUid, cookie: &Cookie, identity: IdentityUid) -> Result<(), AuthorityError> {
        let arguments = (uid.get(), cookie.secret(), wire_user(identity));
        self.call("AuthenticationAgentResponse2", &arguments).await.map(drop)
    }

    /// Checks whether `subject` may perform `action`. Only root may pass details or check processes of other users.
    ///
    /// # Errors
    /// [`AuthorityError::UnknownAction`], also for root, and bus errors.
    pub async fn check(
        &self,
        subject: &Subject,
        action: &str,
        details: &HashMap<&str, &str>,
        interaction: Interaction,
    ) -> Result<Authorization, AuthorityError> {
        self.check_wire(subject.to_wire(), action, details, interaction).await
    }

    /// Checks as [`Authority::check`] does, about a process by its pidfd (polkit 124 and later). Only then polkit knows the unit of a
    /// process that is not a client on the bus. Only root may ask.
    ///
    /// # Errors
    /// The errors of [`Authority::check`].
    pub async fn check_pidfd(
        &self,
        pidfd: BorrowedFd<'_>,
        uid: SubjectUid,
        action: &str,
        details: &HashMap<&str, &str>,
        interaction: Interaction,
    ) -> Result<Authorization, AuthorityError> {
        let wire =
            HashMap::from([("pidfd", Variant::Fd(pidfd.into())), ("uid", Variant::I32(uid.get().cast_signed()))]);
        self.check_wire(("unix-process", wire), action, details, interaction).await
    }

    async fn check_wire(
        &self,
        subject: WireSubject<'_>,
        action: &str,
        details: &HashMap<&str, &str>,
        interaction: Interaction,
    ) -> Result<Authorization, AuthorityError> {
        let flags = u32::from(interaction == Interaction::Allowed);
        let arguments = (subject, action, details, flags, "");
        let reply = match interaction {
            Interaction::Forbidden => self.call("CheckAuthorization", &arguments).await?,
            Interaction::Allowed => self.call_without_limit("CheckAuthorization", &arguments).await?,
        };
        Ok(Authorization::decode(&reply)?)
    }

    /// Returns all registered actions, unordered.
    ///
    /// # Errors
    /// Bus errors.
    pub async fn actions(&self) -> Result<Vec<RegisteredAction>, AuthorityError> {
        // Id, description, message, vendor, vendor URL, icon, the three implicit authorizations, annotations.
        type Action = (String, String, String, String, String, String, u32, u32, u32, HashMap<String, String>);
        let locale = "C";
        let reply = self.call("EnumerateActions", &locale).await?;
        let body = reply.body();
        let (actions,): (Vec<Action>,) = body
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "EnumerateActions", expected: "a(ssssssuuua{ss})" })?;
        let registered = |action: Action| RegisteredAction { id: action.0, without_session: Implicit::of(action.6) };
        Ok(actions.into_iter().map(registered).collect())
    }

    async fn property(&self, name: &'static str) -> Result<String, AuthorityError> {
        let properties = "org.freedesktop.DBus.Properties";
        let arguments = (INTERFACE, name);
        let call = self.connection.call_method(Some(AUTHORITY_NAME), PATH, Some(properties), "Get", &arguments);
        let reply = limited(call).await?;
        let body = reply.body();
        let value: Variant<'_> =
            body.deserialize().map_err(|_| DecodeError::Type { field: name, expected: "a variant" })?;
        match value {
            Variant::Str(text) => Ok(text.to_string()),
            _ => Err(DecodeError::Type { field: name, expected: "a string" }.into()),
        }
    }

    async fn call<B>(&self, method: &str, arguments: &B) -> Result<Message, AuthorityError>
    where
        B: serde::Serialize + DynamicType,
    {
        limited(self.connection.call_method(Some(AUTHORITY_NAME), PATH, Some(INTERFACE), method, arguments)).await
    }

    async fn call_without_limit<B>(&self, method: &str, arguments: &B) -> Result<Message, AuthorityError>
    where
        B: serde::Serialize + DynamicType,
    {
        Ok(self.connection.call_method(Some(AUTHORITY_NAME), PATH, Some(INTERFACE), method, arguments).await?)
    }
}

async fn limited(call: impl Future<Output = zbus::Result<Message>>) -> Result<Message, AuthorityError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(AuthorityError::Bus(zbus::Error::Failure(format!(
            "no reply from polkitd within {} s",
            CALL_TIMEOUT.as_secs()
        )))),
    }
}
