//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::emit::Format;
use crate::lint::Kind;
use crate::policy::{Mode, RoleKind};
use crate::target::Spelling;
use crate::verdict::Session;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  a problem was found, or it was refused: nothing was changed
  2  wrong usage
  3  something that is needed cannot be reached or read
  4  diff, --dry-run: there would be a change";

const EXPLAIN_HELP: &str = "\
Examples:
  polkit-policy-gen explain --user www-data --action org.libvirt.unix.manage
  polkit-policy-gen explain --user deploy --action org.freedesktop.systemd1.manage-units --detail unit=nginx.service \
--detail verb=restart
  echo '{\"user\":\"bob\",\"action\":\"org.example.run\",\"session\":\"active\"}' | polkit-policy-gen explain --batch -

Exit codes:
  0  yes; with --batch: every line was answered
  1  no, or the action is not registered
  2  wrong usage; with --batch: a line is no request
  3  something that is needed cannot be reached or read
  4  auth_self, auth_admin and their _keep: somebody must authenticate
  5  it depends on something that is not known here; it is named

See polkit-policy-gen-verdicts(7) for what it knows, and for the JSON.";

const CHECK_HELP: &str = "\
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

const DOCTOR_HELP: &str = "\
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

/// Writes, installs and removes static polkit policy: rules or pkla, and group memberships.
#[derive(Debug, Parser)]
#[command(name = "polkit-policy-gen", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the files that a policy becomes, without installing them
    #[command(after_help = "\
Examples:
  polkit-policy-gen generate --group libvirt --action org.libvirt.unix.manage --result yes
  polkit-policy-gen generate --user backup --action 'org.freedesktop.udisks2.*' --result auth_admin
  polkit-policy-gen generate policy.toml --target debian:11 -o out/

Several files go to standard output one after the other, each after a comment line `// File: PATH` \
(in pkla and sysusers.d files `# File: PATH`); a single file stands alone.")]
    Generate(Generate),
    /// Write a policy file for libvirt: who may look, manage, or have a role over some domains
    #[command(after_help = "\
Examples:
  polkit-policy-gen libvirt --mode polkit --member www-data -o policy.toml
  polkit-policy-gen libvirt --mode acl --group ops --role operator --domains 'web-*' -o policy.toml

The modes, of which only one is ever in force:
  read-only  to list and to look: nothing is needed, and nothing is written (`virsh -r`)
  polkit     polkit lets a group manage libvirt: as good as root
  acl        a group gets a role over some domains: viewer, console, operator, admin
  socket     the socket belongs to a group, and polkit is not asked: as good as root")]
    Libvirt(Libvirt),
    /// Install a policy, and let the running polkitd confirm it
    #[command(after_help = "\
Example:
  polkit-policy-gen install policy.toml --dry-run && polkit-policy-gen install policy.toml

Without POLICY.toml: /etc/polkit-policy-gen/policy.toml and policy.d/*.toml there, by name, policy.toml as 50-policy.toml. \
The first grant that names subject, action and details decides. Files that are empty or links to /dev/null are passed over.

To let a group restart a service, and nothing else:
  [[systemd]]
  units = [\"nginx.service\"]
  verbs = [\"restart\"]
  groups = [\"deploy\"]
policy.toml(5) has all that may stand in a policy.

A [[hook]] in the policy makes polkit ask the running polkit-service-agent, before all other rules:
  [[hook]]
  actions = [\"org.libvirt.unix.manage\"]
  on_failure = \"nothing\"
The agent is told the details that belong to the action (systemd's `unit` and `verb`, libvirt's `domain_name` and its \
like), and those of `details = [\"KEY\"]`. Where it says neither yes nor no, on_failure decides:
  \"nothing\"  the other rules (the default). A deny of the agent is then no fence: it ends with the agent
  \"no\"       a refusal, to everybody but root: polkit cannot tell an agent without a rule for somebody from a dead one
polkitd's answers about such actions are shown, and not compared with the policy: they are the agent's.

What was installed is recorded in /var/lib/polkit-policy-gen, with --root below DIR; a package leaves that out.")]
    Install(Install),
    /// Show what `install` would change, as a unified diff
    #[command(after_help = "Example:\n  polkit-policy-gen diff policy.toml || test $? -eq 4")]
    Diff(Diff),
    /// Take away what was installed, by the record of it
    #[command(after_help = "Example:\n  polkit-policy-gen remove --dry-run && polkit-policy-gen remove")]
    Remove(Remove),
    /// List polkit's actions: their defaults, their details, and what of libvirt needs them
    #[command(after_help = "\
Examples:
  polkit-policy-gen actions 'org.libvirt.api.domain.*'
  polkit-policy-gen actions --json | jq -r '.actions[] | select(.defaults.any == \"yes\").id'

After the id stand the defaults: without a local session/in an inactive one/in an active one, or one word where all are the same. \
With no action found the exit code is 1.")]
    Actions(Actions),
    /// Say what polkit decides, and why, without asking it
    #[command(after_help = EXPLAIN_HELP)]
    Explain(Explain),
    /// Write a whole tree of pkla files as one rules file that decides the same
    #[command(after_help = "\
Example:
  polkit-policy-gen convert -o /etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules

What cannot be kept is refused by file and line, and then nothing is written. Exit codes: 0 written; 1 refused, or nothing to \
convert; 2 wrong usage; 3 something that is needed cannot be read.")]
    Convert(Convert),
    /// Find mistakes in rules, pkla and policy files
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Say why something is refused, and put it right
    #[command(after_help = DOCTOR_HELP)]
    Doctor(Doctor),
}

/// `generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// The policy file; `-` is standard input
    #[arg(value_name = "POLICY.toml", conflicts_with_all = ["group", "user", "action", "result"])]
    pub policy: Option<PathBuf>,
    /// A group that gets it (may be repeated)
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// A user that gets it (may be repeated)
    #[arg(long, value_name = "U")]
    pub user: Vec<String>,
    /// The action, or a pattern as org.libvirt.* (may be repeated)
    #[arg(long, value_name = "ID")]
    pub action: Vec<String>,
    /// yes, no, auth_self, auth_self_keep, auth_admin or auth_admin_keep
    #[arg(long, value_name = "R", requires = "action")]
    pub result: Option<String>,
    #[command(flatten)]
    /// For which polkit.
    pub target: Target,
    /// A file, or a directory (one that exists, or with a slash at the end) for several
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Generate a package's files: the paths below /usr
    #[arg(long)]
    pub vendor: bool,
}

/// `libvirt`
#[derive(Debug, Args)]
pub struct Libvirt {
    /// The way to libvirt
    #[arg(long, value_name = "M")]
    pub mode: Mode,
    /// The group that is let in; without it, for polkit and socket, the one that the distribution's policy names
    #[arg(long, value_name = "G")]
    pub group: Option<String>,
    /// A user to be put into the group (may be repeated)
    #[arg(long, value_name = "U")]
    pub member: Vec<String>,
    /// The group's role, with --mode acl
    #[arg(long, value_name = "R")]
    pub role: Option<RoleKind>,
    /// The names of its domains, in which `*` stands for any letters (may be repeated)
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub domains: Vec<String>,
    /// The file to be made; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `actions`
#[derive(Debug, Args)]
pub struct Actions {
    /// Only these, in which `*` stands for any letters
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Read the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// For which polkit, and in which format.
#[derive(Debug, Args)]
pub struct Target {
    /// host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// The format, where the target reads both
    #[arg(long, value_name = "F")]
    pub format: Option<Format>,
}

/// Where, and what with.
#[derive(Debug, Args)]
pub struct Place {
    /// The policy file; `-` is standard input
    #[arg(value_name = "POLICY.toml")]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    /// For which polkit.
    pub target: Target,
    /// Work on the tree below DIR instead of the host; needs no polkitd, nor root where DIR is writable
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Write where packages write: below /usr
    #[arg(long)]
    pub vendor: bool,
    /// Overwrite and remove what was changed by hand
    #[arg(long)]
    pub force: bool,
    /// Take users and groups that do not exist as coming later, for images
    #[arg(long)]
    pub create: bool,
}

/// `install`
#[derive(Debug, Args)]
pub struct Install {
    #[command(flatten)]
    /// Where, and what with.
    pub place: Place,
    /// Change nothing, show the diff
    #[arg(long)]
    pub dry_run: bool,
    /// Make polkit's directory if it is missing, as that version's own package makes it
    #[arg(long)]
    pub mkdir: bool,
    /// Restart the daemons of libvirt whose configuration changes
    #[arg(long)]
    pub restart: bool,
}

/// `diff`
#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    /// Where, and what with.
    pub place: Place,
}

/// `remove`
#[derive(Debug, Args)]
pub struct Remove {
    /// Work on the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Change nothing, show the diff
    #[arg(long)]
    pub dry_run: bool,
    /// Remove what was changed by hand, too
    #[arg(long)]
    pub force: bool,
    /// Restart the daemons of libvirt whose configuration changes
    #[arg(long)]
    pub restart: bool,
}

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
