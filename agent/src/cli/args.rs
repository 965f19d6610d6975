//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use jiff::{
    Timestamp,
    civil::{DateTime, Time},
};
use polkit_config::{cgroup::is_unit_name, table::parse_duration};

/// The agent accepts no longer approval.
const LONGEST_APPROVAL: Duration = Duration::from_secs(3600);

/// A polkit authentication agent for services. It allows what its rules allow and refuses everything else.
#[derive(Debug, Parser)]
#[command(
    name = "polkit-service-agent",
    version,
    after_help = "\
Example: show how the rules would answer a request of PHP under Apache
    polkit-service-agent test --action org.libvirt.unix.manage --user www-data --unit apache2.service

Exit codes: 0 success; 2 wrong usage; 3 something that the command needs cannot be reached. Commands have further codes."
)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent.
    #[command(after_help = "\
Example:
    polkit-service-agent run --config /root/draft.toml

Runs until SIGTERM. SIGHUP reads the configuration again; one with errors changes nothing.
Exit codes: 0 ended by a signal; 3 the bus, polkitd or the user database cannot be reached; 78 the configuration has errors.")]
    Run(ConfigFile),
    /// Register this process with the running agent, then become COMMAND.
    #[command(after_help = "\
Example:
    polkit-service-agent exec -- virsh -c qemu:///system list

For users that an `exec` entry of [[serve]] names. The process of COMMAND is registered, its children are not.
Exit codes: those of COMMAND; 125 not registered, so COMMAND was not run; 126 COMMAND cannot be run; 127 COMMAND was
not found.")]
    Exec {
        /// The program and its arguments.
        #[arg(required = true, last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Show which units, users and sessions the running agent serves.
    #[command(after_help = "\
Example:
    polkit-service-agent status --json | jq .served

Ways: events (the kernel reports forks), rescan (the agent scans units and sessions ten times a second), fixed, hook.
Exit codes: 0 fine; 1 polkitd may have leaked so many descriptors that the agent registers no more for an entry; 3 the
agent cannot be reached.")]
    Status {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show the requests that wait for approval.
    #[command(after_help = "\
Example:
    polkit-service-agent pending

A rule with `answer = \"ask\"` refuses the request, and an approval request waits. For root and the group polkit-approvers.
Exit codes: 0 success; 3 the agent cannot be reached.")]
    Pending {
        /// Show the valid approvals instead, and how long they are valid.
        #[arg(long)]
        approved: bool,
        /// Print one JSON list.
        #[arg(long)]
        json: bool,
    },
    /// Approve a request: the agent allows it when the client repeats it.
    #[command(after_help = "\
Example:
    polkit-service-agent approve 5f0c19aa --for 10m

An approval covers this rule, action, user, unit or session, and program. It ends with a reload or restart of the agent.
Exit codes: 0 success; 1 refused: a request of your own user, or --for with a program that root alone does not control;
2 wrong usage; 3 the agent cannot be reached.")]
    Approve {
        /// The id that `pending` shows.
        #[arg(value_name = "ID")]
        id: String,
        /// Approve every identical request for this long (at most 1h). Without it, only the next one.
        #[arg(long = "for", value_name = "TIME", value_parser = length)]
        length: Option<Duration>,
    },
    /// Reject a waiting request, or revoke an approval.
    #[command(after_help = "\
Example:
    polkit-service-agent deny 5f0c19aa

The client can make the same request again. Exit codes: 0 success; 1 no such request; 2 wrong usage; 3 the agent cannot be
reached.")]
    Deny {
        /// The id that `pending` shows.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show the decisions in the journal.
    #[command(after_help = "\
Example: show today's refusals as rules to choose from
    polkit-service-agent decisions --since today --suggest

Only entries that journald received from the agent's unit, as root, count. If the outcome was not recorded, it is shown as
unknown. Exit codes: 0 success; 2 wrong usage; 3 the journal cannot be read.")]
    Decisions(DecisionsOptions),
    /// Allow actions to the processes of a unit: write both configurations, install, start the agent and try one request.
    #[command(after_help = "\
Example:
    polkit-service-agent enable web.service --action org.libvirt.unix.manage

Uses the hook, unless --register is given or the hook cannot work here. Shows the changes and asks for confirmation. Runs
polkit-policy-gen, which must be installed.
Exit codes: 0 enabled, and allowed if a request was tried; 1 refused, or the request was refused; 2 wrong usage; 3
something cannot be reached; 4 --dry-run: there are changes.")]
    Enable(Enable),
    /// Undo `enable`.
    #[command(after_help = "\
Example:
    polkit-service-agent disable web.service

Exit codes: 0 disabled; 1 refused, or not enabled; 2 wrong usage; 3 something cannot be reached; 4 --dry-run: there are
changes.")]
    Disable(Disable),
    /// Check the configuration: show its errors, its root-equivalent grants and the order of its rules.
    #[command(after_help = "\
Example:
    polkit-service-agent check --config draft.toml && systemctl reload polkit-service-agent

Exit codes: 0 no errors, perhaps warnings; 1 errors.")]
    Check(CheckOptions),
    /// Show how the rules would answer a request. Nothing is sent to polkit.
    #[command(after_help = "\
Example:
    polkit-service-agent test --action org.libvirt.unix.manage --pid 4242 --json

With --pid the facts are read from the process. Otherwise a fact without an option is unknown: a rule that grants matches if
all its keys are true, a rule that refuses matches unless one is false. Without --group the groups are those of the user. The
result assumes that polkitd vouches for the subject (AUTH_SELF, the [[agent]] of polkit-policy-gen).
Exit codes: 0 allow; 1 deny or dismiss; 2 wrong usage; 3 the configuration has errors, or no such process; 4 ask or
authenticate.")]
    Test(Box<TestRequest>),
}

/// The options of `enable`.
#[derive(Debug, Args)]
pub struct Enable {
    /// The unit whose processes get the actions.
    #[arg(value_name = "UNIT")]
    pub unit: String,
    /// An action id (repeatable).
    #[arg(long, value_name = "ID", required_unless_present = "what")]
    pub action: Vec<String>,
    /// A set of actions, by a name that `polkit-policy-gen sets` lists (repeatable).
    #[arg(long, value_name = "SET")]
    pub what: Vec<String>,
    /// A detail that a request must carry, for one action (repeatable).
    #[arg(long, value_name = "K=V")]
    pub detail: Vec<String>,
    /// The user of the processes. By default the user of the unit.
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Let a person approve each request.
    #[arg(long)]
    pub ask: bool,
    /// Use registration instead of the hook.
    #[arg(long)]
    pub register: bool,
    /// Whether to ask, and whether to change anything.
    #[command(flatten)]
    pub consent: Consent,
}

/// The options of `disable`.
#[derive(Debug, Args)]
pub struct Disable {
    /// The unit.
    #[arg(value_name = "UNIT")]
    pub unit: String,
    /// Whether to ask, and whether to change anything.
    #[command(flatten)]
    pub consent: Consent,
}

/// Whether a command asks, and whether it changes anything.
#[derive(Debug, Args)]
pub struct Consent {
    /// Only show what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
}

/// The configuration to read.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// Read only this file, instead of agent.toml and its fragments; `-` is standard input, for `check` and `test`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The options of `check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The configuration to read.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Show only errors and warnings.
    #[arg(long, short = 'q')]
    pub quiet: bool,
}

/// The options of `decisions`.
#[derive(Debug, Args)]
pub struct DecisionsOptions {
    /// Show decisions from this time on: 1h for the last hour, or a time in the format of journalctl(1).
    #[arg(long, value_name = "TIME", default_value = "-24h", allow_hyphen_values = true, value_parser = since)]
    pub since: String,
    /// Show only decisions about this unit.
    #[arg(long, value_name = "U")]
    pub unit: Option<String>,
    /// Show only decisions about this user, a name or a uid.
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Show only decisions about this action.
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
    /// Show only decisions that did not allow the request.
    #[arg(long)]
    pub denied: bool,
    /// Show only the last N of these decisions.
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "follow")]
    pub lines: Option<usize>,
    /// Show the decisions of your own agent, which serves only its session.
    #[arg(long)]
    pub own: bool,
    /// Also show new decisions as they come.
    #[arg(long)]
    pub follow: bool,
    /// For each kind of refusal, write the narrowest rule that would have allowed it, the most frequent first.
    #[arg(long, conflicts_with_all = ["follow", "json"])]
    pub suggest: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

/// The request of `test`.
#[derive(Debug, Args)]
pub struct TestRequest {
    /// The configuration to read.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The action id.
    #[arg(long, value_name = "ID")]
    pub action: String,
    /// Read the facts from this process.
    #[arg(long, value_name = "N", conflicts_with_all = ["user", "unit", "group", "exe", "session", "seat"])]
    pub pid: Option<u32>,
    /// The subject's real user.
    #[arg(long, value_name = "U", required_unless_present = "pid")]
    pub user: Option<String>,
    /// The subject's unit.
    #[arg(long, value_name = "U", value_parser = unit)]
    pub unit: Option<String>,
    /// A group of the subject's user; may be given more than once.
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// The subject's program.
    #[arg(long, value_name = "P")]
    pub exe: Option<PathBuf>,
    /// The subject's session: none, active, inactive, local, remote, or a class.
    #[arg(long, value_name = "S")]
    pub session: Option<String>,
    /// The seat of the subject's session.
    #[arg(long, value_name = "SEAT")]
    pub seat: Option<String>,
    /// A detail of the action, which only hook requests carry; may be given more than once.
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    pub detail: Vec<(String, String)>,
    /// The way of the request.
    #[arg(long, value_name = "WAY", value_parser = ["challenge", "hook"], default_value = "challenge")]
    pub way: String,
    /// Use this time instead of now: 2027-01-31T18:00, 18:00 (today), or a time with an offset.
    #[arg(long, value_name = "TIME", value_parser = at)]
    pub at: Option<At>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// The time of the request of `test`.
#[derive(Debug, Clone, Copy)]
pub enum At {
    /// A time with an offset.
    Instant(Timestamp),
    /// A local time.
    Local(DateTime),
    /// A local time of today.
    Today(Time),
}

fn at(text: &str) -> Result<At, String> {
    let instant = || text.parse().map(At::Instant).ok();
    let time = || text.parse().map(At::Today).ok().filter(|_| !text.contains('-'));
    let local = || text.parse().map(At::Local).ok();
    instant().or_else(time).or_else(local).ok_or_else(|| "write a time as 2027-01-31T18:00 or 18:00".into())
}

fn length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).filter(|length| !length.is_zero()).ok_or("write a duration as 90s, 10m or 1h")?;
    if length > LONGEST_APPROVAL {
        return Err("an approval is valid for 1h at most".into());
    }
    Ok(length)
}

/// A name as journalctl(1) reads it: `1h` is `-1h`.
fn since(text: &str) -> Result<String, String> {
    Ok(if parse_duration(text).is_some() { format!("-{text}") } else { text.to_owned() })
}

fn unit(text: &str) -> Result<String, String> {
    if is_unit_name(text) {
        return Ok(text.to_owned());
    }
    Err(if is_unit_name(&format!("{text}.service")) {
        format!("write the whole name of the unit: {text}.service")
    } else {
        "it cannot be the name of a unit".to_owned()
    })
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a detail as KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests;
