//! What the registry says of itself.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::Registry;
use crate::{
    config::What,
    register::{
        health::Polkitd,
        leak_budget::Strain,
        status::{Served, Status, Way},
    },
};

impl Registry {
    fn living(&self, what: &What) -> usize {
        let processes = self.entries.values().filter(|entry| entry.what == *what && entry.is_living()).count();
        processes + self.sessions.count(what)
    }

    /// What is served, for `status`. An entry is in force since the first of these calls that finds it in the configuration.
    #[must_use]
    pub fn status(&mut self, started: Instant) -> Status {
        let config = Arc::clone(&self.road.config.borrow());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let known = std::mem::take(&mut self.since);
        for serve in &config.serve {
            let key = (serve.what.clone(), serve.by_hook);
            let since = known.get(&key).copied().unwrap_or(now);
            self.since.insert(key, since);
        }
        let served = config.serve.iter().map(|serve| Served {
            what: serve.what.to_string(),
            way: match (&serve.what, self.events.are_had()) {
                _ if serve.by_hook => Way::Hook,
                (What::PidFile(_) | What::OwnSession | What::Exec(_), _) => Way::Fixed,
                (What::SessionUser(_), _) => Way::Rescan,
                (What::Unit(_) | What::User(_), true) => Way::Events,
                (What::Unit(_) | What::User(_), false) => Way::Rescan,
            },
            processes: if serve.by_hook { 0 } else { self.living(&serve.what) },
            since: self.since.get(&(serve.what.clone(), serve.by_hook)).copied().unwrap_or(now),
            leaked: self.costs.as_ref().map_or(0, |costs| costs.leaks.of(&serve.what)),
            over_limit: if serve.by_hook { 0 } else { self.over.get(&serve.what).copied().unwrap_or_default() },
        });
        Status {
            time: now,
            polkit: self.costs.as_ref().map(|costs| costs.version.to_string()),
            // What the registry does not know, the main loop adds.
            health: Polkitd::Absent,
            polkit_error: None,
            unfinished: 0,
            last_unfinished: None,
            strangers: 0,
            uptime: started.elapsed().as_secs(),
            registrations: self.len(),
            leaked: self.costs.as_ref().map_or(0, |costs| costs.leaks.all()),
            strained: self.costs.is_some()
                && config.serve.iter().any(|serve| self.strain(&serve.what, &config) == Strain::Spent),
            served: served.collect(),
            scan_microseconds: self.last_scan.as_micros(),
            last_error: self.said.last().map(str::to_owned),
        }
    }
}
