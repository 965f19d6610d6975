//! The running agent, asked over the bus by the commands.

use polkit_dbus::Connection;
use zbus::{message::Message, zvariant::DynamicType};

use crate::ipc::bus::{NAME, PATH};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It refused, and says why.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached.
    #[error("the agent does not answer: {0}. Is it running?")]
    Unreachable(String),
}

/// Calls a method.
///
/// # Errors
/// The agent's own refusal, or why it could not be asked.
pub async fn call(method: &str, arguments: &(impl serde::Serialize + DynamicType)) -> Result<Message, NoAnswer> {
    let connection: Connection =
        polkit_dbus::connect().await.map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
    let reply = connection.call_method(Some(NAME), PATH, Some(NAME), method, arguments).await;
    reply.map_err(|error| match &error {
        zbus::Error::MethodError(name, said, _) if name.as_str().starts_with(NAME) => {
            NoAnswer::Refused(said.clone().unwrap_or_else(|| name.to_string()))
        }
        _ => NoAnswer::Unreachable(error.to_string()),
    })
}

/// Calls a method that answers with text.
///
/// # Errors
/// As [`call`].
pub async fn text(method: &str) -> Result<String, NoAnswer> {
    let reply = call(method, &()).await?;
    reply.body().deserialize().map_err(|error| NoAnswer::Unreachable(error.to_string()))
}
