//! One registration: one process or session, one bus connection, from registering to its end.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use polkit_dbus::{
    Afterwards, Agent, AgentStream, Authority, AuthorityError, Challenge, Connection, Cookie, DecodeError,
    Registration, Reply, Sender, serve,
};
use tokio::sync::watch;

use crate::{
    answer::{
        challenge::{Question, Road},
        panic_guard::caught,
    },
    register::pidfd::ended,
    subject::scope::StandsFor,
};

/// Where polkitd finds the agent on its connection. The same for all: each connection has one.
const PATH: &str = "/io/github/polkit_service_agent/AuthenticationAgent";

/// A registration that polkitd has taken.
pub struct Registered {
    connection: Connection,
    stream: AgentStream,
    stand: Arc<Stand>,
}

/// Registers for a process, over a connection that no other registration uses: when a connection vanishes polkitd drops one
/// registration of it and keeps the others for ever (0.105 to 128).
///
/// # Errors
/// Those of [`Authority::register`].
pub async fn register(
    road: &Arc<Road>,
    connection: Connection,
    stands_for: StandsFor,
) -> Result<Registered, AuthorityError> {
    let stream = AgentStream::new(&connection);
    let authority = Authority::new(connection.clone());
    authority.register(&stands_for.subject(), PATH, Registration::Sole).await?;
    let stand = Arc::new(Stand { road: Arc::clone(road), stands_for, authority, pending: Mutex::default() });
    Ok(Registered { connection, stream, stand })
}

impl Registered {
    /// Answers until the process ends or the connection does, then closes the connection. The process is then still a
    /// zombie as a rule, and polkitd leaks nothing: 124 to 127 leak a descriptor for one that was reaped before. The end of
    /// a session is not waited for here.
    ///
    /// `sync` is a polkitd that leaks. Says then whether it may have: whether the process was reaped by the time when polkitd
    /// has seen the connection go. It answers in the order in which things reach it.
    pub async fn live(self, sync: Option<Authority>) -> bool {
        let Self { connection, stream, stand } = self;
        let stands_for = stand.stands_for.clone();
        tokio::select! {
            () = serve(stream, PATH.to_owned(), stand) => {}
            () = end_of(&stands_for) => {}
        }
        // The connection may have gone first; then there is nothing to close.
        let _ = connection.close().await;
        let (Some(sync), StandsFor::Process(held)) = (sync, stands_for) else { return false };
        // One that does not answer may have leaked.
        sync.version().await.is_err() || held.is_reaped()
    }
}

/// A process whose end cannot be waited for is treated as ended: it is registered anew.
async fn end_of(stands_for: &StandsFor) {
    match stands_for {
        StandsFor::Process(held) => {
            if let Ok(pidfd) = held.pidfd() {
                // Either it ended, or it cannot be waited for.
                let _ = ended(pidfd).await;
            }
        }
        StandsFor::Session(_) => std::future::pending().await,
    }
}

/// What stands behind the object that polkitd calls.
struct Stand {
    road: Arc<Road>,
    stands_for: StandsFor,
    authority: Authority,
    pending: Mutex<HashMap<Cookie, watch::Sender<bool>>>,
}

impl Agent for Stand {
    fn begin(
        self: Arc<Self>,
        sender: Sender,
        challenge: Result<Challenge, DecodeError>,
    ) -> impl Future<Output = (Reply, Afterwards)> + Send + 'static {
        let (cancel, cancelled) = watch::channel(false);
        let cookie = challenge.as_ref().ok().map(|challenge| challenge.cookie.clone());
        // Only polkitd's own challenges can be cancelled: nobody else's may take the place of one.
        if let Some(cookie) = cookie.clone().filter(|_| self.road.polkitd_sent(&sender)) {
            self.pending().insert(cookie, cancel);
        }
        let question = Question { stands_for: self.stands_for.clone(), authority: self.authority.clone(), cancelled };
        let action = challenge.as_ref().ok().map(|challenge| challenge.action.clone());
        async move {
            let travel = self.road.travel(question, sender, challenge);
            let (reply, ending) = caught(travel, &self.road.recorder, &self.stands_for, action.as_deref()).await;
            if let Some(cookie) = cookie {
                self.pending().remove(&cookie);
            }
            let road = Arc::clone(&self.road);
            let afterwards = async move {
                if let Some(ending) = ending {
                    road.finish(ending).await;
                }
            };
            (reply, Box::pin(afterwards) as Afterwards)
        }
    }

    fn cancel(&self, sender: Sender, cookie: Result<Cookie, DecodeError>) {
        let Ok(cookie) = cookie else { return };
        if self.road.polkitd_sent(&sender)
            && let Some(challenge) = self.pending().get(&cookie)
        {
            challenge.send_replace(true);
        }
    }
}

impl Stand {
    /// A panic elsewhere does not make the map wrong: each of its changes is one call.
    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<Cookie, watch::Sender<bool>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
