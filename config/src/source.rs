//! A file that was read, and places in it.

use std::ops::Range;
use std::sync::Arc;

/// A file that was read: its displayed name and its text.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The byte offset of each line.
    starts: Arc<[usize]>,
}

impl Source {
    /// Makes a source. `name` is usually the path as the user wrote it.
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

    /// Returns the location of the whole file.
    #[must_use]
    pub fn whole(&self) -> Location {
        Location { source: Arc::clone(&self.name), span: None }
    }

    /// Returns the location of these bytes.
    #[must_use]
    pub fn at(&self, span: Range<usize>) -> Location {
        Location { source: Arc::clone(&self.name), span: Some(span) }
    }

    /// Returns the index of the line that contains this byte.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns the byte offset and the text of a line, without its line break.
    pub(crate) fn line(&self, index: usize) -> (usize, &str) {
        let start = self.starts.get(index).copied().unwrap_or(0);
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("");
        let line = line.strip_suffix('\n').unwrap_or(line);
        (start, line.strip_suffix('\r').unwrap_or(line))
    }

    /// Returns the bytes of a line, counted from 1, without its line break. A line that does not exist is empty, at the end.
    #[must_use]
    pub fn line_bytes(&self, line: usize) -> Range<usize> {
        let Some(start) = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied() else {
            return self.text.len()..self.text.len();
        };
        let end = self.starts.get(line).map_or(self.text.len(), |next| next.saturating_sub(1));
        start..end.max(start)
    }

    /// Returns line and column of this byte. Both count from 1; the column counts characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let index = self.line_of(offset);
        let (start, line) = self.line(index);
        let column = line.char_indices().take_while(|(at, _)| start + at < offset).count();
        (index + 1, column + 1)
    }
}

/// A place in a file, or the whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name of the [`Source`].
    pub source: Arc<str>,
    /// A range of bytes, or `None` for the whole file.
    pub span: Option<Range<usize>>,
}
