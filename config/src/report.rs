//! Problems, shown with the line that they are about.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use crate::escape::{escape, is_hostile, visible};
pub use crate::source::{Location, Source};

/// How many problems [`Report::render`] shows; of the others it says how many there are.
const SHOWN: usize = 100;
/// How many characters of a source line are shown, around the place that is meant.
const LINE_WIDTH: usize = 120;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The configuration is not used.
    Error,
    /// It is used, and probably does not do what was meant.
    Warning,
    /// Worth knowing.
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

/// One thing to tell about a configuration. Texts need not be escaped: showing them does it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where it is.
    pub at: Location,
    /// How bad it is.
    pub level: Level,
    /// What is wrong: lower case, no full stop, user input in backticks.
    pub message: String,
    /// What to write or do instead.
    pub help: Option<String>,
    /// The source, where nobody else has it: a file that could not be read to its end.
    pub(crate) source: Option<Box<Source>>,
}

impl Problem {
    /// A problem for which the configuration is refused.
    #[must_use]
    pub fn error(at: Location, message: impl Into<String>) -> Self {
        Self { at, level: Level::Error, message: message.into(), help: None, source: None }
    }

    /// A problem that is only told.
    #[must_use]
    pub fn warning(at: Location, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(at, message) }
    }

    /// A remark.
    #[must_use]
    pub fn note(at: Location, message: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::error(at, message) }
    }

    /// The same with what to do instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Without line and column, which need the [`Source`]: see [`Report::lines`].
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", escape(&self.at.source), visible(&self.message))?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({})", visible(help)))
    }
}

/// Every problem of every file that was read.
#[derive(Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    problems: Vec<Problem>,
    /// Source and line of what was no TOML: what is read there after it means nothing.
    broken: BTreeSet<(Arc<str>, usize)>,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, so that its lines can be shown.
    pub fn add_source(&mut self, source: &Source) {
        self.sources.push(source.clone());
    }

    /// Adds a problem. On a line that is no TOML only the first problem is kept.
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

    /// Whether a line of this file is no TOML, so that a key may be missing for that reason.
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

    /// How many of its problems are an [`Level::Error`]: whether a part added some.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.level == Level::Error).count()
    }

    /// Whether anything in it is an [`Level::Error`].
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.level == Level::Error)
    }

    /// The problems, in the order of their files and of their places there.
    #[must_use]
    pub fn problems(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.problems.iter().collect();
        sorted.sort_by_key(|problem| {
            let file = self.sources.iter().position(|source| source.name() == &*problem.at.source);
            (file, problem.at.span.as_ref().map(|span| (span.start, span.end)))
        });
        sorted
    }

    /// `file:line:column` of a place, for a message that names a second one.
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

    /// One line each, for a journal: `file:line:column: message (help)`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.problems().into_iter().map(|problem| self.one_line(problem)).collect()
    }

    /// A problem of this report as one line.
    #[must_use]
    pub fn one_line(&self, problem: &Problem) -> String {
        let mut line = format!("{}: {}", self.place(&problem.at), visible(&problem.message));
        if let Some(help) = &problem.help {
            line.push_str(&format!(" ({})", visible(help)));
        }
        line
    }

    /// All problems for a person, each with its line and a caret; `colour` only where the reader
    /// is a terminal. Ends with a line break unless there is nothing to tell.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let problems = self.problems();
        let mut out = String::new();
        for problem in problems.iter().take(SHOWN) {
            out.push_str(&self.render_one(problem, &renderer));
            out.push_str("\n\n");
        }
        if let Some(more) = problems.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            out.push_str(&format!("{more} more problems are not shown\n\n"));
        }
        out.pop();
        out
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
            Level::Note => Title::NOTE,
        };
        let name = escape(&problem.at.source);
        let mut group = Group::with_title(level.primary_title(visible(&problem.message)));
        // The renderer counts the column in what is shown, which is not always the whole line.
        let mut columns = None;
        match (self.source(&problem.at.source), &problem.at.span) {
            (Some(source), Some(span)) => {
                let (line, column) = source.position(span.start);
                let excerpt = Excerpt::new(source, span);
                columns = Some((format!("{name}:{line}:{}", excerpt.column), format!("{name}:{line}:{column}")));
                let marked = AnnotationKind::Primary.span(excerpt.span);
                group = group.element(Snippet::source(excerpt.text).path(name).line_start(line).annotation(marked));
            }
            _ => group = group.element(Origin::path(name)),
        }
        if let Some(help) = &problem.help {
            group = group.element(Title::HELP.message(visible(help)));
        }
        let shown = renderer.render(&[group]);
        let Some(((title, rest), (counted, real))) = shown.split_once('\n').zip(columns) else { return shown };
        format!("{title}\n{}", rest.replacen(&counted, &real, 1))
    }
}

/// The part of a line that is shown, harmless and no wider than [`LINE_WIDTH`].
struct Excerpt {
    text: String,
    span: Range<usize>,
    /// Where `span` begins in `text`, in characters from 1.
    column: usize,
}

impl Excerpt {
    fn new(source: &Source, span: &Range<usize>) -> Self {
        let (start, line) = source.line(source.line_of(span.start));
        let total = line.chars().count();
        let before = line.char_indices().take_while(|(at, _)| start + at < span.start).count();
        let first = if total <= LINE_WIDTH { 0 } else { before.saturating_sub(LINE_WIDTH / 2).min(total - LINE_WIDTH) };
        let mut text = String::from(if first > 0 { "…" } else { "" });
        let mut marked: Option<Range<usize>> = None;
        let mut place = 0;
        for (at, character) in line.char_indices().skip(first).take(LINE_WIDTH) {
            let from = text.len();
            match character {
                // As an editor would show it; a tab has no width of its own in a caret line.
                '\t' => text.push_str("    "),
                _ if is_hostile(character) => {
                    text.push_str(&visible(character.encode_utf8(&mut [0; 4])));
                }
                _ => text.push(character),
            }
            if start + at <= span.start {
                place = from;
            }
            if span.contains(&(start + at)) {
                marked = Some(marked.map_or(from, |range| range.start)..text.len());
            }
        }
        let end = text.len();
        if first + LINE_WIDTH < total {
            text.push('…');
        }
        // An empty span, or one at the end of the line, is marked where it is.
        let span = marked.unwrap_or_else(|| {
            let at = if before >= total { end } else { place };
            at..at
        });
        let column = text.char_indices().take_while(|(at, _)| *at < span.start).count() + 1;
        Self { text, span, column }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
