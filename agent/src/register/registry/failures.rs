//! Failed registrations: what the agent logs, and when it tries again.

use std::time::Instant;

use polkit_dbus::AuthorityError;
use polkit_types::SubjectPid;

use super::{
    RETRY, Registry,
    entry::{RegistryEntry, Stage},
};
use crate::config::ServeTarget;

impl Registry {
    /// Stops registering for [`RETRY`], because the bus has no free connection or polkitd does not respond. Drops the waiting entries:
    /// a later scan finds their processes again.
    pub(super) fn pause(&mut self, error: &AuthorityError) {
        self.paused_until = Some(Instant::now() + RETRY);
        self.pool.close_all();
        while let Some(pid) = self.waiting.pop_front() {
            // The queue can hold the pid of an entry that was dropped and added again meanwhile.
            if !self.entries.get(&pid).is_some_and(|entry| matches!(entry.stage, Stage::Waiting(_))) {
                continue;
            }
            if let Some(RegistryEntry { stage: Stage::Waiting(Some(reply)), .. }) = self.entries.remove(&pid) {
                // Fails if `exec` ended.
                let _ = reply.send(Err(error.to_string()));
            }
        }
        self.warnings.warn(&match error {
            AuthorityError::BusLimit(_) => {
                format!("cannot serve all processes: {error}; lower `max_registrations`, or use the hook")
            }
            _ => format!("cannot register with polkitd: {error}; the agent tries again in 5 s"),
        });
    }

    /// Handles a failed registration of a process.
    pub(super) fn report_failure(&mut self, target: &ServeTarget, pid: SubjectPid, error: &AuthorityError) {
        match error {
            // The process ended before polkitd processed the call.
            AuthorityError::NoSuchSubject => {}
            // Without a pause, each process would wait for a polkitd that does not respond.
            AuthorityError::BusLimit(_) | AuthorityError::Bus(_) => self.pause(error),
            AuthorityError::AlreadyRegistered => self.warnings.warn(&format!(
                "{target}: cannot register pid {pid}: another agent is registered for this process (polkit does not report \
                 which agent); the agent tries again every 5 s"
            )),
            other => self.warnings.warn(&format!("{target}: cannot register pid {pid}: {other}")),
        }
    }
}
