//! Problems, shown with the source line that they are about.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr as _;

use crate::escape::{escape, visible};
pub use crate::source::{Location, Source};

/// The number of problems that [`Report::render`] shows. The others are counted.
const SHOWN: usize = 100;
/// The number of characters of a source line that are shown, around the marked place.
const LINE_WIDTH: usize = 120;

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The configuration is not used.
    Error,
    /// The configuration is used, but probably does not do what its author meant.
    Warning,
    /// A remark.
    Note,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A problem of a configuration. Texts need no escaping: [`Report`] escapes them when it shows them.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The place of the problem.
    pub at: Location,
    /// The severity.
    pub level: Level,
    /// The problem: lower case, no full stop, user input in backticks.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
    /// Whether the same configuration can be right later.
    pub is_temporary: bool,
    /// The source, if the report does not have it yet: a file that could not be read to its end.
    pub(crate) source: Option<Box<Source>>,
}

impl Problem {
    /// A problem for which the configuration is refused.
    #[must_use]
    pub fn error(at: Location, message: impl Into<String>) -> Self {
        Self { at, level: Level::Error, message: message.into(), help: None, is_temporary: false, source: None }
    }

    /// A problem that does not stop the configuration from being used.
    #[must_use]
    pub fn warning(at: Location, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(at, message) }
    }

    /// A remark.
    #[must_use]
    pub fn note(at: Location, message: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::error(at, message) }
    }

    /// Marks the problem as one that can end without a change of the configuration: a user database that does not answer.
    #[must_use]
    pub fn temporary(self) -> Self {
        Self { is_temporary: true, ..self }
    }

    /// Adds a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Shows no line and column, because they need the [`Source`]: see [`Report::lines`].
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", escape(&self.at.source), visible(&self.message))?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({})", visible(help)))
    }
}

/// All problems of all files.
#[derive(Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    problems: Vec<Problem>,
    /// Source and line of each syntax error. Values that are read from such a line are meaningless.
    broken: BTreeSet<(Arc<str>, usize)>,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, so that the report can show its lines.
    pub fn add_source(&mut self, source: &Source) {
        self.sources.push(source.clone());
    }

    /// Adds a problem. Only the first problem of a line with a syntax error is kept.
    pub fn push(&mut self, mut problem: Problem) {
        if let Some(source) = problem.source.take() {
            self.sources.push(*source);
        }
        if self.line_key(&problem.at).is_none_or(|key| !self.broken.contains(&key)) {
            self.problems.push(problem);
        }
    }

    /// Adds a syntax error.
    pub(crate) fn push_broken(&mut self, problem: Problem) {
        let key = self.line_key(&problem.at);
        self.push(problem);
        self.broken.extend(key);
    }

    /// Whether this file has a syntax error, which may be the reason why a key is missing.
    pub(crate) fn is_broken(&self, source: &Arc<str>) -> bool {
        self.broken.iter().any(|(name, _)| name == source)
    }

    fn line_key(&self, at: &Location) -> Option<(Arc<str>, usize)> {
        let (source, span) = (self.source(&at.source)?, at.span.as_ref()?);
        Some((Arc::clone(&at.source), source.line_of(span.start)))
    }

    fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name() == name)
    }

    /// The number of problems of [`Level::Error`].
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.level == Level::Error).count()
    }

    /// Whether there are errors, and all of them are temporary.
    #[must_use]
    pub fn has_only_temporary_errors(&self) -> bool {
        let errors = || self.problems.iter().filter(|problem| problem.level == Level::Error);
        errors().next().is_some() && errors().all(|problem| problem.is_temporary)
    }

    /// Whether at least one problem is of [`Level::Error`].
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.level == Level::Error)
    }

    /// Returns the problems in the order of their files and of their places in the file.
    #[must_use]
    pub fn problems(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.problems.iter().collect();
        sorted.sort_by_key(|problem| {
            let file = self.sources.iter().position(|source| source.name() == &*problem.at.source);
            (file, problem.at.span.as_ref().map(|span| (span.start, span.end)))
        });
        sorted
    }

    /// Returns `file:line:column` of a place, for a message that refers to a second place.
    #[must_use]
    pub fn place(&self, at: &Location) -> String {
        match (self.source(&at.source), &at.span) {
            (Some(source), Some(span)) => {
                let (line, column) = source.position(span.start);
                format!("{}:{line}:{column}", escape(&at.source))
            }
            _ => escape(&at.source),
        }
    }

    /// Returns one line for each problem, for a journal: `file:line:column: message (help)`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.problems().into_iter().map(|problem| self.one_line(problem)).collect()
    }

    /// Formats one problem as one line.
    #[must_use]
    pub fn one_line(&self, problem: &Problem) -> String {
        let mut line = format!("{}: {}", self.place(&problem.at), visible(&problem.message));
        if let Some(help) = &problem.help {
            line.push_str(&format!(" ({})", visible(help)));
        }
        line
    }

    /// Formats all problems for a terminal, each with its source line and a caret. Set `colour` only if the reader is a
    /// terminal. The text ends with a line break unless it is empty.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let problems = self.problems();
        let mut out = String::new();
        for problem in problems.iter().take(SHOWN) {
            out.push_str(&self.render_one(problem, if colour { &COLOURED } else { &PLAIN }));
            out.push_str("\n\n");
        }
        if let Some(more) = problems.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            out.push_str(&format!("{more} more problems are not shown\n\n"));
        }
        out.pop();
        out
    }

    /// Formats a problem as rustc does.
    fn render_one(&self, problem: &Problem, style: &Style) -> String {
        let Style { strong, frame, end, .. } = style;
        let level = match problem.level {
            Level::Error => style.error,
            Level::Warning => style.warning,
            Level::Note => style.note,
        };
        let place = self.place(&problem.at);
        let mut out = format!("{level}{}{end}{strong}: {}{end}\n", problem.level, visible(&problem.message));
        let mut gutter = String::new();
        match (self.source(&problem.at.source), &problem.at.span) {
            (Some(source), Some(span)) => {
                let line = source.position(span.start).0;
                let excerpt = Excerpt::new(source, span);
                gutter = " ".repeat(line.to_string().len());
                let text = if excerpt.text.is_empty() { String::new() } else { format!(" {}", excerpt.text) };
                let (indent, carets) = (" ".repeat(excerpt.indent), "^".repeat(excerpt.width));
                out.push_str(&format!(
                    "{gutter}{frame}--> {end}{place}\n{gutter} {frame}|{end}\n{frame}{line}{end} {frame}|{end}{text}\n\
                     {gutter} {frame}|{end} {indent}{level}{carets}{end}"
                ));
                if problem.help.is_some() {
                    out.push_str(&format!("\n{gutter} {frame}|{end}"));
                }
            }
            _ => out.push_str(&format!("{frame}--> {end}{place}")),
        }
        if let Some(help) = &problem.help {
            out.push_str(&format!("\n{gutter} {frame}= {end}{strong}help{end}: {}", visible(help)));
        }
        out
    }
}

/// The escape sequences for the parts of a formatted problem.
struct Style {
    error: &'static str,
    warning: &'static str,
    note: &'static str,
    /// For the message.
    strong: &'static str,
    /// For line numbers and lines.
    frame: &'static str,
    end: &'static str,
}

const PLAIN: Style = Style { error: "", warning: "", note: "", strong: "", frame: "", end: "" };
const COLOURED: Style = Style {
    error: "\x1b[1;91m",
    warning: "\x1b[1;33m",
    note: "\x1b[1;92m",
    strong: "\x1b[1m",
    frame: "\x1b[1;94m",
    end: "\x1b[0m",
};

/// The visible part of a source line: escaped, and cut to [`LINE_WIDTH`] characters of the line.
struct Excerpt {
    text: String,
    /// Columns before the marked place.
    indent: usize,
    /// Columns of the marked place, at least one.
    width: usize,
}

impl Excerpt {
    fn new(source: &Source, span: &Range<usize>) -> Self {
        let (start, line) = source.line(source.line_of(span.start));
        let total = line.chars().count();
        let before = line.char_indices().take_while(|(at, _)| start + at < span.start).count();
        let first = if total <= LINE_WIDTH { 0 } else { before.saturating_sub(LINE_WIDTH / 2).min(total - LINE_WIDTH) };
        let mut text = String::from(if first > 0 { "…" } else { "" });
        let (mut indent, mut width) = (text.width(), 0);
        for (at, character) in line.char_indices().skip(first).take(LINE_WIDTH) {
            let shown = match character {
                // Tabs become spaces, so that the caret stands below the right character.
                '\t' => "    ".to_owned(),
                _ => visible(character.encode_utf8(&mut [0; 4])),
            };
            if start + at < span.start {
                indent += shown.width();
            } else if span.contains(&(start + at)) {
                width += shown.width();
            }
            text.push_str(&shown);
        }
        if first + LINE_WIDTH < total {
            text.push('…');
        }
        // An empty span, and a span at the end of the line, have no character to mark.
        Self { text, indent, width: width.max(1) }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
