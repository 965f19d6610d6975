//! The subcommand `install`.

use super::restart::{change, show_restarts};
use super::{DONE, NOT_AS_EXPECTED, Ready, ready, say, say_aside, settle, show_diff};
use crate::cli::Install;
use crate::failure::Failure;
use crate::install::run::{Site, lock, plan_now};
use crate::install::units::Restarts;
use crate::policy::Mode;
use crate::verify::ask;

/// Installs a policy.
///
/// # Errors
/// The policy has errors, files have manual changes, or a file cannot be read or written. Nothing is changed in these cases.
pub async fn run(options: &Install) -> Result<u8, Failure> {
    let place = &options.place;
    let ready = ready(place).await?;
    let mkdir = options.mkdir.then_some(ready.target.version);
    let site = Site { tree: &ready.tree, names: &ready.names, mkdir };
    if options.dry_run {
        let plan = plan_now(&site, &ready.wanted())?;
        show_restarts(&ready.tree, &Restarts::after(&plan.changes));
        return Ok(show_diff(&plan));
    }
    let lock = lock(&ready.tree)?;
    let plan = plan_now(&site, &ready.wanted())?;
    settle(&plan.conflicts, place.force)?;
    if plan.is_empty() && !plan.unfinished {
        say("nothing to change");
    } else {
        let restarts = Restarts::after(&plan.changes);
        if ready.tree.is_host() && !options.restart {
            refuse_exposed(&restarts, ready.policy.libvirt.as_ref().map(|libvirt| libvirt.mode))?;
        }
        change(&site, &plan, &lock, &restarts, options.restart)?;
        if plan.unfinished {
            say("finished an interrupted installation");
        }
    }
    if ready.tree.is_host() { confirm(&ready).await } else { Ok(DONE) }
}

/// Refuses a change that would give excess access until a running daemon is restarted.
fn refuse_exposed(restarts: &Restarts, mode: Option<Mode>) -> Result<(), Failure> {
    let exposed = restarts.exposed(mode);
    if exposed.is_empty() {
        return Ok(());
    }
    let why = if mode == Some(Mode::Acl) {
        "Until its restart the roles would not be enforced, and users with a role would be root-equivalent"
    } else {
        "At its next start, possibly automatic, the socket would still be open to every user, and every local user would be root-equivalent"
    };
    Err(Failure::Refused(format!(
        "{} runs with its old settings. {why}. Use --restart to stop it, change the files and start it; without systemd, \
         stop it first. Nothing was changed.",
        exposed.join(", ")
    )))
}

/// Compares the policy with the decisions of polkitd.
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
                "polkitd does not decide as the policy says. An earlier rule may decide first (a file that sorts before \
                 44-, or a pkla file that sorts later), or polkitd did not load the new file: see `journalctl -u polkit`",
            );
            Ok(NOT_AS_EXPECTED)
        }
        Err(error) => {
            say_aside(&format!("the policy is installed, but it could not be tested: {error}"));
            Ok(NOT_AS_EXPECTED)
        }
    }
}
