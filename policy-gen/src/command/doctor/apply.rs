//! Applies a fix. This module makes all changes of the doctor: either all steps, or as few as possible. Files are restored if a
//! later step fails.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use polkit_config::names::Names;
use polkit_dbus::Authority;
use rustix::fs::{Mode, OFlags, Stat};

use crate::cli::{Install, Place, Remove, Target};
use crate::command;
use crate::doctor::fixes::{AGENT, Fix, Step};
use crate::failure::Failure;
use crate::install::directories::{make_directories, remove_directories};
use crate::install::members::{change_host, is_member};
use crate::install::plan::{Change, MemberChange, NewFile, unified};
use crate::install::run::InstallTarget;
use crate::install::run::plan_now;
use crate::install::tool::run;
use crate::install::units::has_systemd;
use crate::install::write::{CommittedChanges, StagedChanges};
use crate::libvirt::conf::{self, DesiredValue, Key};
use crate::tree::{Tree, split};

/// Time limit for polkitd to end.
const END: Duration = Duration::from_secs(5);
const MODE: u32 = 0o644;

/// Returns the file changes of a fix as unified diffs; empty if it changes no file.
///
/// # Errors
/// A file that the fix changes is unreadable.
pub fn diff(fix: &Fix) -> Result<String, Failure> {
    let tree = Tree::open_trusted(None)?;
    let mut out = String::new();
    for step in &fix.steps {
        match step {
            Step::Write { path, text } => out.push_str(&unified(below(path), "", text, (false, true))),
            Step::Remove(path) => {
                let old = tree.read_text(below(path)).map_err(|error| refused(path, &error))?;
                out.push_str(&unified(below(path), &old, "", (true, false)));
            }
            Step::Unset { path, keys } => {
                let (old, new) = edited(&tree, path, keys)?;
                out.push_str(&unified(below(path), &old, &new, (true, true)));
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Applies all steps.
///
/// # Errors
/// [`Failure::Refused`] with the failed step.
pub async fn apply(fix: &Fix) -> Result<(), Failure> {
    let tree = Tree::open_trusted(None)?;
    if fix.steps.contains(&Step::Install) || fix.steps.contains(&Step::Withdraw) {
        installed_as_it_stands().await?;
    }
    let mut done = Done::default();
    for step in &fix.steps {
        if let Err(failure) = one(&tree, step, &mut done).await {
            return Err(done.undo(&tree, failure).await);
        }
    }
    done.written.keep();
    Ok(())
}

/// What the steps of a fix changed so far.
#[derive(Default)]
struct Done {
    /// Dropping it restores the files.
    written: CommittedChanges,
    /// Directories with another mode or owner before.
    directories: Vec<(String, OwnedFd, Stat)>,
    /// New memberships.
    joined: Vec<MemberChange>,
    /// Programs that were run.
    ran: Vec<String>,
    /// Created directories.
    made: Vec<String>,
    /// Whether the policy was installed.
    installed: bool,
    /// The state of the agent's unit before it was started or reloaded.
    agent: Option<AgentState>,
}

/// The state of the agent's unit.
struct AgentState {
    active: bool,
    enabled: bool,
    failed: bool,
}

impl Done {
    /// Restores the state before the fix, and adds to the failure what could not be restored.
    async fn undo(self, tree: &Tree, failure: Failure) -> Failure {
        let mut left: Vec<String> = self.ran.iter().map(|command| format!("the effect of `{command}`")).collect();
        drop(self.written);
        if self.installed {
            left.extend(uninstall().await.err().map(|error| error.to_string()));
        }
        if let Some(before) = self.agent {
            left.extend(restore_agent(&before).err().map(|error| error.to_string()));
        }
        for (path, directory, before) in self.directories.into_iter().rev() {
            left.extend(restore_directory(&directory, &before).err().map(|errno| format!("{path}: {errno}")));
        }
        for member in self.joined.into_iter().rev() {
            let back = MemberChange { add: false, ..member };
            left.extend(change_host(tree, &Names::Host, &back).err().map(|error| error.to_string()));
        }
        remove_directories(tree, &self.made);
        let what = if left.is_empty() {
            "Everything that the fix changed before was restored".to_owned()
        } else {
            format!("Not restored: {}", left.join("; "))
        };
        Failure::Refused(format!("{failure}\n{what}"))
    }
}

async fn one(tree: &Tree, step: &Step, done: &mut Done) -> Result<(), Failure> {
    match step {
        Step::Run(argv) => {
            run_tool(argv)?;
            done.ran.push(argv.join(" "));
            Ok(())
        }
        Step::Directory { path, mode, owner } => directory(tree, path, *mode, owner.as_ref(), done),
        Step::Join { user, group } => {
            let change = MemberChange { user: user.clone(), group: group.clone(), add: true };
            let is_new = !is_member(tree, &Names::Host, user, group)?;
            change_host(tree, &Names::Host, &change)?;
            done.joined.extend(is_new.then_some(change));
            Ok(())
        }
        Step::Install => {
            done.installed = true;
            install().await
        }
        Step::Withdraw => {
            done.installed = true;
            uninstall().await
        }
        Step::Agent => {
            let before = agent_state();
            let command = starting(&before);
            done.agent.get_or_insert(before);
            run_tool(command)
        }
        Step::RestartPolkitd => restart_polkitd().await,
        _ => {
            let changes = files(tree, step, &mut done.made).await?;
            StagedChanges::new(tree, &changes)?.commit_to(&mut done.written)
        }
    }
}

/// The changes of a step that writes files.
async fn files(tree: &Tree, step: &Step, made: &mut Vec<String>) -> Result<Vec<Change>, Failure> {
    match step {
        Step::Write { path, text } => {
            let known = tree.read(below(path)).map_err(|error| refused(path, &error))?;
            if known.is_some_and(|known| known.bytes != text.as_bytes()) {
                return Err(Failure::Refused(format!("{path} exists and has other content. Nothing was changed")));
            }
            directories(tree, path, made)?;
            Ok(vec![file(path, text.as_bytes().to_vec())])
        }
        Step::Move { from, to } => {
            if tree.read(below(to)).map_err(|error| refused(to, &error))?.is_some() {
                return Err(Failure::Refused(format!("{to} exists. Nothing was changed")));
            }
            let bytes = content(tree, from)?;
            directories(tree, to, made)?;
            let gone = Change { path: below(from).to_owned(), to: None };
            Ok(vec![file(to, bytes), gone])
        }
        Step::Remove(path) => Ok(vec![Change { path: below(path).to_owned(), to: None }]),
        Step::Rewrite(path) => Ok(vec![file(path, content(tree, path)?)]),
        Step::Convert(path) => {
            let converted = command::convert::rules(None).await?;
            directories(tree, path, made)?;
            Ok(vec![file(path, converted.text.into_bytes())])
        }
        Step::Unset { path, keys } => {
            let (_, text) = edited(tree, path, keys)?;
            let known = tree.read(below(path)).map_err(|error| refused(path, &error))?;
            let known = known.ok_or_else(|| refused(path, &"the file has been removed"))?;
            let to = NewFile { bytes: text.into_bytes(), mode: known.mode, owner: Some((known.uid, known.gid)) };
            Ok(vec![Change { path: below(path).to_owned(), to: Some(to) }])
        }
        Step::Run(_)
        | Step::Directory { .. }
        | Step::Join { .. }
        | Step::Install
        | Step::Withdraw
        | Step::Agent
        | Step::RestartPolkitd => Err(Failure::Refused("this step writes no file".to_owned())),
    }
}

fn below(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn refused(path: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Refused(format!("{path}: {error}. Nothing was changed"))
}

fn file(path: &str, bytes: Vec<u8>) -> Change {
    Change { path: below(path).to_owned(), to: Some(NewFile { bytes, mode: MODE, owner: None }) }
}

fn content(tree: &Tree, path: &str) -> Result<Vec<u8>, Failure> {
    let found = tree.read(below(path)).map_err(|error| refused(path, &error))?;
    found.map(|found| found.bytes).ok_or_else(|| refused(path, &"the file has been removed"))
}

fn directories(tree: &Tree, path: &str, made: &mut Vec<String>) -> Result<(), Failure> {
    let (directory, _) = split(below(path));
    make_directories(tree, directory, made).map_err(|error| refused(path, &error))
}

fn edited(tree: &Tree, path: &str, keys: &[&'static str]) -> Result<(String, String), Failure> {
    let old = tree.read_text(below(path)).map_err(|error| refused(path, &error))?;
    let keys: Vec<Key> = keys.iter().map(|name| Key { name, want: DesiredValue::Unset, why: "" }).collect();
    let new = conf::apply(&old, &keys, &[]).map_err(|why| refused(path, &why))?.text;
    Ok((old, new))
}

fn directory(
    tree: &Tree,
    path: &str,
    mode: u32,
    owner: Option<&(String, String)>,
    done: &mut Done,
) -> Result<(), Failure> {
    // The directory itself may have the wrong mode, so only the directories above it are checked.
    tree.vet(split(below(path)).0).map_err(|error| refused(path, &error))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = tree.open_in(below(path), flags).map_err(|error| refused(path, &error))?;
    let before = rustix::fs::fstat(&opened).map_err(|error| refused(path, &error))?;
    let kept = opened.try_clone().map_err(|error| refused(path, &error))?;
    done.directories.push((path.to_owned(), kept, before));
    if let Some((user, group)) = owner {
        let lookup = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
        let uid = Names::Host.user(user).map_err(lookup)?.map(|user| rustix::fs::Uid::from_raw(user.uid));
        let gid = Names::Host.group(group).map_err(lookup)?.map(|group| rustix::fs::Gid::from_raw(group.gid));
        if uid.is_none() || gid.is_none() {
            return Err(refused(path, &format!("there is no user `{user}` or no group `{group}`")));
        }
        rustix::fs::fchown(&opened, uid, gid).map_err(|error| refused(path, &error))?;
    }
    rustix::fs::fchmod(&opened, Mode::from_raw_mode(mode)).map_err(|error| refused(path, &error))
}

fn restore_directory(directory: &OwnedFd, before: &Stat) -> rustix::io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(before.st_uid), rustix::fs::Gid::from_raw(before.st_gid));
    rustix::fs::fchown(directory, Some(uid), Some(gid))?;
    rustix::fs::fchmod(directory, Mode::from_raw_mode(before.st_mode))
}

fn run_tool(argv: &[impl AsRef<str>]) -> Result<(), Failure> {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    run(&argv).map_err(|error| Failure::Refused(error.to_string()))
}

fn place() -> Place {
    let target = Target { target: None, format: None };
    Place { policy: None, target, root: None, vendor: false, force: false, create: false }
}

/// Refuses if `install` would do more than the fix: the policy files have changes that are not installed.
async fn installed_as_it_stands() -> Result<(), Failure> {
    let prepared = match command::prepare(&place()).await {
        Ok(prepared) => prepared,
        // There is no policy yet.
        Err(Failure::Usage(_)) => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let install_target = InstallTarget { tree: &prepared.tree, names: &prepared.names, mkdir: None };
    if plan_now(&install_target, &prepared.desired_state())?.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(
        "the policy in /etc/polkit-policy-gen has changes that are not installed (see `polkit-policy-gen diff`): install them first. Nothing was changed"
            .to_owned(),
    ))
}

async fn install() -> Result<(), Failure> {
    let options = Install { place: place(), dry_run: false, replace: false, mkdir: true, restart: false };
    // The next examination shows the effect.
    command::install::run(&options).await.map(drop)
}

/// Installs the policy files that are left, or removes what is installed if there are none.
async fn uninstall() -> Result<(), Failure> {
    match install().await {
        Err(Failure::Usage(_)) => {
            command::remove::run(&Remove { root: None, dry_run: false, force: false, restart: false }).map(drop)
        }
        done => done,
    }
}

fn agent_state() -> AgentState {
    let is = |word: &str| run(&["systemctl", word, "--quiet", AGENT]).is_ok();
    AgentState { active: is("is-active"), enabled: is("is-enabled"), failed: is("is-failed") }
}

/// Returns the command that makes the agent use its configuration.
fn starting(before: &AgentState) -> &'static [&'static str] {
    if before.active { &["systemctl", "reload", AGENT] } else { &["systemctl", "enable", "--now", AGENT] }
}

/// Brings the agent back to an earlier state, with the configuration that is on disk now.
fn restore_agent(before: &AgentState) -> Result<(), Failure> {
    restoring(before).into_iter().try_for_each(run_tool)
}

/// Returns the commands that bring the agent back to an earlier state.
fn restoring(before: &AgentState) -> Vec<&'static [&'static str]> {
    let first: &[&str] = match (before.active, before.enabled) {
        (true, _) => &["systemctl", "reload", AGENT],
        (false, true) => &["systemctl", "stop", AGENT],
        (false, false) => &["systemctl", "disable", "--now", AGENT],
    };
    // A failed start leaves the unit failed.
    if before.failed || before.active { vec![first] } else { vec![first, &["systemctl", "reset-failed", AGENT]] }
}

async fn restart_polkitd() -> Result<(), Failure> {
    if has_systemd() {
        return run_tool(&["systemctl", "restart", "polkit.service"]);
    }
    let unreachable = |error: polkit_dbus::AuthorityError| Failure::Refused(format!("cannot restart polkitd: {error}"));
    let authority = Authority::new(polkit_dbus::connect().await.map_err(unreachable)?);
    if let Ok(pid) = authority.pid().await {
        let process = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let process = process
            .ok_or_else(|| Failure::Refused("cannot restart polkitd: the bus does not know its pid".to_owned()))?;
        rustix::process::kill_process(process, rustix::process::Signal::TERM)
            .map_err(|errno| Failure::Refused(format!("cannot stop polkitd: {errno}")))?;
        let deadline = Instant::now() + END;
        while authority.pid().await.is_ok_and(|now| now == pid) {
            if Instant::now() > deadline {
                // polkitd does not handle SIGTERM while it runs a rule.
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    // The bus starts polkitd for the next call. Calls that were sent to the old polkitd are lost.
    let deadline = Instant::now() + END;
    loop {
        match authority.version().await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(unreachable(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
