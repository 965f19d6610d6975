//! The verdict: a pure function of the rules, the facts and the history.

use polkit_types::{Identity, IdentityUid, SubjectUid};

use crate::{
    facts::{Approver, Fact, Facts, Truth},
    history::History,
    rule::{Answer, Rule},
};

/// Why the verdict is what it is. The words are part of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A rule matched.
    Rule,
    /// No rule matched.
    NoRule,
    /// A rule would have asked or authenticated, but a fact that the rule needs is unknown.
    Unknown,
    /// A rule would have granted, but polkitd does not vouch for the subject: see [`Facts::vouched_for`].
    Unbound,
    /// A rule would have granted, but the process is not of the session's user, and the rule names no user.
    OtherUser,
    /// A rule would have granted to a unit that is delegated, or may be delegated.
    Delegated,
    /// A rule would have granted, but the subject's user has processes outside the unit, or may have some.
    SharedUser,
    /// A rule would have granted, but it has granted as often as its `at_most` says.
    Limit,
    /// A person approved the request.
    Approved,
    /// A rule would have asked a person, but too many requests wait.
    QueueFull,
    /// The sender is not polkitd.
    Sender,
    /// The agent is registered for another process than the challenge names.
    OtherSubject,
    /// The agent is registered for a session, and the challenge names no process.
    NoSubject,
    /// The process is not, or no longer, in the session that the agent is registered for.
    OtherSession,
    /// The challenge could not be decoded.
    Malformed,
    /// The subject has ended.
    Gone,
    /// The subject could not be read.
    Unreadable,
    /// A rule would have asked a person, but the kernel gave no random bytes for the id of the request.
    NoRandom,
    /// The agent did not decide within `answer_within`.
    Deadline,
    /// polkitd cancelled the challenge.
    Cancelled,
    /// A bug in the agent: it panicked.
    Fault,
}

impl Reason {
    /// The word of the records and of `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::NoRule => "no-rule",
            Self::Unknown => "unknown",
            Self::Unbound => "unbound",
            Self::OtherUser => "other-user",
            Self::Delegated => "delegated",
            Self::SharedUser => "shared-user",
            Self::Limit => "limit",
            Self::Approved => "approved",
            Self::QueueFull => "queue-full",
            Self::Sender => "sender",
            Self::OtherSubject => "other-subject",
            Self::NoSubject => "no-subject",
            Self::OtherSession => "other-session",
            Self::Malformed => "malformed",
            Self::Gone => "gone",
            Self::Unreadable => "unreadable",
            Self::NoRandom => "no-random",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
            Self::Fault => "fault",
        }
    }
}

/// A decision, with the rule that made it. It is a refusal unless [`decide`] found a rule that grants: only this file can make a
/// verdict that grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict<'r> {
    answer: Answer,
    rule: Option<&'r Rule>,
    reason: Reason,
    approver: Option<Approver>,
}

impl<'r> Verdict<'r> {
    /// A refusal without a rule.
    pub fn refuse(reason: Reason) -> Self {
        Self { answer: Answer::Deny, rule: None, reason, approver: None }
    }

    /// The same verdict as a refusal. The rule stays.
    pub fn refused(self, reason: Reason) -> Self {
        Self { answer: Answer::Deny, reason, approver: None, ..self }
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// The rule that made the verdict.
    #[must_use]
    pub fn rule(&self) -> Option<&'r Rule> {
        self.rule
    }

    /// The id of that rule.
    #[must_use]
    pub fn rule_id(&self) -> Option<&'r str> {
        self.rule.map(|rule| rule.id.as_str())
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The person who approved the request, if the reason is [`Reason::Approved`].
    #[must_use]
    pub fn approver(&self) -> Option<Approver> {
        self.approver
    }
}

impl Default for Verdict<'_> {
    fn default() -> Self {
        Self::refuse(Reason::NoRule)
    }
}

/// Decides. The first rule that matches makes the verdict. Without a match the verdict is a refusal.
pub fn decide<'r>(rules: &'r [Rule], facts: &Facts, history: &History) -> Verdict<'r> {
    let Some(rule) = rules.iter().find(|rule| rule.matches(facts)) else { return Verdict::default() };
    let verdict = |answer, reason| Verdict { answer, rule: Some(rule), reason, approver: None };
    if rule.answer.grants()
        && let Some(reason) = objection(rule, facts, history)
    {
        return verdict(Answer::Deny, reason);
    }
    match (rule.answer, history.approved.get(&rule.id)) {
        (Answer::Ask, Some(approver)) => {
            Verdict { approver: Some(*approver), ..verdict(Answer::Allow, Reason::Approved) }
        }
        (Answer::Ask, None) if history.queue_full => verdict(Answer::Dismiss, Reason::QueueFull),
        (answer, _) => verdict(answer, Reason::Rule),
    }
}

/// Why a rule that matches and would grant must not grant. The order is part of the records: the first reason counts.
fn objection(rule: &Rule, facts: &Facts, history: &History) -> Option<Reason> {
    let objections = [
        (rule.truth(facts) != Truth::True, Reason::Unknown),
        (facts.other_user && rule.user.is_none(), Reason::OtherUser),
        (!facts.vouched_for && !rule.unbound, Reason::Unbound),
        (rule.unit.is_some() && !rule.delegated && facts.delegated != Fact::Known(false), Reason::Delegated),
        (rule.own_user && facts.exclusive_user != Fact::Known(true), Reason::SharedUser),
        (history.rate_limited.contains(&rule.id), Reason::Limit),
    ];
    objections.into_iter().find_map(|(objects, reason)| objects.then_some(reason))
}

/// Whether polkitd vouches for the subject: the only identity that it offers is the real uid of the process. With AUTH_SELF that
/// identity is the uid that the mechanism claims for the subject. If the pid was reused between the client's connect and the
/// challenge, the uid would be another one as a rule.
#[must_use]
pub fn is_vouched_for(offered: &[Identity], real: SubjectUid) -> bool {
    matches!(offered, [Identity::User(uid)] if uid.get() == real.get())
}

/// The identity to answer as: the subject itself if polkitd offers it, else root, else the first user offered.
#[must_use]
pub fn answering_identity(offered: &[Identity], real: SubjectUid) -> Option<IdentityUid> {
    let users = || {
        offered.iter().filter_map(|identity| match identity {
            Identity::User(uid) => Some(*uid),
            Identity::Group(_) | Identity::Netgroup(_) => None,
        })
    };
    users()
        .find(|uid| uid.get() == real.get())
        .or_else(|| users().find(|uid| uid.get() == 0))
        .or_else(|| users().next())
}

#[cfg(test)]
mod tests;
