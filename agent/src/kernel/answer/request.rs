//! A request, what is known of it so far, and the grant that comes of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::{
    facts::{Facts, SubjectInfo},
    rule::Rule,
    verdict::{Reason, Verdict, answering_identity},
};
use polkit_dbus::{Authority, Challenge, Cookie, Sender};
use polkit_types::{IdentityUid, Process, SubjectUid};
use tokio::sync::watch;

use crate::{
    base::reader::Purpose,
    kernel::{
        answer::{
            guard::Guard,
            hook_protocol::{DAEMON_WITHIN, HookRequest},
        },
        audit::decision::{DecisionRecord, Outcome, Way},
        subject::{process::PinnedProcess, scope::AgentScope, snapshot::Subject},
    },
};

/// The time limit of a hook request, so that the reply reaches the hook while it waits.
const HOOK_WITHIN: Duration = Duration::from_millis(DAEMON_WITHIN - 200);

/// A request to the agent.
#[derive(Debug)]
pub enum Request {
    /// polkitd challenges a registered agent.
    Challenge(Box<ChallengeRequest>),
    /// A policy rule runs the hook.
    Hook(HookRequest),
}

/// A challenge, and the registration that it came by.
#[derive(Debug)]
pub struct ChallengeRequest {
    /// What the agent is registered for.
    pub scope: AgentScope,
    /// polkitd, over the connection of this registration.
    pub authority: Authority,
    /// The sender of the challenge.
    pub sender: Sender,
    /// The challenge. `None` if it could not be decoded.
    pub challenge: Option<Challenge>,
    /// Becomes true when polkitd cancels the challenge.
    pub cancelled: watch::Receiver<bool>,
}

impl Request {
    /// The way of the request.
    #[must_use]
    pub fn way(&self) -> Way {
        match self {
            Self::Challenge(_) => Way::Challenge,
            Self::Hook(_) => Way::Hook,
        }
    }

    /// The limits of this request. `answer_within` is the limit of a challenge. polkitd waits for the hook for a shorter time, and
    /// cannot cancel it.
    #[must_use]
    pub fn guard(&self, arrived: Instant, answer_within: Duration) -> Guard {
        let cancelled = match self {
            Self::Challenge(request) => request.cancelled.clone(),
            Self::Hook(_) => watch::channel(false).1,
        };
        Guard::new(arrived + time_limit(self.way(), answer_within), cancelled)
    }

    /// The purpose of reads for this request.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Challenge(_) => Purpose::Challenge,
            Self::Hook(_) => Purpose::Hook,
        }
    }

    /// The challenge, if this is one that could be decoded.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        match self {
            Self::Challenge(request) => request.challenge.as_ref(),
            Self::Hook(_) => None,
        }
    }

    /// The requested action, if it is known.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        match self {
            Self::Challenge(request) => request.challenge.as_ref().map(|challenge| challenge.action.as_str()),
            Self::Hook(request) => Some(&request.action),
        }
    }

    fn scope(&self) -> Option<&AgentScope> {
        match self {
            Self::Challenge(request) => Some(&request.scope),
            Self::Hook(_) => None,
        }
    }
}

/// The time from the arrival of a request to the end of its answer.
fn time_limit(way: Way, answer_within: Duration) -> Duration {
    match way {
        Way::Challenge => answer_within,
        Way::Hook => HOOK_WITHIN,
    }
}

/// Why a request gets no verdict of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The request is refused and recorded.
    Refuse(Reason),
    /// A hook request about a subject that no `[[serve]]` entry covers. The agent does not reply, and makes no record.
    Unserved,
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refuse(reason)
    }
}

/// What is known of a request so far. The stages fill it in, so that a refusal is recorded with everything that was known.
#[derive(Debug, Default)]
pub struct Case {
    /// The process of the subject.
    pub process: Option<Arc<PinnedProcess>>,
    /// The subject.
    pub subject: Option<Subject>,
}

impl Case {
    /// The facts, if the subject was read.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        self.subject.as_ref().map(|subject| &subject.facts)
    }

    /// The process of the subject, or else the registered process.
    fn process(&self, request: &Request) -> Option<Arc<PinnedProcess>> {
        self.process.clone().or_else(|| request.scope()?.registered())
    }

    /// The real uid of the subject, as far as it is known. A process can be registered as root's and give up root afterwards: systemd
    /// does so between fork and exec.
    fn uid(&self, request: &Request) -> Option<SubjectUid> {
        let read = self.facts().map(|facts| facts.uid);
        read.or_else(|| Some(self.process(request)?.process.uid)).or_else(|| request.scope().map(AgentScope::uid))
    }

    /// The identity to answer as: the best of those that the challenge offers.
    fn identity(&self, request: &Request) -> Option<IdentityUid> {
        answering_identity(&request.challenge()?.identities, self.uid(request)?)
    }

    /// The record of a verdict on this case. `None` if no uid is known: then there is no record, so no yes.
    #[must_use]
    pub fn record<'a>(
        &'a self,
        request: &'a Request,
        verdict: &'a Verdict<'a>,
        unknown: &'a SubjectInfo,
    ) -> Option<DecisionRecord<'a>> {
        let uid = self.uid(request)?;
        Some(DecisionRecord {
            way: request.way(),
            action: request.action(),
            details: match request {
                Request::Hook(hook) => Some(&hook.details),
                Request::Challenge(_) => None,
            },
            verdict,
            subject: self.process(request).map(|pinned| Process { uid, ..pinned.process }),
            uid,
            session: request.scope().and_then(AgentScope::session).map(|session| session.id.as_str()),
            info: self.subject.as_ref().map_or(unknown, |subject| &subject.info),
            caller: request.challenge().and_then(|challenge| challenge.details.caller_pid),
            identity: self.identity(request).filter(|_| verdict.answer().is_yes()),
        })
    }

    /// The grant of a verdict that says yes.
    ///
    /// # Errors
    /// [`Outcome::NoIdentity`]: polkitd offered no user to answer as.
    pub fn grant<'a>(&'a self, request: &'a Request, verdict: &Verdict<'a>) -> Result<Grant<'a>, Outcome> {
        let (Some(rule), Some(process), Some(subject)) =
            (verdict.rule(), self.process.as_deref(), self.subject.as_ref())
        else {
            return Err(Outcome::Refused);
        };
        let recipient = match request {
            Request::Hook(_) => Recipient::Hook,
            Request::Challenge(challenged) => {
                let cookie = &challenged.challenge.as_ref().ok_or(Outcome::Refused)?.cookie;
                let identity = self.identity(request).ok_or(Outcome::NoIdentity)?;
                Recipient::Polkitd {
                    authority: &challenged.authority,
                    cookie,
                    identity,
                    registered: challenged.scope.uid(),
                }
            }
        };
        Ok(Grant { rule, process, subject, recipient })
    }
}

/// A yes that can be given. It exists only if rule, process, subject and, for a challenge, the identity exist.
#[derive(Debug)]
pub struct Grant<'a> {
    /// The rule that grants.
    pub rule: &'a Rule,
    /// The process of the subject.
    pub process: &'a PinnedProcess,
    /// The subject, as it was when the agent decided.
    pub subject: &'a Subject,
    /// The recipient of the yes.
    pub recipient: Recipient<'a>,
}

/// The recipient of a yes.
#[derive(Debug)]
pub enum Recipient<'a> {
    /// polkitd, which gets it for a cookie.
    Polkitd {
        /// polkitd, over the connection of the registration.
        authority: &'a Authority,
        /// The cookie of the challenge.
        cookie: &'a Cookie,
        /// The identity to answer as.
        identity: IdentityUid,
        /// The uid that polkitd keeps with the registration.
        registered: SubjectUid,
    },
    /// The hook, which gets it as the reply.
    Hook,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let (user, action) = ("www-data".to_owned(), "org.example.x".to_owned());
        Request::Hook(HookRequest { pid: 7, user, action, details: Default::default() })
    }

    #[test]
    fn a_challenge_has_the_configured_time_limit_and_a_hook_request_that_of_the_hook() {
        for seconds in [1, 20, 60] {
            let configured = Duration::from_secs(seconds);
            assert_eq!(time_limit(Way::Challenge, configured), configured);
            assert_eq!(time_limit(Way::Hook, configured), Duration::from_millis(1300));
        }
    }

    #[test]
    fn a_hook_request_has_the_time_limit_of_the_hook_and_no_recipient_at_polkitd() {
        let long = Duration::from_secs(60);
        assert!(request().guard(Instant::now(), long).remaining() < Duration::from_millis(DAEMON_WITHIN));
        let past = Instant::now().checked_sub(HOOK_WITHIN).unwrap();
        assert_eq!(request().guard(past, long).remaining(), Duration::ZERO);
        assert_eq!(
            (request().way(), request().action(), request().challenge().is_none()),
            (Way::Hook, Some("org.example.x"), true)
        );
        assert_eq!(request().purpose(), Purpose::Hook);
    }

    #[test]
    fn without_a_process_there_is_no_record_and_no_grant() {
        let (case, verdict) = (Case::default(), Verdict::refuse(Reason::Gone));
        assert!(case.record(&request(), &verdict, &SubjectInfo::default()).is_none());
        assert!(matches!(case.grant(&request(), &verdict), Err(Outcome::Refused)));
    }
}
