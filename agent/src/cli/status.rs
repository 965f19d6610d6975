//! `polkit-service-agent status`.

use std::process::ExitCode;

use serde_json::Value;

use crate::{base::terminal, cli::client, register::status};

/// The agent cannot be reached.
const CANNOT_REACH: u8 = 3;

/// Shows the status of the running agent. Fails if polkitd leaked so many descriptors that the agent registers no more.
pub async fn run(json: bool) -> ExitCode {
    let answer = match client::text("Status").await {
        Ok(answer) => answer,
        Err(why) => {
            terminal::error(&why.to_string());
            return CANNOT_REACH.into();
        }
    };
    let Ok(status) = serde_json::from_str::<Value>(&answer) else {
        terminal::error("the reply of the agent is not JSON");
        return CANNOT_REACH.into();
    };
    terminal::print(&if json { status.to_string() } else { status::to_text(&status) });
    if status.get("strained").and_then(Value::as_bool) == Some(true) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
