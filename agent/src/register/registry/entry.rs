//! One process in the registry, from the queue to the end of its registration.

use std::sync::Arc;

use polkit_dbus::{Authority, AuthorityError, Connection};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinSet},
};

use crate::{
    config::ServeTarget,
    kernel::{
        answer::context::Context,
        subject::{process::PinnedProcess, scope::AgentScope},
    },
    register::registration::{Registered, register},
};

/// The channel for the result of a registration that `exec` requested.
pub(super) type ReplySender = oneshot::Sender<Result<(), String>>;

/// A process that is registered, or that the agent registers.
pub(super) struct RegistryEntry {
    pub(super) target: ServeTarget,
    pub(super) process: Arc<PinnedProcess>,
    pub(super) stage: Stage,
}

/// The stage of an entry.
pub(super) enum Stage {
    /// The entry has a slot, but no connection yet.
    Waiting(Option<ReplySender>),
    /// The agent called polkitd.
    Registering(AbortHandle),
    /// polkitd accepted the registration.
    Registered(AbortHandle),
}

/// The result of a task about one process.
pub(super) enum Step {
    /// polkitd accepted or refused the registration.
    Registered(Arc<PinnedProcess>, Box<Result<Registered, AuthorityError>>, Option<ReplySender>),
    /// The registration ended. The flag tells whether polkitd may have leaked its descriptors.
    Ended(Arc<PinnedProcess>, bool),
}

impl RegistryEntry {
    /// Whether the entry is for this process, and not for an earlier process with the same pid.
    pub(super) fn is_for(&self, process: &Arc<PinnedProcess>) -> bool {
        Arc::ptr_eq(&self.process, process)
    }

    pub(super) fn is_registered(&self) -> bool {
        matches!(self.stage, Stage::Registered(_))
    }

    /// Starts the registration of a waiting entry.
    pub(super) fn start_registering(
        &mut self,
        context: &Arc<Context>,
        connection: Connection,
        steps: &mut JoinSet<Step>,
    ) {
        let Stage::Waiting(reply) = &mut self.stage else { return };
        let (context, process, reply) = (Arc::clone(context), Arc::clone(&self.process), reply.take());
        self.stage = Stage::Registering(steps.spawn(async move {
            let registered = register(&context, connection, AgentScope::Process(Arc::clone(&process))).await;
            Step::Registered(process, Box::new(registered), reply)
        }));
    }

    /// Starts to answer challenges. `sync` as in [`Registered::answer_until_end`].
    pub(super) fn start_answering(
        &mut self,
        registered: Registered,
        sync: Option<Authority>,
        steps: &mut JoinSet<Step>,
    ) {
        let process = Arc::clone(&self.process);
        let answering = async move { Step::Ended(process, registered.answer_until_end(sync).await) };
        self.stage = Stage::Registered(steps.spawn(answering));
    }

    /// Aborts the task of the entry. That closes its connection, so polkitd drops the registration.
    pub(super) fn abort(&self) {
        match &self.stage {
            Stage::Waiting(_) => {}
            Stage::Registering(task) | Stage::Registered(task) => task.abort(),
        }
    }
}
