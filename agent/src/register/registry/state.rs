//! What the registry says of itself.

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
    fn living(&self, target: &ServeTarget) -> usize {
        let processes = self.entries.values().filter(|entry| entry.target == *target && entry.is_living()).count();
        processes + self.sessions.count(target)
    }

    /// What is served, for `status`. An entry is in force since the first of these calls that finds it in the configuration.
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
            processes: if serve.by_hook { 0 } else { self.living(&serve.target) },
            since: self.since.get(&(serve.target.clone(), serve.by_hook)).copied().unwrap_or(now),
            leaked: self.costs.as_ref().map_or(0, |costs| costs.leak_budget.leaked_by(&serve.target)),
            over_limit: if serve.by_hook { 0 } else { self.over.get(&serve.target).copied().unwrap_or_default() },
        });
        Status {
            time: now,
            polkit: self.costs.as_ref().map(|costs| costs.version.to_string()),
            // What the registry does not know, the main loop adds.
            health: PolkitdHealth::Absent,
            polkit_error: None,
            unfinished: 0,
            last_unfinished: None,
            not_served: 0,
            uptime: started.elapsed().as_secs(),
            registrations: self.len(),
            leaked: self.costs.as_ref().map_or(0, |costs| costs.leak_budget.total()),
            strained: self.costs.is_some()
                && config.serve.iter().any(|serve| self.budget_use(&serve.target, &config) == BudgetUse::Exhausted),
            served: served.collect(),
            scan_microseconds: self.last_scan.as_micros(),
            last_error: self.warnings.last().map(str::to_owned),
        }
    }
}
