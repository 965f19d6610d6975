//! The requests that wait for a person, and the approvals. Time is given. All of it ends with the agent's process, and with the
//! configuration that the requests were made under.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use polkit_types::{SubjectPid, SubjectUid};

use crate::{
    facts::{Approver, Content, Fact, Facts, FileId, LoginUid, SubjectInfo},
    rule::{Answer, Rule},
};

/// The most requests that wait at the same time, in all and of one user. One user cannot crowd out another.
const MOST: usize = 256;
const MOST_OF_USER: usize = 32;
/// The most challenges that stay open at the same time. Each of them keeps a worker of the mechanism busy.
const MOST_HELD: usize = 4;
/// How long a request waits, and the longest validity of an approval.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// What an approval covers: requests that are equal in all of these facts, and no other request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApprovalScope {
    rule: String,
    action: String,
    uid: SubjectUid,
    unit: Option<String>,
    session: Option<String>,
    exe: FileId,
    content: Content,
    login: Option<LoginUid>,
}

impl ApprovalScope {
    /// The scope of a rule and a request. `None` if unit or program are unknown: such a request cannot be approved.
    #[must_use]
    pub fn new(rule: &str, facts: &Facts) -> Option<Self> {
        let (Fact::Known(unit), Fact::Known(exe), Fact::Known(content)) = (&facts.unit, &facts.exe, &facts.content)
        else {
            return None;
        };
        Some(Self {
            rule: rule.to_owned(),
            action: facts.action.clone(),
            uid: facts.uid,
            unit: unit.clone(),
            session: facts.served_session.clone(),
            exe: *exe,
            content: *content,
            login: facts.login,
        })
    }
}

/// An approval request, as a person sees it. Its texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRequest {
    /// What an approval would cover.
    pub scope: ApprovalScope,
    /// The process of the first request.
    pub pid: SubjectPid,
    /// Text about that process.
    pub info: SubjectInfo,
    /// The time of the first request.
    pub first: Instant,
    /// The number of equal requests.
    pub times: u64,
}

impl PendingRequest {
    /// The id of the rule that asks.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.scope.rule
    }

    /// The requested action.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.scope.action
    }

    /// The real uid of the subject.
    #[must_use]
    pub fn uid(&self) -> SubjectUid {
        self.scope.uid
    }

    /// The login uid of the subject.
    #[must_use]
    pub fn login(&self) -> Option<LoginUid> {
        self.scope.login
    }

    /// The id of the session that is served, if the agent is registered for one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.scope.session.as_deref()
    }

    /// Refuses an approver who made the request.
    fn check_approver(&self, approver: Approver) -> Result<(), Refusal> {
        if approver.uid.get() == self.uid().get() {
            return Err(Refusal::Own);
        }
        if self.login().is_some() && self.login() == approver.login {
            return Err(Refusal::SameLogin);
        }
        Ok(())
    }
}

/// Why an approval or a denial does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request was answered, is too old, or never existed.
    #[error("no such request waits: `polkit-service-agent pending` lists the requests that wait")]
    Unknown,
    /// The approver's uid is the subject's uid.
    #[error("this is a request of your own user: another member of polkit-approvers, or root, must answer it")]
    Own,
    /// The approver has another uid, but logged in as the same user.
    #[error("the subject's user and you logged in as the same user: another member of polkit-approvers must answer")]
    SameLogin,
    /// An approval for a time, of a program that users other than root can replace in that time.
    #[error(
        "root alone does not control this program, so it can be replaced while the approval is valid: approve it once, without \
         `--for`"
    )]
    Writable,
    /// A longer time than [`LONGEST`].
    #[error("an approval is valid for one hour at most")]
    TooLong,
}

/// A valid approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The id of the approval request.
    pub id: String,
    /// The approval request.
    pub request: PendingRequest,
    /// The person who approved it.
    pub approver: Approver,
    /// The end of the validity.
    pub until: Instant,
    /// The approval covers one request, and then ends.
    pub once: bool,
}

/// The requests that wait, and the approvals. `W` is dropped when a request is answered, which ends the wait of an open challenge.
#[derive(Debug)]
pub struct ApprovalQueue<W> {
    waiting: BTreeMap<String, Waiting<W>>,
    approved: HashMap<ApprovalScope, Approval>,
    held: usize,
}

#[derive(Debug)]
struct Waiting<W> {
    request: PendingRequest,
    waker: W,
}

impl<W> Default for ApprovalQueue<W> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), approved: HashMap::new(), held: 0 }
    }
}

impl<W> ApprovalQueue<W> {
    /// The rules for which this same request is approved, with the approvers.
    #[must_use]
    pub fn approved(&self, rules: &[Rule], facts: &Facts, now: Instant) -> BTreeMap<String, Approver> {
        if self.approved.is_empty() {
            return BTreeMap::new();
        }
        let asking = rules.iter().filter(|rule| rule.answer == Answer::Ask);
        let approvals = asking.filter_map(|rule| {
            let approval = self.approved.get(&ApprovalScope::new(&rule.id, facts)?)?;
            (now < approval.until).then(|| (rule.id.clone(), approval.approver))
        });
        approvals.collect()
    }

    /// Whether the request may wait: an equal request waits already, or one more of this user may wait.
    #[must_use]
    pub fn has_capacity(&self, facts: &Facts, now: Instant) -> bool {
        let recent = || self.waiting.values().filter(|waiting| now.duration_since(waiting.request.first) < LONGEST);
        let of_user = || recent().filter(|waiting| waiting.request.uid() == facts.uid);
        let is_equal = |waiting: &Waiting<W>| {
            ApprovalScope::new(waiting.request.rule(), facts).is_some_and(|scope| scope == waiting.request.scope)
        };
        (recent().count() < MOST && of_user().count() < MOST_OF_USER) || of_user().any(is_equal)
    }

    /// Ends an approval for one request, when that request was allowed.
    pub fn spend(&mut self, scope: &ApprovalScope) {
        if self.approved.get(scope).is_some_and(|approval| approval.once) {
            self.approved.remove(scope);
        }
    }

    /// Adds a request under this id, or counts it to an equal request that waits. Returns the id of a new request, and the waker.
    pub fn wait(
        &mut self,
        id: String,
        request: PendingRequest,
        now: Instant,
        waker: impl FnOnce() -> W,
    ) -> (Option<String>, &W) {
        self.forget(now);
        let equal = self.waiting.iter().find(|(_, waiting)| waiting.request.scope == request.scope);
        let (new, key) = match equal {
            Some((key, _)) => (None, key.clone()),
            None => (Some(id.clone()), id),
        };
        let entry = self.waiting.entry(key);
        let waiting = entry
            .and_modify(|waiting| waiting.request.times = waiting.request.times.saturating_add(1))
            .or_insert_with(|| Waiting { request, waker: waker() });
        (new, &waiting.waker)
    }

    /// Whether one more challenge may stay open. If so, it is counted until [`ApprovalQueue::release`].
    pub fn hold(&mut self) -> bool {
        let may = self.held < MOST_HELD;
        self.held += usize::from(may);
        may
    }

    /// Ends what [`ApprovalQueue::hold`] began.
    pub fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// The requests that wait, by id.
    pub fn list(&mut self, now: Instant) -> impl Iterator<Item = (&str, &PendingRequest)> {
        self.forget(now);
        self.waiting.iter().map(|(id, waiting)| (id.as_str(), &waiting.request))
    }

    /// The request of this id, if this approver may approve it for this time; zero means once.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn approvable(
        &mut self,
        id: &str,
        approver: Approver,
        validity: Duration,
        now: Instant,
    ) -> Result<PendingRequest, Refusal> {
        self.forget(now);
        let request = &self.waiting.get(id).ok_or(Refusal::Unknown)?.request;
        request.check_approver(approver)?;
        if !validity.is_zero() && request.info.exe.is_none() {
            return Err(Refusal::Writable);
        }
        if validity > LONGEST {
            return Err(Refusal::TooLong);
        }
        Ok(request.clone())
    }

    /// Approves a request: once within [`LONGEST`], or any number of times within `validity`. Returns whether the request still
    /// waited.
    pub fn approve(&mut self, id: &str, approver: Approver, validity: Option<Duration>, now: Instant) -> bool {
        let Some(Waiting { request, .. }) = self.waiting.remove(id) else { return false };
        let until = now + validity.unwrap_or(LONGEST);
        let approval = Approval { id: id.to_owned(), request, approver, until, once: validity.is_none() };
        self.approved.insert(approval.request.scope.clone(), approval);
        true
    }

    /// The request of this id, waiting or approved, if this approver may deny it.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn deniable(&mut self, id: &str, approver: Approver, now: Instant) -> Result<PendingRequest, Refusal> {
        self.forget(now);
        match self.approved.values().find(|approval| approval.id == id) {
            Some(approval) => approval.request.check_approver(approver).map(|()| approval.request.clone()),
            None => self.approvable(id, approver, Duration::ZERO, now),
        }
    }

    /// Removes a request, or its approval.
    pub fn deny(&mut self, id: &str) {
        self.waiting.remove(id);
        self.approved.retain(|_, approval| approval.id != id);
    }

    /// The valid approvals.
    pub fn approvals(&mut self, now: Instant) -> impl Iterator<Item = &Approval> {
        self.forget(now);
        self.approved.values()
    }

    /// Removes everything: requests and approvals belong to the configuration that they were made under.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.approved.clear();
    }

    fn forget(&mut self, now: Instant) {
        self.waiting.retain(|_, waiting| now.duration_since(waiting.request.first) < LONGEST);
        self.approved.retain(|_, approval| now < approval.until);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs a first moment")]
mod tests;
