//! Who is polkitd right now.

use futures_util::StreamExt;
use zbus::{Connection, MatchRule, MessageStream, message::Type, names::OwnedUniqueName};

use crate::{AuthorityError, Sender};

/// The bus name of polkitd.
pub const AUTHORITY_NAME: &str = "org.freedesktop.PolicyKit1";

/// The unique name that owns `org.freedesktop.PolicyKit1`. Its uid says nothing: whatever polkitd spawns has it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(OwnedUniqueName);

impl Owner {
    /// Whether a message came from this owner.
    #[must_use]
    pub fn sent(&self, sender: &Sender) -> bool {
        sender.name() == Some(self.0.as_str())
    }

    /// The unique name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_str()
    }
}

/// Follows the owner of `org.freedesktop.PolicyKit1`.
#[derive(Debug)]
pub struct OwnerWatch {
    stream: MessageStream,
}

impl OwnerWatch {
    /// Subscribes, and reads who owns the name at this moment. `None` is nobody: nothing is started.
    ///
    /// # Errors
    /// Those of the bus.
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

    /// Waits for the next change. Can be dropped and called again without losing one.
    ///
    /// # Errors
    /// [`AuthorityError::Bus`] when the connection is gone.
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

/// One call to the bus itself, about one name.
pub(crate) async fn ask_bus(
    connection: &Connection,
    method: &str,
    name: &str,
) -> Result<zbus::Message, AuthorityError> {
    let bus = "org.freedesktop.DBus";
    Ok(connection.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), method, &name).await?)
}
