//! A decision and its outcome, as the recorder gets them.

use std::collections::BTreeMap;

use polkit_agent_rules::{
    facts::SubjectInfo,
    verdict::{Reason, Verdict},
};
use polkit_types::{CallerPid, IdentityUid, Process, SubjectUid};

/// The way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// polkitd challenged a registered agent.
    Challenge,
    /// A policy rule ran the hook.
    Hook,
}

impl Way {
    /// The word of the records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Hook => "hook",
        }
    }
}

/// Everything that the record of a decision has.
#[derive(Debug)]
pub struct DecisionRecord<'a> {
    /// The way of the request.
    pub way: Way,
    /// The action, as it came. `None` if the challenge could not be decoded.
    pub action: Option<&'a str>,
    /// The details of the action. Only hook requests carry them.
    pub details: Option<&'a BTreeMap<String, String>>,
    /// The verdict.
    pub verdict: &'a Verdict<'a>,
    /// The process of the subject. `None` if a challenge to the agent of a session names no process.
    pub subject: Option<Process>,
    /// The real uid of that process, else the uid of the session.
    pub uid: SubjectUid,
    /// The session that the agent is registered for, if it is registered for one.
    pub session: Option<&'a str>,
    /// Text about the subject.
    pub info: &'a SubjectInfo,
    /// The mechanism.
    pub caller: Option<CallerPid>,
    /// The identity that the agent answers as.
    pub identity: Option<IdentityUid>,
}

impl DecisionRecord<'_> {
    /// Two refusals of one uid are equal if this text is equal.
    #[must_use]
    pub fn kind(&self) -> String {
        let verdict = self.verdict;
        let (answer, reason) = (verdict.answer().word(), verdict.reason().word());
        let (action, rule) = (self.action.unwrap_or_default(), verdict.rule_id().unwrap_or_default());
        format!("{action} {answer} {reason} {rule} {:?}", self.details)
    }
}

/// What became of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// polkitd, or the hook, got the yes.
    Sent,
    /// The reply was a refusal.
    Refused,
    /// The hook got no reply, so polkit's other rules decide.
    Passed,
    /// The subject ended or changed after the decision. The reply was a refusal.
    Changed,
    /// polkitd left the bus, so the agent could not send the yes. The reply was a refusal.
    PolkitdGone,
    /// polkitd offered no user in the challenge, so the agent sent nothing. The reply was a refusal.
    NoIdentity,
    /// polkitd did not accept the yes, for this reason. The reply was a refusal.
    RefusedByPolkitd(String),
    /// PAM did not agree, or could not be asked, for this reason. The reply was a refusal.
    NotAuthenticated(String),
    /// polkitd cancelled the challenge before it had the yes.
    Cancelled,
    /// The time limit ended before polkitd had accepted the yes. The reply was a refusal.
    Deadline,
    /// A bug in the agent: it panicked after the decision. The reply was a refusal.
    Fault,
}

impl Outcome {
    /// Whether the agent could not give a yes that it had decided, although the subject did not change.
    #[must_use]
    pub fn is_a_failed_yes(&self) -> bool {
        matches!(
            self,
            Self::PolkitdGone | Self::NoIdentity | Self::RefusedByPolkitd(_) | Self::NotAuthenticated(_) | Self::Fault
        )
    }

    /// The word of the records.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Passed => "passed",
            Self::Changed => "changed",
            Self::PolkitdGone => "polkitd-gone",
            Self::NoIdentity => "no-identity",
            Self::RefusedByPolkitd(_) => "refused-by-polkitd",
            Self::NotAuthenticated(_) => "not-authenticated",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Fault => "fault",
        }
    }
}

/// The outcome of a yes that was interrupted.
impl From<Reason> for Outcome {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Cancelled => Self::Cancelled,
            Reason::Fault => Self::Fault,
            Reason::Deadline => Self::Deadline,
            _ => Self::Changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_that_ends_early_has_the_outcome_of_its_reason() {
        let of = |reason: Reason| Outcome::from(reason);
        assert_eq!(of(Reason::Cancelled), Outcome::Cancelled);
        assert_eq!(of(Reason::Deadline), Outcome::Deadline);
        assert_eq!(of(Reason::Fault), Outcome::Fault);
        assert_eq!([of(Reason::Gone), of(Reason::Unreadable)], [Outcome::Changed, Outcome::Changed]);
    }

    #[test]
    fn each_outcome_has_its_word_and_some_are_failures() {
        let outcomes = [
            (Outcome::Sent, "sent", false),
            (Outcome::Refused, "refused", false),
            (Outcome::Passed, "passed", false),
            (Outcome::Changed, "changed", false),
            (Outcome::PolkitdGone, "polkitd-gone", true),
            (Outcome::NoIdentity, "no-identity", true),
            (Outcome::RefusedByPolkitd("x".into()), "refused-by-polkitd", true),
            (Outcome::NotAuthenticated("x".into()), "not-authenticated", true),
            (Outcome::Cancelled, "cancelled", false),
            (Outcome::Deadline, "deadline", false),
            (Outcome::Fault, "fault", true),
        ];
        for (outcome, word, failed) in outcomes {
            assert_eq!((outcome.word(), outcome.is_a_failed_yes()), (word, failed));
        }
    }
}
