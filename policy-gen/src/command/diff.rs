//! The subcommand `diff`.

use super::{ready, show_diff};
use crate::cli::Diff;
use crate::failure::Failure;
use crate::install::run::{Site, plan_now};

/// Prints the changes that `install` would make.
///
/// # Errors
/// The policy has errors, or a file is unreadable.
pub async fn run(options: &Diff) -> Result<u8, Failure> {
    let place = &options.place;
    let ready = ready(place).await?;
    let site = Site { tree: &ready.tree, names: &ready.names, mkdir: None };
    let plan = plan_now(&site, &ready.wanted())?;
    Ok(show_diff(&plan))
}
