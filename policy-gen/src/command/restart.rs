//! Changing the files together with what has to read them anew.

use super::{say, say_aside, show_done};
use crate::failure::Failure;
use crate::install::plan::Plan;
use crate::install::run::{Lock, Site, apply};
use crate::install::units::{Restarts, has_systemd};
use crate::tree::Tree;

/// Does what was planned, with the daemons stopped meanwhile if they are to be restarted.
///
/// # Errors
/// What could not be done: everything is then as it was. Or what could not be started again.
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
    started.map_err(|error| Failure::Refused(format!("it is installed, but {error}")))?;
    if !stopped.units().is_empty() {
        say(&format!("restarted {}", stopped.units().join(" ")));
    }
    Ok(())
}

/// Says what is to be restarted.
pub fn show_restarts(tree: &Tree, restarts: &Restarts) {
    if restarts.is_empty() || !tree.is_host() {
        return;
    }
    if has_systemd() {
        say_aside("to be run after it, in this order (--restart does it):");
        restarts.commands().iter().for_each(|command| say_aside(&format!("  {command}")));
    } else {
        say_aside("libvirt's daemons read their configuration when they start: restart those that run");
    }
}
