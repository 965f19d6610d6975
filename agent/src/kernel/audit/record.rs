//! What a record says: the decision before the answer, and the outcome after it, under one id.

use std::{fmt, io, time::Duration};

use polkit_config::escape::escape;
use polkit_dbus::{CallerPid, IdentityUid, Process, SubjectUid};

use crate::{
    audit::approval_queue::Waiting,
    rules::{
        facts::{Approver, LoginUid},
        rule::Answer,
        verdict::{Reason, Verdict},
    },
    subject::snapshot::Described,
};

/// What the two entries of one decision share. Random: it says nothing, and nobody can foresee it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId(String);

impl RecordId {
    /// A new one.
    ///
    /// # Errors
    /// Where the kernel gives no random bytes.
    pub fn random() -> io::Result<Self> {
        random_hex(16).map(Self)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// So many random bytes, as hexadecimal digits.
///
/// # Errors
/// Where the kernel gives no random bytes.
pub fn random_hex(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if got != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The way in which a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// polkitd challenged a registered agent.
    Challenge,
    /// A rule asked through the hook.
    Hook,
}

impl Way {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Hook => "hook",
        }
    }
}

/// Everything that is recorded of a decision.
#[derive(Debug)]
pub struct Decision<'a> {
    /// How the question came.
    pub way: Way,
    /// The action, as it came: none if the question could not be decoded.
    pub action: Option<&'a str>,
    /// What was decided.
    pub verdict: &'a Verdict,
    /// The process that it is about; none where the question to a session's agent does not say.
    pub subject: Option<Process>,
    /// The real uid of that process; without one, the session's user.
    pub uid: SubjectUid,
    /// The session that the agent stands in for, where it is one.
    pub session: Option<&'a str>,
    /// What is known of it.
    pub described: &'a Described,
    /// The mechanism.
    pub caller: Option<CallerPid>,
    /// As whom an answer is to be given.
    pub identity: Option<IdentityUid>,
    /// Who approved it.
    pub approver: Option<Approver>,
}

impl Decision<'_> {
    /// What makes two refusals of one uid equal.
    #[must_use]
    pub fn kind(&self) -> String {
        let verdict = self.verdict;
        let (answer, reason) = (verdict.answer().word(), verdict.reason().word());
        format!("{} {answer} {reason} {}", self.action.unwrap_or_default(), verdict.rule().unwrap_or_default())
    }
}

/// How a decision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// polkitd took the answer.
    Sent,
    /// A refusal was returned.
    Refused,
    /// No rule is about the question: polkit's other rules decide.
    Passed,
    /// The subject ended, or is not the one any more that the decision was about: refused.
    Changed,
    /// polkitd has left the bus, so nothing could be sent: refused.
    PolkitdGone,
    /// polkitd offered no user in the challenge, so nothing was sent: refused.
    NoIdentity,
    /// polkitd did not take the answer, and says why: refused.
    RefusedByPolkitd(String),
    /// PAM did not agree, or could not be asked, and this is why: refused.
    NotAuthenticated(String),
    /// polkitd took the question back before it was answered.
    Cancelled,
    /// `answer_within` was over before polkitd had taken the answer: refused.
    Deadline,
}

impl Outcome {
    /// Whether a yes was decided and could not be given, although the subject stayed what it was.
    fn is_a_failed_yes(&self) -> bool {
        matches!(self, Self::PolkitdGone | Self::NoIdentity | Self::RefusedByPolkitd(_) | Self::NotAuthenticated(_))
    }

    fn word(&self) -> &'static str {
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
        }
    }
}

/// An entry as fields with one line each. Values are escaped and cut, so that no entry is over 4 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// For people.
    pub message: String,
    /// syslog's levels: 5 for a decision of a rule, 4 for a refusal without one.
    pub priority: u8,
    /// `POLKIT_AGENT_…` without that prefix, and the value.
    pub fields: Vec<(&'static str, String)>,
}

/// The longest value of one field, in bytes.
const LONGEST: usize = 384;
const LONGEST_COMMAND_LINE: usize = 1024;

impl Entry {
    /// The decision's entry.
    #[must_use]
    pub fn decision(id: &RecordId, decision: &Decision<'_>) -> Self {
        let verdict = decision.verdict;
        let described = decision.described;
        let mut entry = Self { priority: if verdict.rule().is_some() { 5 } else { 4 }, ..Self::default() };
        entry.add("RECORD", &id.0);
        entry.add("ENTRY", "decision");
        entry.add("WAY", decision.way.word());
        entry.add("ACTION", &escape(decision.action.unwrap_or_default()));
        entry.add("VERDICT", verdict.answer().word());
        entry.add("RULE", &escape(verdict.rule().unwrap_or_default()));
        entry.add("REASON", verdict.reason().word());
        entry.add("SESSION", decision.session.unwrap_or_default());
        if let Some(process) = decision.subject {
            entry.add("SUBJECT_PID", &process.pid.to_string());
            entry.add("SUBJECT_START", &process.start_time.to_string());
        }
        entry.add("SUBJECT_UID", &decision.uid.to_string());
        entry.add("USER", described.user.as_deref().unwrap_or_default());
        entry.add("UNIT", described.unit.as_deref().unwrap_or_default());
        entry.add("EXE", described.exe.as_deref().unwrap_or_default());
        entry.add("EXE_CLAIMED", described.exe_claimed.as_deref().unwrap_or_default());
        entry.push("COMMAND_LINE", cut(described.command_line.as_deref().unwrap_or_default(), LONGEST_COMMAND_LINE));
        entry.add("CALLER_PID", &decision.caller.map(|pid| pid.to_string()).unwrap_or_default());
        entry.add("IDENTITY", &decision.identity.map(|uid| format!("unix-user:{uid}")).unwrap_or_default());
        entry.add_approver(decision.approver);
        entry.message = sentence(decision);
        entry
    }

    /// The outcome's entry. `microseconds` are counted from the arrival of the question.
    #[must_use]
    pub fn outcome(id: &RecordId, outcome: &Outcome, microseconds: u128) -> Self {
        let mut entry = Self { priority: 6, ..Self::default() };
        entry.add("RECORD", &id.0);
        entry.add("ENTRY", "outcome");
        entry.add("OUTCOME", outcome.word());
        if let Outcome::RefusedByPolkitd(why) | Outcome::NotAuthenticated(why) = outcome {
            entry.add("ERROR", &escape(why));
        }
        if outcome.is_a_failed_yes() {
            entry.priority = 4;
        }
        entry.add("MICROSECONDS", &microseconds.to_string());
        entry.message = format!("{} after {microseconds} µs", outcome.word());
        entry
    }

    /// The entry of somebody's word on a question that waits. `length` is how long an approval holds; without it, for one answer.
    #[must_use]
    pub fn word(id: &str, approved: bool, question: &Waiting, approver: Approver, length: Option<Duration>) -> Self {
        let word = if approved { "approval" } else { "denial" };
        let mut entry = Self { priority: 5, ..Self::default() };
        entry.add("RECORD", id);
        entry.add("ENTRY", word);
        entry.add("ACTION", &escape(question.action()));
        entry.add("RULE", &escape(question.rule()));
        entry.add("SESSION", question.session().unwrap_or_default());
        entry.add("SUBJECT_PID", &question.pid.to_string());
        entry.add("SUBJECT_UID", &question.uid().to_string());
        entry.add("USER", question.described.user.as_deref().unwrap_or_default());
        entry.add("UNIT", question.described.unit.as_deref().unwrap_or_default());
        entry.add("EXE", question.described.exe.as_deref().unwrap_or_default());
        entry.add("EXE_CLAIMED", question.described.exe_claimed.as_deref().unwrap_or_default());
        entry.add_approver(Some(approver));
        entry.add("SECONDS", &length.map(|length| length.as_secs().to_string()).unwrap_or_default());
        let verb = if approved { "approved" } else { "denied" };
        let message =
            format!("uid {} {verb} {} for uid {}", approver.uid.get(), escape(question.action()), question.uid());
        entry.message = cut(&message, LONGEST);
        entry
    }

    /// The entry of several equal refusals, of which this is the first.
    #[must_use]
    pub fn repeated(mut self, times: u64) -> Self {
        self.add("REPEATED", &times.to_string());
        self.message = cut(&format!("{times} times within a second: {}", self.message), LONGEST);
        self
    }

    fn add_approver(&mut self, approver: Option<Approver>) {
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        self.add("APPROVER", &number(approver.map(|approver| approver.uid.get())));
        self.add("APPROVER_LOGIN", &number(approver.and_then(|approver| approver.login).map(LoginUid::get)));
    }

    fn add(&mut self, key: &'static str, value: &str) {
        self.push(key, cut(value, LONGEST));
    }

    /// A fact that is not there has no field.
    fn push(&mut self, key: &'static str, value: String) {
        if !value.is_empty() {
            self.fields.push((key, value));
        }
    }
}

/// One line for stderr: what stands in the fields, in their order.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, value)) in self.fields.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}=\"{}\"", key.to_ascii_lowercase(), value.replace('"', "\\\""))?;
        }
        Ok(())
    }
}

fn sentence(decision: &Decision<'_>) -> String {
    let verb = match decision.verdict.answer() {
        Answer::Allow => "Allowed",
        Answer::Deny => "Denied",
        Answer::Dismiss => "Dismissed",
        Answer::Ask => "Asked for approval of",
        Answer::Authenticate => "Authenticates for",
    };
    let user = decision.described.user.clone().unwrap_or_else(|| format!("uid {}", decision.uid));
    let unit = decision.described.unit.as_deref().map(|unit| format!(" of {unit}")).unwrap_or_default();
    let by = decision.verdict.rule().map(|rule| format!(" by rule \"{}\"", escape(rule))).unwrap_or_default();
    let action = escape(decision.action.unwrap_or("a malformed question"));
    let why = because(decision.verdict.reason());
    let whom = match decision.subject {
        Some(process) => format!("pid {}{unit}", process.pid),
        None => format!("somebody in session {}", decision.session.unwrap_or_default()),
    };
    cut(&format!("{verb} {action} to {whom} ({user}){by}{why}"), LONGEST)
}

/// A reason in words, with what to do about it where something can be done.
fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Rule => "",
        Reason::NoRule => ": no rule matches",
        Reason::Unknown => ": something that the rule needs to know is not known",
        Reason::Unbound => {
            ": polkitd does not vouch for the subject. Name the user in an [[agent]] and run polkit-policy-gen install"
        }
        Reason::OtherUser => ": the process is not of the session's user. A rule that is to cover it names its `user`",
        Reason::Delegated => {
            ": the unit is delegated, so any process of its user can join it. `delegated = true` in the rule accepts that"
        }
        Reason::SharedUser => ": the user has processes outside of the unit, and the rule requires a user of its own",
        Reason::Limit => ": it has granted to this user as often as its at_most says",
        Reason::Approved => ": somebody approved it",
        Reason::QueueFull => ": too many questions wait for somebody already",
        Reason::Sender => ": it was not polkitd that asked",
        Reason::OtherSubject => ": the question is not about the registered process",
        Reason::NoSubject => ": the question names no process",
        Reason::OtherSession => ": the process is not in the session that is served",
        Reason::Malformed => ": the question could not be decoded",
        Reason::Gone => ": the process has ended",
        Reason::Unreadable => ": the process could not be read",
        Reason::NoRandom => ": the kernel gave no random bytes for the id of the question",
        Reason::Deadline => ": it took longer than answer_within",
        Reason::Cancelled => ": polkitd took the question back",
        Reason::Fault => ": the agent itself has a mistake, and its log says where. Please report it",
    }
}

/// Cuts at a character's boundary and marks the cut.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let kept: String =
        text.char_indices().take_while(|(start, c)| start + c.len_utf8() <= longest).map(|(_, c)| c).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
