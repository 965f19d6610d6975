//! A registration: one process or session, over one bus connection.

use std::sync::Arc;

use polkit_dbus::{AgentStream, Authority, AuthorityError, Connection, Registration, serve};

use crate::{
    kernel::{
        answer::{agent::RegisteredAgent, context::Context},
        subject::{process::PinnedProcess, scope::AgentScope},
    },
    register::pidfd::ended,
};

/// The object path of the agent. The same on each connection, because each connection has one registration.
const PATH: &str = "/io/github/polkit_service_agent/AuthenticationAgent";

/// A registration that polkitd accepted.
pub struct Registered {
    connection: Connection,
    stream: AgentStream,
    scope: AgentScope,
    agent: Arc<RegisteredAgent>,
}

/// Registers for a process or session, over a connection that no other registration uses: when a connection closes, polkitd 0.105 to
/// 128 drops one of its registrations and never releases the others. Dropping the future closes the connection.
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
    /// Answers challenges until the process or the connection ends, then closes the connection. At that time the process is usually a
    /// zombie, and polkitd leaks nothing; polkitd 124 to 127 leaks descriptors if the process was reaped before. Does not wait for the
    /// end of a session.
    ///
    /// `sync` is a polkitd that leaks. Returns whether it may have leaked: whether the process was reaped before polkitd saw the
    /// connection close. polkitd processes messages in order, so a reply to a later call shows that it saw the connection close.
    ///
    /// Dropping the future closes the connection.
    pub async fn answer_until_end(self, sync: Option<Authority>) -> bool {
        let Self { connection, stream, scope, agent } = self;
        tokio::select! {
            () = serve(stream, PATH.to_owned(), agent) => {}
            () = process_end(&scope) => {}
        }
        // Fails if the connection ended first.
        let _ = connection.close().await;
        let (Some(sync), AgentScope::Process(process)) = (sync, scope) else { return false };
        // Without a reply, polkitd may have leaked.
        may_have_leaked(sync.version().await.is_ok(), &process)
    }
}

/// Waits for the end of the process. Pends forever for a session. A process without a usable pidfd counts as ended: the next scan
/// registers it again.
async fn process_end(scope: &AgentScope) {
    match scope {
        AgentScope::Process(process) => {
            if let Ok(pidfd) = process.pidfd() {
                // An error means that the runtime cannot wait for the pidfd: the process counts as ended.
                let _ = ended(pidfd).await;
            }
        }
        AgentScope::Session(_) => std::future::pending().await,
    }
}

/// Whether polkitd may have leaked a descriptor for this process: it was reaped, or polkitd did not answer after the connection closed.
fn may_have_leaked(polkitd_answered: bool, process: &PinnedProcess) -> bool {
    !polkitd_answered || process.is_reaped()
}

#[cfg(test)]
mod tests {
    use polkit_types::SubjectPid;

    use super::*;

    #[test]
    fn only_a_process_that_was_not_reaped_before_polkitd_answered_leaked_nothing() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = PinnedProcess::open(SubjectPid::new(child.id()).unwrap()).unwrap();
        assert_eq!([may_have_leaked(true, &process), may_have_leaked(false, &process)], [false, true]);
        child.kill().unwrap();
        while process.is_alive() {
            std::thread::yield_now();
        }
        assert!(!may_have_leaked(true, &process), "a process that ended and was not reaped");
        child.wait().unwrap();
        assert_eq!([may_have_leaked(true, &process), may_have_leaked(false, &process)], [true; 2]);
    }
}
