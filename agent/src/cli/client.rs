//! Calls to the running agent over the bus. One of the files with effects.

use polkit_dbus::Connection;
use zbus::{fdo, message::Message, zvariant::DynamicType};

use crate::ipc::bus::{NAME, PATH};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The agent refused, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The agent does not run.
    #[error("polkit-service-agent is not running: start it by `systemctl start polkit-service-agent`")]
    NotRunning,
    /// The bus policy refuses the caller.
    #[error("only root and members of polkit-approvers may ask the agent")]
    Denied,
    /// The agent cannot be reached.
    #[error("the agent cannot be reached: {0}")]
    Unreachable(String),
}

/// Calls a method.
///
/// # Errors
/// The refusal of the agent, or why the agent cannot be reached.
pub async fn call(method: &str, arguments: &(impl serde::Serialize + DynamicType)) -> Result<Message, ClientError> {
    let connection: Connection =
        polkit_dbus::connect().await.map_err(|error| ClientError::Unreachable(error.to_string()))?;
    let reply = connection.call_method(Some(NAME), PATH, Some(NAME), method, arguments).await;
    reply.map_err(|error| match &error {
        zbus::Error::MethodError(name, message, _) if name.as_str().starts_with(NAME) => {
            ClientError::Refused(message.clone().unwrap_or_else(|| name.to_string()))
        }
        zbus::Error::FDO(error) => match **error {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => ClientError::NotRunning,
            fdo::Error::AccessDenied(_) => ClientError::Denied,
            _ => ClientError::Unreachable(error.to_string()),
        },
        _ => ClientError::Unreachable(error.to_string()),
    })
}

/// Calls a method that returns a text.
///
/// # Errors
/// As [`call`].
pub async fn text(method: &str) -> Result<String, ClientError> {
    let reply = call(method, &()).await?;
    reply.body().deserialize().map_err(|error| ClientError::Unreachable(error.to_string()))
}
