//! The part of the status that the registry knows.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::Registry;
use crate::{
    config::ServeTarget,
    register::{
        health::PolkitdHealth,
        leak_budget::BudgetUse,
        status::{ServedEntry, Status, Way},
    },
};

impl Registry {
    fn registered(&self, target: &ServeTarget) -> usize {
        let processes = self.entries.values().filter(|entry| entry.target == *target && entry.is_registered()).count();
        processes + self.sessions.count(target)
    }

    /// The status of the registry. An entry counts as in force since the first call that finds it in the configuration.
    #[must_use]
    pub fn status(&mut self, started: Instant) -> Status {
        let config = Arc::clone(&self.context.config.borrow());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let known = std::mem::take(&mut self.since);
        for serve in &config.serve {
            let key = (serve.target.clone(), serve.by_hook);
            let since = known.get(&key).copied().unwrap_or(now);
            self.since.insert(key, since);
        }
        let served = config.serve.iter().map(|serve| ServedEntry {
            target: serve.target.to_string(),
            way: match (&serve.target, self.events.is_active()) {
                _ if serve.by_hook => Way::Hook,
                (ServeTarget::PidFile(_) | ServeTarget::OwnSession | ServeTarget::Exec(_), _) => Way::Fixed,
                (ServeTarget::SessionUser(_), _) => Way::Rescan,
                (ServeTarget::Unit(_) | ServeTarget::User(_), true) => Way::Events,
                (ServeTarget::Unit(_) | ServeTarget::User(_), false) => Way::Rescan,
            },
            processes: if serve.by_hook { 0 } else { self.registered(&serve.target) },
            since: self.since.get(&(serve.target.clone(), serve.by_hook)).copied().unwrap_or(now),
            leaked: self.backend.as_ref().map_or(0, |backend| backend.leak_budget.leaked_by(&serve.target)),
            over_limit: if serve.by_hook { 0 } else { self.over_limit.get(&serve.target).copied().unwrap_or_default() },
        });
        Status {
            time: now,
            polkit: self.backend.as_ref().map(|backend| backend.version.to_string()),
            // The main loop sets the fields that the registry does not know.
            health: PolkitdHealth::Absent,
            polkit_error: None,
            unfinished: 0,
            last_unfinished: None,
            not_served: 0,
            uptime: started.elapsed().as_secs(),
            files: config.files.iter().map(|path| path.display().to_string()).collect(),
            read_at: config
                .read_at
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
            registrations: self.len(),
            leaked: self.backend.as_ref().map_or(0, |backend| backend.leak_budget.total()),
            strained: self.backend.is_some()
                && config.serve.iter().any(|serve| self.budget_use(&serve.target, &config) == BudgetUse::Exhausted),
            served: served.collect(),
            scan_microseconds: self.last_scan.as_micros(),
            last_error: self.warnings.last().map(str::to_owned),
        }
    }
}
