//! Notifications to the service manager. Without a service manager they do nothing. One of the files with effects.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The agent's side of sd_notify(3).
#[derive(Debug)]
pub struct Systemd {
    /// Half of the watchdog interval, and the time of the last ping.
    watchdog: Option<(Duration, Instant)>,
    status: String,
}

impl Systemd {
    /// Reads whether a watchdog is set.
    #[must_use]
    pub fn new() -> Self {
        let interval = sd_notify::watchdog_enabled();
        Self { watchdog: interval.map(|interval| (interval / 2, Instant::now())), status: String::new() }
    }

    /// Whether a service manager started the agent and waits for its readiness.
    #[must_use]
    pub fn is_manager() -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// The agent is ready: every existing process of the served entries is registered.
    pub fn ready(&self) {
        notify(NotifyState::Ready);
    }

    /// The agent ends.
    pub fn stopping(&self) {
        notify(NotifyState::Stopping);
    }

    /// The start takes longer, because the agent waits for polkitd.
    pub fn still_starting(&self) {
        notify(NotifyState::ExtendTimeoutUsec(30_000_000));
    }

    /// Sets the line of `systemctl status`, if it changed.
    pub fn status(&mut self, text: &str) {
        if self.status != text {
            text.clone_into(&mut self.status);
            notify(NotifyState::Status(text));
        }
    }

    /// Whether it is time to ping the watchdog.
    #[must_use]
    pub fn watchdog_due(&self) -> bool {
        self.watchdog.is_some_and(|(interval, last)| last.elapsed() >= interval)
    }

    /// Pings the watchdog: the agent works.
    pub fn ping_watchdog(&mut self) {
        if let Some((_, last)) = &mut self.watchdog {
            *last = Instant::now();
            notify(NotifyState::Watchdog);
        }
    }
}

impl Default for Systemd {
    fn default() -> Self {
        Self::new()
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot notify the service manager: {error}");
    }
}
