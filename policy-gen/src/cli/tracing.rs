//! The command that watches polkitd.

use std::time::Duration;

use clap::Args;
use polkit_config::pattern::Glob;
use polkit_config::table::parse_duration;

/// The longest trace.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) const TRACE_HELP: &str = "\
Examples:
  polkit-policy-gen trace --unit web.service             until Ctrl-C, for ten minutes at most
  polkit-policy-gen trace --user alice --for 1m > policy.toml
  polkit-policy-gen trace --unit backup --apply

Requests are shown on standard error while they come; the policy is on standard output. trace only listens on the system bus: \
it installs nothing before --apply, and a trace that is killed leaves nothing behind.

Exit codes:
  0  the policy was printed, and with --apply installed
  1  refused: not root, or the policy would not grant exactly what was seen
  2  usage error
  3  the bus or polkitd is unavailable";

/// Options of `trace`.
#[derive(Debug, Args)]
pub struct Trace {
    /// Only requests of processes in this unit
    #[arg(long, value_name = "U")]
    pub unit: Option<String>,
    /// Only requests of this user, by name or uid
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Only requests about matching actions; `*` matches any characters
    #[arg(long, value_name = "P", value_parser = pattern)]
    pub action: Option<Glob>,
    /// The length: 90s, 10m or 1h
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = length)]
    pub length: Duration,
    /// Install the policy, if it grants exactly what was refused
    #[arg(long)]
    pub apply: bool,
    /// Do not ask for confirmation
    #[arg(long, requires = "apply")]
    pub yes: bool,
    /// Print one JSON object instead of the policy
    #[arg(long, conflicts_with = "apply")]
    pub json: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "clap's parsers return a Result")]
fn pattern(text: &str) -> Result<Glob, String> {
    Ok(Glob::new(text))
}

fn length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).filter(|length| !length.is_zero()).ok_or("write a duration as 90s, 10m or 1h")?;
    if length > LONGEST { Err("a trace takes 24h at most".to_owned()) } else { Ok(length) }
}
