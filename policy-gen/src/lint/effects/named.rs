//! The names in a rules file: actions, users and groups, units, and the values of details.

use std::collections::{BTreeMap, BTreeSet};

use crate::implicit_authorization::ImplicitAuthorization;
use crate::lint::read::Script;
use crate::lint::syntax::walk::{Names, Use, Visitor, statements};
use crate::lint::syntax::{Expression, Function, Kind, Statement};

/// The methods and properties whose values the names of a file cover.
const COVERED: [&str; 24] = [
    "addRule",
    "addAdminRule",
    "isInGroup",
    "lookup",
    "indexOf",
    "startsWith",
    "log",
    "some",
    "forEach",
    "every",
    "push",
    "concat",
    "id",
    "user",
    "groups",
    "local",
    "active",
    "system_unit",
    "Result",
    "length",
    "hasOwnProperty",
    "call",
    "slice",
    "toString",
];
const RESULTS: [&str; 6] = ["NO", "YES", "AUTH_SELF", "AUTH_SELF_KEEP", "AUTH_ADMIN", "AUTH_ADMIN_KEEP"];

/// The names in a file.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) actions: BTreeSet<String>,
    /// Users and groups; a text can be either.
    pub(super) accounts: BTreeSet<String>,
    pub(super) units: BTreeSet<String>,
    /// For each detail, the values that it is compared with.
    pub(super) details: BTreeMap<String, BTreeSet<String>>,
    /// Whether the rules use only what the names cover: comparisons of texts, and no patterns or calculations.
    pub(super) is_plain: bool,
    /// Whether the file contains a result that decides.
    pub(super) has_result: bool,
    /// The details by the names of the variables that hold them.
    variables: BTreeMap<String, String>,
    /// The texts of lists, by the names of the variables that hold them.
    lists: BTreeMap<String, Vec<String>>,
}

impl Named {
    pub(super) fn of(script: &Script<'_>) -> Self {
        let mut named = Self { is_plain: true, ..Self::default() };
        match &script.tree {
            Ok(tree) => statements(tree, &Names::default(), &mut named),
            Err(_) => named.is_plain = false,
        }
        // The values of a detail that is not compared with texts are not known.
        named.is_plain &= named.details.values().all(|values| !values.is_empty());
        named
    }

    /// Records a text by its form.
    fn text(&mut self, text: &str) {
        if ImplicitAuthorization::parse(text).is_some() {
            self.has_result = true;
        } else if text.ends_with(".service") {
            self.units.insert(text.to_owned());
        } else if is_action(text) {
            let whole = if text.ends_with('.') { format!("{text}x") } else { text.to_owned() };
            self.actions.insert(whole);
        }
        if (1..=64).contains(&text.len()) && !text.contains(char::is_control) && !is_action(text) {
            self.accounts.insert(text.to_owned());
        }
    }

    /// Returns the detail that an expression reads.
    fn detail(&self, expression: &Expression) -> Option<String> {
        if let Some((_, "lookup", [key])) = expression.method_call() {
            return key.text().map(str::to_owned);
        }
        self.variables.get(expression.name()?).cloned()
    }

    fn value(&mut self, detail: String, texts: &[&Expression], suffix: &str) {
        let values = texts.iter().filter_map(|text| text.text()).map(|text| format!("{text}{suffix}"));
        self.details.entry(detail).or_default().extend(values);
    }
}

impl Visitor for Named {
    fn expression(&mut self, expression: &Expression, _: Use, _: &Names) {
        match &expression.kind {
            Kind::Text(text) => self.text(text),
            Kind::Object(properties) => properties.iter().for_each(|(key, _)| self.text(key)),
            Kind::Regex | Kind::New(_) => self.is_plain = false,
            Kind::Member(object, name) => {
                let of_result = object.member().is_some_and(|(_, name)| name == "Result");
                self.has_result |= of_result && RESULTS.contains(&name.as_str());
                self.is_plain &= of_result || COVERED.contains(&name.as_str());
            }
            Kind::Binary(operands, signs) => {
                let ([left, right], [sign]) = (&**operands, &**signs) else { return };
                self.is_plain &= matches!(*sign, "==" | "===" | "!=" | "!==" | ">=" | ">" | "<" | "in" | "+");
                for (one, other) in [(left, right), (right, left)] {
                    if let Some(detail) = self.detail(one) {
                        self.value(detail, &[other], "");
                    }
                }
            }
            Kind::Call(..) => {
                let Some((object, name, arguments)) = expression.method_call() else { return };
                let Some(first) = arguments.first() else { return };
                match (name, &object.kind) {
                    ("lookup", _) => {
                        if let Some(key) = first.text() {
                            self.details.entry(key.to_owned()).or_default();
                        }
                    }
                    ("indexOf", Kind::Array(items)) => {
                        if let Some(detail) = self.detail(first) {
                            self.value(detail, &items.iter().collect::<Vec<_>>(), "");
                        }
                    }
                    ("indexOf", Kind::Name(list)) if self.detail(object).is_none() => {
                        if let Some(detail) = self.detail(first) {
                            let values = self.lists.get(list).cloned().unwrap_or_default();
                            self.is_plain &= !values.is_empty();
                            self.details.entry(detail).or_default().extend(values);
                        }
                    }
                    ("indexOf" | "startsWith", _) => {
                        if let Some(detail) = self.detail(object) {
                            self.value(detail, &[first], "x");
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Statement, _: &Names) {
        match statement {
            Statement::Declaration(declared) => {
                for (name, value) in declared {
                    if let Some(Expression { kind: Kind::Array(items), .. }) = value {
                        let texts = items.iter().filter_map(|item| item.text()).map(str::to_owned);
                        self.lists.insert(name.clone(), texts.collect());
                    }
                    if let Some(detail) = value.as_ref().and_then(|value| self.detail(value)) {
                        self.variables.insert(name.clone(), detail);
                    }
                }
            }
            Statement::Switch(value, cases) => {
                if let Some(detail) = self.detail(value) {
                    let cases: Vec<&Expression> = cases.iter().filter_map(|(case, _)| case.as_ref()).collect();
                    self.value(detail, &cases, "");
                }
            }
            _ => {}
        }
    }

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}

/// Whether a text has the form of an action id or of its start.
pub(in crate::lint) fn is_action(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let top = text.split('.').next().unwrap_or_default();
    letters
        && text.bytes().filter(|byte| *byte == b'.').count() >= 2
        && (2..=5).contains(&top.len())
        && !text.starts_with('.')
}

#[cfg(test)]
#[path = "named_tests.rs"]
mod tests;
