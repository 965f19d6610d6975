//! The decision: a pure function of the rules and the facts.

use polkit_dbus::{Identity, IdentityUid, SubjectUid};

use crate::rules::{
    facts::{Fact, Facts, Truth},
    rule::{Answer, Rule},
};

/// Why the verdict is what it is. The words are part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A rule matched.
    Rule,
    /// None did.
    NoRule,
    /// A rule would have asked or authenticated, but something that it needs to know is not known.
    Unknown,
    /// A rule would have granted, but polkitd does not vouch for the subject: see [`Facts::bound`].
    Unbound,
    /// A rule would have granted, but the process is not of the session's user, and the rule names no user.
    OtherUser,
    /// A rule would have granted to a unit that is delegated, or of which it is not known whether it is.
    Delegated,
    /// A rule would have granted, but the subject's user has processes outside of the unit, or it is not known whether it has.
    SharedUser,
    /// A rule would have granted, and has done so as often as its `at_most` says.
    Limit,
    /// Somebody approved this question.
    Approved,
    /// A rule would have asked somebody, and too many questions wait already.
    QueueFull,
    /// Not polkitd asked.
    Sender,
    /// The challenge names another process than the one that this agent stands in for, or none.
    OtherSubject,
    /// The challenge names no process, and the agent stands in for a session: any of its processes may be meant.
    NoSubject,
    /// The process that the challenge names is not in the session that this agent stands in for, or not any more.
    OtherSession,
    /// The challenge could not be decoded.
    Malformed,
    /// The subject is gone.
    Gone,
    /// Something about the subject could not be read.
    Unreadable,
    /// A rule would have asked a person, and the kernel gave no random bytes for the id of the question.
    NoRandom,
    /// It took longer than `answer_within`.
    Deadline,
    /// polkitd took the question back.
    Cancelled,
    /// The agent itself broke down over it.
    Fault,
}

impl Reason {
    /// The word for it, in records and `--json`.
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

/// A decision. It is a refusal unless [`decide`] found a rule that says otherwise: nothing outside this file can make one
/// that grants.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    answer: Answer,
    rule: Option<String>,
    reason: Reason,
}

impl Verdict {
    /// A refusal that no rule was asked for.
    pub fn refuse(reason: Reason) -> Self {
        Self { answer: Answer::Deny, rule: None, reason }
    }

    /// The refusal of a request that this verdict's rule would have left to a person.
    pub fn refused(self, reason: Reason) -> Self {
        Self { answer: Answer::Deny, reason, ..self }
    }

    /// What is answered.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// The id of the rule that made it.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl Default for Verdict {
    fn default() -> Self {
        Self::refuse(Reason::NoRule)
    }
}

/// The first rule that matches decides; without one it is a refusal.
pub fn decide(rules: &[Rule], facts: &Facts) -> Verdict {
    let Some(rule) = rules.iter().find(|rule| rule.matches(facts)) else {
        return Verdict::default();
    };
    let id = Some(rule.id.clone());
    if rule.answer.grants() && rule.truth(facts) != Truth::True {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::Unknown };
    }
    if rule.answer.grants() && facts.foreign && rule.user.is_none() {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::OtherUser };
    }
    if rule.answer.grants() && !facts.bound && !rule.unbound {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::Unbound };
    }
    if rule.answer.grants() && rule.unit.is_some() && !rule.delegated && facts.delegated != Fact::Known(false) {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::Delegated };
    }
    if rule.answer.grants() && rule.own_user && facts.alone != Fact::Known(true) {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::SharedUser };
    }
    if rule.answer.grants() && facts.spent.contains(&rule.id) {
        return Verdict { answer: Answer::Deny, rule: id, reason: Reason::Limit };
    }
    match rule.answer {
        Answer::Ask if facts.approved.contains_key(&rule.id) => {
            Verdict { answer: Answer::Allow, rule: id, reason: Reason::Approved }
        }
        Answer::Ask if facts.queue_full => Verdict { answer: Answer::Dismiss, rule: id, reason: Reason::QueueFull },
        answer => Verdict { answer, rule: id, reason: Reason::Rule },
    }
}

/// Whether polkitd vouches for the subject: the one identity that it offers is the real uid of the process. With
/// AUTH_SELF that identity is the uid that the mechanism claims for the subject. A pid that was reused between the
/// client's connect and the challenge would carry another.
#[must_use]
pub fn is_bound(offered: &[Identity], real: SubjectUid) -> bool {
    matches!(offered, [Identity::User(uid)] if uid.get() == real.get())
}

/// As whom to answer: the subject itself where polkitd offers it, else root, else the first user offered.
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
pub(crate) mod tests;
