//! The reply to a request: a pure function of the verdict and of what became of it.

use polkit_agent_rules::{
    facts::Facts,
    rule::{Answer, Rule},
    verdict::{Reason, Verdict},
};

use crate::kernel::{
    answer::hook_protocol::HookReply,
    audit::decision::{Outcome, Way},
};

/// The reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The action is authorized.
    Yes,
    /// The action is refused.
    No,
    /// A challenge is refused, and the client sees that the authentication was cancelled.
    Dismissed,
    /// No reply to the hook: polkit's other rules and the implicit authorization decide.
    Nothing,
}

impl Reply {
    /// The reply that a verdict calls for.
    #[must_use]
    pub fn of(way: Way, verdict: &Verdict<'_>, rules: &[Rule], facts: Option<&Facts>) -> Self {
        match way {
            Way::Challenge => match verdict.answer() {
                Answer::Allow | Answer::Authenticate => Self::Yes,
                Answer::Deny => Self::No,
                Answer::Dismiss | Answer::Ask => Self::Dismissed,
            },
            Way::Hook => Self::of_hook(verdict, rules, facts),
        }
    }

    /// A hook request that no rule decides stays with polkit's other rules. If a rule would have allowed but for an unknown fact, a
    /// later rule can still refuse: a subject can make its own facts unknown, and must not get past that rule.
    fn of_hook(verdict: &Verdict<'_>, rules: &[Rule], facts: Option<&Facts>) -> Self {
        let refuses = |rule: &Rule| {
            matches!(rule.answer, Answer::Deny | Answer::Dismiss) && facts.is_some_and(|facts| rule.matches(facts))
        };
        match (verdict.answer(), verdict.reason()) {
            (Answer::Allow, _) => Self::Yes,
            (Answer::Deny | Answer::Dismiss, Reason::Rule | Reason::Limit) => Self::No,
            (Answer::Deny | Answer::Dismiss, _) if rules.iter().any(refuses) => Self::No,
            // polkitd waits for the hook, so the hook cannot wait for a person or a password.
            (Answer::Deny | Answer::Dismiss | Answer::Ask | Answer::Authenticate, _) => Self::Nothing,
        }
    }

    /// The reply if the decision could not be recorded. A refusal by the hook stays: a subject must not get past it by keeping the
    /// journal busy.
    #[must_use]
    pub fn unrecorded(self, way: Way) -> Self {
        match (way, self) {
            (Way::Challenge, _) | (Way::Hook, Self::No) => Self::No,
            (Way::Hook, _) => Self::Nothing,
        }
    }

    /// The reply after the outcome. Only a yes that arrived is a yes. polkitd takes an error as a refusal, even after it accepted a
    /// yes.
    #[must_use]
    pub fn after(self, way: Way, outcome: &Outcome) -> Self {
        match (self, way, outcome) {
            (Self::Yes, _, Outcome::Sent) => Self::Yes,
            (_, Way::Challenge, Outcome::Cancelled) => Self::Dismissed,
            (Self::Yes, Way::Challenge, _) => Self::No,
            (Self::Yes, Way::Hook, _) => Self::Nothing,
            (reply, _, _) => reply,
        }
    }

    /// The reply to polkitd.
    pub fn to_polkitd(self) -> polkit_dbus::Reply {
        match self {
            Self::Yes => polkit_dbus::Reply::Done,
            Self::Dismissed => polkit_dbus::Reply::Dismissed,
            Self::No | Self::Nothing => polkit_dbus::Reply::Refused,
        }
    }

    /// The reply to the hook.
    #[must_use]
    pub fn to_hook(self) -> HookReply {
        match self {
            Self::Yes => HookReply::Yes,
            Self::No | Self::Dismissed => HookReply::No,
            Self::Nothing => HookReply::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
