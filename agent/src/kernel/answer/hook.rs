//! The part of the pipeline that only hook requests have: the `[[serve]]` entry as the scope, and the short time that polkitd waits.
//!
//! The socket authenticates the sender. The request names the subject by its pid, and the user that polkit determined for it when
//! the client connected to the mechanism.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::facts::{Fact, ProcessState};
use polkit_config::names::Names;
use polkit_types::{SubjectPid, SubjectUid};

use crate::{
    base::{accounts, blocking},
    config::{Config, ServeTarget},
    kernel::{
        answer::{
            context::Context,
            hook_protocol::HookRequest,
            request::{Case, Stop},
        },
        subject::{
            isolation::Isolation,
            process::PinnedProcess,
            snapshot::{Account, Claim},
        },
    },
};

/// How long the agent reads all processes of a user.
const ISOLATION_WITHIN: Duration = Duration::from_millis(500);

/// Pins the process and finds out whether a `[[serve]]` entry covers it. Only facts that no process can delay are read. Of a subject
/// that no entry covers, nothing else is read.
///
/// # Errors
/// [`Stop::Unserved`]: also if the process is gone, is another one, or cannot be read.
pub fn identify(
    context: &Context,
    config: &Config,
    request: &HookRequest,
    case: &mut Case,
) -> Result<(ProcessState, Claim), Stop> {
    let names = context.accounts.now().ok_or(Stop::Unserved)?;
    let pid = SubjectPid::new(request.pid).map_err(|_| Stop::Unserved)?;
    let process = PinnedProcess::open(pid).map_err(|_| Stop::Unserved)?;
    let state = process.state(&context.cgroup_root).map_err(|_| Stop::Unserved)?;
    // If the pid was reused since the client connected, the new process belongs to another user as a rule.
    if state.uid != process.process.uid || !is_user(&names, config, state.uid, &request.user) {
        return Err(Stop::Unserved);
    }
    if !config.serve.iter().any(|serve| serve.by_hook && serve.covers(&state) == Fact::Known(true)) {
        context.unserved.note(pid, state.uid, &request.action, Instant::now());
        return Err(Stop::Unserved);
    }
    case.process = Some(Arc::new(process));
    let claim = Claim {
        action: request.action.clone(),
        details: Fact::Known(request.details.clone()),
        vouched_for: true,
        session: None,
    };
    Ok((state, claim))
}

/// Looks up user and groups in /etc, and reads the unit's cgroup. If a rule needs all processes of the user, a thread reads them. A fact
/// that cannot be read, or not in time, is unknown, so it satisfies no grant and exempts from no refusal.
pub async fn look_up(context: &Context, config: &Arc<Config>, state: &ProcessState) -> (Account, Isolation) {
    let names = context.accounts.now();
    let account = names.map(|names| Account::look_up(&names, state.uid, &config.requirements)).unwrap_or_default();
    if !config.requirements.exclusive_user {
        return (account, Isolation::read(&context.cgroups, state, &config.requirements));
    }
    let (cgroups, state, config) = (context.cgroups.clone(), state.clone(), Arc::clone(config));
    let reading =
        blocking::run_for_hook(state.uid.get(), move || Isolation::read(&cgroups, &state, &config.requirements));
    let isolation = tokio::time::timeout(ISOLATION_WITHIN, reading).await;
    (account, isolation.map_or_else(|_| Isolation::default(), Result::unwrap_or_default))
}

/// Whether `user` is the name of this uid: in /etc, as the user was looked up when the configuration that names it was loaded, or as
/// systemd made the user for a running unit (`DynamicUser=`). The hook does not serve other users, for example most of a directory.
fn is_user(names: &Names, config: &Config, uid: SubjectUid, user: &str) -> bool {
    let served = config.serve.iter().filter_map(|serve| match &serve.target {
        ServeTarget::User(user) => Some(user),
        _ => None,
    });
    let mut named = config.rules.iter().filter_map(|rule| rule.user.as_ref()).chain(served);
    match names.user(user) {
        Ok(Some(known)) => known.uid == uid.get(),
        Ok(None) => {
            named.any(|known| known.name == user && known.id == uid.get())
                || user.parse() == Ok(uid.get())
                || accounts::dynamic_name(uid.get()).as_deref() == Some(user)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::rule::Named;
    use polkit_config::names::Tree;

    use super::*;
    use crate::config::Serve;

    #[test]
    fn a_user_is_known_from_the_files_or_from_the_configuration() {
        let names = Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", ""));
        let user = Named { name: "of-a-directory".into(), id: 70_000 };
        let serve = Serve { by_hook: true, ..Serve::of(ServeTarget::User(user)) };
        let config = Config::of(vec![serve], Vec::new());
        let is = |uid, user| is_user(&names, &config, SubjectUid::new(uid).unwrap(), user);
        assert!(is(33, "www-data") && is(70_000, "of-a-directory") && is(4242, "4242"));
        assert!(!is(34, "www-data") && !is(70_001, "of-a-directory") && !is(70_000, "another") && !is(33, "4242"));
    }
}
