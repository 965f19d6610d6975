//! What the service manager is told. Without one nothing is, and that is no error.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The agent's side of sd_notify(3).
#[derive(Debug)]
pub struct Systemd {
    /// Half of the watchdog's interval, and when it was fed last.
    watchdog: Option<(Duration, Instant)>,
    status: String,
}

impl Systemd {
    /// Looks whether a watchdog is set.
    #[must_use]
    pub fn new() -> Self {
        let interval = sd_notify::watchdog_enabled();
        Self { watchdog: interval.map(|interval| (interval / 2, Instant::now())), status: String::new() }
    }

    /// Whether a service manager started the agent and waits for it to be ready.
    #[must_use]
    pub fn is_manager() -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// Every process that exists is registered.
    pub fn ready(&self) {
        tell(NotifyState::Ready);
    }

    /// The end was asked for.
    pub fn stopping(&self) {
        tell(NotifyState::Stopping);
    }

    /// Starting takes longer: polkitd is waited for.
    pub fn still_starting(&self) {
        tell(NotifyState::ExtendTimeoutUsec(30_000_000));
    }

    /// One line for `systemctl status`, if it is another than before.
    pub fn status(&mut self, text: &str) {
        if self.status != text {
            text.clone_into(&mut self.status);
            tell(NotifyState::Status(text));
        }
    }

    /// Whether it is time to feed the watchdog.
    #[must_use]
    pub fn watchdog_due(&self) -> bool {
        self.watchdog.is_some_and(|(interval, last)| last.elapsed() >= interval)
    }

    /// Says that the agent works.
    pub fn ping_watchdog(&mut self) {
        if let Some((_, last)) = &mut self.watchdog {
            *last = Instant::now();
            tell(NotifyState::Watchdog);
        }
    }
}

impl Default for Systemd {
    fn default() -> Self {
        Self::new()
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("the service manager could not be told: {error}");
    }
}
