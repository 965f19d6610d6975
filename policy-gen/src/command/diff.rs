//! The subcommand `diff`.

use super::{prepare, show_diff};
use crate::cli::Diff;
use crate::failure::Failure;
use crate::install::run::{InstallTarget, plan_now};

/// Prints the changes that `install` would make.
///
/// # Errors
/// The policy has errors, or a file is unreadable.
pub async fn run(options: &Diff) -> Result<u8, Failure> {
    let place = &options.place;
    let prepared = prepare(place).await?;
    let install_target = InstallTarget { tree: &prepared.tree, names: &prepared.names, mkdir: None };
    let plan = plan_now(&install_target, &prepared.desired_state())?;
    Ok(show_diff(&plan))
}
