//! The commands that only read: explain, convert, check and doctor.

use std::path::PathBuf;

use clap::Args;

use crate::implicit_authorization::Session;
use crate::lint::FileKind;
use crate::target::Spelling;
use crate::verdict::Flag;

pub(super) const EXPLAIN_HELP: &str = "\
Examples:
  polkit-policy-gen explain --user www-data --action org.libvirt.unix.manage
  polkit-policy-gen explain --user deploy --action org.freedesktop.systemd1.manage-units \\
      --detail unit=nginx.service --detail verb=restart
  echo '{\"user\":\"bob\",\"action\":\"org.example.run\"}' | polkit-policy-gen explain --batch -

Exit codes:
  0  yes; with --batch: every line has a verdict
  1  no, or the action is not registered
  2  usage error; with --batch: a line is not a valid request
  3  a required file or service is unavailable
  4  auth_self, auth_admin or their _keep variants: authentication is required
  5  the verdict depends on an unknown fact, which is named

polkit-policy-gen-verdicts(7) describes the method and the JSON format.";

pub(super) const CHECK_HELP: &str = "\
Examples:
  polkit-policy-gen check                        all policy of this host
  polkit-policy-gen check rules.d/ --target polkit:126 --strict
  polkit-policy-gen generate policy.toml | polkit-policy-gen check - --kind rules
  polkit-policy-gen check --code PG012

Exit codes:
  0  no errors; without --strict there may be warnings
  1  errors, or with --strict warnings
  2  usage error, or unknown code
  3  a required file or service is unavailable";

pub(super) const DOCTOR_HELP: &str = "\
Examples:
  polkit-policy-gen doctor                                   this host, mainly libvirt
  polkit-policy-gen doctor --unit apache2.service
  polkit-policy-gen doctor --user www-data --action org.libvirt.unix.manage
  polkit-policy-gen doctor --user deploy --error \
      'Failed to restart nginx.service: Interactive authentication required.'
  tail -n 200 /var/log/apache2/error.log | polkit-policy-gen doctor --error -
  polkit-policy-gen doctor --user www-data --fix join-group --yes

Exit codes:
  0  no problem found, or fixed
  1  a problem was found; with --fix: a problem remains, or the fix was refused
  2  usage error, or unknown fix
  3  the check was not possible

polkit-policy-gen(1) describes the findings and the JSON format.";

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The user name, or the uid of a user without a name
    #[arg(long, value_name = "U", required_unless_present = "batch", requires = "action")]
    pub user: Option<String>,
    /// A group of the user (repeatable). These groups replace those of the user database
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// The action id
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
    /// A detail that the mechanism passes to polkit (repeatable)
    #[arg(long, value_name = "K=V", value_parser = detail)]
    pub detail: Vec<(String, String)>,
    /// The unit of the user's process, such as panel.service. polkit 124 and later knows it if the mechanism passes it
    #[arg(long, value_name = "U")]
    pub unit: Option<String>,
    /// The session of the user's process: none for services and cron, remote for ssh
    #[arg(long, value_name = "S", default_value = "none")]
    pub session: Session,
    /// A flag that the mechanism passes to polkit: with always-check, polkit 125 and later decides about root as about other users
    #[arg(long, value_name = "F", value_delimiter = ',')]
    pub flags: Vec<Flag>,
    /// Read requests from FILE, one JSON object per line, and print one verdict per line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "group", "action", "detail", "unit", "flags"])]
    pub batch: Option<PathBuf>,
    /// Read files and accounts of the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The target: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// Read the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The file to write; by default and for `-`, standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(super) fn detail(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Files, or directories with *.rules, *.pkla and policy *.toml; by default all policy that polkit reads; `-` is standard input
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Treat the given files as this kind. By default the kind is taken from the file name, or guessed for standard input
    #[arg(long, value_name = "KIND", requires = "paths")]
    pub kind: Option<FileKind>,
    /// Explain a code
    #[arg(long, value_name = "PG…", conflicts_with_all = ["paths", "target", "root", "json"])]
    pub code: Option<String>,
    /// The target: host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// Check the tree below DIR instead of the host
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    pub root: Option<PathBuf>,
    /// Fail on warnings
    #[arg(long)]
    pub strict: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Examine what polkit decides for this user
    #[arg(long, value_name = "U", conflicts_with_all = ["unit", "pid"])]
    pub user: Option<String>,
    /// Examine the processes of this systemd unit
    #[arg(long, value_name = "U", conflicts_with = "pid")]
    pub unit: Option<String>,
    /// Examine this process
    #[arg(long, value_name = "N")]
    pub pid: Option<u32>,
    /// The action id. By default the action of the error text or of the unit's journal, or libvirt management where that uses libvirt
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
    /// A detail that the mechanism passes to polkit (repeatable)
    #[arg(long, value_name = "K=V", value_parser = detail, requires = "action")]
    pub detail: Vec<(String, String)>,
    /// An error message or a whole log; doctor starts at the first known error; `-` is standard input
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// Apply the first fix with this name, and repeat the examination
    #[arg(long, value_name = "ID", conflicts_with = "json")]
    pub fix: Option<String>,
    /// Do not ask for confirmation
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
