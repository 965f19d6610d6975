//! Strict reading of TOML: every key is asked for by its type, what nobody asked for is an error,
//! and all errors of a file are found in one go.
//!
//! A method returns nothing both for a key that is absent and for one that is wrong; the second
//! puts an error into the report. So a configuration may be used only if
//! [`Report::has_errors`] says no once all is read.

mod value;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;
use value::{Entry, Value, entries};

use crate::report::{Location, Problem, Report, Source};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place, for a problem that is found later.
    pub at: Location,
}

/// A table of a file, from which keys are taken one by one. [`Table::finish`] comes last.
#[derive(Debug)]
pub struct Table {
    source: Source,
    /// As it is written in the file: `[agent]`, `[[rule]]`; empty for the file itself.
    title: String,
    at: Location,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

/// How many lines without a value are found in one file.
const ROUNDS: usize = 50;

/// Reads `source` and adds it to `report`, with every syntax error.
pub fn parse(source: &Source, report: &mut Report) -> Table {
    report.add_source(source);
    let mut text = source.text().to_owned();
    let mut rounds = 0..ROUNDS;
    loop {
        let (root, errors) = DeTable::parse_recoverable(&text);
        // After a key without `=` the parser gives up on the rest of the file. It is read again
        // without that line.
        let gave_up = errors.iter().find(|error| error.message().starts_with("key with no value"));
        let again = gave_up
            .and_then(|error| error.span())
            .and_then(|span| without_line(&text, span.start))
            .filter(|_| rounds.next().is_some());
        // What is found again stands on a line that has its error already, and is not kept.
        for error in &errors {
            let at = error.span().map_or_else(|| source.whole(), |span| source.at(span));
            report.push_broken(Problem::error(at, error.message()));
        }
        match again {
            Some(rest) => text = rest,
            None => return Table::new(source, String::new(), source.whole(), entries(root.get_ref())),
        }
    }
}

/// `text` with blanks in place of the line that holds this byte.
fn without_line(text: &str, offset: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(offset)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(text.len(), |at| offset + at);
    let (kept, line, rest) = (text.get(..start)?, text.get(start..end)?, text.get(end..)?);
    Some(format!("{kept}{}{rest}", " ".repeat(line.len())))
}

impl Table {
    fn new(source: &Source, title: String, at: Location, entries: Vec<Entry>) -> Self {
        Self { source: source.clone(), title, at, entries, known: Vec::new() }
    }

    /// The place of the table's header.
    #[must_use]
    pub fn at(&self) -> &Location {
        &self.at
    }

    /// Whether the key is there, right or wrong. Asking makes it known.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// A string.
    pub fn string(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        self.text(key, "a string", "\"…\"", report)
    }

    /// A string that must be there.
    pub fn required_string(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        self.require(key, &format!("{key} = \"…\""), report);
        self.string(key, report)
    }

    /// A string or a list of strings, of which there must be one at least: an empty list would
    /// match nothing, or everything, depending on who reads it.
    pub fn strings(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<Spanned<String>>> {
        let entry = self.take(key)?;
        self.list(entry, report)
    }

    fn list(&self, entry: Entry, report: &mut Report) -> Option<Vec<Spanned<String>>> {
        let key = &entry.key;
        let example = format!("{key} = [\"…\", \"…\"]");
        match entry.value {
            Value::String(text) => Some(vec![self.spanned(text, entry.span)]),
            Value::List(list) if list.is_empty() => {
                let problem = Problem::error(self.source.at(entry.span), format!("the list `{key}` is empty"));
                report.push(problem.help("leave the key out, or name what it is about"));
                None
            }
            Value::List(list) => {
                let mut strings = Vec::new();
                for (span, item) in list {
                    match item {
                        Value::String(text) => strings.push(self.spanned(text, span)),
                        other => {
                            self.wrong::<()>(key, "a string in the list", &example, &other, span, report);
                        }
                    }
                }
                Some(strings)
            }
            other => self.wrong(key, "a string or a list of strings", &example, &other, entry.span, report),
        }
    }

    /// As [`Table::strings`], and the key must be there.
    pub fn required_strings(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<Spanned<String>>> {
        self.require(key, &format!("{key} = [\"…\"]"), report);
        self.strings(key, report)
    }

    /// `true` or `false`.
    pub fn bool(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<bool>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::Boolean(value) => Some(self.spanned(value, entry.span)),
            other => self.wrong(key, "true or false", &format!("{key} = true"), &other, entry.span, report),
        }
    }

    /// An integer.
    pub fn integer(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<i64>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::Integer(Some(value)) => Some(self.spanned(value, entry.span)),
            Value::Integer(None) => {
                let at = self.source.at(entry.span);
                report.push(Problem::error(at, format!("the number `{key}` is too large")));
                None
            }
            other => self.wrong(key, "an integer", &format!("{key} = 1"), &other, entry.span, report),
        }
    }

    /// A length of time: a whole number and `ms`, `s`, `m` or `h`.
    pub fn duration(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<Duration>> {
        let text = self.text(key, "a length of time", "\"20s\"", report)?;
        let parsed = parse_duration(&text.value);
        if parsed.is_none() {
            let message = format!("`{}` is not a length of time", text.value);
            report.push(Problem::error(text.at.clone(), message).help("a whole number and ms, s, m or h: `\"20s\"`"));
        }
        parsed.map(|value| Spanned { value, at: text.at })
    }

    /// One of TOML's dates, as text.
    pub fn date(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::Date(text) => Some(self.spanned(text, entry.span)),
            other => self.wrong(key, "a date", &format!("{key} = 2027-01-31"), &other, entry.span, report),
        }
    }

    /// An absolute path without `.` and `..`.
    pub fn path(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<PathBuf>> {
        let text = self.text(key, "a path", "\"/…\"", report)?;
        let odd = |part: &str| matches!(part, "." | "..");
        if !text.value.starts_with('/') || text.value.contains('\0') || text.value.split('/').any(odd) {
            let message = format!("`{}` is not an absolute path", text.value);
            report.push(Problem::error(text.at, message).help("begin with /, without `.` and `..`"));
            return None;
        }
        Some(Spanned { value: PathBuf::from(text.value), at: text.at })
    }

    /// All tables `[[key]]`, in the order of the file.
    pub fn tables(&mut self, key: &'static str, report: &mut Report) -> Vec<Self> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let title = format!("[[{key}]]");
        let list = match entry.value {
            Value::List(list) => list,
            other => {
                self.wrong::<()>(key, "a list of tables", &title, &other, entry.span, report);
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for (span, item) in list {
            match item {
                Value::Table(table) => {
                    tables.push(Self::new(&self.source, title.clone(), self.source.at(span), table));
                }
                other => {
                    self.wrong::<()>(key, "a table", &title, &other, span, report);
                }
            }
        }
        tables
    }

    /// The table `[key]`, or `key = { … }`.
    pub fn table(&mut self, key: &'static str, report: &mut Report) -> Option<Self> {
        let entry = self.take(key)?;
        let title = format!("[{key}]");
        match entry.value {
            Value::Table(table) => Some(Self::new(&self.source, title, self.source.at(entry.span), table)),
            other => self.wrong(key, "one table", &title, &other, entry.span, report),
        }
    }

    /// All keys of a table that has no fixed ones, with their strings, in the order of the file.
    pub fn strings_by_key(self, report: &mut Report) -> Vec<(String, Spanned<String>)> {
        let mut pairs = Vec::new();
        for entry in self.entries {
            let at = self.source.at(entry.span);
            match entry.value {
                Value::String(value) => pairs.push((entry.key, Spanned { value, at })),
                other => {
                    let message = format!("`{}`: expected a string, found {}", entry.key, other.kind());
                    report.push(Problem::error(at, message).help(format!("write `{} = \"…\"`", entry.key)));
                }
            }
        }
        pairs
    }

    /// As [`Table::strings_by_key`], where each is a string or a list of strings, and there must be one at least.
    pub fn lists_by_key(mut self, report: &mut Report) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            report.push(Problem::error(self.at.clone(), format!("{} is empty", self.title)).help("leave it out"));
        }
        let mut lists = Vec::new();
        for entry in entries {
            let key = self.spanned(entry.key.clone(), entry.key_span.clone());
            lists.extend(self.list(entry, report).map(|list| (key, list)));
        }
        lists
    }

    /// Whether `key` holds a table; it is not taken.
    pub fn holds_table(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.iter().any(|entry| entry.key == key && matches!(entry.value, Value::Table(_)))
    }

    /// Reports every key that nobody asked for; at the end of a table, once its keys are taken.
    pub fn finish(mut self, report: &mut Report) {
        self.known.sort_unstable();
        self.known.dedup();
        if self.title.is_empty() && report.is_broken(&self.at.source) {
            // Below a broken header the keys of its table seem to belong to the file.
            return;
        }
        for entry in &self.entries {
            let at = self.source.at(entry.key_span.clone());
            let place = if self.title.is_empty() { String::new() } else { format!(" in {}", self.title) };
            let problem = Problem::error(at, format!("unknown key `{}`{place}", entry.key));
            let near = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, &entry.key), *known)).min();
            report.push(match near {
                Some((distance, known)) if distance <= 2.max(known.len() / 3) => {
                    problem.help(format!("did you mean `{known}`?"))
                }
                _ if self.known.is_empty() => problem,
                _ => problem.help(format!("known here: {}", self.known.join(", "))),
            });
        }
    }

    /// Reports a key that is not there. In a file with syntax errors nothing is called missing,
    /// since the key may stand in what could not be read.
    pub fn require(&mut self, key: &'static str, example: &str, report: &mut Report) {
        if self.has(key) || report.is_broken(&self.at.source) {
            return;
        }
        let place = if self.title.is_empty() { "the file" } else { &self.title };
        let problem = Problem::error(self.at.clone(), format!("{place} has no `{key}`"));
        report.push(problem.help(format!("add `{example}`")));
    }

    fn take(&mut self, key: &'static str) -> Option<Entry> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// A string that is called something else in messages.
    fn text(
        &mut self,
        key: &'static str,
        expected: &str,
        example: &str,
        report: &mut Report,
    ) -> Option<Spanned<String>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::String(text) => Some(self.spanned(text, entry.span)),
            other => self.wrong(key, expected, &format!("{key} = {example}"), &other, entry.span, report),
        }
    }

    fn spanned<T>(&self, value: T, span: Range<usize>) -> Spanned<T> {
        Spanned { value, at: self.source.at(span) }
    }

    fn wrong<T>(
        &self,
        key: &str,
        expected: &str,
        example: &str,
        found: &Value,
        span: Range<usize>,
        report: &mut Report,
    ) -> Option<T> {
        let message = format!("`{key}`: expected {expected}, found {}", found.kind());
        report.push(Problem::error(self.source.at(span), message).help(format!("write `{example}`")));
        None
    }
}

/// A length of time as [`Table::duration`] takes it.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let count: u64 = digits.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(count)),
        "s" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_secs(count.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(count.checked_mul(3600)?)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
