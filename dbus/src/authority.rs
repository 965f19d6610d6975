//! `org.freedesktop.PolicyKit1.Authority`, as a client.

use std::{collections::HashMap, time::Duration};

use zbus::{Connection, DynamicType, Message, Variant};

use crate::{
    AgentUid, AuthorityError, BackendVersion, Cookie, DecodeError, IdentityUid, Subject,
    identity::wire_user,
    owner::{AUTHORITY_NAME, ask_bus},
};

const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";

/// How long a call that asks no person may take before it counts as failed. polkitd answers in about a millisecond, but
/// 122 was seen to stall for 15 s by itself, with the answer still right.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether polkitd may ask an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// Only what polkitd can say by itself.
    Forbidden,
    /// An agent may be asked; the call then takes as long as the agent does, and polkitd sets no limit.
    Allowed,
}

/// polkitd's answer to a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The action is authorized.
    pub authorized: bool,
    /// It could be, by authenticating; and nobody was asked.
    pub challenge: bool,
    /// What polkitd says besides. Not to be trusted for more than `polkit.dismissed`: with implied actions the other keys
    /// may be those of another action (0.105 to 128).
    pub details: HashMap<String, String>,
}

impl Authorization {
    /// Whether the agent answered with `Error.Cancelled`.
    #[must_use]
    pub fn dismissed(&self) -> bool {
        self.details.contains_key("polkit.dismissed")
    }
}

/// How to register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// The subject's agent.
    #[default]
    Sole,
    /// Give way to another agent of the session. A session-less process registered so has no agent at all (0.105 to 128).
    Fallback,
}

/// polkitd, seen through one connection.
#[derive(Debug, Clone)]
pub struct Authority {
    connection: Connection,
}

impl Authority {
    /// Uses a connection to the system bus.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The version of polkitd, which is started over the bus where it is not running.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] where there is none.
    pub async fn version(&self) -> Result<BackendVersion, AuthorityError> {
        Ok(BackendVersion::new(&self.property("BackendVersion").await?))
    }

    /// The name of polkitd's backend: "local" for 0.105, "js" from 0.106.
    ///
    /// # Errors
    /// As [`Authority::version`].
    pub async fn backend_name(&self) -> Result<String, AuthorityError> {
        self.property("BackendName").await
    }

    /// The pid of polkitd, in the pid namespace of the bus.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] where it is not running.
    pub async fn pid(&self) -> Result<u32, AuthorityError> {
        let reply = ask_bus(&self.connection, "GetConnectionUnixProcessID", AUTHORITY_NAME).await?;
        reply
            .body()
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "GetConnectionUnixProcessID", expected: "u" }.into())
    }

    /// The uid of polkitd.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`] where it is not running.
    pub async fn uid(&self) -> Result<u32, AuthorityError> {
        let reply = ask_bus(&self.connection, "GetConnectionUnixUser", AUTHORITY_NAME).await?;
        reply
            .body()
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "GetConnectionUnixUser", expected: "u" }.into())
    }

    /// Registers this connection as the agent of `subject`, reached at `path`. polkitd drops only one registration when a
    /// connection vanishes (0.105 to 128), so a connection must register once.
    ///
    /// # Errors
    /// [`AuthorityError::AlreadyRegistered`], [`AuthorityError::NoSuchSubject`], [`AuthorityError::OtherUser`] and those
    /// of the bus.
    pub async fn register(&self, subject: &Subject, path: &str, how: Registration) -> Result<(), AuthorityError> {
        // The locale of the messages that a person would be shown.
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

    /// Takes a registration back. From 0.115 this fails for a dead process: only closing the connection helps then.
    ///
    /// # Errors
    /// [`AuthorityError::NoSuchSubject`] for a dead process, [`AuthorityError::Refused`] where nothing was registered.
    pub async fn unregister(&self, subject: &Subject, path: &str) -> Result<(), AuthorityError> {
        self.call("UnregisterAuthenticationAgent", &(subject.to_wire(), path)).await.map(drop)
    }

    /// Says that `identity` authenticated. polkitd believes it of uid 0 alone, and asks for no proof: all responsibility
    /// is the caller's. The answer counts once `BeginAuthentication` returns after it.
    ///
    /// `uids` are tried in their order: see [`BackendVersion::agent_uids`].
    ///
    /// # Errors
    /// [`AuthorityError::NoSessionForCookie`] when the challenge is over, [`AuthorityError::WrongIdentity`] for an identity
    /// that was not offered.
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

    /// `AuthenticationAgentResponse2` (from 0.113; Debian's 0.105 has it as well), with one uid.
    ///
    /// # Errors
    /// As [`Authority::answer`].
    pub async fn answer_as(&self, uid: AgentUid, cookie: &Cookie, identity: IdentityUid) -> Result<(), AuthorityError> {
        let arguments = (uid.get(), cookie.secret(), wire_user(identity));
        self.call("AuthenticationAgentResponse2", &arguments).await.map(drop)
    }

    /// Asks whether `subject` may do `action`. Only root may pass details, or ask about other users' processes.
    ///
    /// # Errors
    /// [`AuthorityError::UnknownAction`], also for root, and those of the bus.
    pub async fn check(
        &self,
        subject: &Subject,
        action: &str,
        details: &HashMap<&str, &str>,
        interaction: Interaction,
    ) -> Result<Authorization, AuthorityError> {
        let flags = u32::from(interaction == Interaction::Allowed);
        let arguments = (subject.to_wire(), action, details, flags, "");
        let reply = match interaction {
            Interaction::Forbidden => self.call("CheckAuthorization", &arguments).await?,
            Interaction::Allowed => self.call_without_limit("CheckAuthorization", &arguments).await?,
        };
        let body = reply.body();
        let ((authorized, challenge, details),): ((bool, bool, HashMap<String, String>),) =
            body.deserialize().map_err(|_| DecodeError::Type { field: "CheckAuthorization", expected: "(bba{ss})" })?;
        Ok(Authorization { authorized, challenge, details })
    }

    /// The ids of all registered actions, in no order.
    ///
    /// # Errors
    /// Those of the bus.
    pub async fn actions(&self) -> Result<Vec<String>, AuthorityError> {
        // Id, description, message, vendor, its address, icon, the three implicit answers, annotations.
        type Action = (String, String, String, String, String, String, u32, u32, u32, HashMap<String, String>);
        let locale = "C";
        let reply = self.call("EnumerateActions", &locale).await?;
        let body = reply.body();
        let (actions,): (Vec<Action>,) = body
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "EnumerateActions", expected: "a(ssssssuuua{ss})" })?;
        Ok(actions.into_iter().map(|action| action.0).collect())
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
