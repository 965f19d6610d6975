//! The endpoint for challenges: the agent object that polkitd calls on a registration's connection.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use polkit_dbus::{AfterReply, Agent, Authority, Challenge, Cookie, DecodeError, Reply, Sender};
use tokio::sync::watch;

use crate::kernel::{
    answer::{
        context::Context,
        pipeline,
        request::{ChallengeRequest, Request},
    },
    subject::scope::AgentScope,
};

/// The agent of one registration.
#[derive(Debug)]
pub struct RegisteredAgent {
    context: Arc<Context>,
    scope: AgentScope,
    authority: Authority,
    /// The open challenges, each with the sender of its cancellation.
    open: Mutex<HashMap<Cookie, watch::Sender<bool>>>,
}

impl RegisteredAgent {
    /// The agent of a registration for `scope`, over the connection of `authority`.
    #[must_use]
    pub fn new(context: Arc<Context>, scope: AgentScope, authority: Authority) -> Self {
        Self { context, scope, authority, open: Mutex::default() }
    }

    /// A panic elsewhere leaves the map intact: each change is one call.
    fn open(&self) -> MutexGuard<'_, HashMap<Cookie, watch::Sender<bool>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agent for RegisteredAgent {
    fn begin(
        self: Arc<Self>,
        sender: Sender,
        challenge: Result<Challenge, DecodeError>,
    ) -> impl Future<Output = (Reply, AfterReply)> + Send + 'static {
        let (cancel, cancelled) = watch::channel(false);
        let challenge = challenge.ok();
        // Only challenges of polkitd can be cancelled. A challenge of another sender must neither replace nor remove one of polkitd.
        let of_polkitd = challenge.as_ref().filter(|_| self.context.is_polkitd(&sender));
        let cookie = of_polkitd.map(|challenge| challenge.cookie.clone());
        if let Some(cookie) = cookie.clone() {
            self.open().insert(cookie, cancel);
        }
        let (scope, authority) = (self.scope.clone(), self.authority.clone());
        let challenge = ChallengeRequest { scope, authority, sender, challenge, cancelled };
        let request = Request::Challenge(Box::new(challenge));
        async move {
            let (reply, pending) = pipeline::answer(&self.context, &request).await;
            if let Some(cookie) = cookie {
                self.open().remove(&cookie);
            }
            let context = Arc::clone(&self.context);
            let after = async move {
                if let Some(pending) = pending {
                    pipeline::close(&context, pending).await;
                }
            };
            (reply.to_polkitd(), Box::pin(after) as AfterReply)
        }
    }

    fn cancel(&self, sender: Sender, cookie: Result<Cookie, DecodeError>) {
        let Ok(cookie) = cookie else { return };
        if self.context.is_polkitd(&sender)
            && let Some(cancel) = self.open().get(&cookie)
        {
            cancel.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests;
