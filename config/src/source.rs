//! A file that was read, and the places in it.

use std::ops::Range;
use std::sync::Arc;

/// A file that was read: its name as it is shown, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins, in bytes.
    starts: Arc<[usize]>,
}

impl Source {
    /// A source of this `name`, usually the path as the user wrote it.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(after.map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, starts }
    }

    /// The name, as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole file as the place of a problem.
    #[must_use]
    pub fn whole(&self) -> Location {
        Location { source: Arc::clone(&self.name), span: None }
    }

    /// These bytes of the file as the place of a problem.
    #[must_use]
    pub fn at(&self, span: Range<usize>) -> Location {
        Location { source: Arc::clone(&self.name), span: Some(span) }
    }

    /// The index of the line that holds this byte.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The line with this index and the byte that it begins at; without its line break.
    pub(crate) fn line(&self, index: usize) -> (usize, &str) {
        let start = self.starts.get(index).copied().unwrap_or(0);
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("");
        let line = line.strip_suffix('\n').unwrap_or(line);
        (start, line.strip_suffix('\r').unwrap_or(line))
    }

    /// Line and column of this byte, both counted from 1, the column in characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let index = self.line_of(offset);
        let (start, line) = self.line(index);
        let column = line.char_indices().take_while(|(at, _)| start + at < offset).count();
        (index + 1, column + 1)
    }
}

/// A place in a file, or the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name of the [`Source`].
    pub source: Arc<str>,
    /// Bytes of its text; none means the file as a whole.
    pub span: Option<Range<usize>>,
}
