//! Reads the configuration again while the agent serves. Looking up names in the user database can take long.

use std::thread;

use tokio::sync::oneshot;

use crate::config::{self, Loaded, Origin};

/// A configuration that is being read. Never two at a time: the second could end first.
#[derive(Debug)]
pub struct Reload {
    origin: Origin,
    reading: Option<oneshot::Receiver<Loaded>>,
    again: bool,
}

impl Reload {
    /// Starts without a configuration that is being read.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin, reading: None, again: false }
    }

    /// Starts to read. If a configuration is being read, it may be older than this request: the agent reads once more after it.
    pub fn begin(&mut self) {
        if self.reading.is_some() {
            tracing::warn!(
                "still reading the configuration, and will read it once more: the old configuration stays in force"
            );
            self.again = true;
            return;
        }
        let (sender, reading) = oneshot::channel();
        let origin = self.origin.clone();
        // A thread of its own: if it hangs, it takes no place of requests.
        let started = thread::Builder::new().name("reload".into()).spawn(move || {
            // Fails if the agent ended meanwhile.
            let _ = sender.send(config::load(&origin));
        });
        match started {
            Ok(_) => self.reading = Some(reading),
            Err(error) => {
                tracing::error!("cannot read the configuration again, the old configuration stays in force: {error}")
            }
        }
    }

    /// Whether no configuration is being read.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.reading.is_none()
    }

    /// Waits for the configuration. Pends forever if none is being read. Cancel-safe.
    pub async fn next(&mut self) -> Loaded {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let read = reading.await;
        self.reading = None;
        if std::mem::take(&mut self.again) {
            self.begin();
        }
        match read {
            Ok(loaded) => loaded,
            Err(_) => {
                tracing::error!("reading the configuration panicked: the old configuration stays in force");
                std::future::pending().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn missing() -> Reload {
        Reload::new(Origin::File("/nonexistent/agent.toml".into()))
    }

    #[tokio::test]
    async fn a_request_during_a_reading_is_answered_by_a_second_reading() {
        let mut reload = missing();
        reload.begin();
        reload.begin();
        reload.begin();
        assert!(reload.next().await.config.is_none());
        assert!(reload.reading.is_some(), "a second reading has begun");
        assert!(reload.next().await.config.is_none());
        assert!(reload.next().now_or_never().is_none(), "two requests share one reading");
    }

    #[tokio::test]
    async fn without_a_request_nothing_is_read() {
        let mut reload = missing();
        assert!(reload.next().now_or_never().is_none());
        reload.begin();
        assert!(reload.next().await.report.has_errors());
        assert!(reload.next().now_or_never().is_none());
    }
}
