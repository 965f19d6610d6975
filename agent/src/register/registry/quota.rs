//! The limits of registrations: slots, quotas, rate limits and the leak budget.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Registry, entry::ReplySender};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::subject::process::PinnedProcess,
    register::leak_budget::{BudgetUse, RateLimit},
};

/// The interval of scans without process events.
pub(super) const SCAN_WITHOUT_EVENTS: Duration = Duration::from_millis(100);
/// The number of registrations by `exec` for one user.
const EXEC_PER_USER: usize = 16;

impl Registry {
    /// Adds a process if the limits permit it. Returns whether it was added.
    pub(super) fn add_within_quota(&mut self, serve: &Serve, config: &Config, process: PinnedProcess) -> bool {
        if self.paused_until.is_some() {
            return false;
        }
        let quota = quota_of(serve, config);
        if self.count(&serve.target) >= quota || self.slots_used() >= config.max_registrations {
            self.report_over_limit(&serve.target, quota);
            return false;
        }
        if self.is_leak_budget_exhausted(&serve.target, config) {
            return false;
        }
        if !self.rate_limit_of(serve).is_none_or(|limit| limit.try_acquire(Instant::now())) {
            self.next_scan = self.next_scan.min(Instant::now() + SCAN_WITHOUT_EVENTS);
            return false;
        }
        self.add(serve.target.clone(), process, None);
        true
    }

    /// Registers the process of an `exec`, and sends the result to `reply`.
    pub fn add_exec(&mut self, process: PinnedProcess, reply: ReplySender) {
        match self.target_for_exec(&process) {
            Ok(Some(target)) => self.add(target, process, Some(reply)),
            // Fails if `exec` ended.
            Ok(None) => drop(reply.send(Ok(()))),
            Err(why) => drop(reply.send(Err(why))),
        }
    }

    /// The target that an `exec` of this process is registered for. `None` if the process is already registered.
    pub(super) fn target_for_exec(&self, process: &PinnedProcess) -> Result<Option<ServeTarget>, String> {
        let config = Arc::clone(&self.context.config.borrow());
        let entry = config.serve.iter().find(|serve| matches!(serve.target, ServeTarget::Exec(_)));
        let Some(serve) = entry else { return Err("no `[[serve]]` entry of agent.toml has the key `exec`".into()) };
        let of_user = self.entries.values().filter(|entry| {
            matches!(entry.target, ServeTarget::Exec(_)) && entry.process.process.uid == process.process.uid
        });
        if of_user.count() >= EXEC_PER_USER {
            return Err(format!(
                "this user already has {EXEC_PER_USER} registrations by `exec`: wait until one of these processes ends"
            ));
        }
        match self.entries.get(&process.process.pid) {
            Some(entry) if entry.is_registered() => return Ok(None),
            Some(_) => return Err("the registration of this process is in progress: try again".into()),
            None => {}
        }
        let is_full = self.slots_used() >= config.max_registrations || self.paused_until.is_some();
        if is_full
            || self.count(&serve.target) >= quota_of(serve, &config)
            || self.budget_use(&serve.target, &config) == BudgetUse::Exhausted
        {
            return Err("no registration is free for `exec`: see `polkit-service-agent status`".into());
        }
        Ok(Some(serve.target.clone()))
    }

    pub(super) fn budget_use(&self, target: &ServeTarget, config: &Config) -> BudgetUse {
        let entries = config.serve.iter().filter(|serve| !serve.by_hook).count();
        self.backend.as_ref().map_or(BudgetUse::Exhausted, |backend| backend.leak_budget.used_by(target, entries))
    }

    /// Whether this target exhausted its leak budget, so that the agent registers nothing more for it. Warns from half of the budget on.
    fn is_leak_budget_exhausted(&mut self, target: &ServeTarget, config: &Config) -> bool {
        let used = self.budget_use(target, config);
        let Some(backend) = &self.backend else { return true };
        let version = &backend.version;
        let effect = match used {
            BudgetUse::Low => return false,
            BudgetUse::Half => "may have leaked half of the descriptors that this entry may cost it",
            BudgetUse::Exhausted => {
                "may have leaked all descriptors that this entry may cost it, so the agent registers no more of its processes \
                 until polkit restarts"
            }
        };
        self.warnings.warn(&format!(
            "{target}: processes end too soon after registration: polkitd {version} {effect}; \
             serve this entry by the hook (`way = \"hook\"`, and `[[hook]]` of polkit-policy-gen)"
        ));
        used == BudgetUse::Exhausted
    }

    pub(super) fn rate_limit_of(&mut self, serve: &Serve) -> Option<&mut RateLimit> {
        let version = &self.backend.as_ref()?.version;
        let limit = || RateLimit::new(serve.new_per_second, version, Instant::now());
        Some(self.rate_limits.entry(serve.target.clone()).or_insert_with(limit))
    }

    /// The used slots, including those of waiting entries.
    pub(super) fn slots_used(&self) -> usize {
        self.entries.len() + self.sessions.len()
    }

    pub(super) fn count(&self, target: &ServeTarget) -> usize {
        self.entries.values().filter(|entry| entry.target == *target).count() + self.sessions.count(target)
    }

    pub(super) fn report_over_limit(&mut self, target: &ServeTarget, quota: usize) {
        self.warnings.warn(&format!(
            "{target}: more than {quota} processes: the agent does not register the others, so polkit finds no agent for them; \
             raise `max`, or serve this entry by the hook, which has no limit (`way = \"hook\"`, and `[[hook]]` of \
             polkit-policy-gen)"
        ));
    }
}

/// The number of registrations that an entry can have: its `max`, or an equal part of what the entries with `max` leave.
pub(super) fn quota_of(serve: &Serve, config: &Config) -> usize {
    if let Some(max) = serve.max {
        return max;
    }
    let registering = || config.serve.iter().filter(|entry| !entry.by_hook);
    let fixed: usize = registering().filter_map(|entry| entry.max).sum();
    let sharing = registering().filter(|entry| entry.max.is_none()).count().max(1);
    (config.max_registrations.saturating_sub(fixed) / sharing).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quotas of entries with these `max`, in a configuration of ten registrations.
    fn quotas<const N: usize>(entries: [(Option<usize>, bool); N]) -> [usize; N] {
        let mut number = 0;
        let entries = entries.map(|(max, by_hook)| {
            number += 1;
            let target = ServeTarget::PidFile(format!("/run/{number}.pid").into());
            Serve { max, by_hook, ..Serve::of(target) }
        });
        let config = Config::of(entries.to_vec(), Vec::new());
        entries.map(|serve| quota_of(&serve, &config))
    }

    #[test]
    fn entries_without_max_share_what_the_others_leave() {
        assert_eq!(quotas([(None, false)]), [10]);
        assert_eq!(quotas([(None, false), (None, false), (None, false)]), [3, 3, 3]);
        assert_eq!(quotas([(Some(4), false), (None, false), (None, false)]), [4, 3, 3]);
        assert_eq!(quotas([(Some(4), true), (None, true), (None, false)])[2], 10, "hook entries take no registration");
    }

    #[test]
    fn each_entry_has_at_least_one_registration() {
        assert_eq!(quotas([(Some(8), false), (Some(8), false), (None, false)]), [8, 8, 1]);
        assert_eq!(quotas([(None, false); 20]), [1; 20]);
    }
}
