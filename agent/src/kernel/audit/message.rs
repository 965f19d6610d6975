//! The sentence of a record, for people. Programs read the fields.

use polkit_agent_rules::{rule::Answer, verdict::Reason};
use polkit_types::escape::escape;

use crate::kernel::audit::decision::DecisionRecord;

/// The longest value of one field, in bytes.
pub const LONGEST: usize = 384;

/// The sentence of a decision.
#[must_use]
pub fn sentence(decision: &DecisionRecord<'_>) -> String {
    let verb = match decision.verdict.answer() {
        Answer::Allow => "Allowed",
        Answer::Deny => "Denied",
        Answer::Dismiss => "Dismissed",
        Answer::Ask => "Asked for approval of",
        Answer::Authenticate => "Authenticates for",
    };
    let info = decision.info;
    let user = info.user.clone().unwrap_or_else(|| format!("uid {}", decision.uid));
    let unit = info.unit.as_deref().map(|unit| format!(" of {unit}")).unwrap_or_default();
    let by = decision.verdict.rule_id().map(|rule| format!(" by rule \"{}\"", escape(rule))).unwrap_or_default();
    let action = escape(decision.action.unwrap_or("a malformed challenge"));
    let why = because(decision.verdict.reason());
    let subject = match decision.subject {
        Some(process) => format!("pid {}{unit}", process.pid),
        None => format!("a process in session {}", decision.session.unwrap_or_default()),
    };
    cut(&format!("{verb} {action} to {subject} ({user}){by}{why}"), LONGEST)
}

/// The reason in words, with the remedy if there is one.
fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Rule => "",
        Reason::NoRule => ": no rule matches",
        Reason::Unknown => ": a fact that the rule needs is unknown",
        Reason::Unbound => {
            ": polkit asked for another user's password, so the request cannot be tied to the process. Add the user to an \
             [[agent]] table in /etc/polkit-policy-gen/policy.toml and run polkit-policy-gen install"
        }
        Reason::OtherUser => ": the process does not belong to the session's user. Add `user` to the rule to cover it",
        Reason::Delegated => {
            ": the unit is delegated, so any process of its user can move into it. `delegated = true` in the rule accepts that"
        }
        Reason::SharedUser => ": the user has processes outside the unit, and the rule requires a user of its own",
        Reason::Limit => ": the rule has granted to this user as often as its at_most says",
        Reason::Approved => ": approved by a person",
        Reason::QueueFull => ": too many requests wait for a person",
        Reason::Sender => ": the sender is not polkitd",
        Reason::OtherSubject => ": the challenge is not about the registered process",
        Reason::NoSubject => ": the challenge names no process",
        Reason::OtherSession => ": the process is not in the session that the agent serves",
        Reason::Malformed => ": the challenge could not be decoded",
        Reason::Gone => ": the process has ended",
        Reason::Unreadable => ": the process could not be read",
        Reason::NoRandom => ": the kernel gave no random bytes for the id of the request",
        Reason::Deadline => ": the agent did not decide within answer_within",
        Reason::Cancelled => ": polkitd cancelled the challenge",
        Reason::Fault => ": a bug in the agent; its log says where. Please report it",
    }
}

/// Cuts a text at the boundary of a character and marks the cut. `longest` is in bytes.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let kept: String =
        text.char_indices().take_while(|(start, c)| start + c.len_utf8() <= longest).map(|(_, c)| c).collect();
    format!("{kept}…")
}
