//! The command line interface.

mod asking;
mod exploring;
mod serving;
mod tracing;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::policy::{Mode, RoleKind};
use crate::target::Format;
use crate::target::Spelling;

use asking::{CHECK_HELP, DOCTOR_HELP, EXPLAIN_HELP};
pub use asking::{Check, Convert, Doctor, Explain};
use exploring::WHO_HELP;
pub use exploring::Who;
pub use serving::{Disable, Enable};
use tracing::TRACE_HELP;
pub use tracing::Trace;

const EXIT_CODES: &str = "\
Exit codes:
  0  success, or nothing to do
  1  a problem was found, or the command refused: nothing was changed
  2  usage error
  3  a required file or service is unavailable
  4  diff, --dry-run: there are changes";

/// Generates, installs, checks and explains static polkit policy: rules or pkla files, and group memberships.
#[derive(Debug, Parser)]
#[command(name = "polkit-policy-gen", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the files of a policy without installing them
    #[command(after_help = "\
Examples:
  polkit-policy-gen generate --group libvirt --action org.libvirt.unix.manage --result yes
  polkit-policy-gen generate --user backup --action 'org.freedesktop.udisks2.*' --result auth_admin
  polkit-policy-gen generate policy.toml --target debian:11 -o out/

Several files are printed one after the other, each after a comment line `// File: PATH` \
(in pkla and sysusers.d files `# File: PATH`). A single file is printed without this line.")]
    Generate(Generate),
    /// Write a policy file for libvirt: who may view, manage or control domains
    #[command(after_help = "\
Examples:
  polkit-policy-gen libvirt --mode polkit --member www-data -o policy.toml
  polkit-policy-gen libvirt --mode acl --group ops --role operator --domains 'web-*' -o policy.toml

Modes (a policy has exactly one):
  read-only  list and show domains: needs no policy, writes nothing (`virsh -r`)
  polkit     a group may manage libvirt: equivalent to root access
  acl        a group gets a role over some domains: viewer, console, operator or admin
  socket     a group owns the socket, and polkit is not asked: equivalent to root access")]
    Libvirt(Libvirt),
    /// Install a policy and test it with the running polkitd
    #[command(after_help = "\
Example:
  polkit-policy-gen install policy.toml --dry-run && polkit-policy-gen install policy.toml

Without POLICY.toml, install reads /etc/polkit-policy-gen/policy.toml and policy.d/*.toml in the order of their names; \
policy.toml counts as 50-policy.toml. The first grant that matches subject, action and details decides. Empty files and \
links to /dev/null are skipped.

Allow a group to restart one service:
  [[systemd]]
  units = [\"nginx.service\"]
  verbs = [\"restart\"]
  groups = [\"deploy\"]
policy.toml(5) describes the format.

A [[hook]] table makes polkit ask the running polkit-service-agent before all other rules:
  [[hook]]
  actions = [\"org.libvirt.unix.manage\"]
  on_failure = \"nothing\"
The agent receives the known details of the action (for systemd `unit` and `verb`; polkit-mechanisms(7) has all) \
and those listed in `details = [\"KEY\"]`. If it replies neither yes nor no, on_failure decides:
  \"nothing\"  the other rules decide (the default). If the agent stops, its deny rules no longer apply
  \"no\"       refuse, except for root: polkit cannot distinguish a stopped agent from an agent without a matching rule
The table of polkitd's results does not compare such actions with the policy, because the agent decides them.

The record of the installed files is in /var/lib/polkit-policy-gen (with --root below DIR). Exclude it from packages.")]
    Install(Install),
    /// Show what `install` would change, as a unified diff
    #[command(after_help = "Example:\n  polkit-policy-gen diff policy.toml || test $? -eq 4")]
    Diff(Diff),
    /// Remove everything that `install` wrote
    #[command(after_help = "Example:\n  polkit-policy-gen remove --dry-run && polkit-policy-gen remove")]
    Remove(Remove),
    /// List what is installed, from which policy file, and since when
    #[command(after_help = "\
Example:
  polkit-policy-gen list --json | jq -r '.sources[].file'

Only root may read the record of a host.")]
    List(List),
    /// List the registered actions: implicit authorizations, details, and uses by libvirt
    #[command(after_help = "\
Examples:
  polkit-policy-gen actions 'org.libvirt.api.domain.*'
  polkit-policy-gen actions --json | jq -r '.actions[] | select(.defaults.any == \"yes\").id'

The implicit authorizations follow the id: any/inactive/active, or a single result if all three are equal. For a single \
action, the output says what its mechanism passes to polkit, and when it lets polkit ask an agent. \
If no action matches, the exit code is 1.")]
    Actions(Actions),
    /// List the named sets of actions, or explain one
    #[command(after_help = "\
Examples:
  polkit-policy-gen sets
  polkit-policy-gen sets restart-unit

A set has all actions that a purpose needs, and no more. A policy file grants it:
  [[allow]]
  what = \"restart-unit\"
  units = [\"nginx.service\"]
  users = [\"deploy\"]
policy.toml(5) describes [[allow]]. If there is no such set, the exit code is 1.")]
    Sets(Sets),
    /// Print a commented policy for a common task, or list the recipes
    #[command(after_help = "\
Examples:
  polkit-policy-gen recipe
  polkit-policy-gen recipe dashboard user=www-data units=nginx.service,php8.4-fpm.service
  polkit-policy-gen recipe libvirt-panel --agent

The comment at the top says where to write the policy, and what to run then. An unknown recipe or key is a usage error (2); \
a value that makes the policy invalid is refused (1).")]
    Recipe(Recipe),
    /// Evaluate policy offline: what polkit would decide, and why
    #[command(after_help = EXPLAIN_HELP)]
    Explain(Explain),
    /// List which users, groups and units get a result for an action
    #[command(after_help = WHO_HELP)]
    Who(Who),
    /// Convert pkla files to one rules file with the same decisions
    #[command(after_help = "\
Example:
  polkit-policy-gen convert -o /etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules

What cannot be converted is reported by file and line, and then nothing is written. Exit codes: 0 written; 1 refused, or nothing to \
convert; 2 usage error; 3 a required file is unavailable.")]
    Convert(Convert),
    /// Find mistakes in rules, pkla and policy files
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Find out why a request is refused, and fix it
    #[command(after_help = DOCTOR_HELP)]
    Doctor(Doctor),
    /// Watch what polkitd is asked, and write the narrowest policy that allows what it refused
    #[command(after_help = TRACE_HELP)]
    Trace(Trace),
    /// Let polkit-service-agent allow actions to a unit (`polkit-service-agent enable` runs this)
    #[command(after_help = "\
Example:
  polkit-policy-gen enable web.service --action org.libvirt.unix.manage

polkit-service-agent(8) describes the command.")]
    Enable(Enable),
    /// Undo `enable` (`polkit-service-agent disable` runs this)
    #[command(after_help = "Example:\n  polkit-policy-gen disable web.service")]
    Disable(Disable),
}

/// Options of `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// The policy file; `-` is standard input
    #[arg(value_name = "POLICY.toml", conflicts_with_all = ["group", "user", "action", "result"])]
    pub policy: Option<PathBuf>,
    /// A group that is granted the action (repeatable)
    #[arg(long, value_name = "G")]
    pub group: Vec<String>,
    /// A user who is granted the action (repeatable)
    #[arg(long, value_name = "U")]
    pub user: Vec<String>,
    /// The action id, or a pattern such as org.libvirt.* (repeatable)
    #[arg(long, value_name = "ID")]
    pub action: Vec<String>,
    /// The result: yes, no, auth_self, auth_self_keep, auth_admin or auth_admin_keep
    #[arg(long, value_name = "R", requires = "action")]
    pub result: Option<String>,
    #[command(flatten)]
    /// The target.
    pub target: Target,
    /// Write to a file, or several files to a directory (one that exists, or with a slash at the end)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Generate the files of a package: in the paths below /usr
    #[arg(long)]
    pub vendor: bool,
}

/// Options of `libvirt`.
#[derive(Debug, Args)]
pub struct Libvirt {
    /// The kind of access
    #[arg(long, value_name = "M")]
    pub mode: Mode,
    /// The group that gets access. Default for polkit and socket: the group in the distribution's policy
    #[arg(long, value_name = "G")]
    pub group: Option<String>,
    /// A user to add to the group (repeatable)
    #[arg(long, value_name = "U")]
    pub member: Vec<String>,
    /// The group's role, with --mode acl
    #[arg(long, value_name = "R")]
    pub role: Option<RoleKind>,
    /// The domain names of the role, in which `*` matches any characters (repeatable)
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub domains: Vec<String>,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `actions`.
#[derive(Debug, Args)]
pub struct Actions {
    /// List only matching actions; `*` matches any characters
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Read the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `sets`.
#[derive(Debug, Args)]
pub struct Sets {
    /// Explain this set: its actions and its keys
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Read the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `recipe`.
#[derive(Debug, Args)]
pub struct Recipe {
    /// The recipe; without a name, list all
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// A value for a key of the recipe (repeatable)
    #[arg(value_name = "KEY=VALUE", value_parser = asking::detail)]
    pub values: Vec<(String, String)>,
    /// Print the configuration of polkit-service-agent instead of the policy
    #[arg(long, requires = "name")]
    pub agent: bool,
}

/// The target polkit and the format.
#[derive(Debug, Args)]
pub struct Target {
    /// host (the default), debian:11, debian:12, debian:13, polkit:VERSION or root:DIR
    #[arg(long, value_name = "T")]
    pub target: Option<Spelling>,
    /// The format, if the target reads both
    #[arg(long, value_name = "F")]
    pub format: Option<Format>,
}

/// The policy, and the tree to work on.
#[derive(Debug, Args)]
pub struct Place {
    /// The policy file; `-` is standard input
    #[arg(value_name = "POLICY.toml")]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    /// The target.
    pub target: Target,
    /// Work on the tree below DIR instead of the host; needs no polkitd, and no root if DIR is writable
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Write to the directories of packages, below /usr
    #[arg(long)]
    pub vendor: bool,
    /// Overwrite and remove files with manual changes
    #[arg(long)]
    pub force: bool,
    /// Allow users and groups that do not exist yet (for building images)
    #[arg(long)]
    pub create: bool,
}

/// Options of `install`.
#[derive(Debug, Args)]
pub struct Install {
    #[command(flatten)]
    /// The policy, and the tree to work on.
    pub place: Place,
    /// Show the diff and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove what other policy files granted
    #[arg(long)]
    pub replace: bool,
    /// Create polkit's rules directory if it is missing, with owner and mode of that version's package
    #[arg(long)]
    pub mkdir: bool,
    /// Restart libvirt's daemons if their configuration changes
    #[arg(long)]
    pub restart: bool,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    /// The policy, and the tree to work on.
    pub place: Place,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// Read the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Work on the tree below DIR instead of the host
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Show the diff and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove files with manual changes
    #[arg(long)]
    pub force: bool,
    /// Restart libvirt's daemons if their configuration changes
    #[arg(long)]
    pub restart: bool,
}
