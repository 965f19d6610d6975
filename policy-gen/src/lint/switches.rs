//! Conditions of a rules file that a request can switch: for the search of the one condition that keeps a rule from a yes.
//!
//! A changed file contains each condition with a switch before it. One engine then runs the rules once for each switch.

use std::collections::BTreeSet;
use std::ops::Range;

use super::read::Script;
use super::syntax::walk::{Names, Use, Visitor, expression as walk, statements};
use super::syntax::{Expression, Function, Kind, Statement};

/// The detail that selects a switch.
pub const DETAIL: &str = "pg-switch";
/// A rules file that must run before all others: it reads the detail.
pub const FILE: &str =
    "var pgSwitch = null;\npolkit.addRule(function (action) { pgSwitch = action.lookup(\"pg-switch\"); });\n";

/// A fact that a condition reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// A property of the subject.
    Subject(String),
    /// Whether the user is in this group.
    Group(String),
    /// A detail of the request.
    Detail(String),
}

/// A condition that does not concern the action itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The bytes.
    pub span: Range<usize>,
    /// The value that leads on to the result of the rule.
    pub wanted: bool,
    /// The facts that it reads.
    pub reads: BTreeSet<Reading>,
}

/// Returns at most `limit` conditions: the operands of conjunctions, and conditions that end a rule early.
#[must_use]
pub fn conditions(script: &Script<'_>, limit: usize) -> Vec<Condition> {
    let Ok(tree) = &script.tree else { return Vec::new() };
    let mut search = Search { aliases: aliases(tree), found: Vec::new() };
    statements(tree, &Names::default(), &mut search);
    search.found.truncate(limit);
    search.found
}

/// Returns the text of the file with a switch before each condition. `first` is the number of the first switch. The lines remain.
#[must_use]
pub fn switched(source: &str, conditions: &[Condition], first: usize) -> String {
    let mut parts: Vec<(usize, i64, String)> = Vec::new();
    for (number, Condition { span, wanted, .. }) in (first..).zip(conditions) {
        let length = i64::try_from(span.len()).unwrap_or(i64::MAX);
        // Inner conditions begin after outer ones, and end before them.
        parts.push((span.start, i64::MAX - length, format!("(pgSwitch == \"{number}\" ? {wanted} : (")));
        parts.push((span.end, length - i64::MAX, "))".to_owned()));
    }
    parts.sort_by_key(|(at, order, _)| (*at, *order));
    let (mut text, mut end) = (String::new(), 0);
    for (at, _, part) in parts {
        text.push_str(source.get(end..at).unwrap_or_default());
        text.push_str(&part);
        end = at;
    }
    text.push_str(source.get(end..).unwrap_or_default());
    text
}

/// Returns the variables whose values come from the action.
fn aliases(tree: &[Statement]) -> BTreeSet<String> {
    struct Aliases(BTreeSet<String>);
    impl Visitor for Aliases {
        fn expression(&mut self, _: &Expression, _: Use, _: &Names) {}
        fn statement(&mut self, statement: &Statement, names: &Names) {
            let Statement::Declaration(declared) = statement else { return };
            for (name, value) in declared {
                if value.as_ref().is_some_and(|value| Reads::of(value, names, &self.0).of_action) {
                    self.0.insert(name.clone());
                }
            }
        }
        fn is_rule(&self, _: &Function) -> bool {
            false
        }
    }
    let mut aliases = Aliases(BTreeSet::new());
    statements(tree, &Names::default(), &mut aliases);
    aliases.0
}

struct Search {
    aliases: BTreeSet<String>,
    found: Vec<Condition>,
}

impl Search {
    fn add(&mut self, condition: &Expression, wanted: bool, names: &Names) {
        let reads = Reads::of(condition, names, &self.aliases);
        if !reads.of_action {
            self.found.push(Condition { span: condition.span.clone(), wanted, reads: reads.facts });
        }
    }

    /// Adds the operands of a conjunction, or the condition itself.
    fn conjuncts(&mut self, condition: &Expression, names: &Names) {
        match &condition.kind {
            Kind::And(operands) => operands.iter().for_each(|operand| self.conjuncts(operand, names)),
            _ => self.add(condition, true, names),
        }
    }
}

impl Visitor for Search {
    fn expression(&mut self, expression: &Expression, used: Use, names: &Names) {
        match &expression.kind {
            Kind::Conditional(parts) => {
                let [condition, ..] = &**parts;
                self.conjuncts(condition, names);
            }
            // `return condition && result`
            Kind::And(operands) if !used.is_truth() => {
                let conditions = operands.split_last().map(|(_, before)| before).unwrap_or_default();
                conditions.iter().for_each(|operand| self.conjuncts(operand, names));
            }
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Statement, names: &Names) {
        let Statement::If(branches, _) = statement else { return };
        for (condition, body) in branches {
            self.conjuncts(condition, names);
            if body.iter().any(|statement| matches!(statement, Statement::Return(_))) {
                self.add(condition, false, names);
            }
        }
    }

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}

/// The facts that an expression reads.
struct Reads<'a> {
    aliases: &'a BTreeSet<String>,
    facts: BTreeSet<Reading>,
    /// The number of uses of the action that only look up a detail.
    lookups: usize,
    uses: usize,
    /// Whether it reads the action besides details.
    of_action: bool,
}

impl<'a> Reads<'a> {
    fn of(expression: &Expression, names: &Names, aliases: &'a BTreeSet<String>) -> Self {
        let mut reads = Self { aliases, facts: BTreeSet::new(), lookups: 0, uses: 0, of_action: false };
        walk(expression, Use::Value, names, &mut reads);
        reads.of_action |= reads.uses > reads.lookups;
        reads
    }
}

impl Visitor for Reads<'_> {
    fn expression(&mut self, expression: &Expression, _: Use, names: &Names) {
        if names.is_action(expression) {
            self.uses += 1;
        }
        self.of_action |= expression.name().is_some_and(|name| self.aliases.contains(name));
        if let Some((object, name, arguments)) = expression.method_call() {
            let text = arguments.first().and_then(Expression::text).map(str::to_owned);
            if names.is_action(object) && name == "lookup" {
                self.lookups += 1;
                self.facts.extend(text.map(Reading::Detail));
            } else if names.is_subject(object) && name == "isInGroup" {
                self.facts.extend(text.map(Reading::Group));
            }
        } else if let Some((object, name)) = expression.member()
            && names.is_subject(object)
            && !name.starts_with("isIn")
        {
            self.facts.insert(Reading::Subject(name.to_owned()));
        }
    }

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}

#[cfg(test)]
#[path = "switches_tests.rs"]
mod tests;
