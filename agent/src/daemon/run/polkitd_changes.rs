//! The polkitd that the agent serves: it appears, disappears, is replaced, or must be started.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{Authority, AuthorityError, Owner};

use super::Running;
use crate::{
    base::paths,
    daemon::systemd::Systemd,
    kernel::answer::{context, hook_socket},
    register::polkitd,
};

/// The interval of attempts to start polkitd over the bus, while it does not run.
const WAKE: Duration = Duration::from_secs(2);
/// The time limit of such an attempt.
const WAKE_WITHIN: Duration = Duration::from_secs(10);

/// The error without polkitd.
const NO_POLKITD: &str = "polkitd is not installed or cannot be started, so the agent has nothing to do. \
    Debian and its derivatives: apt install polkitd (policykit-1 before Debian 12); Fedora and SUSE: the package polkit";

impl Running {
    /// Starts polkitd over the bus. Under a service manager the agent waits for polkitd; without one it ends with an error.
    pub(super) async fn wake(&mut self) -> Result<(), String> {
        if Instant::now() < self.next_wake {
            return Ok(());
        }
        self.next_wake = Instant::now() + WAKE;
        let authority = Authority::new(self.connection.clone());
        match tokio::time::timeout(WAKE_WITHIN, authority.version()).await {
            // `OwnerWatch` reports polkitd.
            Ok(Ok(_)) | Err(_) => Ok(()),
            Ok(Err(error)) if self.ready || Systemd::is_manager() => {
                self.polkit_error = Some(error.to_string());
                if !self.ready {
                    self.systemd.still_starting();
                }
                Ok(())
            }
            Ok(Err(AuthorityError::Absent)) => Err(NO_POLKITD.into()),
            Ok(Err(error)) => Err(format!("polkitd does not respond: {error}")),
        }
    }

    /// Handles a polkitd that appeared, disappeared or was replaced. It does not know earlier registrations.
    pub(super) async fn on_polkitd_changed(&mut self, owner: Option<Owner>) -> Result<(), String> {
        self.polkitd.send_replace(None);
        self.health.on_polkitd_changed(false);
        self.registry.clear();
        self.registry.scan_soon();
        let Some(owner) = owner else {
            if self.ready {
                tracing::warn!("polkitd disappeared: the agent cannot serve until polkitd is back");
            }
            return Ok(());
        };
        let authority = Authority::new(self.connection.clone());
        let asked = (authority.version().await, authority.pid().await, authority.uid().await);
        let (version, pid, uid) = match asked {
            (Ok(version), Ok(pid), Ok(uid)) => (version, pid, uid),
            // polkitd disappeared again. `OwnerWatch` reports that as well.
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                tracing::warn!("cannot read the version of polkitd: {error}");
                return Ok(());
            }
        };
        // Only root can read this. An agent without root can only refuse.
        if self.is_root
            && let Err(why) = polkitd::same_namespaces(pid)
        {
            // The namespaces of a process that has ended cannot be read. `OwnerWatch` reports the next polkitd.
            if polkitd::has_ended(pid, async || authority.pid().await.ok()).await {
                tracing::warn!("polkitd (pid {pid}) ended while the agent examined it");
                return Ok(());
            }
            return Err(why);
        }
        self.registry.on_polkitd_changed(&version, polkitd::open_files(pid), authority);
        tracing::info!("polkitd {version} runs with pid {pid}");
        self.polkitd.send_replace(Some(context::Polkitd { owner, version }));
        self.health.on_polkitd_changed(true);
        self.polkit_error = None;
        if self.is_root {
            self.listen_for_hook(uid);
        }
        Ok(())
    }

    /// Opens the hook's socket for the user that polkitd runs as.
    fn listen_for_hook(&mut self, polkitd: u32) {
        if self.hook.as_ref().is_some_and(|(uid, task)| *uid == polkitd && !task.is_finished()) {
            return;
        }
        match hook_socket::listen(Path::new(paths::HOOK_SOCKET), polkitd) {
            Ok(listener) => {
                let task = tokio::spawn(hook_socket::serve(listener, polkitd, Arc::clone(&self.context)));
                if let Some((_, old)) = self.hook.replace((polkitd, task)) {
                    old.abort();
                }
            }
            Err(error) => {
                tracing::error!("cannot create {}, so hook requests get no reply: {error}", paths::HOOK_SOCKET)
            }
        }
    }
}
