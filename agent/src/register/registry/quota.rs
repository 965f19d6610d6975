//! For whom there is room: places, rate_limits, and what polkitd can be asked to bear.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Registry, entry::Asker};
use crate::{
    config::{Config, Serve, ServeTarget},
    kernel::subject::process::PinnedProcess,
    register::leak_budget::{BudgetUse, RateLimit},
};

/// How often everything is looked at where the kernel does not say what happens.
pub(super) const SCAN_WITHOUT: Duration = Duration::from_millis(100);
/// The registrations that one user may have by `exec`.
const EXEC_PER_USER: usize = 16;

impl Registry {
    /// Gives a process a place if the entry has one, and says whether it had.
    pub(super) fn add_within(&mut self, serve: &Serve, config: &Config, held: PinnedProcess) -> bool {
        if self.full_until.is_some() {
            return false;
        }
        let share = share_of(serve, config);
        if self.count(&serve.target) >= share || self.places() >= config.max_registrations {
            self.say_over(&serve.target, share);
            return false;
        }
        if self.is_spent(&serve.target, config) {
            return false;
        }
        if !self.rate_limit_of(serve).is_none_or(|limit| limit.try_acquire(Instant::now())) {
            self.next_scan = self.next_scan.min(Instant::now() + SCAN_WITHOUT);
            return false;
        }
        self.add(serve.target.clone(), held, None);
        true
    }

    /// Registers the process behind an `exec`, and tells whoever asked what came of it.
    pub fn add_exec(&mut self, held: PinnedProcess, asker: Asker) {
        match self.place_for_exec(&held) {
            Ok(Some(target)) => self.add(target, held, Some(asker)),
            // Whoever asked may have gone.
            Ok(None) => drop(asker.send(Ok(()))),
            Err(why) => drop(asker.send(Err(why))),
        }
    }

    /// What an `exec` of this process is registered as; `None` where it is registered already.
    fn place_for_exec(&self, held: &PinnedProcess) -> Result<Option<ServeTarget>, String> {
        let config = Arc::clone(&self.context.config.borrow());
        let entry = config.serve.iter().find(|serve| matches!(serve.target, ServeTarget::Exec(_)));
        let Some(serve) = entry else { return Err("no [[serve]] entry has `exec`".into()) };
        let of_user = self
            .entries
            .values()
            .filter(|entry| matches!(entry.target, ServeTarget::Exec(_)) && entry.held.process.uid == held.process.uid);
        if of_user.count() >= EXEC_PER_USER {
            return Err(format!("this user has {EXEC_PER_USER} registrations by exec already"));
        }
        match self.entries.get(&held.process.pid) {
            Some(entry) if entry.is_living() => return Ok(None),
            Some(_) => return Err("this process is being registered at this moment: try again".into()),
            None => {}
        }
        let full = self.places() >= config.max_registrations || self.full_until.is_some();
        if full
            || self.count(&serve.target) >= share_of(serve, &config)
            || self.budget_use(&serve.target, &config) == BudgetUse::Exhausted
        {
            return Err("no registration is left for exec".into());
        }
        Ok(Some(serve.target.clone()))
    }

    pub(super) fn budget_use(&self, target: &ServeTarget, config: &Config) -> BudgetUse {
        let entries = config.serve.iter().filter(|serve| !serve.by_hook).count();
        self.costs.as_ref().map_or(BudgetUse::Exhausted, |costs| costs.leak_budget.used_by(target, entries))
    }

    /// Whether polkitd may have lost so much by this entry that nothing more of it is registered, which is said.
    fn is_spent(&mut self, target: &ServeTarget, config: &Config) -> bool {
        let used = self.budget_use(target, config);
        let Some(costs) = &self.costs else { return true };
        let version = &costs.version;
        let then = match used {
            BudgetUse::Low => return false,
            BudgetUse::Half => "may have lost half of the descriptors that this entry may cost it",
            BudgetUse::Exhausted => {
                "may have lost as many descriptors as this entry may cost it. None is registered any more \
                              until polkit restarts"
            }
        };
        self.warnings.warn(&format!(
            "{target}: its processes end too fast for registrations: polkitd {version} {then}. \
             Serve it by the hook instead (way = \"hook\", and [[hook]] of polkit-policy-gen)"
        ));
        used == BudgetUse::Exhausted
    }

    pub(super) fn rate_limit_of(&mut self, serve: &Serve) -> Option<&mut RateLimit> {
        let version = &self.costs.as_ref()?.version;
        let limit = || RateLimit::new(serve.new_per_second, version, Instant::now());
        Some(self.rate_limits.entry(serve.target.clone()).or_insert_with(limit))
    }

    /// Places that are taken, with those of processes that are about to be registered.
    pub(super) fn places(&self) -> usize {
        self.entries.len() + self.sessions.len()
    }

    pub(super) fn count(&self, target: &ServeTarget) -> usize {
        self.entries.values().filter(|entry| entry.target == *target).count() + self.sessions.count(target)
    }

    pub(super) fn say_over(&mut self, target: &ServeTarget, share: usize) {
        self.warnings.warn(&format!(
            "{target}: more than {share} processes; those above are not served, and polkit will say that they have no agent. \
             Serve it by the hook, which has no such limit (way = \"hook\", and [[hook]] of polkit-policy-gen), or raise `max`"
        ));
    }
}

/// What an entry may register: its own `max`, or an even part of what the others leave.
pub(super) fn share_of(serve: &Serve, config: &Config) -> usize {
    if let Some(max) = serve.max {
        return max;
    }
    let registering = || config.serve.iter().filter(|entry| !entry.by_hook);
    let fixed: usize = registering().filter_map(|entry| entry.max).sum();
    let sharing = registering().filter(|entry| entry.max.is_none()).count().max(1);
    (config.max_registrations.saturating_sub(fixed) / sharing).max(1)
}
