//! The state that requests leave to later requests: counts, requests that wait for a person, and approvals. Each decision reads and
//! changes it under one lock.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use polkit_agent_rules::{
    approval_queue::{ApprovalQueue, ApprovalScope, PendingRequest},
    facts::Facts,
    history::History,
    rate::RateCounter,
    verdict::{Reason, Verdict, decide},
};
use polkit_types::SubjectPid;
use tokio::sync::watch;

use crate::{
    config::Config,
    kernel::{audit::record::random_hex, subject::snapshot::Subject},
};

/// The length of an approval request's id, in bytes. A typing error does not give the id of another request.
const ID: usize = 4;

/// The requests that wait. Dropping the sender tells an open challenge that its request was answered.
pub type Queue = ApprovalQueue<watch::Sender<()>>;

/// The state of the whole agent.
#[derive(Debug, Default)]
pub struct DecisionState(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rate: RateCounter,
    queue: Queue,
    /// The configuration of the requests in the queue.
    config: Option<Arc<Config>>,
}

impl DecisionState {
    /// Decides with the counts and approvals of this moment, and counts a grant. So two requests cannot use the same last grant.
    pub fn decide<'c>(&self, config: &'c Arc<Config>, facts: &Facts, now: Instant) -> Verdict<'c> {
        let mut state = self.state();
        // A request that began before a reload must not use the approvals of the new configuration.
        let same = state.config.as_ref().is_some_and(|of| Arc::ptr_eq(of, config));
        let history = History {
            rate_limited: state.rate.exhausted(&config.requirements, facts.uid, now),
            approved: if same { state.queue.approved(&config.rules, facts, now) } else { Default::default() },
            queue_full: !same || !state.queue.has_capacity(facts, now),
        };
        let verdict = decide(&config.rules, facts, &history);
        if let (true, Some(rule)) = (verdict.answer().is_yes(), verdict.rule()) {
            state.rate.count(&config.requirements, &rule.id, facts.uid, now);
            if let Some(scope) = ApprovalScope::new(&rule.id, facts).filter(|_| verdict.approver().is_some()) {
                state.queue.spend(&scope);
            }
        }
        verdict
    }

    /// Adds a request to the queue. Returns the id of a new request, and a receiver that closes when the request is answered.
    ///
    /// # Errors
    /// [`Reason::Unknown`] if the facts do not tell what an approval would cover; [`Reason::NoRandom`].
    pub fn enqueue(
        &self,
        verdict: &Verdict<'_>,
        subject: &Subject,
        pid: SubjectPid,
        now: Instant,
    ) -> Result<(Option<String>, watch::Receiver<()>), Reason> {
        let scope = ApprovalScope::new(verdict.rule_id().unwrap_or_default(), &subject.facts).ok_or(Reason::Unknown)?;
        let request = PendingRequest { scope, pid, info: subject.info.clone(), first: now, times: 1 };
        let id = random_hex(ID).map_err(|_| Reason::NoRandom)?;
        Ok(self.queue(|queue| {
            let (new, waker) = queue.wait(id, request, now, || watch::channel(()).0);
            (new, waker.subscribe())
        }))
    }

    /// A permit to keep one more challenge open.
    #[must_use]
    pub fn hold(&self) -> Option<HoldPermit<'_>> {
        self.queue(Queue::hold).then(|| HoldPermit(self))
    }

    /// Reads or changes the queue.
    pub fn queue<T>(&self, access: impl FnOnce(&mut Queue) -> T) -> T {
        access(&mut self.state().queue)
    }

    /// Puts another configuration in force. Requests and approvals end, counts stay.
    pub fn set_config(&self, config: &Arc<Config>) {
        let mut state = self.state();
        state.queue.clear();
        state.config = Some(Arc::clone(config));
    }

    /// A panic elsewhere leaves the state intact: each change is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an open challenge until it is dropped.
#[derive(Debug)]
pub struct HoldPermit<'a>(&'a DecisionState);

impl Drop for HoldPermit<'_> {
    fn drop(&mut self) {
        self.0.queue(Queue::release);
    }
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{
        facts::{Approver, ApproverUid},
        model::{facts, rule},
        rule::{Answer, Rule},
    };

    use super::*;

    fn config(rule: Rule) -> Arc<Config> {
        Arc::new(Config::of(Vec::new(), vec![rule]))
    }

    fn subject() -> Subject {
        Subject::of(facts())
    }

    /// Adds the request to the queue under this configuration, and approves it once.
    fn approve(state: &DecisionState, config: &Arc<Config>, now: Instant) {
        let verdict = state.decide(config, &facts(), now);
        assert_eq!(verdict.answer(), Answer::Ask);
        let (id, _) = state.enqueue(&verdict, &subject(), SubjectPid::new(7).unwrap(), now).unwrap();
        let approver = Approver { uid: ApproverUid::new(0), login: None };
        assert!(state.queue(|queue| queue.approve(&id.unwrap(), approver, None, now)));
    }

    #[test]
    fn an_approval_is_spent_by_the_decision_that_uses_it() {
        let (state, config, now) = (DecisionState::default(), config(rule(Answer::Ask)), Instant::now());
        state.set_config(&config);
        approve(&state, &config, now);
        assert_eq!(state.decide(&config, &facts(), now).reason(), Reason::Approved);
        assert_eq!(state.decide(&config, &facts(), now).answer(), Answer::Ask);
    }

    #[test]
    fn a_request_under_another_configuration_uses_no_approval_and_no_place() {
        let (state, old, now) = (DecisionState::default(), config(rule(Answer::Ask)), Instant::now());
        let new = config(rule(Answer::Ask));
        state.set_config(&old);
        approve(&state, &old, now);
        let verdict = state.decide(&new, &facts(), now);
        assert_eq!((verdict.answer(), verdict.reason()), (Answer::Dismiss, Reason::QueueFull));
        state.set_config(&new);
        assert_eq!(state.decide(&new, &facts(), now).answer(), Answer::Ask, "a reload ends the approval");
        assert_eq!(state.decide(&old, &facts(), now).reason(), Reason::QueueFull);
    }

    #[test]
    fn a_grant_is_counted_once_and_a_refusal_is_not() {
        let limited = |answer| Rule { at_most: Some("1/day".parse().unwrap()), ..rule(answer) };
        let (state, config, now) = (DecisionState::default(), config(limited(Answer::Allow)), Instant::now());
        let unbound = Facts { vouched_for: false, ..facts() };
        assert_eq!(state.decide(&config, &unbound, now).reason(), Reason::Unbound);
        assert_eq!(state.decide(&config, &facts(), now).answer(), Answer::Allow);
        assert_eq!(state.decide(&config, &facts(), now).reason(), Reason::Limit);
    }

    #[test]
    fn a_question_is_not_counted_and_the_approved_request_is() {
        let limited = Rule { at_most: Some("1/day".parse().unwrap()), ..rule(Answer::Ask) };
        let (state, config, now) = (DecisionState::default(), config(limited), Instant::now());
        state.set_config(&config);
        assert_eq!(state.decide(&config, &facts(), now).answer(), Answer::Ask);
        approve(&state, &config, now);
        let approved = state.decide(&config, &facts(), now);
        assert_eq!((approved.answer(), approved.reason()), (Answer::Allow, Reason::Approved));
        assert_eq!(state.decide(&config, &facts(), now).reason(), Reason::Limit);
    }

    #[test]
    fn an_answered_request_ends_the_wait_of_its_challenge() {
        let (state, config, now) = (DecisionState::default(), config(rule(Answer::Ask)), Instant::now());
        state.set_config(&config);
        let verdict = state.decide(&config, &facts(), now);
        let (id, answered) = state.enqueue(&verdict, &subject(), SubjectPid::new(7).unwrap(), now).unwrap();
        assert!(answered.has_changed().is_ok(), "the request waits");
        state.queue(|queue| queue.deny(&id.unwrap()));
        assert!(answered.has_changed().is_err(), "its sender is gone");
        let unknown = Subject { facts: Facts { exe: Default::default(), ..facts() }, ..subject() };
        let refused = state.enqueue(&verdict, &unknown, SubjectPid::new(7).unwrap(), now);
        assert_eq!(refused.map(drop), Err(Reason::Unknown));
    }

    #[test]
    fn a_permit_is_given_back_when_it_is_dropped() {
        let state = DecisionState::default();
        let permits: Vec<_> = std::iter::from_fn(|| state.hold()).take(10).collect();
        assert_eq!(permits.len(), 4);
        drop(permits);
        assert!(state.hold().is_some());
    }

    #[test]
    fn before_the_first_configuration_no_request_waits() {
        let (state, config, now) = (DecisionState::default(), config(rule(Answer::Ask)), Instant::now());
        assert_eq!(state.decide(&config, &facts(), now).reason(), Reason::QueueFull);
        state.set_config(&config);
        assert_eq!(state.decide(&config, &facts(), now).answer(), Answer::Ask);
    }
}
