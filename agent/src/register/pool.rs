//! Bus connections that are kept ready. A process is then registered by one call, and the bus keeps some room for others
//! of root: dbus-daemon gives uid 0 no more than 256 connections in all (max_connections_per_user of its system.conf).

use polkit_dbus::{AuthorityError, Connection, connect};
use tokio::task::JoinSet;

/// Ready for the next processes.
const AHEAD: usize = 4;
/// Never registered over: once the bus refuses another connection, these are given back, and others of root have them.
const ROOM: usize = 2;

/// Connections without a registration.
#[derive(Debug, Default)]
pub struct Spares {
    ready: Vec<Connection>,
    connecting: JoinSet<Result<Connection, AuthorityError>>,
}

impl Spares {
    /// One to register over, if there is one to spare.
    pub fn take(&mut self) -> Option<Connection> {
        if self.ready.len() > ROOM { self.ready.pop() } else { None }
    }

    /// Begins to connect until there are enough.
    pub fn fill(&mut self) {
        for _ in self.ready.len() + self.connecting.len()..AHEAD + ROOM {
            self.connecting.spawn(connect());
        }
    }

    /// Closes all of them.
    pub fn give_back(&mut self) {
        self.ready.clear();
        self.connecting.abort_all();
    }

    /// Waits for the next one to be ready; for ever where none is to come. Can be dropped and called again without losing one.
    ///
    /// # Errors
    /// Why there is none, [`AuthorityError::BusLimit`] for one. All are given back then.
    pub async fn next(&mut self) -> Result<(), AuthorityError> {
        match self.connecting.join_next().await {
            Some(Ok(Ok(connection))) => self.ready.push(connection),
            Some(Ok(Err(error))) => {
                self.give_back();
                return Err(error);
            }
            // Given back while it was connecting.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
        Ok(())
    }
}
