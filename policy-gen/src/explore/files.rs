//! The rewritten rules files. Each line of all files has a number of its own, by which the engine reports it.

use std::collections::BTreeSet;

use super::FIRST_LINE;
use super::instrument::instrument;
use super::remark::Remark;
use crate::verdict::files::Rules;

/// The rewritten files.
#[derive(Debug)]
pub(super) struct Files {
    /// The files for the engine.
    pub(super) rules: Vec<Rules>,
    /// The path of each file, and the number of the line before its first line.
    starts: Vec<(String, u32)>,
    /// The files that are run as they are, with the line that cannot be rewritten.
    pub(super) unwritten: Vec<(usize, usize)>,
    /// What cannot be enumerated in any run.
    pub(super) remarks: Vec<Remark>,
    /// All string literals.
    pub(super) literals: BTreeSet<String>,
}

impl Files {
    /// Rewrites files. A file that is not ECMAScript 5, and so cannot be rewritten, is run as it is.
    pub(super) fn new(original: &[Rules]) -> Self {
        let mut files = Self {
            rules: Vec::new(),
            starts: Vec::new(),
            unwritten: Vec::new(),
            remarks: Vec::new(),
            literals: BTreeSet::new(),
        };
        let mut before = FIRST_LINE;
        for (number, Rules { path, bytes }) in original.iter().enumerate() {
            files.starts.push((path.clone(), before));
            let text = String::from_utf8_lossy(bytes);
            let written = match instrument(path, &text) {
                Ok(done) => {
                    files.remarks.extend(done.remarks);
                    files.literals.extend(done.literals);
                    done.text.into_bytes()
                }
                Err(line) => {
                    files.unwritten.push((number, line));
                    bytes.clone()
                }
            };
            let lines = "\n".repeat(usize::try_from(before).unwrap_or(0)).into_bytes();
            before = before.saturating_add(1 + u32::try_from(text.matches('\n').count()).unwrap_or(0));
            files.rules.push(Rules { path: path.clone(), bytes: [lines, written].concat() });
        }
        files
    }

    /// Returns the file and the line of a reported line.
    pub(super) fn place(&self, reported: u32) -> (Option<String>, Option<usize>) {
        let found = self.starts.iter().rev().find(|(_, before)| reported > *before);
        match found {
            Some((path, before)) => (Some(path.clone()), usize::try_from(reported - before).ok()),
            None => (None, None),
        }
    }
}
