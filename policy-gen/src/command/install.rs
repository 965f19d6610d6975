//! `install`

use super::restart::{change, show_restarts};
use super::{DONE, NOT_AS_EXPECTED, Ready, ready, say, say_aside, settle, show_diff};
use crate::ask::ask;
use crate::cli::Install;
use crate::failure::Failure;
use crate::install::run::{Site, lock, plan_now};
use crate::install::units::Restarts;
use crate::policy::Mode;

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
            say("finished an installation that was cut short");
        }
    }
    if ready.tree.is_host() { confirm(&ready).await } else { Ok(DONE) }
}

/// Refuses what would be open until a daemon that runs has been restarted.
fn refuse_exposed(restarts: &Restarts, mode: Option<Mode>) -> Result<(), Failure> {
    let exposed = restarts.exposed(mode);
    if exposed.is_empty() {
        return Ok(());
    }
    let why = if mode == Some(Mode::Acl) {
        "Until it is restarted, nothing would narrow what the roles' people may do, and they would be root"
    } else {
        "When it next starts, perhaps by itself, the socket would still be open to everybody, and every local user be root"
    };
    Err(Failure::Refused(format!(
        "{} runs with its old settings. {why}. --restart stops it, changes the files and starts it; where there is no systemd, \
         stop it first. Nothing was changed.",
        exposed.join(", ")
    )))
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
