//! `install`

use super::{DONE, NOT_AS_EXPECTED, Ready, ready, say, say_aside, settle, show_diff, show_done};
use crate::ask::ask;
use crate::cli::Install;
use crate::failure::Failure;
use crate::install::run::{Site, apply, lock, plan_now};

/// Installs a policy.
///
/// # Errors
/// Those of the policy; what was changed by hand; what cannot be read or written. Nothing was
/// changed then.
pub async fn run(options: &Install) -> Result<u8, Failure> {
    let place = &options.place;
    let ready = ready(place).await?;
    let mkdir = options.mkdir.then_some(ready.target.version);
    let site = Site { tree: &ready.tree, names: &ready.names, mkdir };
    if options.dry_run {
        return Ok(show_diff(&plan_now(&site, &ready.files, &ready.members())?));
    }
    let lock = lock(&ready.tree)?;
    let plan = plan_now(&site, &ready.files, &ready.members())?;
    settle(&plan.conflicts, place.force)?;
    if plan.is_empty() && !plan.unfinished {
        say("nothing to change");
    } else {
        apply(&site, &plan, &lock)?;
        if plan.unfinished {
            say("finished an installation that was cut short");
        }
        show_done(&ready.tree, &plan);
    }
    if ready.tree.is_host() { confirm(&ready).await } else { Ok(DONE) }
}

/// Lets polkitd say what it makes of it.
async fn confirm(ready: &Ready) -> Result<u8, Failure> {
    if ready.policy.grants.is_empty() && ready.policy.hooks.is_empty() {
        return Ok(DONE);
    }
    match ask(&ready.policy, &ready.names).await {
        Ok(answers) => {
            say(answers.table().trim_end());
            if answers.as_expected() {
                return Ok(DONE);
            }
            say_aside(
                "polkitd does not answer as the policy says. An earlier rule may answer first (a file that sorts before \
                 44-, or a pkla that sorts after ours), or it did not load ours: `journalctl -u polkit`",
            );
            Ok(NOT_AS_EXPECTED)
        }
        Err(error) => {
            say_aside(&format!("it is installed, but polkitd could not be asked about it: {error}"));
            Ok(NOT_AS_EXPECTED)
        }
    }
}
