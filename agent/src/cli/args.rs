//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use jiff::{
    Timestamp,
    civil::{DateTime, Time},
};
use polkit_config::table::parse_duration;

/// Answers polkit in place of the human that a service does not have: by configured rules, and refuses everything else.
#[derive(Debug, Parser)]
#[command(
    name = "polkit-service-agent",
    version,
    after_help = "\
Example: what would the rules say to PHP under Apache?
    polkit-service-agent test --action org.libvirt.unix.manage --user www-data --unit apache2.service

Exit codes: 0 done; 2 usage; 3 what is needed cannot be reached. Each command adds its own."
)]
pub struct Cli {
    /// What to do.
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

Runs until SIGTERM. SIGHUP reads the configuration again; a broken one changes nothing.
Exit codes: 0 ended as told; 3 broken configuration, or the bus or polkitd cannot be reached.")]
    Run(ConfigFile),
    /// Register this process with the running agent, then become COMMAND.
    #[command(after_help = "\
Example:
    polkit-service-agent exec -- virsh -c qemu:///system list

For those whom an `exec` entry of [[serve]] names. The process of COMMAND is covered, its children are not.
Exit codes: those of COMMAND; 125 not registered, COMMAND was not run; 126 it cannot be run; 127 it is not there.")]
    Exec {
        /// The program and its arguments.
        #[arg(required = true, last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Say what the running agent serves, and by which way.
    #[command(after_help = "\
Example:
    polkit-service-agent status --json | jq .served

Ways: events (the kernel tells of forks), rescan (units and sessions are looked at ten times a second), fixed, hook.
Exit codes: 0 fine; 1 polkitd may have lost so many descriptors that some entry is not registered any more; 3 the agent does
not answer.")]
    Status {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show the questions that wait for a person.
    #[command(after_help = "\
Example:
    polkit-service-agent pending

A rule with `answer = \"ask\"` refuses, and lets the question wait. For root and the group polkit-approvers.
Exit codes: 0 done; 3 the agent does not answer.")]
    Pending {
        /// Show what is approved instead, and how long.
        #[arg(long)]
        approved: bool,
        /// Print one JSON list.
        #[arg(long)]
        json: bool,
    },
    /// Approve a question that waits: it is allowed when it is asked again.
    #[command(after_help = "\
Example:
    polkit-service-agent approve 5f0c19aa --for 10m

An approval is for that rule, action, user, unit or session and program. It ends with a reload or restart of the agent.
Exit codes: 0 done; 1 refused: nobody approves a question of his own, or --for a program that root alone does not control;
2 usage; 3 the agent does not answer.")]
    Approve {
        /// As `pending` shows it.
        #[arg(value_name = "ID")]
        id: String,
        /// As often as it is asked for a length of time, up to 1h; without it, for one answer.
        #[arg(long = "for", value_name = "TIME", value_parser = length)]
        length: Option<Duration>,
    },
    /// Take a question away that waits, or end what was approved.
    #[command(after_help = "\
Example:
    polkit-service-agent deny 5f0c19aa

The same question may be asked again. Exit codes: 0 done; 1 no such question; 2 usage; 3 the agent does not answer.")]
    Deny {
        /// As `pending` shows it.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show what was decided, from the journal.
    #[command(after_help = "\
Example: what was refused since this morning, as rules to choose from?
    polkit-service-agent decisions --since today --suggest

Only entries that journald saw coming from the agent's unit, as root, are looked at. A decision without an outcome is shown as
unknown. Exit codes: 0 done; 2 usage; 3 the journal cannot be read.")]
    Decisions(Shown),
    /// Read the configuration, and say what is wrong with it, what it gives away and in which order it is asked.
    #[command(after_help = "\
Example:
    polkit-service-agent check --config draft.toml && systemctl reload polkit-service-agent

Exit codes: 0 right, perhaps with warnings; 1 broken.")]
    Check(ConfigFile),
    /// Say what the rules answer, and ask nobody.
    #[command(after_help = "\
Example:
    polkit-service-agent test --action org.libvirt.unix.manage --pid 4242 --json

With --pid everything is read from the process. Otherwise a fact that is not given is unknown: a rule that grants needs
every one of its keys to be true, a rule that refuses matches unless one is false. Groups that are not given are those of
the user. It is taken for granted that polkitd vouches for the subject (AUTH_SELF, the [[agent]] of polkit-policy-gen).
Exit codes: 0 allow; 1 deny or dismiss; 2 usage; 3 broken configuration, or no such process; 4 ask or authenticate.")]
    Test(Box<Asked>),
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// Read this file alone, instead of agent.toml and its fragments.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What `decisions` shows.
#[derive(Debug, Args)]
pub struct Shown {
    /// From this time on, as journalctl(1) takes it.
    #[arg(long, value_name = "TIME", default_value = "-24h", allow_hyphen_values = true)]
    pub since: String,
    /// Go on with what comes.
    #[arg(long)]
    pub follow: bool,
    /// Write, for each kind of refusal, the narrowest rule that would have answered it, the most frequent first.
    #[arg(long, conflicts_with_all = ["follow", "json"])]
    pub suggest: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// A question for `test`.
#[derive(Debug, Args)]
pub struct Asked {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The action's id.
    #[arg(long, value_name = "ID")]
    pub action: String,
    /// Ask about this process.
    #[arg(long, value_name = "N", conflicts_with_all = ["user", "unit", "group", "exe", "session", "seat"])]
    pub pid: Option<u32>,
    /// The subject's real user.
    #[arg(long, value_name = "U", required_unless_present = "pid")]
    pub user: Option<String>,
    /// The subject's unit.
    #[arg(long, value_name = "U")]
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
    /// A detail of the action, which only the hook is told; may be given more than once.
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    pub detail: Vec<(String, String)>,
    /// How the question comes.
    #[arg(long, value_name = "WAY", value_parser = ["challenge", "hook"], default_value = "challenge")]
    pub way: String,
    /// Ask about this time instead of now: 2027-01-31T18:00, 18:00 of today, or a time with its offset.
    #[arg(long, value_name = "TIME", value_parser = at)]
    pub at: Option<At>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A time that `test` is asked about.
#[derive(Debug, Clone, Copy)]
pub enum At {
    /// Wherever.
    Instant(Timestamp),
    /// By the host's clocks.
    Local(DateTime),
    /// Today, by the host's clocks.
    Today(Time),
}

fn at(text: &str) -> Result<At, String> {
    let instant = || text.parse().map(At::Instant).ok();
    let time = || text.parse().map(At::Today).ok().filter(|_| !text.contains('-'));
    let local = || text.parse().map(At::Local).ok();
    instant().or_else(time).or_else(local).ok_or_else(|| "a time is 2027-01-31T18:00, or 18:00".into())
}

fn length(text: &str) -> Result<Duration, String> {
    parse_duration(text).filter(|length| !length.is_zero()).ok_or_else(|| "a length of time is 90s, 10m or 1h".into())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a detail is KEY=VALUE".into()),
    }
}
