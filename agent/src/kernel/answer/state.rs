//! What earlier questions leave to later ones: counts, questions that wait for a person, and approvals. All of it is given to the
//! decision as facts, and changed by it, under one lock.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polkit_dbus::SubjectPid;
use tokio::sync::watch;

use crate::{
    audit::{
        approval_queue::{Approval, Binding, Questions, Refusal, Waiting},
        record::random_hex,
    },
    config::Config,
    rules::{
        facts::{Approver, Facts},
        rate::Spent,
        verdict::{Reason, Verdict, decide},
    },
    subject::snapshot::Gathered,
};

/// Bytes of a question's id: enough that nobody approves another by a slip.
const ID: usize = 4;

/// One for the whole agent.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    spent: Spent,
    questions: Questions,
    /// The configuration that the questions were asked under.
    config: Option<Arc<Config>>,
}

impl Ledger {
    /// Decides with the counts and approvals of this moment, and counts what was granted: no two questions share the last one.
    pub fn decide(&self, config: &Arc<Config>, facts: &mut Facts, session: Option<&str>, now: Instant) -> Verdict {
        let mut state = self.state();
        facts.spent = state.spent.rules(&config.needs, facts.uid, now);
        let same = state.is_of(config);
        if same {
            facts.approved = state.questions.approved(&config.rules, facts, session, now);
        }
        facts.queue_full = !same || !state.questions.has_room(facts, session, now);
        let verdict = decide(&config.rules, facts);
        if let (true, Some(id)) = (verdict.answer().is_yes(), verdict.rule()) {
            state.spent.count(&config.needs, id, facts.uid, now);
            if let Some(binding) = Binding::new(id, facts, session).filter(|_| facts.approved.contains_key(id)) {
                state.questions.spend(&binding);
            }
        }
        verdict
    }

    /// Lets a question wait for a person. Gives the id of one that is new, and what ends when somebody has answered it.
    ///
    /// # Errors
    /// [`Reason::Unknown`] where it cannot be told what an approval would be for, and [`Reason::NoRandom`].
    pub fn ask(
        &self,
        verdict: &Verdict,
        gathered: &Gathered,
        pid: SubjectPid,
        session: Option<&str>,
        now: Instant,
    ) -> Result<(Option<String>, watch::Receiver<()>), Reason> {
        let binding = Binding::new(verdict.rule().unwrap_or_default(), &gathered.facts, session);
        let binding = binding.ok_or(Reason::Unknown)?;
        let question = Waiting { binding, pid, described: gathered.described.clone(), first: now, times: 1 };
        let id = random_hex(ID).map_err(|_| Reason::NoRandom)?;
        Ok(self.state().questions.wait(id, question, now))
    }

    /// Room for one more challenge that is held open.
    #[must_use]
    pub fn hold(&self) -> Option<Held<'_>> {
        let may = self.state().questions.hold();
        may.then(|| Held(self))
    }

    /// What waits, with its ids and ages.
    #[must_use]
    pub fn waiting(&self, now: Instant) -> Vec<(String, Waiting)> {
        self.state().questions.list(now).map(|(id, question)| (id.to_owned(), question.clone())).collect()
    }

    /// How many questions wait.
    #[must_use]
    pub fn count(&self, now: Instant) -> usize {
        self.state().questions.count(now)
    }

    /// See [`Questions::answerable`].
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn answerable(&self, id: &str, approver: Approver, length: Duration, now: Instant) -> Result<Waiting, Refusal> {
        self.state().questions.answerable(id, approver, length, now)
    }

    /// See [`Questions::approve`].
    pub fn approve(&self, id: &str, approver: Approver, length: Option<Duration>, now: Instant) -> bool {
        self.state().questions.approve(id, approver, length, now)
    }

    /// See [`Questions::deniable`].
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn deniable(&self, id: &str, approver: Approver, now: Instant) -> Result<Waiting, Refusal> {
        self.state().questions.deniable(id, approver, now)
    }

    /// What is approved.
    #[must_use]
    pub fn approvals(&self, now: Instant) -> Vec<Approval> {
        self.state().questions.approvals(now).cloned().collect()
    }

    /// See [`Questions::deny`].
    pub fn deny(&self, id: &str) {
        self.state().questions.deny(id);
    }

    /// Another configuration is in force: questions and approvals end, counts do not.
    pub fn is_under(&self, config: &Arc<Config>) {
        let mut state = self.state();
        state.questions.clear();
        state.config = Some(Arc::clone(config));
    }

    /// A panic elsewhere does not make it wrong: each change is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a decision is made under the configuration of the questions: one that began before a reload is not.
    fn is_of(&self, config: &Arc<Config>) -> bool {
        self.config.as_ref().is_some_and(|of| Arc::ptr_eq(of, config))
    }
}

/// A challenge that is held open, until this is dropped.
#[derive(Debug)]
pub struct Held<'a>(&'a Ledger);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.state().questions.release();
    }
}
