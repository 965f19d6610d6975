//! The commands that change what polkit-service-agent serves. `polkit-service-agent enable` and `disable` run them.

use clap::Args;

use super::asking::detail;

/// Options of `enable`.
#[derive(Debug, Args)]
pub struct Enable {
    /// The unit whose processes get the actions
    #[arg(value_name = "UNIT")]
    pub unit: String,
    /// An action id (repeatable)
    #[arg(long, value_name = "ID", required_unless_present = "what")]
    pub action: Vec<String>,
    /// A set of actions, by a name that `sets` lists (repeatable)
    #[arg(long, value_name = "SET")]
    pub what: Vec<String>,
    /// A detail that a request must carry (repeatable); for one action
    #[arg(long, value_name = "K=V", value_parser = detail)]
    pub detail: Vec<(String, String)>,
    /// The user of the processes. By default the user of the unit
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Let a person approve each request
    #[arg(long)]
    pub ask: bool,
    /// Use registration instead of the hook
    #[arg(long)]
    pub register: bool,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}

/// Options of `disable`.
#[derive(Debug, Args)]
pub struct Disable {
    /// The unit
    #[arg(value_name = "UNIT")]
    pub unit: String,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}
