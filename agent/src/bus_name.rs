//! The agent on the system bus: `io.github.polkit_service_agent.Agent1`.

use std::sync::Arc;

use polkit_dbus::Connection;
use tokio::sync::watch;

use crate::status::Status;

/// Bus name and interface.
pub const NAME: &str = "io.github.polkit_service_agent.Agent1";
/// The one object.
pub const PATH: &str = "/io/github/polkit_service_agent/Agent1";

/// What stands behind the object.
struct Agent1 {
    status: watch::Receiver<Arc<Status>>,
}

#[zbus::interface(name = "io.github.polkit_service_agent.Agent1")]
impl Agent1 {
    /// What is served, as one JSON object: see `status --json` in the manual.
    fn status(&self) -> String {
        self.status.borrow().to_json().to_string()
    }
}

/// Takes the name. The bus policy lets root own it, and root call it.
///
/// # Errors
/// Where the bus policy is not installed, or somebody else has the name. The agent's work does not need it.
pub async fn publish(connection: &Connection, status: watch::Receiver<Arc<Status>>) -> Result<(), String> {
    let server = connection.object_server();
    server.at(PATH, Agent1 { status }).await.map_err(|error| error.to_string())?;
    connection.request_name(NAME).await.map_err(|error| error.to_string())
}

/// Asks a running agent.
///
/// # Errors
/// Why there is no answer.
pub async fn ask_status() -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the agent does not answer: {error}. Is it running?");
    let connection = polkit_dbus::connect().await.map_err(|error| failed(&error))?;
    let reply = connection.call_method(Some(NAME), PATH, Some(NAME), "Status", &()).await;
    let reply = reply.map_err(|error| failed(&error))?;
    reply.body().deserialize().map_err(|error| failed(&error))
}
