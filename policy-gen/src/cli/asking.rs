//! The commands that look, and say what polkit makes of it.

use std::path::PathBuf;

use clap::Args;

use crate::lint::Kind;
use crate::target::Spelling;
use crate::word::Session;

pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  polkit-policy-gen explain --user www-data --action org.libvirt.unix.manage
  polkit-policy-gen explain --user deploy --action org.freedesktop.systemd1.manage-units \\
      --detail unit=nginx.service --detail verb=restart
  echo '{\"user\":\"bob\",\"action\":\"org.example.run\"}' | polkit-policy-gen explain --batch -

Exit codes:
  0  yes; with --batch: every line was answered
  1  no, or the action is not registered
  2  wrong usage; with --batch: a line is no request
  3  something that is needed cannot be reached or read
  4  auth_self, auth_admin and their _keep: somebody must authenticate
  5  it depends on something that is not known here; it is named

See polkit-policy-gen-verdicts(7) for what it knows, and for the JSON.";

pub(super) const CHECK_HELP: &str = "\
Examples:
  polkit-policy-gen check                        all that this host's polkit reads
  polkit-policy-gen check rules.d/ --target polkit:126 --strict
  polkit-policy-gen generate policy.toml | polkit-policy-gen check - --kind rules
  polkit-policy-gen check --code PG012

Exit codes:
  0  nothing wrong; without --strict there may be warnings
  1  there is an error, or with --strict a warning
  2  wrong usage, or no such code
  3  something that is needed cannot be reached or read";

pub(super) const DOCTOR_HELP: &str = "\
Examples:
  polkit-policy-gen doctor                                   this host, libvirt first
  polkit-policy-gen doctor --unit apache2.service
  polkit-policy-gen doctor --user www-data --action org.libvirt.unix.manage
  tail -n 200 /var/log/apache2/error.log | polkit-policy-gen doctor --error -
  polkit-policy-gen doctor --user www-data --fix join-group --yes

Exit codes:
  0  nothing wrong, or put right
  1  something was found; with --fix: something is left, or it was refused
  2  wrong usage, or no such fix
  3  it could not be looked at

See polkit-policy-gen(1) for what it knows, and for the JSON.";

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The user, or the number of a uid that has no name
    #[arg(long, value_name = "U", required_unless_present = "batch", requires = "action")]
    pub user: Option<String>,
    /// A group of the user (may be repeated): these and no others, instead of those that the accounts say
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// The action
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
    /// A detail that the mechanism passes to polkit (may be repeated)
    #[arg(long, value_name = "K=V", value_parser = detail)]
    pub detail: Vec<(String, String)>,
    /// The session that the user's process is in; none is a service or cron, remote is ssh
    #[arg(long, value_name = "S", default_value = "none")]
    pub session: Session,
    /// Read requests from FILE, a line of JSON each, and answer each with a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "group", "action", "detail"])]
    pub batch: Option<PathBuf>,
    /// Read the files and accounts of the tree below DIR instead of the host's
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// For which polkit: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `convert`
#[derive(Debug, Args)]
pub struct Convert {
    /// Read the tree below DIR instead of the host's
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The file to be made; without it, or as `-`, standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn detail(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Files, or directories with *.rules, *.pkla and policy *.toml; without any, all that polkit reads; `-` is standard input
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What the files are that are named, whatever their names; without it, standard input is what it looks like
    #[arg(long, value_name = "KIND", requires = "paths")]
    pub kind: Option<Kind>,
    /// Say what a code means
    #[arg(long, value_name = "PG…", conflicts_with_all = ["paths", "target", "root", "json"])]
    pub code: Option<String>,
    /// For which polkit: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// Look through the tree below DIR instead of the host
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    pub root: Option<PathBuf>,
    /// Fail on warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at what this user gets
    #[arg(long, value_name = "U", conflicts_with_all = ["unit", "pid"])]
    pub user: Option<String>,
    /// Look at the processes of this unit of systemd's
    #[arg(long, value_name = "U", conflicts_with = "pid")]
    pub unit: Option<String>,
    /// Look at this process
    #[arg(long, value_name = "N")]
    pub pid: Option<u32>,
    /// The action; without it the one that the error names, else the management of libvirt
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
    /// A message or a whole log, from whose first real error to start; `-` is standard input
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// Carry out the first fix of this name, and look again
    #[arg(long, value_name = "ID", conflicts_with = "json")]
    pub fix: Option<String>,
    /// Do not ask first
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
