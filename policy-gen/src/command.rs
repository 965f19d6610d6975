//! The subcommands, one file each, and their shared steps: reading a policy, checking it and generating its files.

pub mod actions;
pub mod check;
pub mod convert;
pub mod diff;
pub mod doctor;
pub mod enable;
pub mod explain;
pub mod generate;
pub mod install;
mod installed;
pub mod libvirt;
pub mod list;
mod mechanisms;
pub mod recipe;
pub mod remove;
pub mod restart;
pub mod sets;
mod shown_mechanism;
mod sources;
pub mod trace;
pub mod who;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use polkit_config::escape::escape;
use polkit_config::names::Names;
use polkit_config::output;
use polkit_config::report::{Problem, Report, Source};

use crate::check::libvirt::LibvirtFacts;
use crate::check::{HostFacts, Shipped};
use crate::cli::Place;
use crate::emit::{self, File, Owner};
use crate::failure::Failure;
use crate::install::plan::{Conflict, Plan};
use crate::install::record::SourceRecord;
use crate::install::run::DesiredState;
use crate::libvirt::conf::Edit;
use crate::libvirt::{daemons, shipped};
use crate::passwords::Passwords;
use crate::policy::{Draft, Policy};
use crate::target::Format;
use crate::target::{self, Spelling, Target};
use crate::tree::Tree;
use sources::{default_sources, explicit};

/// Exit code: success, or nothing to do.
pub const DONE: u8 = 0;
/// Exit code: there are changes.
pub const WOULD_CHANGE: u8 = 4;
/// Exit code: installed, but polkitd decides differently.
pub const NOT_AS_EXPECTED: u8 = 1;

/// A policy with its generated files, for one tree.
#[derive(Debug)]
pub struct PreparedPolicy {
    /// The tree.
    pub tree: Tree,
    /// Users and groups of the tree.
    pub names: Names,
    /// The polkit that reads the files.
    pub target: Target,
    /// The policy.
    pub policy: Policy,
    /// The generated files.
    pub files: Vec<File>,
    /// The user and the group of each `[[member]]`.
    pub members: Vec<(String, String)>,
    /// The changes to libvirt's configuration files.
    pub edits: Vec<Edit>,
    /// The policy files, and what each of them contains.
    pub sources: Vec<SourceRecord>,
}

impl PreparedPolicy {
    /// Returns the desired state of the tree.
    #[must_use]
    pub fn desired_state(&self) -> DesiredState<'_> {
        DesiredState { files: &self.files, members: &self.members, edits: &self.edits, sources: &self.sources }
    }
}

/// Reads and checks the policy of `install` and `diff`, and generates its files.
///
/// # Errors
/// All problems of the policy together.
pub async fn prepare(place: &Place) -> Result<PreparedPolicy, Failure> {
    let tree = Tree::open_trusted(place.root.as_deref())?;
    let target = spelling(place.root.as_deref(), place.target.target.as_ref());
    let target = target::resolve(&target).await?;
    mechanisms::load(&tree);
    let format = target.format(place.target.format)?;
    let owner = if place.vendor { Owner::Vendor } else { Owner::Admin };
    let mut report = Report::new();
    let (sources, origin) = match &place.policy {
        Some(path) => explicit(path, &mut report)?,
        None => default_sources(&tree, &mut report)?,
    };
    let mut draft = Draft::read(&sources, report);
    let (policy, report) = draft.parts();
    let names = names_of(&tree)?;
    let passwords = Passwords::of(&tree);
    let shipped = Shipped::of(&tree);
    let host =
        HostFacts { names: &names, passwords: &passwords, shipped: &shipped, tree: Some(&tree), create: place.create };
    crate::check::all(policy, target.version, Some(&host), report)?;
    let mut files = emit::files(policy, &origin, format, owner, report);
    let mut edits = Vec::new();
    if let Some(libvirt) = &policy.libvirt {
        let (found, shipped) = look_for_libvirt(&tree, format)?;
        let (create, vendor) = (place.create, place.vendor);
        let facts = LibvirtFacts { names: &names, found: &found, shipped: &shipped, create, vendor };
        crate::check::libvirt::check(libvirt, &facts, report)?;
        if !vendor {
            let changes = emit::daemons::changes(libvirt, &found, &origin);
            files.extend(changes.files);
            edits = changes.edits;
        }
    }
    // The target and the generated files depend on these files.
    for path in ["etc/passwd", "etc/group", "var/lib/dpkg/status"] {
        let _ = tree.vet(path);
    }
    tree.trusted()?;
    let policy = accept(draft)?;
    let members = policy.members.iter().map(|member| (member.user.value.clone(), member.group.value.clone()));
    let members = members.collect();
    let sources = installed::sources(&policy, &tree, place.policy.as_deref());
    Ok(PreparedPolicy { tree, names, target, policy, files, members, edits, sources })
}

/// Opens the host or a tree to evaluate its policy: the tree, its accounts, and the polkit that reads it.
///
/// # Errors
/// The tree or its accounts are unreadable, or there is no such polkit.
async fn opened(root: Option<&Path>, spelling: &Spelling) -> Result<(Tree, Names, Target), Failure> {
    let tree = Tree::open(root)?;
    let target = target::resolve(spelling).await?;
    mechanisms::load(&tree);
    let names = names_of(&tree)?;
    Ok((tree, names, target))
}

/// Returns the target that is asked for; by default that of the tree.
fn spelling(root: Option<&Path>, asked: Option<&Spelling>) -> Spelling {
    match asked {
        Some(Spelling::Host) | None => target::default_for(root),
        Some(spelling) => spelling.clone(),
    }
}

/// Returns the accounts of a tree.
fn names_of(tree: &Tree) -> Result<Names, Failure> {
    if tree.is_host() {
        return Ok(Names::Host);
    }
    Names::of_root(tree.path()).map_err(|error| Failure::Unreachable(error.to_string()))
}

/// Finds libvirt's daemons and the groups that packages allow to manage libvirt.
fn look_for_libvirt(
    tree: &Tree,
    format: Format,
) -> Result<(Vec<daemons::InstalledDaemon>, Vec<shipped::Shipped>), Failure> {
    let unreadable = |error| Failure::Unreachable(format!("cannot look for libvirt in {}: {error}", tree.shown("")));
    Ok((daemons::of_tree(tree).map_err(unreadable)?, shipped::groups(tree, format).map_err(unreadable)?))
}

/// Returns the policy and prints its warnings to standard error.
///
/// # Errors
/// [`Failure::Refused`] with all problems if there is an error among them.
fn accept(draft: Draft) -> Result<Policy, Failure> {
    let render = |report: &Report| report.render(std::io::stderr().is_terminal());
    let (policy, report) = draft.finish().map_err(|report| Failure::Refused(render(&report)))?;
    eprint(render(&report).trim_end());
    Ok(policy)
}

/// Refuses to overwrite manual changes unless `force` is set.
fn refuse_conflicts(conflicts: &[Conflict], force: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for conflict in conflicts {
        text.push_str(&format!("{}\n{}", escape(&conflict.message), safe(&conflict.diff)));
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    if force {
        eprint(text.trim_end());
        return Ok(());
    }
    Err(Failure::Refused(format!("{text}Nothing was changed. Use --force to overwrite manual changes.")))
}

/// Prints the diff of a plan. The exit code says whether there are changes.
fn show_diff(plan: &Plan) -> u8 {
    for conflict in &plan.conflicts {
        eprint(&escape(&conflict.message));
    }
    print(safe(&plan.diff).trim_end());
    if plan.is_empty() { DONE } else { WOULD_CHANGE }
}

/// Prints the changes that were made.
fn show_done(tree: &Tree, plan: &Plan) {
    for change in &plan.changes {
        let did = if change.to.is_some() { "wrote" } else { "removed" };
        print(&format!("{did} {}", tree.shown(&change.path)));
    }
    for member in &plan.members {
        let did = if member.add { ("added", "to") } else { ("removed", "from") };
        print(&format!("{} {} {} {}", did.0, member.user, did.1, member.group));
    }
    if !rustix::process::geteuid().is_root() && plan.changes.iter().any(|change| change.to.is_some()) {
        eprint("note: these files belong to you; change their owner to root where polkit uses them");
    }
}

/// Escapes a diff.
fn safe(diff: &str) -> String {
    diff.lines().map(|line| format!("{}\n", line.split('\t').map(escape_line).collect::<Vec<_>>().join("\t"))).collect()
}

/// Escapes as [`escape`] does, but keeps a backslash as it is in the file.
fn escape_line(text: &str) -> String {
    escape(text).replace("\\\\", "\\")
}

/// Prints lines to standard output.
fn print(text: &str) {
    if !text.is_empty() {
        output::print(text);
    }
}

/// Prints lines to standard error.
fn eprint(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Makes a [`Problem`] about an option.
fn option_problem(name: &str, message: impl Into<String>) -> Problem {
    Problem::error(Source::new(name, "").whole(), message)
}
