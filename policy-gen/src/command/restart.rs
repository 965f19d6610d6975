//! Applies a plan, with a restart of the daemons that read the changed files.

use super::{eprint, print, show_done};
use crate::failure::Failure;
use crate::install::paths::is_command;
use crate::install::plan::Plan;
use crate::install::run::{InstallTarget, Lock, apply};
use crate::install::tool::run;
use crate::install::units::{Restarts, has_systemd};
use crate::tree::Tree;

/// Applies a plan. With `restart`, the daemons are stopped before and started afterwards.
///
/// # Errors
/// The plan could not be applied, and everything is unchanged; or a daemon could not be started again.
pub fn change(
    install_target: &InstallTarget<'_>,
    plan: &Plan,
    lock: &Lock<'_>,
    restarts: &Restarts,
    restart: bool,
) -> Result<(), Failure> {
    if !restart || !install_target.tree.is_host() {
        apply(install_target, plan, lock)?;
        show_done(install_target.tree, plan);
        reload_units(install_target.tree, plan)?;
        show_restarts(install_target.tree, restarts);
        return Ok(());
    }
    let stopped = restarts.stop()?;
    let applied = apply(install_target, plan, lock);
    let started = stopped.start();
    applied?;
    show_done(install_target.tree, plan);
    reload_units(install_target.tree, plan)?;
    started.map_err(|error| Failure::Refused(format!("the policy is installed, but {error}")))?;
    if !stopped.units().is_empty() {
        print(&format!("restarted {}", stopped.units().join(" ")));
    }
    Ok(())
}

/// Makes systemd read the changed units of commands.
///
/// # Errors
/// systemctl failed. The files are changed.
fn reload_units(tree: &Tree, plan: &Plan) -> Result<(), Failure> {
    let is_changed = plan.changes.iter().any(|change| is_command(&change.path));
    if !is_changed || !tree.is_host() || !has_systemd() {
        return Ok(());
    }
    run(&["systemctl", "daemon-reload"]).map_err(|error| {
        Failure::Refused(format!("the files are changed, but systemd did not read the units: {error}"))
    })
}

/// Prints the necessary restarts.
pub fn show_restarts(tree: &Tree, restarts: &Restarts) {
    if restarts.is_empty() || !tree.is_host() {
        return;
    }
    if has_systemd() {
        eprint("run afterwards, in this order (or use --restart):");
        restarts.commands().iter().for_each(|command| eprint(&format!("  {command}")));
    } else {
        eprint("restart the running libvirt daemons: they read their configuration at start");
    }
}
