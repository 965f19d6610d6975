//! Reads TOML strictly: the caller takes each key by its type, a key that remains is an error, and all errors of a file are
//! found in one run.
//!
//! A method returns nothing for an absent key and for an invalid value. An invalid value is also reported. Callers may
//! therefore use a configuration only if [`Report::has_errors`] is false after everything has been read.

mod value;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;
use value::{Entry, Value, entries};

use crate::near::nearest;
use crate::report::{Location, Problem, Report, Source};

/// A value and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The place, for problems that later checks find.
    pub at: Location,
}

/// A table of a file. The caller takes its keys one by one and calls [`Table::finish`] last.
#[derive(Debug)]
pub struct Table {
    source: Source,
    /// The header as written in the file: `[agent]`, `[[rule]]`. Empty for the file itself.
    title: String,
    at: Location,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

/// Parses `source` and adds it to `report`, with every syntax error. After a key without `=` the parser returns no further
/// values, so later invalid values are reported only after this key is corrected.
pub fn parse(source: &Source, report: &mut Report) -> Table {
    report.add_source(source);
    let (root, errors) = DeTable::parse_recoverable(source.text());
    for error in &errors {
        let at = error.span().map_or_else(|| source.whole(), |span| source.at(span));
        report.push_broken(Problem::error(at, error.message()));
    }
    Table::new(source, String::new(), source.whole(), entries(root.get_ref()))
}

impl Table {
    fn new(source: &Source, title: String, at: Location, entries: Vec<Entry>) -> Self {
        Self { source: source.clone(), title, at, entries, known: Vec::new() }
    }

    /// The location of the header.
    #[must_use]
    pub fn at(&self) -> &Location {
        &self.at
    }

    /// Whether the key is present, with a valid or an invalid value. Marks the key as known.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Takes a string.
    pub fn string(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        self.text(key, "a string", "\"…\"", report)
    }

    /// Takes a string and reports its absence.
    pub fn required_string(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        self.require(key, &format!("{key} = \"…\""), report);
        self.string(key, report)
    }

    /// Takes a string or a list of strings. An empty list is an error: readers could take it for "none" or for "all".
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
                report.push(problem.help("remove the key, or list at least one value"));
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

    /// Takes a string or a list of strings and reports its absence.
    pub fn required_strings(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<Spanned<String>>> {
        self.require(key, &format!("{key} = [\"…\"]"), report);
        self.strings(key, report)
    }

    /// Takes `true` or `false`.
    pub fn bool(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<bool>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::Boolean(value) => Some(self.spanned(value, entry.span)),
            other => self.wrong(key, "true or false", &format!("{key} = true"), &other, entry.span, report),
        }
    }

    /// Takes an integer.
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

    /// Takes a duration: a whole number and `ms`, `s`, `m` or `h`.
    pub fn duration(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<Duration>> {
        let text = self.text(key, "a length of time", "\"20s\"", report)?;
        let parsed = parse_duration(&text.value);
        if parsed.is_none() {
            let message = format!("`{}` is not a length of time", text.value);
            report.push(
                Problem::error(text.at.clone(), message).help("write a whole number and ms, s, m or h: `\"20s\"`"),
            );
        }
        parsed.map(|value| Spanned { value, at: text.at })
    }

    /// Takes a TOML date, as text.
    pub fn date(&mut self, key: &'static str, report: &mut Report) -> Option<Spanned<String>> {
        let entry = self.take(key)?;
        match entry.value {
            Value::Date(text) => Some(self.spanned(text, entry.span)),
            other => self.wrong(key, "a date", &format!("{key} = 2027-01-31"), &other, entry.span, report),
        }
    }

    /// Takes an absolute path without `.` and `..`.
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

    /// Takes all tables `[[key]]`, in the order of the file.
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

    /// Takes the table `[key]` or `key = { … }`.
    pub fn table(&mut self, key: &'static str, report: &mut Report) -> Option<Self> {
        let entry = self.take(key)?;
        let title = format!("[{key}]");
        match entry.value {
            Value::Table(table) => Some(Self::new(&self.source, title, self.source.at(entry.span), table)),
            other => self.wrong(key, "one table", &title, &other, entry.span, report),
        }
    }

    /// Takes all keys of a table without fixed keys, with their strings, in the order of the file.
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

    /// Takes all keys of a table without fixed keys. Each value is a string or a list of strings; an empty table is an error.
    pub fn lists_by_key(mut self, report: &mut Report) -> Vec<(Spanned<String>, Vec<Spanned<String>>)> {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            report.push(Problem::error(self.at.clone(), format!("{} is empty", self.title)).help("remove it"));
        }
        let mut lists = Vec::new();
        for entry in entries {
            let key = self.spanned(entry.key.clone(), entry.key_span.clone());
            lists.extend(self.list(entry, report).map(|list| (key, list)));
        }
        lists
    }

    /// Whether `key` holds a table. Does not take it.
    pub fn holds_table(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.iter().any(|entry| entry.key == key && matches!(entry.value, Value::Table(_)))
    }

    /// Reports every key that was not taken.
    pub fn finish(mut self, report: &mut Report) {
        self.known.sort_unstable();
        self.known.dedup();
        if self.title.is_empty() && report.is_broken(&self.at.source) {
            // If the header of a table is broken, its keys appear to belong to the file.
            return;
        }
        for entry in &self.entries {
            let at = self.source.at(entry.key_span.clone());
            let place = if self.title.is_empty() { String::new() } else { format!(" in {}", self.title) };
            let problem = Problem::error(at, format!("unknown key `{}`{place}", entry.key));
            let near = nearest(&entry.key, self.known.iter().copied(), |known| 2.max(known.len() / 3));
            report.push(match near {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None if self.known.is_empty() => problem,
                None => problem.help(format!("known here: {}", self.known.join(", "))),
            });
        }
    }

    /// Reports a missing key. In a file with syntax errors no key is reported as missing, because the key may be in the
    /// unreadable part.
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

    /// Takes a string that messages describe as `expected`.
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

/// Parses a duration in the format of [`Table::duration`].
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
