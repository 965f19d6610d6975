//! The agent's records, from its standard error or from the journal.

use std::collections::HashMap;

use crate::FullBed;

/// One entry: the fields by the names that they have in the journal, without `POLKIT_AGENT_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(HashMap<String, String>);

impl Record {
    /// A field; empty if it is not there.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// How many equal decisions it stands for.
    pub fn times(&self) -> usize {
        self.0.get("REPEATED").map_or(1, |times| times.parse().expect("a number"))
    }

    /// Verdict, rule and reason.
    pub fn verdict(&self) -> (&str, &str, &str) {
        (self.get("VERDICT"), self.get("RULE"), self.get("REASON"))
    }
}

/// The records among the lines that an agent wrote to standard error: `KEY="VALUE"` again and again.
pub fn from_stderr(text: &str) -> Vec<Record> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("polkit-service-agent: "));
    lines.filter(|line| line.starts_with("record=")).map(from_line).collect()
}

/// The records of a full bed, the oldest first, as far as journald has them.
pub fn from_journal(bed: &FullBed) -> Vec<Record> {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let text = bed.journal(["--output=export", "MESSAGE_ID=062650a6bb21482cb26e15a767235462"]);
    let entry = |text: &str| {
        let fields = text.lines().filter_map(|line| line.strip_prefix("POLKIT_AGENT_")?.split_once('='));
        Record(fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    };
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(entry).collect()
}

/// Those records that are decisions about that action.
pub fn decisions(records: Vec<Record>, action: &str) -> Vec<Record> {
    let about = |record: &Record| record.get("ENTRY") == "decision" && record.get("ACTION") == action;
    records.into_iter().filter(about).collect()
}

/// The outcome of a decision, once it is there.
pub fn outcome_of<'a>(records: &'a [Record], decision: &Record) -> Option<&'a Record> {
    let id = decision.get("RECORD");
    records.iter().find(|record| record.get("ENTRY") == "outcome" && record.get("RECORD") == id)
}

/// Values as the journal has them: escaped. A quotation mark has a backslash before it here, which is no part of the value.
fn from_line(line: &str) -> Record {
    let mut fields = HashMap::new();
    let mut rest = line.trim_start();
    while let Some((key, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next() {
                Some((_, '\\')) => match characters.next().expect("something after a backslash").1 {
                    '"' => value.push('"'),
                    escaped => value.extend(['\\', escaped]),
                },
                Some((position, '"')) => break position,
                Some((_, character)) => value.push(character),
                None => panic!("a value has no end in {line}"),
            }
        };
        fields.insert(key.to_uppercase(), value);
        rest = after[end + 1..].trim_start();
    }
    assert!(rest.is_empty(), "{rest:?} is no field in {line}");
    Record(fields)
}
