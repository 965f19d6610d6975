//! The command line.

mod asking;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::policy::{Mode, RoleKind};
use crate::target::Format;
use crate::target::Spelling;

use asking::{CHECK_HELP, DOCTOR_HELP, EXPLAIN_HELP};
pub use asking::{Check, Convert, Doctor, Explain};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  a problem was found, or it was refused: nothing was changed
  2  wrong usage
  3  something that is needed cannot be reached or read
  4  diff, --dry-run: there would be a change";

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
