//! One process in the registry, from its place in the queue to its end.

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

/// Whoever asked for a registration by `exec`, and is told what came of it.
pub(super) type Asker = oneshot::Sender<Result<(), String>>;

/// A process that is registered, or about to be.
pub(super) struct Entry {
    pub(super) target: ServeTarget,
    pub(super) held: Arc<PinnedProcess>,
    pub(super) stage: Stage,
}

/// How far it is.
pub(super) enum Stage {
    /// It has a place, and no connection yet.
    Waiting(Option<Asker>),
    /// polkitd has been asked.
    Joining(AbortHandle),
    /// polkitd asks us about it.
    Living(AbortHandle),
}

/// What came of a process.
pub(super) enum Step {
    /// polkitd took the registration, or did not.
    Joined(Arc<PinnedProcess>, Box<Result<Registered, AuthorityError>>, Option<Asker>),
    /// The registration ended; whether polkitd may have lost a descriptor by it.
    Ended(Arc<PinnedProcess>, bool),
}

impl Entry {
    /// Whether a step is about this process, and not about an earlier one with its pid.
    pub(super) fn is_of(&self, held: &Arc<PinnedProcess>) -> bool {
        Arc::ptr_eq(&self.held, held)
    }

    pub(super) fn is_living(&self) -> bool {
        matches!(self.stage, Stage::Living(_))
    }

    /// From the queue to polkitd.
    pub(super) fn join(&mut self, context: &Arc<Context>, connection: Connection, steps: &mut JoinSet<Step>) {
        let Stage::Waiting(asker) = &mut self.stage else { return };
        let (context, held, asker) = (Arc::clone(context), Arc::clone(&self.held), asker.take());
        self.stage = Stage::Joining(steps.spawn(async move {
            let registered = register(&context, connection, AgentScope::Process(Arc::clone(&held))).await;
            Step::Joined(held, Box::new(registered), asker)
        }));
    }

    /// Answers for it from now on. `sync` as in [`Registered::answer_until_end`].
    pub(super) fn live(&mut self, registered: Registered, sync: Option<Authority>, steps: &mut JoinSet<Step>) {
        let held = Arc::clone(&self.held);
        self.stage =
            Stage::Living(steps.spawn(async move { Step::Ended(held, registered.answer_until_end(sync).await) }));
    }

    /// Gives it up: its connection is closed, and polkitd drops the registration.
    pub(super) fn give_up(&self) {
        match &self.stage {
            Stage::Waiting(_) => {}
            Stage::Joining(task) | Stage::Living(task) => task.abort(),
        }
    }
}
