//! The commands that explore policy: who.

use std::path::PathBuf;

use clap::Args;

use super::asking::detail;
use crate::target::Spelling;

pub(super) const WHO_HELP: &str = "\
Examples:
  polkit-policy-gen who org.libvirt.unix.manage
  polkit-policy-gen who org.freedesktop.systemd1.manage-units --detail unit=nginx.service
  polkit-policy-gen who --all --result yes

Exit codes:
  0  the list is complete
  1  the action is not registered
  2  usage error
  3  a required file or service is unavailable
  5  something cannot be enumerated: the output says what, with file and line

polkit-policy-gen-verdicts(7) describes the method and the JSON format.";

/// Options of `who`.
#[derive(Debug, Args)]
pub struct Who {
    /// The action id
    #[arg(value_name = "ACTION", required_unless_present = "all", conflicts_with = "all")]
    pub action: Option<String>,
    /// List all registered actions; those that every user gets without authentication come first
    #[arg(long)]
    pub all: bool,
    /// A detail that the mechanism passes to polkit (repeatable). Other details may have any value
    #[arg(long, value_name = "K=V", value_parser = detail)]
    pub detail: Vec<(String, String)>,
    /// Show only this result: yes, no, auth_self, auth_self_keep, auth_admin, auth_admin_keep or depends
    #[arg(long, value_name = "R", value_parser = RESULTS)]
    pub result: Option<String>,
    /// Name all accounts that get each result, and try the accounts and units of the host where a rule examines the text of a name
    #[arg(long)]
    pub host: bool,
    /// Read files and accounts of the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The target: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// Print one JSON object for each action, one per line
    #[arg(long)]
    pub json: bool,
}

/// The values of `--result`.
const RESULTS: [&str; 7] = ["yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep", "depends"];
