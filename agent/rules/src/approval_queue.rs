//! Questions that wait for a person, and the approvals that came of them. Pure: time is given. All of it ends with the process, and
//! with the configuration that the questions were asked under.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use polkit_dbus::{SubjectPid, SubjectUid};
use tokio::sync::watch;

use crate::{
    rules::{
        facts::{Approver, Content, Fact, Facts, FileId, LoginUid},
        rule::{Answer, Rule},
    },
    subject::snapshot::Described,
};

/// Questions that wait at the same time, in all and of one user: nobody crowds out another.
const MOST: usize = 256;
const MOST_OF_USER: usize = 32;
/// Challenges that are held open at the same time: each holds a worker of the mechanism that asks.
const MOST_HELD: usize = 4;
/// After so long nobody remembers what was asked, and no approval holds for longer.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// What an approval is for, and nothing else: whatever differs is another question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding {
    rule: String,
    action: String,
    uid: SubjectUid,
    unit: Option<String>,
    session: Option<String>,
    exe: FileId,
    content: Content,
    login: Option<LoginUid>,
}

impl Binding {
    /// That of a rule and a question. None where the subject's unit or program is unknown: nobody can approve what cannot be told.
    #[must_use]
    pub fn new(rule: &str, facts: &Facts, session: Option<&str>) -> Option<Self> {
        let (Fact::Known(unit), Fact::Known(exe), Fact::Known(content)) = (&facts.unit, &facts.exe, &facts.content)
        else {
            return None;
        };
        Some(Self {
            rule: rule.to_owned(),
            action: facts.action.clone(),
            uid: facts.uid,
            unit: unit.clone(),
            session: session.map(str::to_owned),
            exe: *exe,
            content: *content,
            login: facts.login,
        })
    }
}

/// A question, as a person sees it. Its texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What an approval would be for.
    pub binding: Binding,
    /// The process that asked first.
    pub pid: SubjectPid,
    /// What is known of it.
    pub described: Described,
    /// When it was asked first.
    pub first: Instant,
    /// How many times it was asked.
    pub times: u64,
}

impl Waiting {
    /// The rule that asks.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.binding.rule
    }

    /// The action asked for.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.binding.action
    }

    /// Whose process asked.
    #[must_use]
    pub fn uid(&self) -> SubjectUid {
        self.binding.uid
    }

    /// The user as whom somebody logged in of whose login that process came.
    #[must_use]
    pub fn login(&self) -> Option<LoginUid> {
        self.binding.login
    }

    /// Why that approver has no say in it: it is a question of the approver's own.
    fn refuses(&self, approver: Approver) -> Option<Refusal> {
        if approver.uid.get() == self.uid().get() {
            return Some(Refusal::Own);
        }
        (self.login().is_some() && self.login() == approver.login).then_some(Refusal::SameLogin)
    }

    /// The session that is served, where it is one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.binding.session.as_deref()
    }
}

/// Why somebody's word on a question does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Answered already, too old, or never asked.
    #[error("no such question waits: `polkit-service-agent pending` lists those that do")]
    Unknown,
    /// The approver's uid is the subject's.
    #[error("nobody approves a question of his own: another member of polkit-approvers, or root, must")]
    Own,
    /// The approver has another uid, and logged in as the same user.
    #[error(
        "nobody approves a question of his own: whoever asks logged in as the same user. Another member of polkit-approvers must"
    )]
    SameLogin,
    /// An approval for a length of time, for a program that can be another one in a moment.
    #[error(
        "root alone does not control this program, and an approval for a length of time would be for whatever is put in its \
         place. Approve it for one answer, without `--for`"
    )]
    Writable,
    /// Longer than [`LONGEST`].
    #[error("an approval holds for an hour at most")]
    TooLong,
}

/// What waits, and what was approved.
#[derive(Debug, Default)]
pub struct Questions {
    waiting: BTreeMap<String, Waited>,
    approved: HashMap<Binding, Approval>,
    held: usize,
}

#[derive(Debug)]
struct Waited {
    question: Waiting,
    /// Gone when the question is: whoever holds a challenge open waits for that.
    gone: watch::Sender<()>,
}

/// What somebody has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The id that the question had.
    pub id: String,
    /// The question.
    pub question: Waiting,
    /// Who approved it.
    pub approver: Approver,
    /// When it ends.
    pub until: Instant,
    /// For one answer alone.
    pub once: bool,
}

impl Questions {
    /// The rules that somebody approved this very question for, and who did.
    #[must_use]
    pub fn approved(
        &self,
        rules: &[Rule],
        facts: &Facts,
        session: Option<&str>,
        now: Instant,
    ) -> BTreeMap<String, Approver> {
        if self.approved.is_empty() {
            return BTreeMap::new();
        }
        let asking = rules.iter().filter(|rule| rule.answer == Answer::Ask);
        let approvals = asking.filter_map(|rule| {
            let approval = self.approved.get(&Binding::new(&rule.id, facts, session)?)?;
            (now < approval.until).then(|| (rule.id.clone(), approval.approver))
        });
        approvals.collect()
    }

    /// Whether that question may wait: it waits already, or one more of that user may.
    #[must_use]
    pub fn has_room(&self, facts: &Facts, session: Option<&str>, now: Instant) -> bool {
        let lately = || self.waiting.values().filter(|waited| now.duration_since(waited.question.first) < LONGEST);
        let of_user = || lately().filter(|waited| waited.question.uid() == facts.uid);
        let waits = |waited: &Waited| {
            Binding::new(waited.question.rule(), facts, session).is_some_and(|same| same == waited.question.binding)
        };
        (lately().count() < MOST && of_user().count() < MOST_OF_USER) || of_user().any(waits)
    }

    /// An approval for one answer is spent by it.
    pub fn spend(&mut self, binding: &Binding) {
        if self.approved.get(binding).is_some_and(|approval| approval.once) {
            self.approved.remove(binding);
        }
    }

    /// Lets a question wait under that id, or counts it to the one that waits already. Says whether it is a new one, and gives what
    /// ends when somebody has answered it.
    pub fn wait(&mut self, id: String, question: Waiting, now: Instant) -> (Option<String>, watch::Receiver<()>) {
        self.forget(now);
        if let Some(same) = self.waiting.values_mut().find(|waited| waited.question.binding == question.binding) {
            same.question.times = same.question.times.saturating_add(1);
            return (None, same.gone.subscribe());
        }
        let (gone, answered) = watch::channel(());
        self.waiting.insert(id.clone(), Waited { question, gone });
        (Some(id), answered)
    }

    /// Whether one more challenge may be held open; if so it is counted until [`Questions::release`].
    pub fn hold(&mut self) -> bool {
        let may = self.held < MOST_HELD;
        self.held += usize::from(may);
        may
    }

    /// A challenge is not held open any more.
    pub fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// What waits, by id.
    pub fn list(&mut self, now: Instant) -> impl Iterator<Item = (&str, &Waiting)> {
        self.forget(now);
        self.waiting.iter().map(|(id, waited)| (id.as_str(), &waited.question))
    }

    /// How many wait.
    pub fn count(&mut self, now: Instant) -> usize {
        self.list(now).count()
    }

    /// The question of that id, if this approver may answer it for so long.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn answerable(
        &mut self,
        id: &str,
        approver: Approver,
        length: Duration,
        now: Instant,
    ) -> Result<Waiting, Refusal> {
        self.forget(now);
        let question = &self.waiting.get(id).ok_or(Refusal::Unknown)?.question;
        if let Some(refusal) = question.refuses(approver) {
            return Err(refusal);
        }
        if !length.is_zero() && question.described.exe.is_none() {
            return Err(Refusal::Writable);
        }
        if length > LONGEST {
            return Err(Refusal::TooLong);
        }
        Ok(question.clone())
    }

    /// Approves a question: for one answer within [`LONGEST`], or as often as it is asked for a length of time. Says whether it
    /// still waited.
    pub fn approve(&mut self, id: &str, approver: Approver, length: Option<Duration>, now: Instant) -> bool {
        let Some(Waited { question, .. }) = self.waiting.remove(id) else { return false };
        let until = now + length.unwrap_or(LONGEST);
        let approval = Approval { id: id.to_owned(), question, approver, until, once: length.is_none() };
        self.approved.insert(approval.question.binding.clone(), approval);
        true
    }

    /// The question of that id, if this approver may deny it: one that waits, or that was approved.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn deniable(&mut self, id: &str, approver: Approver, now: Instant) -> Result<Waiting, Refusal> {
        self.forget(now);
        match self.approved.values().find(|approval| approval.id == id) {
            Some(approval) => approval.question.refuses(approver).map_or_else(|| Ok(approval.question.clone()), Err),
            None => self.answerable(id, approver, Duration::ZERO, now),
        }
    }

    /// Takes a question away, or what was approved of it.
    pub fn deny(&mut self, id: &str) {
        self.waiting.remove(id);
        self.approved.retain(|_, approval| approval.id != id);
    }

    /// What is approved.
    pub fn approvals(&mut self, now: Instant) -> impl Iterator<Item = &Approval> {
        self.forget(now);
        self.approved.values()
    }

    /// Forgets all: what was asked under another configuration is no question of this one.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.approved.clear();
    }

    fn forget(&mut self, now: Instant) {
        self.waiting.retain(|_, waited| now.duration_since(waited.question.first) < LONGEST);
        self.approved.retain(|_, approval| now < approval.until);
    }
}

#[cfg(test)]
mod tests;
