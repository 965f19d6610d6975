//! Reading the configuration anew while the agent goes on serving: the user database may take its time over the names in it.

use std::thread;

use tokio::sync::oneshot;

use crate::config::{self, Loaded, Origin};

/// The configuration that is being read, if one is. Never two at a time: the later one could end first.
#[derive(Debug)]
pub struct Reload {
    origin: Origin,
    reading: Option<oneshot::Receiver<Loaded>>,
    again: bool,
}

impl Reload {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin, reading: None, again: false }
    }

    /// Begins to read. What is being read already may be older than what was asked for: it is read once more after that.
    pub fn begin(&mut self) {
        if self.reading.is_some() {
            tracing::warn!(
                "the configuration is still being read, and will be again after that: the old one stays in force"
            );
            self.again = true;
            return;
        }
        let (sender, reading) = oneshot::channel();
        let origin = self.origin.clone();
        // A thread of its own: one that hangs takes no place of the questions'.
        let started = thread::Builder::new().name("reload".into()).spawn(move || {
            // Where the agent has ended meanwhile, nobody wants it.
            let _ = sender.send(config::load(&origin));
        });
        match started {
            Ok(_) => self.reading = Some(reading),
            Err(error) => {
                tracing::error!("the configuration cannot be read anew, and the old one stays in force: {error}")
            }
        }
    }

    /// What was read. It waits while nothing is being read.
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
                tracing::error!("reading the configuration broke down: the old one stays in force");
                std::future::pending().await
            }
        }
    }
}
