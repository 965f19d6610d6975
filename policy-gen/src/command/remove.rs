//! The subcommand `remove`.

use polkit_config::names::Names;

use super::restart::{change, show_restarts};
use super::{DONE, print, refuse_conflicts, show_diff};
use crate::cli::Remove;
use crate::failure::Failure;
use crate::install::record::DIRECTORY;
use crate::install::run::{DesiredState, InstallTarget, lock, plan_now};
use crate::install::units::Restarts;
use crate::tree::Tree;

/// Removes everything that `install` wrote.
///
/// # Errors
/// Files have manual changes, or a file cannot be read or written. Nothing is changed in these cases.
pub fn run(options: &Remove) -> Result<u8, Failure> {
    let tree = Tree::open_trusted(options.root.as_deref())?;
    let names = if tree.is_host() {
        Names::Host
    } else {
        Names::of_root(tree.path()).map_err(|error| Failure::Unreachable(error.to_string()))?
    };
    let install_target = InstallTarget { tree: &tree, names: &names, mkdir: None };
    if options.dry_run {
        let plan = plan_now(&install_target, &DesiredState::default())?;
        show_restarts(&tree, &Restarts::after(&plan.changes));
        return Ok(show_diff(&plan));
    }
    if !tree.has_directory(DIRECTORY).unwrap_or(true) {
        print("nothing is installed");
        return Ok(DONE);
    }
    let lock = lock(&tree)?;
    let plan = plan_now(&install_target, &DesiredState::default())?;
    if plan.pending.is_empty() {
        print("nothing is installed");
        return Ok(DONE);
    }
    refuse_conflicts(&plan.conflicts, options.force)?;
    change(&install_target, &plan, &lock, &Restarts::after(&plan.changes), options.restart)?;
    Ok(DONE)
}
