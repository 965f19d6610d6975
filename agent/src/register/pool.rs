//! Bus connections that are opened in advance, so that a registration is one call. A reserve stays free for other programs of root:
//! dbus-daemon gives uid 0 at most 256 connections (max_connections_per_user of its system.conf).

use polkit_dbus::{AuthorityError, Connection, connect};
use tokio::task::JoinSet;

/// The number of connections for the next registrations.
const PREOPENED: usize = 4;
/// The number of connections that are never used. When the bus refuses a connection, the agent closes these, and other programs of root
/// can have them.
const RESERVE: usize = 2;

/// Connections without a registration.
#[derive(Debug, Default)]
pub struct ConnectionPool {
    ready: Vec<Connection>,
    connecting: JoinSet<Result<Connection, AuthorityError>>,
}

impl ConnectionPool {
    /// A connection for a registration, if there are more than the reserve.
    pub fn take(&mut self) -> Option<Connection> {
        if self.ready.len() > RESERVE { self.ready.pop() } else { None }
    }

    /// Starts to open connections until there are enough.
    pub fn fill(&mut self) {
        for _ in self.ready.len() + self.connecting.len()..PREOPENED + RESERVE {
            self.connecting.spawn(connect());
        }
    }

    /// Closes all connections.
    pub fn close_all(&mut self) {
        self.ready.clear();
        self.connecting.abort_all();
    }

    /// Waits until a connection is ready. Pends forever if no connection is being opened. Cancel-safe.
    ///
    /// # Errors
    /// The error of a failed connection, for example [`AuthorityError::BusLimit`]. All connections are closed then.
    pub async fn next(&mut self) -> Result<(), AuthorityError> {
        match self.connecting.join_next().await {
            Some(Ok(Ok(connection))) => self.ready.push(connection),
            Some(Ok(Err(error))) => {
                self.close_all();
                return Err(error);
            }
            // Closed while it was being opened.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_bus::Bus;

    impl ConnectionPool {
        /// A pool with this number of connections, and their other ends.
        pub(crate) async fn of(number: usize) -> (Self, Vec<Bus>) {
            let (mut pool, mut others) = (Self::default(), Vec::new());
            for _ in 0..number {
                let (other, connection) = Bus::new().await;
                pool.ready.push(connection);
                others.push(other);
            }
            (pool, others)
        }
    }

    #[tokio::test]
    async fn the_reserve_is_never_used() {
        let (mut pool, _others) = ConnectionPool::of(RESERVE + 2).await;
        assert!(pool.take().is_some() && pool.take().is_some());
        assert!(pool.take().is_none());
        assert_eq!(pool.ready.len(), RESERVE);
        pool.close_all();
        assert!(pool.ready.is_empty());
    }

    #[tokio::test]
    async fn connections_are_opened_up_to_the_reserve_and_those_for_the_next_registrations() {
        let (mut pool, _others) = ConnectionPool::of(PREOPENED + RESERVE).await;
        pool.fill();
        assert_eq!(pool.connecting.len(), 0);
        pool.take();
        pool.fill();
        pool.fill();
        assert_eq!(pool.connecting.len(), 1);
    }
}
