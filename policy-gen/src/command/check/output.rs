//! The findings of `check` as JSON.

use polkit_config::report::{Problem, Source};
use serde::Serialize;

use crate::lint::codes::Code;

/// The output with `--json`.
#[derive(Serialize)]
pub(super) struct Output {
    pub(super) findings: Vec<Object>,
}

/// A finding as JSON. Lines and columns count from 1; the end is exclusive.
#[derive(Serialize)]
pub(super) struct Object {
    code: &'static str,
    severity: String,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    message: String,
    help: Option<String>,
}

impl Object {
    pub(super) fn new(code: &Code, problem: &Problem, source: &Source) -> Self {
        let span = problem.at.span.as_ref();
        let (start, end) = (span.map(|span| source.position(span.start)), span.map(|span| source.position(span.end)));
        Self {
            code: code.id,
            severity: problem.level.to_string(),
            file: source.name().to_owned(),
            line: start.map(|(line, _)| line),
            column: start.map(|(_, column)| column),
            end_line: end.map(|(line, _)| line),
            end_column: end.map(|(_, column)| column),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}
