//! The subcommand `install`.

use super::installed::refuse_loss;
use super::restart::{change, show_restarts};
use super::{DONE, NOT_AS_EXPECTED, PreparedPolicy, eprint, prepare, print, refuse_conflicts, show_diff};
use crate::cli::Install;
use crate::failure::Failure;
use crate::install::run::{InstallTarget, lock, plan_now};
use crate::install::units::Restarts;
use crate::policy::Mode;
use crate::verify::compare;

/// Installs a policy.
///
/// # Errors
/// The policy has errors, files have manual changes, or a file cannot be read or written. Nothing is changed in these cases.
pub async fn run(options: &Install) -> Result<u8, Failure> {
    let place = &options.place;
    let prepared = prepare(place).await?;
    let mkdir = options.mkdir.then_some(prepared.target.version);
    let install_target = InstallTarget { tree: &prepared.tree, names: &prepared.names, mkdir };
    let explicit = place.policy.is_some();
    let loss = if options.replace { Ok(()) } else { refuse_loss(&prepared.tree, &prepared.sources, explicit) };
    if options.dry_run {
        if let Err(loss) = &loss {
            eprint(&loss.to_string());
        }
        let plan = plan_now(&install_target, &prepared.desired_state())?;
        show_restarts(&prepared.tree, &Restarts::after(&plan.changes));
        return Ok(show_diff(&plan));
    }
    loss?;
    let lock = lock(&prepared.tree)?;
    let plan = plan_now(&install_target, &prepared.desired_state())?;
    refuse_conflicts(&plan.conflicts, place.force)?;
    if plan.is_empty() && !plan.unfinished && !plan.sources_change {
        print("nothing to change");
    } else {
        let restarts = Restarts::after(&plan.changes);
        if prepared.tree.is_host() && !options.restart {
            refuse_exposed(&restarts, prepared.policy.libvirt.as_ref().map(|libvirt| libvirt.mode))?;
        }
        change(&install_target, &plan, &lock, &restarts, options.restart)?;
        if plan.unfinished {
            print("finished an interrupted installation");
        }
    }
    if prepared.tree.is_host() { confirm(&prepared).await } else { Ok(DONE) }
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
async fn confirm(prepared: &PreparedPolicy) -> Result<u8, Failure> {
    if prepared.policy.grants.is_empty() && prepared.policy.hooks.is_empty() {
        return Ok(DONE);
    }
    match compare(&prepared.policy, &prepared.names).await {
        Ok(comparison) => {
            print(comparison.table().trim_end());
            if comparison.as_expected() {
                return Ok(DONE);
            }
            eprint(
                "polkitd does not decide as the policy says. An earlier rule may decide first (a file that sorts before \
                 44-, or a pkla file that sorts later), or polkitd did not load the new file: see `journalctl -u polkit`",
            );
            Ok(NOT_AS_EXPECTED)
        }
        Err(error) => {
            eprint(&format!("the policy is installed, but it could not be tested: {error}"));
            Ok(NOT_AS_EXPECTED)
        }
    }
}
