//! Finds mistakes that compile but do not mean what they look like. Each check sees every expression of the syntax tree.

mod comparisons;
mod conditions;
mod globs;
mod results;
mod scope;

use std::collections::BTreeSet;

use super::Finding;
use super::codes::Code;
use super::read::Script;
use super::syntax::walk::{Names, Use, Visitor, statements};
use super::syntax::{Expression, Function, Statement};
use scope::Scope;

/// Checks one file. A file that does not compile has no such findings: the engine reports it.
#[must_use]
pub fn lint(script: &Script<'_>) -> Vec<Finding> {
    let Script { source, tree: Ok(tree), .. } = script else { return Vec::new() };
    let scope = Scope::of(tree);
    let mut mistakes = Mistakes { scope: &scope, source, findings: Vec::new(), exempt: BTreeSet::new() };
    statements(tree, &Names::default(), &mut mistakes);
    mistakes.findings
}

/// The findings of a file, and what they are found with.
struct Mistakes<'a> {
    scope: &'a Scope<'a>,
    source: &'a str,
    findings: Vec<Finding>,
    /// The places of methods whose existence is tested.
    exempt: BTreeSet<usize>,
}

impl Visitor for Mistakes<'_> {
    fn expression(&mut self, expression: &Expression, used: Use, names: &Names) {
        self.assignment(expression, used, names);
        self.constant(expression, used);
        self.contradiction(expression);
        self.position(expression, used, names);
        self.mixed(expression, names);
        self.object_as_text(expression, names);
        self.uncalled(expression, used, names);
        self.glob(expression, names);
        self.unreturned(expression, used);
        self.changed(expression, names);
    }

    fn statement(&mut self, statement: &Statement, names: &Names) {
        if let Statement::Switch(value, cases) = statement {
            let cases: Vec<&Expression> = cases.iter().filter_map(|(case, _)| case.as_ref()).collect();
            self.switched(value, &cases, names);
        }
    }

    fn is_rule(&self, function: &Function) -> bool {
        self.scope.is_rule(function)
    }
}

impl Mistakes<'_> {
    fn find(&mut self, code: &'static Code, at: &Expression, message: impl Into<String>) {
        self.findings.push(Finding::at(code, at.span.clone(), message));
    }

    /// Returns the source of an expression, shortened.
    fn shown(&self, expression: &Expression) -> String {
        let text = self.source.get(expression.span.clone()).unwrap_or_default();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= 60 { line } else { format!("{}…", line.chars().take(59).collect::<String>()) }
    }
}

#[cfg(test)]
#[path = "mistakes/tests.rs"]
mod tests;
