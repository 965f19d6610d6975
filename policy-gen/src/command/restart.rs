//! Applies a plan, with a restart of the daemons that read the changed files.

use super::{say, say_aside, show_done};
use crate::failure::Failure;
use crate::install::plan::Plan;
use crate::install::run::{Lock, Site, apply};
use crate::install::units::{Restarts, has_systemd};
use crate::tree::Tree;

/// Applies a plan. With `restart`, the daemons are stopped before and started afterwards.
///
/// # Errors
/// The plan could not be applied, and everything is unchanged; or a daemon could not be started again.
pub fn change(
    site: &Site<'_>,
    plan: &Plan,
    lock: &Lock<'_>,
    restarts: &Restarts,
    restart: bool,
) -> Result<(), Failure> {
    if !restart || !site.tree.is_host() {
        apply(site, plan, lock)?;
        show_done(site.tree, plan);
        show_restarts(site.tree, restarts);
        return Ok(());
    }
    let stopped = restarts.stop()?;
    let applied = apply(site, plan, lock);
    let started = stopped.start();
    applied?;
    show_done(site.tree, plan);
    started.map_err(|error| Failure::Refused(format!("the policy is installed, but {error}")))?;
    if !stopped.units().is_empty() {
        say(&format!("restarted {}", stopped.units().join(" ")));
    }
    Ok(())
}

/// Prints the necessary restarts.
pub fn show_restarts(tree: &Tree, restarts: &Restarts) {
    if restarts.is_empty() || !tree.is_host() {
        return;
    }
    if has_systemd() {
        say_aside("run afterwards, in this order (or use --restart):");
        restarts.commands().iter().for_each(|command| say_aside(&format!("  {command}")));
    } else {
        say_aside("restart the running libvirt daemons: they read their configuration at start");
    }
}
