//! Reading records back: journald's entries, joined to decisions with their outcomes. Pure but for [`read`].

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Map, Value};

use crate::kernel::audit::journal_writer::MESSAGE_ID;

/// Not a library: journalctl is there wherever a journal is, and what it reads as root was written by others.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// What journald itself says of an entry's sender. Anybody can write entries with our fields and our MESSAGE_ID.
const TRUSTED: [(&str, &str); 2] = [("_UID", "0"), ("_SYSTEMD_UNIT", "polkit-service-agent.service")];

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Span {
    /// As for journalctl(1).
    pub since: Option<String>,
    /// Go on with what comes.
    pub follow: bool,
}

/// Starts journalctl: its entries are a JSON object a line.
///
/// # Errors
/// If it cannot be started.
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
    command.args(TRUSTED.map(|(field, value)| format!("{field}={value}")));
    command.env_clear().env("LANG", "C.UTF-8");
    if let Some(zone) = std::env::var_os("TZ") {
        command.env("TZ", zone);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, BufReader::new(stdout)))
}

/// The records among these lines, as they come; what is none of ours is left out.
pub fn entries(lines: impl BufRead) -> impl Iterator<Item = Entry> {
    lines.lines().map_while(Result::ok).filter_map(|line| Entry::from_json(&line))
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds since 1970.
    pub time: u64,
    fields: Map<String, Value>,
}

impl Entry {
    /// Takes journalctl's form. A field that an entry has twice is a list there, and no record of ours has one.
    #[must_use]
    pub fn from_json(line: &str) -> Option<Self> {
        let Value::Object(fields) = serde_json::from_str(line).ok()? else { return None };
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let trusted = TRUSTED.into_iter().all(|(field, value)| text(field) == Some(value));
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

/// A decision, and its outcome where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The decision's entry.
    pub decision: Entry,
    /// The outcome's entry. Counted refusals have none: theirs is known.
    pub outcome: Option<Entry>,
}

impl Decided {
    /// How it ended: `unknown` for a decision whose outcome was never recorded.
    #[must_use]
    pub fn ended(&self) -> &str {
        match &self.outcome {
            Some(outcome) => outcome.get("OUTCOME").unwrap_or("unknown"),
            None if self.times() > 1 => "refused",
            None => "unknown",
        }
    }

    /// How many equal refusals it stands for.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.decision.number("REPEATED").unwrap_or(1)
    }
}

/// Joins decisions and outcomes by their record id.
#[derive(Debug, Default)]
pub struct Joined {
    waiting: HashMap<String, Decided>,
    order: Vec<String>,
}

impl Joined {
    /// Takes an entry; gives back the decision that is whole by it.
    pub fn take(&mut self, entry: Entry) -> Option<Decided> {
        let id = entry.get("RECORD")?.to_owned();
        match entry.get("ENTRY")? {
            "decision" => {
                let decided = Decided { decision: entry, outcome: None };
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
                Some(Decided { outcome: Some(entry), ..decided })
            }
            _ => None,
        }
    }

    /// Gives back, the oldest first, the decisions from before `time` that still have no outcome.
    pub fn without_outcome(&mut self, time: u64) -> Vec<Decided> {
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

    fn entry(time: u64, id: &str, kind: &str) -> Entry {
        let fields =
            format!(r#""POLKIT_AGENT_RECORD":"{id}","POLKIT_AGENT_ENTRY":"{kind}","POLKIT_AGENT_OUTCOME":"sent""#);
        Entry::from_json(&line(time, "0", &fields)).unwrap()
    }

    #[test]
    fn an_entry_of_another_sender_is_none() {
        let record = r#""POLKIT_AGENT_RECORD":"a","POLKIT_AGENT_ENTRY":"decision""#;
        assert!(Entry::from_json(&line(1, "0", record)).is_some());
        assert!(Entry::from_json(&line(1, "33", record)).is_none());
        let elsewhere = line(1, "0", record).replace("agent.service", "agent.service.d");
        assert!(Entry::from_json(&elsewhere).is_none());
        let twice = line(1, "0", record).replace(r#""_UID":"0""#, r#""_UID":["0","0"]"#);
        assert!(Entry::from_json(&twice).is_none());
        assert!(Entry::from_json("[]").is_none() && Entry::from_json("{").is_none());
    }

    #[test]
    fn an_outcome_belongs_to_the_decision_of_its_id() {
        let mut joined = Joined::default();
        assert_eq!(joined.take(entry(1, "a", "decision")), None);
        assert_eq!(joined.take(entry(2, "b", "decision")), None);
        assert_eq!(joined.take(entry(3, "c", "outcome")), None, "the decision is older than what is read");
        let whole = joined.take(entry(4, "b", "outcome")).unwrap();
        assert_eq!((whole.decision.time, whole.ended()), (2, "sent"));
        assert!(joined.without_outcome(1).is_empty());
        let rest = joined.without_outcome(u64::MAX);
        assert_eq!(
            rest.iter().map(|decided| (decided.decision.time, decided.ended())).collect::<Vec<_>>(),
            [(1, "unknown")]
        );
        assert!(joined.without_outcome(u64::MAX).is_empty());
    }

    #[test]
    fn counted_refusals_need_no_outcome() {
        let counted = r#""POLKIT_AGENT_RECORD":"a","POLKIT_AGENT_ENTRY":"decision","POLKIT_AGENT_REPEATED":"7""#;
        let whole = Joined::default().take(Entry::from_json(&line(1, "0", counted)).unwrap()).unwrap();
        assert_eq!((whole.times(), whole.ended()), (7, "refused"));
    }
}
