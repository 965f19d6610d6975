//! The content of a record: the decision before the reply and the outcome after it, under one id.

use std::{fmt, io, time::Duration};

use polkit_agent_rules::{
    approval_queue::PendingRequest,
    facts::{Approver, LoginUid},
};
use polkit_types::escape::escape;
use serde_json::Value;

use crate::kernel::audit::{
    decision::{DecisionRecord, Outcome},
    message::{LONGEST, cut, sentence},
};

/// The id that the two entries of one decision share. It is random, so it cannot be predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId(String);

impl RecordId {
    /// Makes a new id.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub fn random() -> io::Result<Self> {
        random_hex(16).map(Self)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Random bytes, as hexadecimal digits. `length` is in bytes.
///
/// # Errors
/// The kernel gives no random bytes.
pub fn random_hex(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if got != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An entry of the journal: fields with one line each. Values are escaped and cut, so that no entry is longer than 4 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalEntry {
    /// A sentence for people.
    pub message: String,
    /// The level of syslog: 5 for a decision of a rule, 4 for a refusal without one.
    pub priority: u8,
    /// Each field, without the prefix `POLKIT_AGENT_`, and its value.
    pub fields: Vec<(&'static str, String)>,
}

/// The longest details, in bytes.
const LONGEST_DETAILS: usize = 512;
/// The longest command line, in bytes.
const LONGEST_COMMAND_LINE: usize = 1024;

impl JournalEntry {
    /// The entry of a decision.
    #[must_use]
    pub fn decision(id: &RecordId, decision: &DecisionRecord<'_>) -> Self {
        let verdict = decision.verdict;
        let info = decision.info;
        let mut entry = Self { priority: if verdict.rule().is_some() { 5 } else { 4 }, ..Self::default() };
        entry.add("RECORD", &id.0);
        entry.add("ENTRY", "decision");
        entry.add("WAY", decision.way.word());
        entry.add("ACTION", &escape(decision.action.unwrap_or_default()));
        if let Some(details) = decision.details.filter(|details| !details.is_empty()) {
            let escaped = details.iter().map(|(key, value)| (escape(key), escape(value).into()));
            entry.push("DETAILS", cut(&Value::Object(escaped.collect()).to_string(), LONGEST_DETAILS));
        }
        entry.add("VERDICT", verdict.answer().word());
        entry.add("RULE", &escape(verdict.rule_id().unwrap_or_default()));
        entry.add("REASON", verdict.reason().word());
        entry.add("SESSION", decision.session.unwrap_or_default());
        if let Some(process) = decision.subject {
            entry.add("SUBJECT_PID", &process.pid.to_string());
            entry.add("SUBJECT_START", &process.start_time.to_string());
        }
        entry.add("SUBJECT_UID", &decision.uid.to_string());
        entry.add("USER", info.user.as_deref().unwrap_or_default());
        entry.add("UNIT", info.unit.as_deref().unwrap_or_default());
        entry.add("EXE", info.exe.as_deref().unwrap_or_default());
        entry.add("EXE_CLAIMED", info.exe_claimed.as_deref().unwrap_or_default());
        entry.push("COMMAND_LINE", cut(info.command_line.as_deref().unwrap_or_default(), LONGEST_COMMAND_LINE));
        entry.add("CALLER_PID", &decision.caller.map(|pid| pid.to_string()).unwrap_or_default());
        entry.add("IDENTITY", &decision.identity.map(|uid| format!("unix-user:{uid}")).unwrap_or_default());
        entry.add_approver(verdict.approver());
        entry.message = sentence(decision);
        entry
    }

    /// The entry of an outcome. `microseconds` count from the arrival of the request.
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

    /// The entry of an approval or a denial. `validity` is the validity of an approval; `None` means once.
    #[must_use]
    pub fn approval(
        id: &str,
        approved: bool,
        request: &PendingRequest,
        approver: Approver,
        validity: Option<Duration>,
    ) -> Self {
        let word = if approved { "approval" } else { "denial" };
        let mut entry = Self { priority: 5, ..Self::default() };
        entry.add("RECORD", id);
        entry.add("ENTRY", word);
        entry.add("ACTION", &escape(request.action()));
        entry.add("RULE", &escape(request.rule()));
        entry.add("SESSION", request.session().unwrap_or_default());
        entry.add("SUBJECT_PID", &request.pid.to_string());
        entry.add("SUBJECT_UID", &request.uid().to_string());
        entry.add("USER", request.info.user.as_deref().unwrap_or_default());
        entry.add("UNIT", request.info.unit.as_deref().unwrap_or_default());
        entry.add("EXE", request.info.exe.as_deref().unwrap_or_default());
        entry.add("EXE_CLAIMED", request.info.exe_claimed.as_deref().unwrap_or_default());
        entry.add_approver(Some(approver));
        entry.add("SECONDS", &validity.map(|validity| validity.as_secs().to_string()).unwrap_or_default());
        let verb = if approved { "approved" } else { "denied" };
        let message =
            format!("uid {} {verb} {} for uid {}", approver.uid.get(), escape(request.action()), request.uid());
        entry.message = cut(&message, LONGEST);
        entry
    }

    /// The entry of several equal refusals. `self` is the entry of the first.
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

    /// A fact without a value has no field.
    fn push(&mut self, key: &'static str, value: String) {
        if !value.is_empty() {
            self.fields.push((key, value));
        }
    }
}

/// One line for stderr: the fields in their order.
impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, value)) in self.fields.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}=\"{}\"", key.to_ascii_lowercase(), value.replace('"', "\\\""))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
