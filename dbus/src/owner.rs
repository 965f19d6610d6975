//! The current owner of polkitd's bus name.

use futures_util::StreamExt;
use zbus::{Connection, MatchRule, MessageStream, message::Type, names::OwnedUniqueName};

use crate::{AuthorityError, Sender};

/// polkitd's bus name.
pub const AUTHORITY_NAME: &str = "org.freedesktop.PolicyKit1";

/// The unique name that owns `org.freedesktop.PolicyKit1`. Do not compare its uid instead: processes that polkitd spawns have
/// the same uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(OwnedUniqueName);

impl Owner {
    /// Whether this owner sent a message.
    #[must_use]
    pub fn sent(&self, sender: &Sender) -> bool {
        sender.name() == Some(self.0.as_str())
    }

    /// Returns the unique name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_str()
    }
}

/// Watches the owner of `org.freedesktop.PolicyKit1`.
#[derive(Debug)]
pub struct OwnerWatch {
    stream: MessageStream,
}

impl OwnerWatch {
    /// Subscribes to changes and returns the current owner, or `None` if there is none. Does not start polkitd.
    ///
    /// # Errors
    /// Bus errors.
    pub async fn new(connection: &Connection) -> Result<(Self, Option<Owner>), AuthorityError> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, AUTHORITY_NAME)
            .build()?;
        let stream = MessageStream::for_match_rule(rule, connection, None).await?;
        let owner = current(connection).await?;
        Ok((Self { stream }, owner))
    }

    /// Waits for the next change. Cancel-safe: no change is lost.
    ///
    /// # Errors
    /// [`AuthorityError::Bus`] if the connection is closed.
    pub async fn changed(&mut self) -> Result<Option<Owner>, AuthorityError> {
        loop {
            let message = match self.stream.next().await {
                Some(message) => message?,
                None => return Err(AuthorityError::Bus(zbus::Error::Failure("the connection was closed".into()))),
            };
            let body = message.body();
            let Ok((name, _old, new)) = body.deserialize::<(&str, &str, &str)>() else { continue };
            if name == AUTHORITY_NAME {
                return Ok(OwnedUniqueName::try_from(new.to_owned()).ok().map(Owner));
            }
        }
    }
}

async fn current(connection: &Connection) -> Result<Option<Owner>, AuthorityError> {
    match ask_bus(connection, "GetNameOwner", AUTHORITY_NAME).await {
        Ok(reply) => Ok(reply.body().deserialize::<OwnedUniqueName>().ok().map(Owner)),
        Err(AuthorityError::Absent) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Calls a method of the bus itself, with one name as the argument.
pub(crate) async fn ask_bus(
    connection: &Connection,
    method: &str,
    name: &str,
) -> Result<zbus::Message, AuthorityError> {
    let bus = "org.freedesktop.DBus";
    Ok(connection.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), method, &name).await?)
}
