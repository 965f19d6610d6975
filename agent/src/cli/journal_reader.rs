//! Reads records from the journal, and joins decisions with their outcomes. Only [`read`] has effects.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Map, Value};

use crate::kernel::audit::journal_writer::MESSAGE_ID;

/// A program instead of a library: it exists on every host with a journal, and it parses files that other users wrote.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// The fields about the sender, which journald sets itself. Any user can write entries with our fields and our MESSAGE_ID.
const TRUSTED: [(&str, &str); 2] = [("_UID", "0"), ("_SYSTEMD_UNIT", "polkit-service-agent.service")];

/// The entries to read.
#[derive(Debug, Clone, Default)]
pub struct Span {
    /// The first time, in the format of journalctl(1).
    pub since: Option<String>,
    /// Also read new entries.
    pub follow: bool,
    /// The uid of an agent that serves only its session. `None`: the agent of the system.
    pub own: Option<u32>,
}

impl Span {
    /// The fields about the sender that an entry must have.
    #[must_use]
    pub fn trusted(&self) -> Vec<(&'static str, String)> {
        match self.own {
            Some(uid) => vec![("_UID", uid.to_string())],
            None => TRUSTED.iter().map(|(field, value)| (*field, (*value).to_owned())).collect(),
        }
    }
}

/// Starts journalctl, which prints one JSON object per line.
///
/// # Errors
/// journalctl cannot be started.
pub fn read(span: &Span) -> io::Result<(Child, BufReader<ChildStdout>)> {
    let mut command = Command::new(JOURNALCTL);
    command.args(["--output=json", "--no-pager", "--quiet", "--all"]);
    if span.follow {
        command.args(["--follow", "--no-tail"]);
    }
    if let Some(since) = &span.since {
        command.arg(format!("--since={since}"));
    }
    command.arg(format!("MESSAGE_ID={MESSAGE_ID}"));
    command.args(span.trusted().into_iter().map(|(field, value)| format!("{field}={value}")));
    command.env_clear().env("LANG", "C.UTF-8");
    if let Some(zone) = std::env::var_os("TZ") {
        command.env("TZ", zone);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, BufReader::new(stdout)))
}

/// The records among these lines. Other entries are skipped.
pub fn entries<R: BufRead>(lines: R, span: &Span) -> impl Iterator<Item = JournalEntry> + use<R> {
    let trusted = span.trusted();
    lines.lines().map_while(Result::ok).filter_map(move |line| JournalEntry::from_json(&line, &trusted))
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Microseconds since 1970.
    pub time: u64,
    fields: Map<String, Value>,
}

impl JournalEntry {
    /// Reads the format of journalctl. A field that an entry has twice is a list there; no record has such a field.
    #[must_use]
    pub fn from_json(line: &str, trusted: &[(&'static str, String)]) -> Option<Self> {
        let Value::Object(fields) = serde_json::from_str(line).ok()? else { return None };
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let trusted = trusted.iter().all(|(field, value)| text(field) == Some(value));
        let time = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
        (trusted && text("MESSAGE_ID") == Some(MESSAGE_ID)).then_some(Self { time, fields })
    }

    /// A field, without `POLKIT_AGENT_`.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(&format!("POLKIT_AGENT_{field}")).and_then(Value::as_str)
    }

    /// A field that is a number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.get(field)?.parse().ok()
    }
}

/// A decision, with its outcome if it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDecision {
    /// The entry of the decision.
    pub decision: JournalEntry,
    /// The entry of the outcome. Counted refusals have none: their outcome is a refusal.
    pub outcome: Option<JournalEntry>,
}

impl JournalDecision {
    /// The outcome: `unknown` if it was not recorded.
    #[must_use]
    pub fn outcome_word(&self) -> &str {
        match &self.outcome {
            Some(outcome) => outcome.get("OUTCOME").unwrap_or("unknown"),
            None if self.times() > 1 => "refused",
            None => "unknown",
        }
    }

    /// The number of equal refusals that this record counts.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.decision.number("REPEATED").unwrap_or(1)
    }
}

/// Joins decisions and outcomes by their record id.
#[derive(Debug, Default)]
pub struct DecisionJoiner {
    waiting: HashMap<String, JournalDecision>,
    order: Vec<String>,
}

impl DecisionJoiner {
    /// Takes an entry. Returns the decision that it completes.
    pub fn take(&mut self, entry: JournalEntry) -> Option<JournalDecision> {
        let id = entry.get("RECORD")?.to_owned();
        match entry.get("ENTRY")? {
            "decision" => {
                let decided = JournalDecision { decision: entry, outcome: None };
                if decided.times() > 1 {
                    return Some(decided);
                }
                self.order.push(id.clone());
                self.waiting.insert(id, decided);
                None
            }
            "outcome" => {
                let decided = self.waiting.remove(&id)?;
                self.order.retain(|waiting| *waiting != id);
                Some(JournalDecision { outcome: Some(entry), ..decided })
            }
            _ => None,
        }
    }

    /// Returns the decisions before `time` that have no outcome yet, oldest first.
    pub fn without_outcome(&mut self, time: u64) -> Vec<JournalDecision> {
        let is_old = |id: &String| self.waiting.get(id).is_none_or(|decided| decided.decision.time < time);
        let (old, young) = std::mem::take(&mut self.order).into_iter().partition(is_old);
        self.order = young;
        let old: Vec<String> = old;
        old.iter().filter_map(|id| self.waiting.remove(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: u64, uid: &str, fields: &str) -> String {
        format!(
            r#"{{"__REALTIME_TIMESTAMP":"{time}","_UID":"{uid}","_SYSTEMD_UNIT":"polkit-service-agent.service","MESSAGE_ID":"{MESSAGE_ID}",{fields}}}"#
        )
    }

    fn entry(time: u64, id: &str, kind: &str) -> JournalEntry {
        let fields =
            format!(r#""POLKIT_AGENT_RECORD":"{id}","POLKIT_AGENT_ENTRY":"{kind}","POLKIT_AGENT_OUTCOME":"sent""#);
        JournalEntry::from_json(&line(time, "0", &fields), &Span::default().trusted()).unwrap()
    }

    #[test]
    fn an_entry_of_another_sender_is_none() {
        let record = r#""POLKIT_AGENT_RECORD":"a","POLKIT_AGENT_ENTRY":"decision""#;
        assert!(JournalEntry::from_json(&line(1, "0", record), &Span::default().trusted()).is_some());
        assert!(JournalEntry::from_json(&line(1, "33", record), &Span::default().trusted()).is_none());
        let elsewhere = line(1, "0", record).replace("agent.service", "agent.service.d");
        assert!(JournalEntry::from_json(&elsewhere, &Span::default().trusted()).is_none());
        let twice = line(1, "0", record).replace(r#""_UID":"0""#, r#""_UID":["0","0"]"#);
        assert!(JournalEntry::from_json(&twice, &Span::default().trusted()).is_none());
        assert!(
            JournalEntry::from_json("[]", &Span::default().trusted()).is_none()
                && JournalEntry::from_json("{", &Span::default().trusted()).is_none()
        );
    }

    #[test]
    fn the_entries_of_an_own_agent_are_those_of_its_user() {
        let record = r#""POLKIT_AGENT_RECORD":"a","POLKIT_AGENT_ENTRY":"decision""#;
        let own = Span { own: Some(33), ..Span::default() };
        assert!(JournalEntry::from_json(&line(1, "33", record), &own.trusted()).is_some());
        assert!(JournalEntry::from_json(&line(1, "34", record), &own.trusted()).is_none());
    }

    #[test]
    fn an_outcome_belongs_to_the_decision_of_its_id() {
        let mut joined = DecisionJoiner::default();
        assert_eq!(joined.take(entry(1, "a", "decision")), None);
        assert_eq!(joined.take(entry(2, "b", "decision")), None);
        assert_eq!(joined.take(entry(3, "c", "outcome")), None, "the decision is older than what is read");
        let whole = joined.take(entry(4, "b", "outcome")).unwrap();
        assert_eq!((whole.decision.time, whole.outcome_word()), (2, "sent"));
        assert!(joined.without_outcome(1).is_empty());
        let rest = joined.without_outcome(u64::MAX);
        assert_eq!(
            rest.iter().map(|decided| (decided.decision.time, decided.outcome_word())).collect::<Vec<_>>(),
            [(1, "unknown")]
        );
        assert!(joined.without_outcome(u64::MAX).is_empty());
    }

    #[test]
    fn counted_refusals_need_no_outcome() {
        let counted = r#""POLKIT_AGENT_RECORD":"a","POLKIT_AGENT_ENTRY":"decision","POLKIT_AGENT_REPEATED":"7""#;
        let whole = DecisionJoiner::default()
            .take(JournalEntry::from_json(&line(1, "0", counted), &Span::default().trusted()).unwrap())
            .unwrap();
        assert_eq!((whole.times(), whole.outcome_word()), (7, "refused"));
    }
}
