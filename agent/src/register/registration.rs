//! One registration: one process or session, one bus connection, from registering to its end.

use std::sync::Arc;

use polkit_dbus::{AgentStream, Authority, AuthorityError, Connection, Registration, serve};

use crate::{
    kernel::{
        answer::{agent::RegisteredAgent, context::Context},
        subject::scope::AgentScope,
    },
    register::pidfd::ended,
};

/// Where polkitd finds the agent on its connection. The same for all: each connection has one.
const PATH: &str = "/io/github/polkit_service_agent/AuthenticationAgent";

/// A registration that polkitd has taken.
pub struct Registered {
    connection: Connection,
    stream: AgentStream,
    scope: AgentScope,
    agent: Arc<RegisteredAgent>,
}

/// Registers for a process, over a connection that no other registration uses: when a connection vanishes polkitd drops one
/// registration of it and keeps the others for ever (0.105 to 128).
///
/// # Errors
/// Those of [`Authority::register`].
pub async fn register(
    context: &Arc<Context>,
    connection: Connection,
    scope: AgentScope,
) -> Result<Registered, AuthorityError> {
    let stream = AgentStream::new(&connection);
    let authority = Authority::new(connection.clone());
    authority.register(&scope.subject(), PATH, Registration::Sole).await?;
    let agent = Arc::new(RegisteredAgent::new(Arc::clone(context), scope.clone(), authority));
    Ok(Registered { connection, stream, scope, agent })
}

impl Registered {
    /// Answers until the process ends or the connection does, then closes the connection. The process is then still a
    /// zombie as a rule, and polkitd leaks nothing: 124 to 127 leak a descriptor for one that was reaped before. The end of
    /// a session is not waited for here.
    ///
    /// `sync` is a polkitd that leaks. Says then whether it may have: whether the process was reaped by the time when polkitd
    /// has seen the connection go. It answers in the order in which things reach it.
    pub async fn live(self, sync: Option<Authority>) -> bool {
        let Self { connection, stream, scope, agent } = self;
        tokio::select! {
            () = serve(stream, PATH.to_owned(), agent) => {}
            () = end_of(&scope) => {}
        }
        // The connection may have gone first; then there is nothing to close.
        let _ = connection.close().await;
        let (Some(sync), AgentScope::Process(held)) = (sync, scope) else { return false };
        // One that does not answer may have leaked.
        sync.version().await.is_err() || held.is_reaped()
    }
}

/// A process whose end cannot be waited for is treated as ended: it is registered anew.
async fn end_of(scope: &AgentScope) {
    match scope {
        AgentScope::Process(held) => {
            if let Ok(pidfd) = held.pidfd() {
                // Either it ended, or it cannot be waited for.
                let _ = ended(pidfd).await;
            }
        }
        AgentScope::Session(_) => std::future::pending().await,
    }
}
