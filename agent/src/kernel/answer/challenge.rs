//! The part of the pipeline that only challenges have: polkitd as the sender, and the registration as the scope.

use std::sync::Arc;

use polkit_agent_rules::{
    facts::{Fact, ProcessState},
    verdict::{Reason, is_vouched_for},
};
use polkit_config::names::Names;

use crate::{
    base::blocking,
    config::Config,
    kernel::{
        answer::{
            context::Context,
            request::{Case, ChallengeRequest, Stop},
        },
        subject::{
            isolation::Isolation,
            snapshot::{Account, Claim},
        },
    },
};

/// Authenticates the sender and pins the process that the challenge is about.
///
/// # Errors
/// [`Reason::Sender`], [`Reason::Malformed`], and the reasons of [`crate::kernel::subject::scope::AgentScope`].
pub fn identify(context: &Context, request: &ChallengeRequest, case: &mut Case) -> Result<(ProcessState, Claim), Stop> {
    if !context.is_polkitd(&request.sender) {
        return Err(Reason::Sender.into());
    }
    let challenge = request.challenge.as_ref().ok_or(Reason::Malformed)?;
    let process = request.scope.pin(challenge.details.subject_pid)?;
    let process = case.process.insert(process);
    let state = process.state(&context.cgroup_root)?;
    request.scope.verify_session(&state)?;
    let claim = Claim {
        action: challenge.action.clone(),
        details: Fact::Unknown,
        vouched_for: is_vouched_for(&challenge.identities, state.uid),
        session: request.scope.session().map(|session| (session.id.clone(), session.uid)),
    };
    Ok((state, claim))
}

/// Looks up user and groups in the user database, and reads the unit's cgroup. Both can take long, so both run on a thread.
///
/// # Errors
/// [`Reason::Fault`]: the thread panicked.
pub async fn look_up(
    context: &Context,
    config: &Arc<Config>,
    state: &ProcessState,
) -> Result<(Account, Isolation), Stop> {
    let (cgroups, state, config) = (context.cgroups.clone(), state.clone(), Arc::clone(config));
    let looking_up = blocking::run_nss(state.uid.get(), move || {
        let account = Account::look_up(&Names::Host, state.uid, &config.requirements);
        (account, Isolation::read(&cgroups, &state, &config.requirements))
    });
    looking_up.await.map_err(|_| Reason::Fault.into())
}
